"""Learning curves of PPO and PPO+RUDDER, with and without the delay.

Ours: the paper compares them on Atari games only. Every method is tried with
two lambdas of its advantages, and for each chooses its learning rate among as
many as the others, on seeds that are not reported. All trainings of a phase
are one program: lambda and learning rate are its arguments. A cell is kept in a
file of its own, and not computed again.
"""

import functools
import itertools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import matplotlib
import ml_collections
import numpy as np
import scipy.stats
from tqdm import tqdm

from common import keys
from common.tables import cells as cell_files
from common.tables import markdown

from . import ppo, ppo_rudder

matplotlib.use("Agg")  # No screen is needed, or looked for.
from matplotlib import pyplot as plt

# Name of the curve: the config's variants, label, colour.
KINDS = {
  "original": ("original,ppo", "PPO, original reward", "#9aa5b1"),
  "delayed": ("ppo", "PPO, delayed reward", "#1f77b4"),
  "rudder": ("", "PPO+RUDDER, delayed reward", "#d1495b"),
}
# Name of the task: the config's name and variant, label.
TASKS = {
  "cartpole": ("cartpole", "", "CartPole"),
  "cartpole_luck": ("cartpole", "luck", "CartPole with luck"),
  "acrobot": ("acrobot", "", "Acrobot"),
  "breakout": ("breakout", "", "Breakout (MinAtar)"),
  "space_invaders": ("space_invaders", "", "SpaceInvaders (MinAtar)"),
}
LEARNERS = {"ppo": ppo, "ppo_rudder": ppo_rudder}
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
  learner = LEARNERS[config.learner]

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

  Args:
    config: of a learner "ppo" or "ppo_rudder".
    train: `make_trainings` of it.
    seeds: how many.

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

  Args:
    config: of a learner "ppo" or "ppo_rudder".
    train: `make_trainings` of it.
    choice: what `choose` returns; the seeds are those that follow its.
    seeds: how many.

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
  out: pathlib.Path,
  config_of: Callable[[str, list[str]], ml_collections.ConfigDict],
  quick: bool = False,
  fresh: bool = False,
  only: str = "",
) -> dict[tuple[str, str], dict[str, Any]]:
  """All tasks and kinds of curves, kept as `out/ppo_<task>_<kind>.json`.

  By what each chose its learning rates is kept beside it, `.._choice.json`.

  Args:
    out: folder of the results.
    config_of: `(name, variants) -> config`.
    quick: the configs' smoke variants, and few seeds.
    fresh: computes what is there, too.
    only: the one task to compute, if not all; of the others those are shown
      whose three curves are there.

  Returns:
    (task, kind) -> what `curves` returns, with the provenance.
  """
  sizes = (1, 2) if quick else (CHOOSING, REPORTED)
  cells = {}
  for task, (name, variant, said) in TASKS.items():
    paths = {kind: out / f"ppo_{task}_{kind}.json" for kind in KINDS}
    for kind, (variants, label, _) in KINDS.items():
      if only and task != only:
        break
      asked = [variants, variant, "smoke" if quick else ""]
      config, path = config_of(name, asked), paths[kind]
      train = make_trainings(config, f"{said}: {label}")
      compute = functools.partial(choose, config, train, sizes[0])
      choice = cell_files.cached(choice_of(path), compute, fresh)
      compute = functools.partial(curves, config, train, choice, sizes[1])
      cell_files.cached(path, compute, fresh)
    if all(path.exists() for path in paths.values()):
      for kind, path in paths.items():
        cell, choice = map(cell_files.load, (path, choice_of(path)))
        minutes = cell["minutes"] + choice["minutes"]
        cells[task, kind] = {**cell, "minutes": minutes}
  return cells


def choice_of(path: pathlib.Path) -> pathlib.Path:
  """Where it is kept how a cell's learning rates were chosen."""
  return path.with_stem(f"{path.stem}_choice")


def by_lambda(cell: dict[str, Any], gae_lambda: float | None) -> dict[str, Any]:
  """The part of a cell with a lambda; None: with the one that it chooses.

  As with the rate: by the higher score on the choosing seeds.
  """
  if gae_lambda is None:
    return max(cell["chosen"], key=lambda part: part["score"])
  return next(p for p in cell["chosen"] if p["gae_lambda"] == gae_lambda)


def table(cells: dict[tuple[str, str], dict[str, Any]]) -> str:
  """Markdown: returns at the end and over the whole training, by lambda.

  A row a task and lambda, and one in which each method has the lambda that it
  chooses on its choosing seeds. `p` is of a two-sided Mann-Whitney test of
  PPO+RUDDER's seeds against PPO's, both with the delay, by Holm's correction
  for all rows of the column.
  """
  tasks = list(dict.fromkeys(task for task, _ in cells))
  order = list(itertools.product(tasks, (*LAMBDAS, None)))
  parts = [
    {kind: by_lambda(cells[task, kind], value) for kind in KINDS}
    for task, value in order
  ]
  columns = {"last": "last tenth", "mean": "whole training"}
  p = {name: holm([_p(part, name) for part in parts]) for name in columns}
  rows = []
  for i, ((task, value), part) in enumerate(zip(order, parts, strict=True)):
    row = [TASKS[task][2], "chosen" if value is None else f"{value:g}"]
    for name in columns:
      row += [_interval(part[kind][name]) for kind in KINDS]
      row.append(f"{p[name][i]:.2g}")
    settings = [part[kind]["learning_rate"] for kind in KINDS]
    told = [f"{rate:g}" for rate in settings]
    if value is None:
      lambdas = [part[kind]["gae_lambda"] for kind in KINDS]
      told = [f"{a} at {b:g}" for a, b in zip(told, lambdas, strict=True)]
    here = [cells[task, kind] for kind in KINDS]
    steps = len(part["rudder"]["returns"][0]) * here[-1]["steps_per_update"]
    row += [", ".join(told), f"{steps:,}", f"{here[-1]['seeds']}"]
    row.append(f"{sum(c['minutes'] for c in here):.1f}")
    rows.append(row)
  kinds = ["PPO, original", "PPO, delayed", "PPO+RUDDER, delayed", "p (Holm)"]
  header = [
    "task",
    "λ",
    *(f"{said}: {kind}" for said in columns.values() for kind in kinds),
    "learning rates of the three",
    "steps of a seed",
    "seeds",
    "minutes",
  ]
  return markdown.table(header, rows)


def _p(part: dict[str, Any], name: str) -> float:
  """Of one row: RUDDER's seeds against those of PPO with the delay."""
  values = [part[kind][name]["values"] for kind in ("rudder", "delayed")]
  return float(scipy.stats.mannwhitneyu(*values).pvalue)


def holm(p: Sequence[float]) -> list[float]:
  """Holm's step-down correction: the largest of (n - i) p_(i) up to each.

  Args:
    p: of n tests.

  Returns:
    Corrected, in the same order; at most 1.
  """
  raw = np.asarray(p, np.float64)
  order = np.argsort(raw, kind="stable")
  factors = len(raw) - np.arange(len(raw))
  stepped = np.maximum.accumulate(factors * raw[order])
  corrected = np.empty_like(raw)
  corrected[order] = np.minimum(stepped, 1.0)
  return corrected.tolist()


def _interval(summary: dict[str, Any]) -> str:
  low, high = summary["quartiles"]
  return f"{summary['median']:.3g} [{low:.3g}, {high:.3g}]"


def figure(
  path: pathlib.Path, cells: dict[tuple[str, str], dict[str, Any]]
) -> None:
  """Draws the curves: median over seeds, and quartiles as a band.

  A column a task, a row a lambda.
  """
  tasks = list(dict.fromkeys(task for task, _ in cells))
  drawn, panels = plt.subplots(
    len(LAMBDAS),
    len(tasks),
    figsize=(max(3.4 * len(tasks), 4.5), 2.7 * len(LAMBDAS)),
    layout="constrained",
    squeeze=False,
    sharex="col",
    sharey="col",
  )
  for (i, value), (j, task) in itertools.product(
    enumerate(LAMBDAS), enumerate(tasks)
  ):
    axes = panels[i, j]
    for kind, (_, label, colour) in KINDS.items():
      cell = cells[task, kind]
      returns = smooth(np.array(by_lambda(cell, value)["returns"]))
      steps = (np.arange(returns.shape[1]) + 1) * cell["steps_per_update"]
      low, median, high = np.quantile(returns, [0.25, 0.5, 0.75], axis=0)
      axes.plot(steps, median, color=colour, label=label)
      axes.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
    axes.set_title(f"{TASKS[task][2]}, λ = {value:g}", fontsize=10)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(3, 3))
  drawn.supxlabel("environment steps of a seed", fontsize=10)
  drawn.supylabel("return, without delay", fontsize=10)
  handles, labels = panels[0, 0].get_legend_handles_labels()
  columns = len(KINDS) if len(tasks) > 1 else 1
  drawn.legend(handles, labels, loc="outside lower center", ncol=columns)
  drawn.savefig(path, dpi=110)
  plt.close(drawn)


def smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
  """Means over the last `width` updates (fewer at the start), `[seeds, n]`."""
  total = np.cumsum(values, axis=1)
  before = np.pad(total, ((0, 0), (width, 0)))[:, : values.shape[1]]
  counts = np.minimum(np.arange(values.shape[1]) + 1, width)
  return (total - before) / counts
