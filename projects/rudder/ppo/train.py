"""Training of PPO, with RUDDER (`ppo_rudder.py`) and without (`ppo.py`).

A step is a rollout of all environments and what is learnt from it.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import ml_collections

from .. import figures
from ..train import loop
from . import ppo, ppo_rudder, schema


def learner(config: ml_collections.ConfigDict) -> ModuleType:
  """The module of `config.learner`, "ppo" or "ppo_rudder"."""
  return ppo_rudder if config.learner == "ppo_rudder" else ppo


def init(key: jax.Array, config: ml_collections.ConfigDict) -> Any:
  """Returns the state before the first step; vmap over `key` if you like."""
  return learner(config).init(key, config)


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`; `batch` is not used."""
  schema.check(config)
  return learner(config).make_train_step(config)


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any = None
) -> Callable[[Any, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`; see ppo.py."""
  return learner(config).make_evaluate(config, real)


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[Any, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics and the learning curve in `workdir`.
  """
  draw = lambda run, _: figures.learning_curve(run)
  return loop(config, workdir, init, make_train_step, make_evaluate, draw)
