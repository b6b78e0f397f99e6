"""Task IV, charge and discharge: nothing now, ten at the end.

    python -m projects.rudder.train --workdir=runs/charge_discharge \\
      --config=configs/rudder/charge_discharge.py

Reproduces: the charge-discharge task of RUDDER (arXiv:1806.07857).

The paper's, as recalled: rewards (`ChargeParams`) and delays of 3 to 13.
"""

import ml_collections


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.total_steps = 10_000  # episodes

  config.env = "projects.rudder.environments:ChargeDischarge"
  config.delay = 10
  config.max_delay = 13  # what the compiled program has room for

  if variant == "smoke":
    config.total_steps = 40
  elif variant:
    raise ValueError(
      f"charge_discharge has no variant {variant!r}; it has 'smoke'"
    )
  return config.lock()
