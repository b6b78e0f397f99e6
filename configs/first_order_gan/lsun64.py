"""LSUN bedrooms with networks of the DCGAN class.

    python -m projects.first_order_gan.train --workdir=runs/lsun64 \\
      --config=configs/first_order_gan/lsun64.py

Reproduces: First Order GAN (arXiv:1802.04591), the table of FIDs, row LSUN:
the paper's FID is 11.4. Ours has not been run at this size; it needs a GPU.

All of celeba64's hyperparameters, at 64x64, for the code's 9 epochs; the
learning rates are not known, and celeba64's. Variants as there.
"""

import ml_collections

from configs.first_order_gan import celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = celeba64.get_config()
  config.unlock()
  config.dataset = "lsun/bedroom"
  config.image_size = 64
  config.total_steps = 426_000  # 9 epochs
  return celeba64.change(config, variant)
