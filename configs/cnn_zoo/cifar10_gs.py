"""A zoo of CNNs of 4,970 weights on CIFAR-10 in gray, as mnist.py.

    python -m projects.cnn_zoo.train --workdir=runs/zoo_cifar10_gs \\
      --config=configs/cnn_zoo/cifar10_gs.py

Reproduces: the small CNN zoo (arXiv:2002.11448), its part of CIFAR-10 in gray.
All else is mnist.py's, and so are the variants.
"""

import ml_collections

from configs.cnn_zoo import mnist


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = mnist.get_config()
  config.unlock()
  config.dataset = "cifar10"  # or "sheets" of its pictures, see data.py
  config.image_size = 32
  return mnist.change(config, variant)
