"""CartPole with its reward paid at the episode's end: PPO with RUDDER.

Part of the curves of `python -m projects.rudder.reproduce --table=ppo`, ours:
the paper has none on these tasks. From arXiv:1806.07857 are the LSTM, its
losses, compensation, quality and the mix of advantages; the rest is common for
PPO. `trace` was chosen on four seeds of this task; with `share` 1 returns rose
higher at first and fell back; both were seen with gamma 0.99. One training:

    python -m projects.rudder.train --workdir=runs/cartpole \\
      --config=configs/rudder/cartpole.py

Variants: `ppo` learns without RUDDER, `original` without delay; `noisy` adds 20
or -20 to the reward of each step by a coin, which is seen; they combine,
as in `original,ppo`. A minute on two cores. `smoke` takes seconds.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.learner = "ppo_rudder"  # or "ppo"
  config.env = "CartPole-v1"  # a gymnax name, or package.module:make_env
  config.delayed = True
  config.reward_noise = 0.0  # what a step pays more or less, by a coin
  config.time_limit = 0  # steps of an episode; 0: the environment's own, 500
  config.batch_size = 8  # environments side by side
  config.rollout_steps = 512
  config.restart = True  # every rollout begins with fresh episodes

  config.total_steps = 60  # updates, of 4,096 environment steps each
  config.steps_per_call = 5
  config.log_every = 5
  config.eval_every = 20
  config.eval_steps = 500
  config.checkpoint_every = 20
  config.keep_checkpoints = 2

  config.widths = (64, 64)
  config.activation = "tanh"
  config.learning_rate = 1e-3
  config.anneal_steps = 0  # updates until the rate is zero; 0: it is constant
  config.adam_eps = 1e-5
  config.max_grad_norm = 0.5
  config.epochs = 4
  config.minibatches = 16
  # A reward that comes late may not be worth less for it: with 0.99 an episode
  # of CartPole would best end after 100 steps.
  config.gamma = 1.0
  config.gae_lambda = 0.95
  config.clip = 0.2
  config.value_clip = False
  config.value_coefficient = 0.5
  config.entropy_coefficient = 0.01
  config.reward_scale = 0.01

  config.lstm_features = 16  # the demonstration's
  config.lstm_gate_bias = -3.0  # the demonstration's
  config.lstm_learning_rate = 1e-2  # the demonstration's
  config.lstm_weight_decay = 1e-6  # the demonstration's
  config.lstm_batch = 8  # the demonstration's
  config.lstm_updates = 8  # an update of the policy
  config.lstm_max_grad_norm = 0.5  # the Atari code's
  config.delta_scale = 10.0  # on differences of observations
  config.auxiliary_weight = 0.5  # the demonstration's
  config.lessons = 64  # episodes in the buffer; the Atari code's
  config.lessons_temperature = 1.0  # the Atari code's
  config.quality_threshold = 0.2  # the Atari code's
  # Of the running mean, an update: it takes the mean of the first episodes. The
  # Atari code has the same number a game.
  config.return_decay = 0.99
  config.trace = 0.9  # of backward smoothing; the Atari code has 0.5
  config.share = 0.5  # of RUDDER in the advantage; the Atari code's
  config.standardise = True  # redistributed rewards; the Atari code does not

  return variants.apply(
    config,
    variant,
    ppo=dict(learner="ppo"),
    original=dict(delayed=False, gamma=0.99),  # gamma as is common for PPO
    noisy=dict(reward_noise=20.0),  # with which PPO at lambda 1 learns slowly
    smoke=dict(
      total_steps=4,
      steps_per_call=1,
      log_every=1,
      eval_every=2,
      checkpoint_every=2,
      time_limit=20,
      eval_steps=20,
      batch_size=4,
      rollout_steps=24,
      widths=(8, 8),
      epochs=2,
      minibatches=2,
      lstm_features=4,
      lstm_updates=2,
      lstm_batch=2,
      lessons=8,
    ),
  )
