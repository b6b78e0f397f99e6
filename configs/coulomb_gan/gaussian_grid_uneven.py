"""The 5x5 grid of Gaussians with mode weights that differ by a factor of 10.

    python -m projects.coulomb_gan.train --workdir=runs/gaussian_grid_uneven \\
      --config=configs/coulomb_gan/gaussian_grid_uneven.py

Ours, as gaussian_grid.py, from which all else is taken: a method that finds the
modes may still get their weights wrong.
"""

import ml_collections

from configs.coulomb_gan import gaussian_grid


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; the variants are gaussian_grid's."""
  config = gaussian_grid.get_config(variant)
  config.unlock()
  config.weight_ratio = 10.0
  return config.lock()
