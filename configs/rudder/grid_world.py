"""Task I, the bomb: defuse it, or run away?

    python -m projects.rudder.train --workdir=runs/grid_world \\
      --config=configs/rudder/grid_world.py

Reproduces: the left panel of the learning times of RUDDER (arXiv:1806.07857),
which comes from `python -m projects.rudder.reproduce --table=tasks`.

The paper's, as recalled: all numbers of the task (`BombParams`), epsilon and
lambda. Ours: the rest, most of it as in watch_repair.py; and that each step
nearer to the bomb has its share of the last reward, which is 500 for sure in
place of 1000 half of the time (`along_the_way`). The variant `recalled` pays
for the visit alone, by luck: its learning times are those of coming upon the
bomb by chance, delayed or not.
"""

import ml_collections

from configs import variants
from configs.rudder import watch_repair


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; see the module. `smoke` runs in seconds."""
  config = watch_repair.get_config()
  config.unlock()
  config.env = "projects.rudder.tabular.grids:GridWorld"
  config.delay = config.max_delay = 8
  config.task = ml_collections.ConfigDict(
    dict(
      defused=500.0,
      probability=1.0,
      towards=-0.09,
      away=0.1,
      along_the_way=True,
    )
  )
  config.epsilon = 0.2
  config.judged_by = "greedy"
  config.solved_window = 4
  config.solved_share = 0.9
  config.q_start = 0.0
  config.exploration = 500.0
  config.return_scale = 100.0
  config.max_updates = 100
  config.lessons = 512
  config.warmup_episodes = 100
  config.delays = (4, 6, 8, 10, 12)
  config.seeds = 50
  config.max_episodes = config.rivals_episodes = 20_000
  return variants.apply(
    config, variant, recalled=recalled_table, smoke=watch_repair.smoke_once
  )


def recalled(config: ml_collections.ConfigDict) -> None:
  """Pays for the visit alone, as the paper is recalled to do."""
  config.task.defused, config.task.probability = 1000.0, 0.5
  config.task.along_the_way = False


def recalled_table(config: ml_collections.ConfigDict) -> None:
  """As `recalled`, and what a table needs then."""
  recalled(config)
  config.q_start = 500.0  # optimistic; from 0 nobody finds a bomb 4 away
  config.q_estimate = "q_lambda"
