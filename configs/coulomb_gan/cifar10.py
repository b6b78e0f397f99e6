"""CIFAR-10 with the paper's DCGAN-type networks.

    python -m projects.coulomb_gan.train --workdir=runs/cifar10 \\
      --config=configs/coulomb_gan/cifar10.py

Reproduces: Coulomb GANs (arXiv:1708.08819), the table of FIDs, row CIFAR-10:
the paper's FID is 27.3. Ours has not been run; it needs a GPU (half a day).

All of celeba64's hyperparameters, at 32x32. `--config.discriminator_depth=
batch_size` gives the network of the authors' code, whose four convolutions (by
its batch of 128) end at 2x2.

`narrow` is ours, for a CPU: the networks, rates and steps of
fashion_mnist.py:narrow; with it go the baselines `gan` and `wgan_gp`.
"""

import ml_collections

from configs import variants
from configs.coulomb_gan import celeba64, fashion_mnist


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds, on generated discs."""
  if "narrow" in variant.split(","):
    return fashion_mnist.of_set("cifar10", 3, variant)
  config = celeba64.get_config()
  config.unlock()
  config.dataset = "cifar10"
  config.image_size = 32
  # `narrow` for an error's list of names: it has returned above.
  return variants.apply(config, variant, narrow={}, smoke=celeba64.smoke)
