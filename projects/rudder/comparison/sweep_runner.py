"""Many whole trainings of many methods, for the tables: a cell each.

A cell is a task, a method and a delay; its trials are one program, and all the
delays of a method share it where they can: the delay is traced, episodes are
padded to the longest.
"""

import functools
import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
import scipy.optimize
from jax import numpy as jnp

from common import keys
from common.tables import cells as cell_files

from ..tabular import (
  delayed_mdp,
  dynamic_programming,
  judge,
  rounds,
  train,
)
from . import tree_search

# Name -> what the config's learner is to be, changes of the config, label.
METHODS = {
  "rudder": ("rudder", {}, "RUDDER"),
  "rudder_q_lambda": (
    "rudder",
    {"q_estimate": "q_lambda"},
    "RUDDER with Q(λ)",
  ),
  # The same tasks, all rewards paid at once: what is left is exploration.
  "q_lambda_at_once": (
    "q_lambda",
    {"task": {"delayed": False}},
    "Q(λ), nothing delayed",
  ),
  "q_learning": ("q_lambda", {"trace": 0.0}, "Q-learning"),
  "q_lambda": ("q_lambda", {}, "Q(λ)"),
  "sarsa_lambda": ("sarsa_lambda", {}, "SARSA(λ)"),
  "monte_carlo": ("monte_carlo", {}, "Monte Carlo"),
  "mcts": ("mcts", {}, "MCTS"),
  "rs_moves": (
    "q_lambda",
    {"shaping": "reward", "potential": "moves"},
    "Q(λ), shaping by moves",
  ),
  "rs_distance": (
    "q_lambda",
    {"shaping": "reward", "potential": "distance"},
    "Q(λ), shaping by distance",
  ),
  "look_ahead": (
    "q_lambda",
    {"shaping": "look_ahead", "potential": "moves"},
    "Q(λ), look-ahead by moves",
  ),
  "look_back": (
    "sarsa_lambda",
    {"shaping": "look_back", "potential": "moves"},
    "SARSA(λ), look-back by moves",
  ),
}
TASKS = {
  "grid_world": (
    "rudder",
    "q_lambda",
    "monte_carlo",
    "mcts",
    "q_lambda_at_once",
  ),
  "choice": (
    "rudder_q_lambda",
    "q_lambda",
    "monte_carlo",
    "q_lambda_at_once",
  ),
  "trace_back": (
    "rudder",
    "rudder_q_lambda",
    "q_lambda",
    "sarsa_lambda",
    "monte_carlo",
    "rs_moves",
    "rs_distance",
    "look_ahead",
    "look_back",
    "q_lambda_at_once",
  ),
}


def of_method(config: ml_collections.ConfigDict, method: str) -> Any:
  """The config, changed to what a method of `METHODS` is."""
  config = config.copy_and_resolve_references()
  learner, changes, _ = METHODS[method]
  config.learner = learner
  config.update(changes)
  if learner != "rudder":
    config.max_episodes = config.rivals_episodes
  return config


def make_trial(
  make: Callable[..., rounds.Learner],
  env: delayed_mdp.DelayedMDP,
  config: ml_collections.ConfigDict,
) -> Callable[[jax.Array, jax.Array], dict[str, jax.Array]]:
  """Returns `trial(key, delay) -> results`: rounds until it has solved.

  Under `vmap` over keys with the axis name `rounds.TRIALS`; the delay is common
  to all of them and may be traced.

  Args:
    make: `(env, params, config) -> Learner`, such as `rudder.make`.
    env: with room for the longest delay.
    config: see `rounds.make_round`; and the budget `max_episodes`.

  Returns:
    `episodes`: until it had solved, the budget if it had not; `solved`;
    `score`: the mean of the judge's figures at the end; `q`: the table;
    `updates` of the reward model, if there is one.
  """

  def trial(key, delay):
    params = env.params_of_delay(delay)
    optimum = dynamic_programming.q_values(env, params)
    learner = make(env, params, config)
    one = rounds.make_round(env, params, optimum, config, learner)
    most = -(-config.max_episodes // config.check_every)

    def again(carry):
      state, updates, _ = carry
      state, metrics = one(state)
      updates += metrics.get("model_updates", 0)
      going = (state.solved_at == 0) & (state.step < most)
      return state, updates, rounds.any_trial(going)

    begun = rounds.init(key, env, config, learner)
    state, updates, _ = jax.lax.while_loop(
      lambda carry: carry[-1], again, (begun, jnp.int32(0), jnp.bool_(True))
    )
    solved = state.solved_at > 0
    return {
      "episodes": jnp.where(solved, state.solved_at, config.max_episodes),
      "solved": solved,
      "score": jnp.mean(state.recent),
      "updates": updates,
      "q": state.q,
    }

  return trial


@functools.lru_cache(maxsize=4)
def compiled(text: str, seeds: int):
  """The program of a config as JSON, and the seconds that it took."""
  start = time.perf_counter()
  config = ml_collections.ConfigDict(json.loads(text))
  env, _ = delayed_mdp.of_config(config)
  if config.learner == "mcts":
    one = tree_search.make_trial(env, config)
  else:
    one = make_trial(train.parts(config), env, config)
  program = jax.jit(jax.vmap(one, (0, None), axis_name=rounds.TRIALS))
  roots = jax.random.split(jax.random.key(0), seeds)
  done = program.lower(roots, np.int32(0)).compile()
  return done, time.perf_counter() - start


def cell(
  config: ml_collections.ConfigDict,
  method: str,
  delay: int,
  seeds: int,
  runs: pathlib.Path | None = None,
) -> dict[str, Any]:
  """Trains `seeds` trials until they have solved the task, or to the budget.

  Args:
    config: of the task; `max_delay` is the program's room, `trials_at_once`
      how many trials are one program.
    method: of `METHODS`.
    delay: at most `max_delay`.
    seeds: how many trials.
    runs: where the trials of each program are kept, for a cell that is stopped.

  Returns:
    `episodes` and `solved` of each trial, `budget`, `minutes` without and
    `compile_seconds` of compiling, and the config.
  """
  config = of_method(config, method)
  config.delay = config.max_delay  # Of the program; the cell's is an argument.
  key = keys.named(jax.random.key(config.seed), f"{method}, {delay}")
  roots = jax.random.split(key, seeds)
  of = {**cell_files.recorded(config), "delay": delay}
  parts = []
  for first in range(0, seeds, config.trials_at_once):
    own = roots[first : first + config.trials_at_once]
    train_own = functools.partial(_trials, config, own, delay)
    if runs is None:
      parts.append(train_own())
    else:
      told = {**of, "seeds": seeds}
      parts.append(_kept(runs / f"trials_{first}.json", told, train_own))
  return {
    "method": method,
    "delay": delay,
    "seeds": seeds,
    "budget": config.max_episodes,
    "episodes": [e for part in parts for e in part["episodes"]],
    "solved": [s for part in parts for s in part["solved"]],
    "minutes": sum(part["minutes"] for part in parts),
    # A program that several parts share was compiled once.
    "compile_seconds": sum({part["compile_seconds"] for part in parts}),
    "config": of,
  }


def _trials(config, roots, delay):
  program, compile_seconds = compiled(config.to_json(), len(roots))
  start = time.perf_counter()
  results = jax.device_get(program(roots, np.int32(delay)))
  return {
    "episodes": [int(e) for e in results["episodes"]],
    "solved": [bool(s) for s in results["solved"]],
    "minutes": (time.perf_counter() - start) / 60,
    "compile_seconds": compile_seconds,
  }


def _kept(path, of, compute):
  """Trials that an earlier command has trained; others where `of` differs."""
  if not path.exists() or cell_files.load(path)["of"] != of:
    cell_files.save(path, {**compute(), "of": of})
  return cell_files.load(path)


def quantiles(cell: dict[str, Any]) -> list[float]:
  """40%, 50% and 60% quantiles over trials; infinite where not solved."""
  episodes = np.where(cell["solved"], cell["episodes"], np.inf)
  return [
    float(np.quantile(episodes, q, method="higher")) for q in (0.4, 0.5, 0.6)
  ]


def limit(cell: dict[str, Any]) -> int:
  """More episodes than this a trial needed that was not solved.

  The budget, less the window that confirms where it is no learning time: no
  trial can be said to have needed more.
  """
  config = ml_collections.ConfigDict(cell["config"])
  return cell["budget"] - judge.confirming(config)


def growth(cells: list[dict[str, Any]]) -> dict[str, float] | None:
  """Fits log(episodes) = a + b delay + s N(0, 1) to the trials of all delays.

  By maximum likelihood, in which a trial that was not solved counts as one that
  takes longer than its `limit` (a Tobit model).

  Returns:
    b, and `low` and `high` of its 95% confidence interval from the curvature;
    None where fewer than two delays have a solved trial.
  """
  delay = np.concatenate([np.full(c["seeds"], c["delay"]) for c in cells])
  log = np.log(
    np.concatenate(
      [np.where(c["solved"], c["episodes"], limit(c)) for c in cells]
    ).astype(float)
  )
  solved = np.concatenate([c["solved"] for c in cells]).astype(bool)
  if len(np.unique(delay[solved])) < 2:
    return None
  scale = max(float(np.ptp(delay)), 1.0)
  x = (delay - delay.mean()) / scale
  slope, height = np.polyfit(x, log, 1)
  spread = max(float(np.std(log - slope * x - height)), 1e-2)

  @jax.jit
  def loss(p):
    a, b, log_s = p
    z = (log - a - b * x) / jnp.exp(log_s)
    seen = -0.5 * z**2 - log_s
    longer = jax.scipy.stats.norm.logsf(z)
    return -jnp.sum(jnp.where(solved, seen, longer))

  start = np.array([height, slope, np.log(spread)])
  options = {"maxiter": 4000, "xatol": 1e-7, "fatol": 1e-7}
  with jax.enable_x64(True):
    found = scipy.optimize.minimize(
      loss, start, method="Nelder-Mead", options=options
    )
    curvature = np.asarray(jax.hessian(loss)(found.x))
  try:
    error = np.sqrt(np.linalg.inv(curvature)[1, 1])
  except np.linalg.LinAlgError:
    return None
  if not np.isfinite(error):
    return None
  b = found.x[1]
  return {
    "b": float(b / scale),
    "low": float((b - 1.96 * error) / scale),
    "high": float((b + 1.96 * error) / scale),
  }
