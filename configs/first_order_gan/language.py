"""Characters of your own text: First Order GAN against WGAN-GP, on two cores.

    python -m projects.first_order_gan.train --workdir=runs/language \\
      --config=configs/first_order_gan/language.py --config.data_dir=news.txt

Reproduces: the language experiment of First Order GAN (arXiv:1802.04591), at a
sixteenth of its width and a fraction of its steps; the full one is
language_billion_words.py. Expected: the paper has JSD-4 .226 +- .006 and JSD-6
.556 +- .004 against WGAN-GP's .220 +- .006 and .573 +- .009 (from memory, five
seeds, 6,400 samples, 500,000 steps); ours are in the project's README.

The paper's (or its code's): losses, lambda .1 and mu 1, both rates, Adam, one
critic step, batch 64, 32 characters, 128 latents, five blocks, where the norms
stand, the order of updates, the share of real samples in x'. Ours: the width
(512 there), the number of steps, the text, which is yours: every tenth line is
held out.

Variants: `penalized`, without the slope term; `wgan_gp`, the paper's baseline,
whose generator has the same norms; `ttur`, without norms, and `one_rate`, both
rates 1e-4 with ten critic steps, which as `wgan_gp,ttur` and
`wgan_gp,ttur,one_rate` are the two of TTUR's paper (arXiv:1706.08500);
`small`, what the README's table has: a 32nd of the width, three blocks, 16
characters, five times the rates, few steps; `paper`, its width and steps;
`smoke`, seconds, on generated sentences.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.method = "first_order"  # or "penalized", "wgan_gp"

  config.total_steps = 20_000
  config.batch_size = 64
  config.steps_per_call = 1  # in a loop CPU convolutions are slow
  config.log_every = 50
  config.eval_every = 500
  config.checkpoint_every = 500
  config.keep_checkpoints = 3

  config.dataset = "text"  # or "sentences": generated
  config.data_dir = "text.txt"  # a file, a folder, or a pattern "dir/*.txt.xz"
  config.max_device_bytes = 2**30  # beyond: rows are gathered on the host
  config.length = 32  # of a line, which is cut, or filled up with backticks
  config.vocabulary = 2048  # at most: the rarest characters are one
  config.held_out_every = 10

  config.network = "characters"
  config.latent_dim = 128
  config.generator_features = 32  # 512 in the paper
  config.critic_features = 32
  config.blocks = 5
  config.generator_norm = "position"  # or "channel", as is usual, or "none"
  config.noise_norm = True
  config.norm_epsilon = 1e-5
  config.norm_momentum = 0.9
  config.critic_activation = "relu"  # or "elu"

  config.lipschitz_weight = 0.1  # lambda
  config.slope_weight = 1.0  # mu
  config.calculate_slope = True  # False: the constant 1 / (2 lambda)
  config.pairs = "matched"  # or "all": of the Lipschitz penalty
  config.interpolation = 0.01  # at most that share of x' is a real sample
  config.gradient_penalty = 10.0  # wgan_gp only

  config.update_order = "generator_first"
  config.critic_steps = 1
  config.generator_learning_rate = 1e-4
  config.critic_learning_rate = 3e-4
  config.adam_b1 = 0.5
  config.adam_b2 = 0.9

  config.eval_samples = 6_400
  config.few_samples = 640  # of them: TTUR's number
  config.picture_samples = 64

  return variants.apply(
    config,
    variant,
    penalized=dict(method="penalized"),
    wgan_gp=dict(method="wgan_gp", interpolation=0.0),
    ttur=dict(generator_norm="none", noise_norm=False),
    one_rate=dict(
      generator_learning_rate=1e-4, critic_learning_rate=1e-4, critic_steps=10
    ),
    small=small,
    paper=dict(
      generator_features=512,
      critic_features=512,
      total_steps=500_000,
      eval_every=2_000,
      checkpoint_every=2_000,
    ),
    smoke=smoke,
  )


def small(config: ml_collections.ConfigDict) -> None:
  """Shrinks the networks, and the budget to minutes."""
  config.length = 16
  config.generator_features = config.critic_features = 16
  config.blocks = 3
  config.generator_learning_rate *= 5  # for few steps
  config.critic_learning_rate *= 5
  config.total_steps = 6_000
  config.eval_every = config.checkpoint_every = 500
  if config.critic_steps > 1:  # As many updates of both players together.
    config.total_steps = 1_100
    config.eval_every = config.checkpoint_every = 100


def smoke(config: ml_collections.ConfigDict) -> None:
  """Shrinks a text config to seconds on one core, without any data."""
  config.dataset = "sentences"
  config.length = 8
  config.batch_size = 4
  config.latent_dim = 4
  config.generator_features = config.critic_features = 4
  config.blocks = 1
  config.total_steps = 4
  config.log_every = config.eval_every = config.checkpoint_every = 2
  config.eval_samples = 20
  config.few_samples = 10
  config.picture_samples = 4
