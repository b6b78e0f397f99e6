"""WGAN-GP's ResNets on CIFAR-10, with two learning rates.

    python -m projects.ttur.train --workdir=runs/wgan_gp_cifar10 \\
      --config=configs/ttur/wgan_gp_cifar10.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: TTUR (arXiv:1706.08500), Table 1, row WGAN-GP CIFAR-10: FID 24.8
with rates 3e-4 (critic) and 1e-4 (generator) and one critic step; with one rate
of 1e-4 and five critic steps (variant `original`) 29.3. Both are the best of 8
runs and all evaluations; the mean runs' best are 29.5 and 32.2. Ours has not
been run: it needs a GPU (half a day) and Inception's weights.

All of wgan_gp_lsun64's hyperparameters but the width, which the paper's code
halves at 32x32. That code's critic ends at 2x2 there and is reshaped as if at
4x4, so that four samples share one number; the published FID probably has it
so, and so has this config. `--config.four_samples_as_one=False` mends it.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs import variants
from configs.ttur import dcgan_celeba64, wgan_gp_lsun64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = wgan_gp_lsun64.base()
  config.dataset = "cifar10"
  config.image_size = 32
  config.width = 32
  config.four_samples_as_one = True
  original, smoke = wgan_gp_lsun64.one_rate(1e-4), dcgan_celeba64.smoke
  return variants.apply(config, variant, original=original, smoke=smoke)
