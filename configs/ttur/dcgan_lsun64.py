"""DCGAN on LSUN bedrooms at 64x64, with two learning rates.

    python -m projects.ttur.train --workdir=runs/dcgan_lsun64 \\
      --config=configs/ttur/dcgan_lsun64.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: TTUR (arXiv:1706.08500), Table 1, row DCGAN LSUN: FID 57.5 with
rates 1e-5 (discriminator) and 1e-4 (generator) at step 340,000; with one rate
of 5e-5 (variant `original`) 70.4 at step 70,000. Both are the best of 8 runs
and all evaluations; the mean runs' best are 64.4 and 106.3. Ours has not been
run: the 3,033,042 bedrooms are no part of this repository, and the run needs a
GPU (about two days).

All of dcgan_celeba64's hyperparameters, and all bedrooms of `train`, as in the
paper. Ours: centre crop to a square.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs.ttur import dcgan_celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = dcgan_celeba64.base()
  config.dataset = "lsun/bedroom"
  config.test_split = "validation"
  config.discriminator_rate = 1e-5
  config.generator_rate = 1e-4
  # The code's 9 epochs: 9 x 47,391 batches of 64 of the 3,033,042 bedrooms are
  # 426,519, of which the last FID is at 425,000.
  config.total_steps = 425_000
  return dcgan_celeba64.change(config, variant, one_rate=5e-5)
