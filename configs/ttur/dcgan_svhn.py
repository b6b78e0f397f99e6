"""DCGAN on SVHN, with two learning rates.

    python -m projects.ttur.train --workdir=runs/dcgan_svhn \\
      --config=configs/ttur/dcgan_svhn.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: TTUR (arXiv:1706.08500), Table 1, row DCGAN SVHN: FID 12.5 with
rates 1e-5 (discriminator) and 1e-4 (generator) at step 165,000; with one rate
of 5e-5 (variant `original`) 21.4 at step 185,000. Both are the best of 8 runs
and all evaluations; the mean runs' best are 15.0 and 55.3. Ours has not been
run: it needs a GPU (hours) and Inception's weights.

All of dcgan_celeba64's hyperparameters, at 32x32.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs.ttur import dcgan_celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = dcgan_celeba64.base()
  config.dataset = "svhn_cropped"
  config.image_size = 32
  config.discriminator_rate = 1e-5
  config.generator_rate = 1e-4
  # Ours: past the last best, at 185,000; the code's epochs are not known.
  config.total_steps = 200_000
  return dcgan_celeba64.change(config, variant, one_rate=5e-5)
