"""Task I, the bomb: defuse it, or run away?

    python -m projects.rudder.train --workdir=runs/grid_world \\
      --config=configs/rudder/grid_world.py

Reproduces: the left panel of the learning times of RUDDER (arXiv:1806.07857),
which comes from `python -m projects.rudder.reproduce --table=tasks`.

The paper's, as recalled: all numbers of the task (`BombParams`), epsilon and
lambda. Ours: the rest, most of it as in watch_repair.py.
"""

import ml_collections

from configs.rudder import watch_repair


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = watch_repair.get_config()
  config.unlock()
  config.env = "projects.rudder.tabular.grids:GridWorld"
  config.delay = config.max_delay = 8
  config.task = ml_collections.ConfigDict(
    dict(defused=1000.0, probability=0.5, towards=-0.09, away=0.1)
  )
  config.epsilon = 0.2
  config.judged_by = "greedy"
  config.solved_window = 4
  config.solved_share = 0.9
  config.q_start = 500.0  # optimistic; from 0 nobody finds a bomb 4 fields away
  config.exploration = 500.0
  config.return_scale = 100.0
  config.max_updates = 100
  config.lessons = 512
  config.warmup_episodes = 100
  config.delays = (2, 4, 6, 8, 10)
  config.seeds = 20
  config.rivals_episodes = 20_000
  if variant == "smoke":
    watch_repair.smoke(config)
    config.solved_window = 1
  elif variant:
    raise ValueError(f"grid_world has no variant {variant!r}; it has 'smoke'")
  return config.lock()
