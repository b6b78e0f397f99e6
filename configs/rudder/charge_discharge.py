"""Task IV, charge and discharge: what earns nothing must come first.

    python -m projects.rudder.train --workdir=runs/charge_discharge \\
      --config=configs/rudder/charge_discharge.py

Reproduces: a task of the supplement of RUDDER (arXiv:1806.07857), without a
number to compare with.

The paper's, as recalled: the task (`ChargeParams`), epsilon. Ours: the rest,
most of it as in watch_repair.py.
"""

import ml_collections

from configs import variants
from configs.rudder import watch_repair


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = watch_repair.get_config()
  config.unlock()
  config.env = "projects.rudder.tabular.environments:ChargeDischarge"
  config.delay = config.max_delay = 10
  config.task = ml_collections.ConfigDict(dict(discharging=10.0, empty=1.0))
  config.epsilon = 0.2
  config.judged_by = "greedy"
  config.solved_window = 4
  config.solved_share = 0.9
  config.q_start = 0.0
  config.return_scale = 50.0
  config.lessons = 512
  return variants.apply(config, variant, smoke=watch_repair.smoke_once)
