"""Trains one learner on one task: RUDDER, or what it is compared with.

    python -m projects.rudder.train --workdir=runs/watch_repair \\
      --config=configs/rudder/watch_repair.py

`config.learner` says which: "rudder" with a table, its competitors "q_lambda",
"sarsa_lambda" and "monte_carlo", "ppo", "ppo_rudder", or "atari". The reward of
any gymnax environment can be delayed: `--config.env=package.module:make_env`.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from jax import numpy as jnp

from common import cli, experiment
from common.errors import InputError, check_choice

from . import optimal, pictures, tabular, trial
from .deep import atari, ppo, ppo_rudder
from .task import Task

DEEP = {"ppo": ppo, "ppo_rudder": ppo_rudder, "atari": atari}
LEARNERS = (*trial.LEARNERS, *DEEP)


def task_of(config: ml_collections.ConfigDict) -> tuple[Task, Any]:
  """Returns the task of a table's config, and its parameters.

  Args:
    config: `env`, "package.module:Class" of a `task.Task`; `delay`;
      `max_delay`, the room for it; `task`, numbers of its parameters.

  Raises:
    InputError: no such class, or it is no task; a delay that is none, or for
      which there is no room.
  """
  if not 1 <= config.delay <= config.max_delay:
    why = (
      "nothing would be delayed"
      if config.delay < 1
      else f"episodes have room for config.max_delay = {config.max_delay}"
    )
    raise InputError(f"config.delay is {config.delay}: {why}")
  module, _, name = config.env.partition(":")
  try:
    make = getattr(importlib.import_module(module), name)
  except (ImportError, AttributeError, ValueError) as error:
    raise InputError(
      f"config.env {config.env!r} cannot be made: {error}"
    ) from error
  if not (isinstance(make, type) and issubclass(make, Task)):
    raise InputError(
      f"config.env {config.env!r} is no task with a table (task.Task): learn "
      "it with config.learner='ppo_rudder', as configs/rudder/cartpole.py does"
    )
  env = make(config.max_delay, **config.task)
  params = env.params_of_delay(config.delay)
  if params.max_steps_in_episode > env.max_steps:
    raise InputError(
      f"an episode of {params.max_steps_in_episode} steps has no room in "
      f"{env.max_steps}: raise config.max_delay"
    )
  return env, params


def init(key: jax.Array, config: ml_collections.ConfigDict) -> Any:
  """Returns the state before the first step; vmap over `key` if you like."""
  check_choice("learner", config.learner, LEARNERS)
  if config.learner in DEEP:
    return DEEP[config.learner].init(key, config)
  return trial.init(key, task_of(config)[0], config)


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`; `batch` is not used.

  What a step learns from it plays itself, by the key and step of the state.
  With a table a step is a round of `check_every` episodes (`trial.make_round`).
  """
  check_choice("learner", config.learner, LEARNERS)
  if config.learner in DEEP:
    return DEEP[config.learner].make_train_step(config)
  env, params = task_of(config)
  one = trial.make_round(env, params, optimum_of(env, params), config)
  # A population of one: the loops of a round ask all of its trials.
  alone = jax.vmap(one, axis_name=tabular.TRIALS)

  def step(state, batch):
    del batch
    grown = jax.tree.map(lambda leaf: leaf[None], state)
    return jax.tree.map(lambda leaf: leaf[0], alone(grown))

  return step


def optimum_of(env: Task, params: Any) -> jax.Array:
  """The exact optimal values, once and for all."""
  return jax.jit(lambda params: optimal.q_values(env, params))(params)


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any = None
) -> Callable[[Any, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`.

  With a table, of `eval_episodes` greedy episodes: `eval_return`, the mean
  return, and `eval_regret`, what a better choice would have earned in addition,
  which is zero for an optimal policy. Else see `deep`.
  """
  if config.learner in DEEP:
    return DEEP[config.learner].make_evaluate(config, real)
  env, params = task_of(config)
  regret = optimal.regrets(optimum_of(env, params))

  @jax.jit
  def scores(q, regret, key):
    def episode(key):
      lesson, played = trial.play(env, params, q, key, 0.0)
      lost = regret.reshape(-1, env.num_actions)[played.rows, played.actions]
      return {
        "eval_return": lesson.returns,
        "eval_regret": jnp.sum(jnp.where(played.inside, lost, 0.0)),
      }

    each = jax.vmap(episode)(jax.random.split(key, config.eval_episodes))
    return jax.tree.map(jnp.mean, each)

  return lambda state, key: {
    name: float(value) for name, value in scores(state.q, regret, key).items()
  }


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[Any, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics and pictures in `workdir`.
  """
  check_choice("learner", config.learner, LEARNERS)
  if config.learner == "atari":  # Its emulators are no part of a program.
    return atari.train(config, workdir)
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
      pictures.learning_curve(run)
      if config.learner not in DEEP:
        env, params = task_of(config)
        pictures.explain(run, env, params, here)
        _say(config, here)
    # No step was left to do: the run had ended before.
    return state, scores or evaluate(here, run.key("eval"))


def _say(config, state):
  """Tells the end of it in a line."""
  if config.learner == "rudder" and not bool(state.trained):
    print(
      "the reward model was never trained: fewer lessons than "
      f"config.warmup_episodes = {config.warmup_episodes}, or all of one "
      "return, which leaves nothing to decompose",
      file=sys.stderr,
    )
  solved = int(state.solved_at)
  played = int(state.step) * config.check_every
  print(
    f"solved after {solved:,} episodes"
    if solved
    else f"not solved in {played:,} episodes"
  )


if __name__ == "__main__":
  cli.main(train)
