"""Task I, the bomb: defuse it, or run away?

    python -m projects.rudder.train --workdir=runs/grid_world \\
      --config=configs/rudder/grid_world.py

Reproduces: the left panel of the learning times of RUDDER (arXiv:1806.07857).

The paper's, as recalled: all numbers of the task (`BombParams`).
"""

import ml_collections


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.total_steps = 10_000  # episodes

  config.env = "projects.rudder.grids:GridWorld"
  config.delay = 8
  config.max_delay = 12  # what the compiled program has room for

  if variant == "smoke":
    config.total_steps = 40
  elif variant:
    raise ValueError(f"grid_world has no variant {variant!r}; it has 'smoke'")
  return config.lock()
