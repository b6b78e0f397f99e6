"""Acrobot with its reward paid at the episode's end: PPO with RUDDER.

Part of the curves of `python -m projects.rudder.reproduce --table=ppo`, ours,
with the numbers of cartpole.py except for those below. One training:

    python -m projects.rudder.train --workdir=runs/acrobot \\
      --config=configs/rudder/acrobot.py

Variants: `ppo` learns without RUDDER, `original` without delay; both combine,
as in `original,ppo`. Minutes on two cores. `smoke` takes seconds.
"""

import ml_collections

from configs.rudder import cartpole


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  config = cartpole.get_config(variant)
  config.unlock()
  config.env = "Acrobot-v1"
  config.delta_scale = 1.0
  return config.lock()
