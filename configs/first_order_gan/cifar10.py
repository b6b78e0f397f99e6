"""CIFAR-10 with networks of the DCGAN class.

    python -m projects.first_order_gan.train --workdir=runs/cifar10 \\
      --config=configs/first_order_gan/cifar10.py

Reproduces: First Order GAN (arXiv:1802.04591), the table of FIDs, row CIFAR-10:
the paper's FID is 27.4. Ours has not been run at this size; it needs a GPU.

All of celeba64's hyperparameters, at 32x32, for the code's 500 epochs; the
learning rates are not known, and celeba64's. Variants as there.
"""

import ml_collections

from configs.first_order_gan import celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = celeba64.get_config()
  config.unlock()
  config.dataset = "cifar10"
  config.image_size = 32
  # The code's 500 epochs: 500 x 781 batches of 64 of the 50,000 images are
  # 390,500, of which the last score is at 390,000.
  config.total_steps = 390_000
  return celeba64.change(config, variant)
