"""Watch repair: which of four brands is worth a repair?

    python -m projects.rudder.train --workdir=runs/watch_repair \\
      --config=configs/rudder/watch_repair.py

Reproduces: the authors' demonstration code (ml-jku/rudder-demonstration-code).

The demonstration's: all numbers of the task (`WatchParams`) at the delay 50.
"""

import ml_collections


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.total_steps = 10_000  # episodes

  config.env = "projects.rudder.environments:WatchRepair"
  config.delay = 50
  config.max_delay = 50  # what the compiled program has room for

  if variant == "smoke":
    config.total_steps = 40
  elif variant:
    raise ValueError(f"watch_repair has no variant {variant!r}; it has 'smoke'")
  return config.lock()
