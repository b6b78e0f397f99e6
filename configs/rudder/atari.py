"""Bowling with PPO and RUDDER; Venture, Seaquest and Solaris as variants.

Headline games of the NeurIPS 2019 poster of arXiv:1806.07857, final scores of
RUDDER and of PPO: Bowling 192 and 56, Venture 1,350 and 820, Seaquest 4,770 and
1,616, Solaris 1,827 and 616 (3 seeds, 200M frames with skipped ones).

    python -m projects.rudder.train --workdir=runs/bowling \\
      --config=configs/rudder/atari.py

Preprocessing and numbers are the authors' Atari code's, except where marked.
200M frames, skipped ones too, are 48,828 steps, which is for a GPU; the 200e6
`num_timesteps` of the authors' files are actions, of 4 frames each. Variants:
`venture`, `seaquest`, `solaris`; `ppo` for the baseline; `hour`, 120 steps,
half a million frames; `original_code` for its two known bugs; and `smoke`, of a
minute on a core. They combine: `venture,ppo,smoke`.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.learner = "atari"
  config.method = "rudder"  # or "ppo"
  config.game = "bowling"
  config.actions = 6  # of the game
  config.batch_size = 8  # actors
  config.threads = 0  # of the emulators; 0: as many as there are cores
  config.frame_skip = 4
  config.noop_max = 30
  config.game_steps = 27_000  # 108,000 frames
  config.episode = "reward"  # an episode ends with it; or "game", or "life"
  config.idle_steps = 1_000  # without reward, after which one ends, too
  config.episode_steps = 1_000  # of a lesson, at most: ours, for memory
  config.reward_scale = 1.0  # Bowling is one of the games without 1/100

  config.rollout_steps = 128
  config.total_steps = 48_828  # of 8 x 128 steps of 4 frames
  config.steps_per_call = 1
  config.log_every = 10
  config.eval_every = 1_000
  config.checkpoint_every = 1_000
  config.keep_checkpoints = 2

  config.policy_widths = (32, 64, 64)
  config.policy_hidden = 512
  config.learning_rate = 2.5e-4
  config.anneal_steps = 53_711  # 1.1 times the steps, to zero
  config.kl_limit = 0.1  # beyond, the rate loses 1% of the original
  config.adam_eps = 1e-5
  config.max_grad_norm = 0.5
  config.epochs = 4
  config.minibatches = 4
  config.gamma = 0.99
  config.gae_lambda = 0.95
  config.clip = 0.1
  config.anneal_clip = True
  config.value_clip = True
  config.value_coefficient = 0.5
  config.entropy_coefficient = 0.01

  config.safe_exploration = "fixed"  # "original" has the bug; or "off"
  config.safe_margin = 0.01
  config.most_repeats = 20  # of an action, after which any is drawn
  config.length_decay = 0.99  # of the running mean of the lengths of episodes
  config.temperature_steps = 100  # over the mean length of episodes; 0: never

  config.model_widths = (64, 32)
  config.lstm_features = 64
  config.lstm_learning_rate = 1e-4
  config.l1_penalty = 1e-7
  config.auxiliary_weight = 1.0
  config.steps_ahead = 10  # of the second output
  config.time_longest = 10_000
  config.time_span = 500
  config.time_code = "fixed"  # "original" has the bug
  config.chunk_steps = 500
  config.contributions = "integrated_gradients"  # or "differences": version 3
  config.ig_points = 500
  config.steps_cut = 10  # at a chunk's end, that are never believed
  config.trace = 0.5
  config.quality_threshold = 0.2
  config.return_decay = 0.99
  config.share = 0.5
  config.warm_episodes = 20  # before the policy learns of the redistribution
  config.lessons = 64
  config.lessons_temperature = 1.0
  config.film_frames = 300

  games = {
    "venture": (18, "life", 2_000, 0.01),
    "seaquest": (18, "game", 4_000, 0.01),
    "solaris": (18, "game", 6_000, 0.01),
  }
  names = "actions", "episode", "episode_steps", "reward_scale"
  others = {
    name: dict(game=name, **dict(zip(names, values, strict=True)))
    for name, values in games.items()
  }
  return variants.apply(
    config,
    variant,
    **others,
    ppo=dict(method="ppo", lessons=1),
    hour=dict(total_steps=120, log_every=1, eval_every=40, checkpoint_every=10),
    original_code=dict(safe_exploration="original", time_code="original"),
    smoke=dict(
      batch_size=4,
      threads=1,
      game_steps=240,
      idle_steps=120,
      episode_steps=240,
      rollout_steps=64,
      total_steps=6,
      anneal_steps=8,
      log_every=1,
      eval_every=3,
      checkpoint_every=3,
      policy_widths=(4, 8, 8),
      policy_hidden=32,
      model_widths=(4, 4),
      lstm_features=8,
      epochs=1,
      chunk_steps=40,
      ig_points=10,
      warm_episodes=1,
      lessons=4,
      film_frames=40,
    ),
  )
