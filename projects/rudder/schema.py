"""What the values of a config can be, by its learner; `train` checks it first.

Every value is held to its rule, also of what this learner does not use.
"""

import ml_collections

from common import config_schema
from common.errors import check_choice

from .atari import schema as atari
from .ppo import schema as ppo
from .tabular import schema as tabular

LEARNERS = (*tabular.LEARNERS, "ppo", "ppo_rudder", "atari")


def check(config: ml_collections.ConfigDict) -> None:
  """Raises InputError if a config of its learner's room cannot be."""
  learner = config.get("learner")
  if "learner" in config:  # Else it is of another project.
    check_choice("learner", learner, LEARNERS)
  if learner == "atari":
    config_schema.check(config, atari.SCHEMA)
  elif learner in ("ppo", "ppo_rudder"):
    config_schema.check(config, ppo.SCHEMA)
  else:
    tabular.check(config)
