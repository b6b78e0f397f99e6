"""What the values of a config can be, by its learner; `train` checks it first.

Every value is held to its rule, also of what this learner does not use.
"""

import ml_collections

from common.errors import InputError, check_choice

from . import rooms

# The `schema.py` of the room that each learner is of.
LEARNERS = {
  learner: schema
  for schema in rooms.modules("schema")
  for learner in schema.LEARNERS
}


def check_learner(config: ml_collections.ConfigDict) -> None:
  """Raises InputError if there is no such learner, or the config names none."""
  if "learner" not in config:
    raise InputError(
      "the config has no key 'learner', which this project reads; is it of "
      "another project?"
    )
  check_choice("learner", config.learner, list(LEARNERS))


def check(config: ml_collections.ConfigDict) -> None:
  """Raises InputError if a config of its learner's room cannot be."""
  check_learner(config)
  LEARNERS[config.learner].check(config)
