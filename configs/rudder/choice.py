"""Task II, the choice: what a long way of luck hides.

    python -m projects.rudder.train --workdir=runs/choice \\
      --config=configs/rudder/choice.py

Reproduces: the middle panel of the learning times of RUDDER (arXiv:1806.07857),
which comes from `python -m projects.rudder.reproduce --table=tasks`.

The paper's, as recalled: the idea, epsilon and lambda. Ours: all numbers of the
task (`ChoiceParams`), and the rest, most of it as in watch_repair.py. The luck
is such that Monte Carlo needs some 10,000 episodes, where the poster's axis
begins.
"""

import ml_collections

from configs import variants
from configs.rudder import watch_repair


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds."""
  config = watch_repair.get_config()
  config.unlock()
  config.env = "projects.rudder.tabular.environments:Choice"
  config.delay = config.max_delay = 100
  config.task = ml_collections.ConfigDict(
    dict(at_once=(1.0, 0.0), at_end=(5.0, 10.0), reward_noise=10.0)
  )
  config.epsilon = 0.2
  config.judged_by = "greedy"
  # With 20 looks luck passes: there is one choice, right or wrong. The 2,500
  # episodes of 100 looks are no learning time: it ends where they begin.
  config.solved_window = 100
  config.count_window = False
  config.solved_share = 0.9
  config.q_start = 0.0
  config.return_scale = 10.0
  config.lessons = 512
  config.warmup_episodes = 100
  config.max_updates = 100
  config.delays = (10, 30, 60, 100, 200)
  config.seeds = 50
  config.trials_at_once = 10
  config.max_episodes = config.rivals_episodes = 20_000
  # What follows was found on seed 0. The choice is worth 4, 0.4 of the scale:
  # a model that may stop at a mean squared error of 0.15 need not know it.
  config.seed = 1
  config.q_estimate = "q_lambda"
  config.loss_start = 1.0
  config.loss_threshold = 0.01
  return variants.apply(config, variant, smoke=watch_repair.smoke_once)
