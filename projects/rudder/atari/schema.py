"""What the values of a config of Atari can be."""

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

LEARNERS = ("atari",)
SCHEMA = {
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
  "policy_widths": several(positive(int)),
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
  "safe_margin": at_least(0.0),
  "length_decay": fraction,
  "temperature_steps": at_least(0),
  "model_widths": several(positive(int)),
  "lstm_features": positive(int),
  "lstm_learning_rate": at_least(0.0),
  "l1_penalty": at_least(0.0),
  "auxiliary_weight": at_least(0.0),
  "steps_ahead": positive(int),
  "time_longest": positive(int),
  "time_span": between(2, 10**9),
  "time_code": choice("fixed", "original"),
  "chunk_steps": between(2, 10**9),
  "contributions": choice("integrated_gradients", "differences"),
  "ig_points": positive(int),
  "steps_cut": at_least(0),
  "trace": fraction,
  "quality_threshold": at_least(0.0),
  "return_decay": fraction,
  "share": fraction,
  "warm_episodes": at_least(0),
  "lessons": positive(int),
  "lessons_temperature": positive(float),
  "film_frames": positive(int),
}


def check(config: ml_collections.ConfigDict) -> None:
  """Raises InputError if a value cannot be."""
  config_schema.check(config, SCHEMA)
