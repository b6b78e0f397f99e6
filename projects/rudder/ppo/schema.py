"""What the values of a config of PPO, with and without RUDDER, can be."""

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
)

from . import model

LEARNERS = ("ppo", "ppo_rudder")


def environment(value):
  """A name of gymnax's, or "package.module:make_env"."""
  if isinstance(value, str) and value:
    module, colon, function = value.partition(":")
    if not colon or (module and function):
      return None
  return "it can be a name of gymnax's, or package.module:make_env"


SCHEMA = {
  "learner": choice(*LEARNERS),
  "env": environment,
  "delayed": of(bool),
  "reward_noise": at_least(0.0),
  "time_limit": at_least(0),
  "rollout_steps": positive(int),
  "restart": of(bool),
  "eval_steps": positive(int),
  "widths": several(positive(int)),
  "activation": choice(*model.ACTIVATIONS),
  "learning_rate": at_least(0.0),
  "anneal_steps": at_least(0),
  "adam_eps": positive(float),
  "max_grad_norm": positive(float),
  "epochs": positive(int),
  "minibatches": positive(int),
  "gamma": fraction,
  "gae_lambda": fraction,
  "clip": positive(float),
  "value_clip": of(bool),
  "value_coefficient": at_least(0.0),
  "entropy_coefficient": at_least(0.0),
  "reward_scale": positive(float),
  "lstm_features": positive(int),
  "lstm_gate_bias": between(-1e9, 1e9),
  "lstm_learning_rate": at_least(0.0),
  "lstm_weight_decay": at_least(0.0),
  "lstm_batch": positive(int),
  "lstm_updates": positive(int),
  "lstm_max_grad_norm": positive(float),
  "delta_scale": positive(float),
  "auxiliary_weight": at_least(0.0),
  "lessons": positive(int),
  "lessons_temperature": positive(float),
  "quality_threshold": at_least(0.0),
  "return_decay": fraction,
  "trace": fraction,
  "share": fraction,
  "standardise": of(bool),
}


def check(config: ml_collections.ConfigDict) -> None:
  """Raises InputError if a value cannot be."""
  config_schema.check(config, SCHEMA)
  config_schema.check_decay(config, "anneal_steps")
