"""Breakout (MinAtar), its reward paid at the episode's end: PPO with RUDDER.

Part of the curves of `python -m projects.rudder.reproduce --table=ppo`, ours,
with the numbers of cartpole.py except for those below. One training:

    python -m projects.rudder.train --workdir=runs/breakout \\
      --config=configs/rudder/breakout.py

Variants: `ppo` learns without RUDDER, `original` without delay; both combine,
as in `original,ppo`. Minutes on two cores. `smoke` takes seconds.
"""

import ml_collections

from configs.rudder import cartpole


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  config = cartpole.get_config(variant)
  config.unlock()
  config.env = "Breakout-MinAtar"
  config.delta_scale = 1.0
  config.reward_scale = 0.1
  config.activation = "relu"
  if "smoke" not in variant.split(","):
    config.total_steps = 40
    config.time_limit = 500  # gymnax has 1,000
  return config.lock()
