"""LSUN bedrooms with networks of the DCGAN class.

    python -m projects.first_order_gan.train --workdir=runs/lsun64 \\
      --config=configs/first_order_gan/lsun64.py

Reproduces: First Order GAN (arXiv:1802.04591), the table of FIDs, row LSUN:
the paper's FID is 11.4. Ours has not been run at this size; it needs a GPU.

All of celeba64's hyperparameters, for the code's 9 epochs of the 3,033,042
bedrooms of `train`; the learning rates are not known, and celeba64's. Ours:
centre crop to a square. LSUN has no `test`: scores are of the 300 bedrooms of
`validation`. Variants as there.
"""

import ml_collections

from configs.first_order_gan import celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = celeba64.get_config()
  config.unlock()
  config.dataset = "lsun/bedroom"
  config.test_split = "validation"
  config.eval_samples = 300  # the split's size
  # 9 x 47,391 batches of 64 are 426,519, of which the last score, every 5,000,
  # is at 425,000.
  config.total_steps = 425_000
  return celeba64.change(config, variant)
