"""A zoo of CNNs of 4,970 weights on Fashion-MNIST, as mnist.py.

    python -m projects.cnn_zoo.train --workdir=runs/zoo_fashion_mnist \\
      --config=configs/cnn_zoo/fashion_mnist.py

Reproduces: the small CNN zoo (arXiv:2002.11448), its part of Fashion-MNIST.
All else is mnist.py's, and so are the variants.
"""

import ml_collections

from configs.cnn_zoo import mnist


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = mnist.get_config()
  config.unlock()
  config.dataset = "fashion_mnist"
  config.image_size = 28
  return mnist.change(config, variant)
