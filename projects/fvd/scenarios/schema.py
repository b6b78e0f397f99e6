"""What the rules of the scenarios can be, checked before a clip is made."""

import dataclasses
from typing import Any

import ml_collections

from common import config_schema
from common.config_schema import at_least, between, fraction, positive, several
from common.errors import InputError

# Three numbers each: of blades, troopers and tanks.
_THREE = ("health", "damage", "reload", "reach", "speed", "shares")

RULES = {
  "move_unit_to_border": {
    "speed": positive(float),
    "start": between(0.0, 7.0),
    "margin": between(0.0, 7.0),
  },
  "collect_mineral_shards": {
    "shards": between(2, 20),  # Of 25 places, where none is near a trooper.
    "speed": positive(float),
    "touch": positive(float),
    "start": between(0.0, 7.0),
    "clear": between(0.0, 3.0),
    "margin": between(0.0, 3.0),
  },
  "brawl": {
    "most": between(1, 16),
    "fewest": between(1, 16),
    **{name: several(at_least(0.0)) for name in _THREE},
    "pace": fraction,
    "shot_speed": positive(float),
    "flash": positive(int),
    "push": fraction,
    "abreast": positive(int),
    "margin": between(0.0, 7.0),
    **{
      name: at_least(0.0)
      for name in ("apart", "gap", "width", "depth", "muzzle")
    },
  },
  "road_trip_with_medivac": {
    "load": between(1, 2),
    "rest": several(between(1, 7)),
    "leave": between(0.1, 0.9),
    **{
      name: at_least(0.0)
      for name in ("spread", "jitter", "beside", "wander", "ahead", "speed")
    },
  },
}


def check(scenario: str, rules: Any) -> None:
  """Holds each number to what it can be.

  Args:
    scenario: a name of `RULES`.
    rules: `Rules` of the scenario's module.

  Raises:
    InputError: a number is not what it can be, or the rules are another
      scenario's.
  """
  config = ml_collections.ConfigDict(dataclasses.asdict(rules))
  config_schema.check(config, RULES[scenario])
  if scenario == "brawl":
    if rules.fewest > rules.most:
      raise InputError(
        f"an army of {rules.fewest} to {rules.most}: the fewest are more than "
        "the most"
      )
    for name in _THREE:
      if len(getattr(rules, name)) != 3:
        raise InputError(
          f"{name} is {getattr(rules, name)}: it has three numbers, of blades, "
          "troopers and tanks"
        )
    if min(rules.reach) < rules.apart:
      raise InputError(
        f"reach is {rules.reach}: each must be config.apart, {rules.apart}, or "
        "more, or else who is pushed away from its enemy cannot strike it"
      )
  if scenario == "road_trip_with_medivac":
    if len(rules.rest) != 2 or rules.rest[0] >= rules.rest[1]:
      raise InputError(
        f"rest is {rules.rest}: it can be (from, up to), as (3, 5)"
      )
