"""Trains one learner on one task: RUDDER, or what it is compared with.

    python -m projects.rudder.train --workdir=runs/watch_repair \\
      --config=configs/rudder/watch_repair.py

`config.learner` says which, and with it the room whose `train.py` has the step:
`python -m projects.rudder` lists the configs. The reward of any gymnax
environment can be delayed: `--config.env=package.module:make_env`.
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import ml_collections

from common import cli, experiment

from . import schema


def room(config: ml_collections.ConfigDict) -> ModuleType:
  """The module `train` of the room of `config.learner`.

  Imported when it is needed: gymnax takes seconds, and emulators are optional.

  Raises:
    InputError: there is no such learner.
  """
  schema.check_learner(config)
  package = schema.LEARNERS[config.learner].__package__
  return importlib.import_module(f"{package}.train")


def init(key: jax.Array, config: ml_collections.ConfigDict) -> Any:
  """Returns the state before the first step; vmap over `key` if you like."""
  return room(config).init(key, config)


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`; `batch` is not used.

  What a step learns from it plays itself, by the key and step of the state;
  Atari's alone has a batch, the players of its games.
  """
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
  return room(config).train(config, workdir)


def loop(
  config: ml_collections.ConfigDict,
  workdir: str,
  init: Callable,
  make_train_step: Callable,
  make_evaluate: Callable,
  finish: Callable[[experiment.Run, Any], None],
) -> tuple[Any, dict[str, float]]:
  """`train` of a room whose step is one program, by three of its functions.

  Atari's games are on the host: it has a loop of its own. At the end the main
  process calls `finish(run, state)`, which draws the pictures.
  """
  schema.check(config)
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
    last = run.local(state)
    if run.main:
      finish(run, last)
    # No step was left to do: the run had ended before.
    return state, scores or evaluate(last, run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
