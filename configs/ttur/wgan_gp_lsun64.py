"""WGAN-GP's ResNets on LSUN bedrooms at 64x64, with two learning rates.

    python -m projects.ttur.train --workdir=runs/wgan_gp_lsun64 \\
      --config=configs/ttur/wgan_gp_lsun64.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: TTUR (arXiv:1706.08500), Table 1, row WGAN-GP LSUN: FID 9.5 with
rates 3e-4 (critic) and 1e-4 (generator) and one critic step; with one rate and
five critic steps (variant `original`) 20.5. The latter stands as 1e-4 in the
table, but belongs to the curve labelled 5e-4, and the code has 5e-4, which is
taken here. Both are the best of 8 runs and all evaluations; the mean runs' best
are 13.1 and 23.4. Ours has not been run: it needs the bedrooms, a GPU (days)
and Inception's weights.

The paper's (or its code's): networks, initialisers, Adam, batch size, penalty,
rates, 100,000 steps (`original`: 25,009, here 33,300 for equal intervals), the
order (generator first, not in the first step), the FID every 1,000 and 333
steps, all 3,033,042 bedrooms of `train`. Ours: centre crop to a square.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs import variants
from configs.ttur import dcgan_celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = base()
  config.dataset = "lsun/bedroom"
  config.test_split = "validation"
  original, smoke = one_rate(5e-4), dcgan_celeba64.smoke
  return variants.apply(config, variant, original=original, smoke=smoke)


def base() -> ml_collections.ConfigDict:
  """What WGAN-GP's configs start from, unlocked; of no data set."""
  config = dcgan_celeba64.base()
  config.game = "wgan_gp"
  config.network = "resnet"
  config.latent_dim = 128
  config.latent = "normal"
  config.adam_b1 = 0.0
  config.adam_b2 = 0.9
  config.discriminator_rate = 3e-4
  config.generator_rate = 1e-4
  config.cpu_microbatch = 8  # ours, measured on CIFAR-10
  config.total_steps = 100_000
  config.eval_every = config.checkpoint_every = 1_000
  return config


def one_rate(rate: float) -> dict[str, float]:
  """What the variant `original` sets: a rate for both, five critic steps."""
  return dict(
    discriminator_rate=rate,
    generator_rate=rate,
    critic_steps=5,
    # A third of the steps, which take as long; evaluated as often.
    total_steps=33_300,
    log_every=333,
    eval_every=333,
    checkpoint_every=333,
  )
