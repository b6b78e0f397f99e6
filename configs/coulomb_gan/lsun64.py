"""LSUN bedrooms at 64x64 with the paper's DCGAN-type networks.

    python -m projects.coulomb_gan.train --workdir=runs/lsun64 \\
      --config=configs/coulomb_gan/lsun64.py

Reproduces: Coulomb GANs (arXiv:1708.08819), the table of FIDs, row LSUN: the
paper's FID is 31.2. Ours has not been run: the 3,033,042 bedrooms are no part
of this repository, and the run needs a GPU (about two days).

The README example of the authors' code: 16 latents, 1,000,000 steps, L2
penalty, discriminator rate half the generator's; trained on all of `train`.
Ours: centre crop to a square. LSUN has no `test`: scores are of the 300
bedrooms of `validation`, too few for a FID that compares. The rest is
celeba64's.
"""

import ml_collections

from configs import variants
from configs.coulomb_gan import celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds, on generated discs."""
  config = celeba64.get_config()
  config.unlock()
  config.dataset = "lsun/bedroom"
  config.test_split = "validation"
  config.eval_samples = config.energy_samples = 300  # the split's size
  config.latent_dim = 16
  config.total_steps = 1_000_000  # 42 epochs, in batches of 128
  return variants.apply(config, variant, smoke=celeba64.smoke)
