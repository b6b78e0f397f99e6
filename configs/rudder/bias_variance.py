"""The bias of TD and the variance of Monte Carlo on the bomb's Grid World.

    python -m projects.rudder.reproduce --table=bias_variance

Reproduces: the supplement's study of RUDDER (arXiv:1806.07857), at the delays
of the poster: bias at 5 to 20 (the poster's end at 25), variance at 5 to 30.
Ours: the policy, the rates, and what counts as a high variance
(`bias_variance.py` of the project). A training on the same task is
grid_world.py's:

    python -m projects.rudder.train --workdir=runs/grid_world \\
      --config=configs/rudder/bias_variance.py
"""

import ml_collections

from configs import variants
from configs.rudder import grid_world, watch_repair


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = grid_world.get_config()
  config.unlock()
  grid_world.recalled(config)
  config.trace = 0.0  # of TD
  config.bias_delays = (5, 10, 15, 20)
  config.variance_delays = (5, 10, 15, 20, 25, 30)
  config.variance_threshold = 25_000.0  # of targets; the bomb alone has 250,000
  config.seeds = 10  # tables, whose mean is compared with the exact values
  config.every = 200  # episodes between two comparisons
  config.checkpoints = 100
  return variants.apply(config, variant, smoke=smoke)


def smoke(config: ml_collections.ConfigDict) -> None:
  """As of grid_world, and two delays."""
  watch_repair.smoke_once(config)
  config.bias_delays = config.variance_delays = (3, 4)
  config.seeds, config.every, config.checkpoints = 3, 5, 4
