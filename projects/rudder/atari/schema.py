"""What the values of a config of Atari can be."""

from typing import Any

import ml_collections

from common import config_schema
from common.config_schema import (
  at_least,
  between,
  choice,
  fraction,
  of,
  positive,
  several,
  text,
)
from common.errors import InputError

LEARNERS = ("atari",)


def even(value: Any) -> str | None:
  """Of what is taken by halves."""
  said = between(2, 10**9)(value)
  return said or (None if value % 2 == 0 else "it must be even")


def widths(count: int) -> config_schema.Rule:
  """A positive number for each of `count` layers."""
  each = several(positive(int))
  return lambda value: (
    each(value)
    or (None if len(value) == count else f"it must have {count} values")
  )


SCHEMA = {
  # A step here is a rollout of the emulators, which are on the host.
  "steps_per_call": choice(1),
  "learner": choice(*LEARNERS),
  "method": choice("rudder", "ppo"),
  "game": text,
  "actions": between(2, 18),
  "threads": at_least(0),
  "frame_skip": positive(int),
  "noop_max": at_least(0),
  "game_steps": positive(int),
  "episode": choice("reward", "game", "life"),
  "idle_steps": positive(int),
  "episode_steps": positive(int),
  "reward_scale": positive(float),
  "rollout_steps": positive(int),
  "policy_widths": widths(3),
  "policy_hidden": positive(int),
  "learning_rate": at_least(0.0),
  "anneal_steps": at_least(0),
  "kl_limit": at_least(0.0),
  "adam_eps": positive(float),
  "max_grad_norm": positive(float),
  "epochs": positive(int),
  "minibatches": positive(int),
  "gamma": fraction,
  "gae_lambda": fraction,
  "clip": positive(float),
  "anneal_clip": of(bool),
  "value_clip": of(bool),
  "value_coefficient": at_least(0.0),
  "entropy_coefficient": at_least(0.0),
  "safe_exploration": choice("fixed", "original", "off"),
  "safe_margin": fraction,
  "most_repeats": at_least(0),
  "length_decay": fraction,
  "temperature_steps": at_least(0),
  "model_widths": widths(2),
  "lstm_features": positive(int),
  "lstm_learning_rate": at_least(0.0),
  "l1_penalty": at_least(0.0),
  "auxiliary_weight": at_least(0.0),
  "steps_ahead": positive(int),
  "time_longest": positive(int),
  "time_span": even,
  "time_code": choice("fixed", "original"),
  "chunk_steps": even,
  "contributions": choice("integrated_gradients", "differences"),
  "ig_points": positive(int),
  "steps_cut": at_least(0),
  "trace": fraction,
  "quality_threshold": fraction,
  "return_decay": fraction,
  "share": fraction,
  "warm_episodes": at_least(0),
  "lessons": positive(int),
  "lessons_temperature": positive(float),
  "film_frames": positive(int),
}


def check(config: ml_collections.ConfigDict) -> None:
  """Raises InputError if a value cannot be, alone or beside another."""
  config_schema.check(config, SCHEMA)
  config_schema.check_decay(config, "anneal_steps")
  if config.time_longest % (config.time_span // 2):
    raise InputError(
      f"config.time_longest is {config.time_longest}; it must be a multiple of "
      f"half of config.time_span = {config.time_span}"
    )
