"""Task III, trace back: only the first two moves count.

    python -m projects.rudder.train --workdir=runs/trace_back \\
      --config=configs/rudder/trace_back.py

Reproduces: the right panel of the learning times of RUDDER (arXiv:1806.07857),
which comes from `python -m projects.rudder.reproduce --table=tasks`.

The paper's, as recalled: rewards and grid, epsilon and lambda. Ours: which two
moves count, and the rest, most of it as in watch_repair.py.
"""

import ml_collections

from configs import variants
from configs.rudder import watch_repair


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = watch_repair.get_config()
  config.unlock()
  config.env = "projects.rudder.tabular.grids:TraceBack"
  config.delay = config.max_delay = 20
  config.task = ml_collections.ConfigDict(
    dict(first=0, second=1, cost=-50.0, reward=150.0)
  )
  config.epsilon = 0.2
  config.judged_by = "greedy"
  config.solved_window = 4
  config.solved_share = 0.9
  config.q_start = 0.0
  config.return_scale = 30.0
  config.lessons = 512
  config.warmup_episodes = 100
  config.delays = (5, 10, 20, 40)
  config.seeds = 50
  config.max_episodes = 5_000
  config.rivals_episodes = 20_000
  return variants.apply(config, variant, smoke=watch_repair.smoke_once)
