"""A zoo of CNNs of 4,970 weights on SVHN in gray, as mnist.py.

    python -m projects.cnn_zoo.train --workdir=runs/zoo_svhn_gs \\
      --config=configs/cnn_zoo/svhn_gs.py

Reproduces: the small CNN zoo (arXiv:2002.11448), its part of SVHN in gray.
All else is mnist.py's, and so are the variants.
"""

import ml_collections

from configs.cnn_zoo import mnist


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = mnist.get_config()
  config.unlock()
  config.dataset = "svhn_cropped"
  config.image_size = 32
  return mnist.change(config, variant)
