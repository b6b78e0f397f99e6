"""Task III, trace back: only the first two moves count.

    python -m projects.rudder.train --workdir=runs/trace_back \\
      --config=configs/rudder/trace_back.py

Reproduces: the right panel of the learning times of RUDDER (arXiv:1806.07857).

The paper's, as recalled: rewards and grid. Ours: which two moves count.
"""

import ml_collections


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.total_steps = 10_000  # episodes

  config.env = "projects.rudder.grids:TraceBack"
  config.delay = 20
  config.max_delay = 40  # what the compiled program has room for

  if variant == "smoke":
    config.total_steps = 40
  elif variant:
    raise ValueError(f"trace_back has no variant {variant!r}; it has 'smoke'")
  return config.lock()
