"""Learning curves of PPO and PPO+RUDDER, with and without the delay.

Ours: the paper compares them on Atari games only. Every method is tried with
two lambdas of its advantages, and for each chooses its learning rate among as
many as the others, on seeds that are not reported. All trainings of a phase
are one program: lambda and learning rate are its arguments. A cell is kept in a
file of its own, and not computed again.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from tqdm import tqdm

from common import keys
from common.tables import cells as cell_files
from common.tables import reproduce

from . import train as trainings

# Name of the curve: the config's variants, label, colour.
KINDS = {
  "original": ("original,ppo", "PPO, original reward", "#9aa5b1"),
  "delayed": ("ppo", "PPO, delayed reward", "#1f77b4"),
  "rudder": ("", "PPO+RUDDER, delayed reward", "#d1495b"),
}
# Name of the task: the config's name and variant, label.
TASKS = {
  "cartpole": ("cartpole", "", "CartPole"),
  "cartpole_noisy": ("cartpole", "noisy", "CartPole, noisy reward"),
  "acrobot": ("acrobot", "", "Acrobot"),
  "breakout": ("breakout", "", "Breakout (MinAtar)"),
  "space_invaders": ("space_invaders", "", "SpaceInvaders (MinAtar)"),
}
# What every method is tried with; the rates are what it chooses among.
LAMBDAS = (0.95, 1.0)
RATES = (3e-4, 1e-3)
# Seeds 0 .. 4 choose, 5 .. 14 are reported: both phases train equally many.
CHOOSING, REPORTED = 5, 10


class Plan(NamedTuple):
  """Trainings side by side, `[n]` each."""

  seed: np.ndarray
  gae_lambda: np.ndarray
  learning_rate: np.ndarray


def plan(rows: Sequence[tuple[int, float, float]]) -> Plan:
  """A plan of rows of a seed, a lambda and a rate."""
  seed, gae_lambda, rate = zip(*rows, strict=True)
  return Plan(np.int32(seed), np.float32(gae_lambda), np.float32(rate))


def make_trainings(
  config: ml_collections.ConfigDict, describe: str
) -> Callable[[Plan], dict[str, np.ndarray]]:
  """Returns `train(plan) -> metrics`, compiled at its first call.

  Row i computes what one training with its numbers in the config computes.

  Args:
    config: of a learner "ppo" or "ppo_rudder".
    describe: for the progress bar.

  Returns:
    A function of a plan. Metrics are `[n, updates]`; `return` is undelayed, the
    mean over an update's environments.
  """
  learner = trainings.learner(config)

  def own(values):
    here = config.copy_and_resolve_references().unlock()
    with here.ignore_type():  # Arguments of the program are no floats.
      here.gae_lambda, here.learning_rate = values
    return here

  def begin(seed, values):
    root = jax.random.key(seed)
    return learner.init(keys.named(root, "init"), own(values))

  def step(state, values):
    return learner.make_train_step(own(values))(state, None)

  @functools.partial(jax.jit, donate_argnums=0)
  def advance(states, values):
    once = lambda states, _: jax.vmap(step)(states, values)
    return jax.lax.scan(once, states, length=config.steps_per_call)

  begin = jax.jit(jax.vmap(begin))

  def train(rows: Plan) -> dict[str, np.ndarray]:
    values = rows.gae_lambda, rows.learning_rate
    states = begin(rows.seed, values)
    found = []
    with tqdm(total=config.total_steps, desc=describe, mininterval=5) as bar:
      for _ in range(config.total_steps // config.steps_per_call):
        states, metrics = advance(states, values)
        found.append(jax.device_get(metrics))
        bar.update(config.steps_per_call)
    stacked = lambda name: np.concatenate([f[name] for f in found]).T
    return {name: stacked(name) for name in found[0]}

  return train


def choose(
  config: ml_collections.ConfigDict, train: Callable, seeds: int = CHOOSING
) -> dict[str, Any]:
  """Tries each learning rate with each lambda, on seeds 0 .. `seeds` - 1.

  `train` is `make_trainings` of the config.

  Returns:
    `looked_at`: a dict for each pair, of `gae_lambda`, `learning_rate` and
    `score`, the mean return over the whole training and the seeds; and the
    config.
  """
  pairs = list(itertools.product(LAMBDAS, RATES))
  rows = [(seed, *pair) for pair in pairs for seed in range(seeds)]
  returns = train(plan(rows))["return"]
  scores = returns.reshape(len(pairs), -1).mean(axis=1)
  looked_at = [
    {"gae_lambda": pair[0], "learning_rate": pair[1], "score": float(score)}
    for pair, score in zip(pairs, scores, strict=True)
  ]
  return {
    "looked_at": looked_at,
    "seeds": seeds,
    "config": cell_files.recorded(config),
  }


def curves(
  config: ml_collections.ConfigDict,
  train: Callable,
  choice: dict[str, Any],
  seeds: int = REPORTED,
) -> dict[str, Any]:
  """Trains seeds that have not chosen, with each lambda and its best rate.

  `train` is `make_trainings` of the config, `choice` what `choose` returns; the
  `seeds` seeds are those that follow its.

  Returns:
    `chosen`: a dict for each lambda, of its `learning_rate`, its `score` and
    what `summarised` says of the seeds; how many settings and seeds there were;
    and the config.
  """
  chosen = [
    max(
      (look for look in choice["looked_at"] if look["gae_lambda"] == value),
      key=lambda look: look["score"],
    )
    for value in LAMBDAS
  ]
  first = choice["seeds"]
  rows = [
    (seed, look["gae_lambda"], look["learning_rate"])
    for look in chosen
    for seed in range(first, first + seeds)
  ]
  metrics = train(plan(rows))
  of = lambda i: {
    name: values[i * seeds : (i + 1) * seeds]
    for name, values in metrics.items()
  }
  return {
    "chosen": [{**look, **summarised(of(i))} for i, look in enumerate(chosen)],
    "settings": len(choice["looked_at"]),
    "choosing_seeds": first,
    "seeds": seeds,
    "steps_per_update": config.batch_size * config.rollout_steps,
    "config": cell_files.recorded(config),
  }


def summarised(metrics: dict[str, np.ndarray]) -> dict[str, Any]:
  """What is kept of seeds' metrics `[seeds, updates]`.

  Returns:
    `returns` [seeds][updates]; `last`, each seed's mean over the last tenth of
    the updates, and `mean`, over all of them, summarised; `quality` and
    `lesson_loss` of RUDDER, means over seeds.
  """
  returns = metrics["return"]
  tail = max(returns.shape[1] // 10, 1)
  return {
    "returns": np.round(returns, 2).astype(float).tolist(),
    "last": cell_files.summary(returns[:, -tail:].mean(axis=1).tolist()),
    "mean": cell_files.summary(returns.mean(axis=1).tolist()),
    "quality": _over_seeds(metrics.get("quality")),
    "lesson_loss": _over_seeds(metrics.get("lesson_loss")),
  }


def _over_seeds(values: np.ndarray | None) -> list[float] | None:
  """The mean over seeds at every update."""
  return (
    None if values is None else np.round(np.float64(values).mean(0), 4).tolist()
  )


def all_curves(
  context: reproduce.Context, only: str
) -> dict[tuple[str, str], dict[str, Any]]:
  """All tasks and kinds of curves, kept as `<out>/ppo_<task>_<kind>.json`.

  By what each chose its learning rates is kept beside it, `.._choice.json`.

  Args:
    context: a quick one has few seeds.
    only: the one task to compute, if not all; of the others those are shown
      whose three curves are there.

  Returns:
    (task, kind) -> what `curves` returns, with the provenance.
  """
  sizes = (1, 2) if context.quick else (CHOOSING, REPORTED)
  cells = {}
  for task, (name, variant, said) in TASKS.items():
    cell_of = {kind: f"ppo_{task}_{kind}" for kind in KINDS}
    for kind, (variants, label, _) in KINDS.items():
      if only and task != only:
        break
      config = reproduce.config_of(context, name, variants, variant)
      train = make_trainings(config, f"{said}: {label}")
      compute = functools.partial(choose, config, train, sizes[0])
      choice = reproduce.cell(context, f"{cell_of[kind]}_choice", compute)
      compute = functools.partial(curves, config, train, choice, sizes[1])
      reproduce.cell(context, cell_of[kind], compute)
    path = lambda name: context.out / f"{name}.json"
    if all(path(name).exists() for name in cell_of.values()):
      for kind, name in cell_of.items():
        cell = cell_files.load(path(name))
        choice = cell_files.load(path(f"{name}_choice"))
        minutes = cell["minutes"] + choice["minutes"]
        cells[task, kind] = {**cell, "minutes": minutes}
  return cells
