"""Trains one learner on one task: RUDDER, or what it is compared with.

    python -m projects.rudder.train --workdir=runs/watch_repair \\
      --config=configs/rudder/watch_repair.py

`config.learner` says which: "rudder" with a table, its competitors "q_lambda",
"sarsa_lambda" and "monte_carlo", "ppo", "ppo_rudder", or "atari". The reward of
any gymnax environment can be delayed: `--config.env=package.module:make_env`.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import ml_collections

from common import cli, experiment
from common.errors import check_choice

from . import figures, schema
from .tabular import train as tabular


def room(config: ml_collections.ConfigDict) -> ModuleType:
  """The module whose functions train `config.learner`.

  Imported when it is needed: gymnax takes seconds, and emulators are optional.

  Raises:
    InputError: there is no such learner.
  """
  check_choice("learner", config.learner, schema.LEARNERS)
  if config.learner == "atari":
    from .atari import train as atari

    return atari
  if config.learner == "ppo_rudder":
    from .ppo import ppo_rudder

    return ppo_rudder
  if config.learner == "ppo":
    from .ppo import ppo

    return ppo
  return tabular


def init(key: jax.Array, config: ml_collections.ConfigDict) -> Any:
  """Returns the state before the first step; vmap over `key` if you like."""
  return room(config).init(key, config)


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`; `batch` is not used.

  What a step learns from it plays itself, by the key and step of the state.
  """
  schema.check(config)
  return room(config).make_train_step(config)


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any = None
) -> Callable[[Any, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`."""
  return room(config).make_evaluate(config, real)


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[Any, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics and pictures in `workdir`.
  """
  schema.check(config)
  if config.learner == "atari":  # Its emulators are no part of a program.
    return room(config).train(config, workdir)
  with experiment.Run(config, workdir) as run:
    state = run.restore_or(lambda key: init(key, config))
    update = run.compile(make_train_step(config))
    evaluate = make_evaluate(config)
    scores = {}
    for step, batch in run.steps(state):
      state, metrics = update(state, batch)
      run.log(step, metrics)
      if run.every(config.eval_every, step):
        scores = run.log_now(step, evaluate(run.local(state), run.key("eval")))
      run.save(step, state)
    here = run.local(state)
    if run.main:
      figures.learning_curve(run)
      if room(config) is tabular:
        tabular.finish(run, here)
    # No step was left to do: the run had ended before.
    return state, scores or evaluate(here, run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
