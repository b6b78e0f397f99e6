"""Space Invaders (MinAtar), its reward paid at the end: PPO with RUDDER.

Part of the curves of `python -m projects.rudder.reproduce --table=ppo`, ours,
with the numbers of breakout.py. One training:

    python -m projects.rudder.train --workdir=runs/space_invaders \\
      --config=configs/rudder/space_invaders.py

Variants: `ppo` learns without RUDDER, `original` without delay; both combine,
as in `original,ppo`. Minutes on two cores. `smoke` takes seconds.
"""

import ml_collections

from configs.rudder import breakout


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  config = breakout.get_config(variant).unlock()
  config.env = "SpaceInvaders-MinAtar"
  return config.lock()
