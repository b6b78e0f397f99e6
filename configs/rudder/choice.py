"""Task II, the choice: one action, then luck until the end.

    python -m projects.rudder.train --workdir=runs/choice \\
      --config=configs/rudder/choice.py

Reproduces: the middle panel of the learning times of RUDDER (arXiv:1806.07857).

The paper's: the idea, and delays up to 500. Ours: all numbers (`ChoiceParams`).
"""

import ml_collections


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.total_steps = 10_000  # episodes

  config.env = "projects.rudder.environments:Choice"
  config.delay = 100
  config.max_delay = 500  # what the compiled program has room for

  if variant == "smoke":
    config.total_steps = 40
  elif variant:
    raise ValueError(f"choice has no variant {variant!r}; it has 'smoke'")
  return config.lock()
