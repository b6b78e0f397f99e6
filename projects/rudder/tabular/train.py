"""Training with a table: RUDDER, or what it is compared with.

A step is a round of `config.check_every` episodes (`rounds.make_round`).
"""

import sys
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from jax import numpy as jnp

from common import experiment
from common.errors import InputError

from .. import figures
from ..train import loop
from . import (
  delayed_mdp,
  dynamic_programming,
  episode_figure,
  rounds,
  rudder,
  schema,
  td_learning,
)


def parts(config: ml_collections.ConfigDict) -> Callable[..., rounds.Learner]:
  """Returns `make(env, params, config) -> Learner` of a config.

  Raises:
    InputError: a value that is none, or that this learner cannot use.
  """
  schema.check(config)
  return rudder.make if config.learner == "rudder" else td_learning.make


def init(key: jax.Array, config: ml_collections.ConfigDict) -> rounds.State:
  """Returns the state before the first step; vmap over `key` if you like."""
  make = parts(config)
  env, params = delayed_mdp.of_config(config)
  return rounds.init(key, env, config, make(env, params, config))


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`; `batch` is not used.

  Raises:
    InputError: see `parts`; or the greedy policy is to have a share of an
      optimal return that is not above 0.
  """
  make = parts(config)
  env, params = delayed_mdp.of_config(config)
  learner = make(env, params, config)
  optimum = optimum_of(env, params)
  best = float(dynamic_programming.start_value(env, params, optimum))
  if config.judged_by == "greedy" and best <= 0:
    raise InputError(
      f"the optimal return of {config.env} is {best:g} here, and "
      "config.judged_by='greedy' asks for a share of it: set it to "
      "'decisions', or change config.task or config.delay"
    )
  one = rounds.make_round(env, params, optimum, config, learner)
  # A population of one: the loops of a round ask all of its trials.
  alone = jax.vmap(one, axis_name=rounds.TRIALS)

  def step(state, batch):
    del batch
    grown = jax.tree.map(lambda leaf: leaf[None], state)
    return jax.tree.map(lambda leaf: leaf[0], alone(grown))

  return step


def optimum_of(env: delayed_mdp.DelayedMDP, params: Any) -> jax.Array:
  """The exact optimal values, once and for all."""
  return jax.jit(lambda params: dynamic_programming.q_values(env, params))(
    params
  )


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any = None
) -> Callable[[Any, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`.

  Of `eval_episodes` greedy episodes: `eval_return`, the mean return, and
  `eval_regret`, what a better choice would have earned in addition, which is
  zero for an optimal policy.
  """
  del real
  env, params = delayed_mdp.of_config(config)
  regret = dynamic_programming.regrets(optimum_of(env, params))

  @jax.jit
  def scores(q, regret, key):
    def episode(key):
      lesson, played = rudder.play(env, params, q, key, 0.0)
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
) -> tuple[rounds.State, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics and pictures in `workdir`.
  """
  return loop(config, workdir, init, make_train_step, make_evaluate, finish)


def finish(run: experiment.Run, state: rounds.State) -> None:
  """Draws the pictures; tells the end of it in a line."""
  figures.learning_curve(run)
  config = run.config
  if config.learner == "rudder":
    env, params = delayed_mdp.of_config(config)
    episode_figure.explain(run, env, params, state)
  if config.learner == "rudder" and not bool(state.memory.trained):
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
