"""Learning curves of PPO and PPO+RUDDER, with and without the delay.

Ours: the paper compares them on Atari games only. All seeds of a curve are one
program; a curve is kept in a file of its own, and not computed again.
"""

import functools
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import matplotlib
import ml_collections
import numpy as np
import scipy.stats
from jax import numpy as jnp
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
TASKS = {
  "cartpole": "CartPole",
  "acrobot": "Acrobot",
  "breakout": "Breakout (MinAtar)",
  "space_invaders": "SpaceInvaders (MinAtar)",
}
LEARNERS = {"ppo": ppo, "ppo_rudder": ppo_rudder}


def curves(
  config: ml_collections.ConfigDict, seeds: int, describe: str
) -> dict[str, Any]:
  """Trains seeds 0 .. seeds - 1 as one program.

  Seed i computes what one training with `config.seed = i` computes.

  Args:
    config: of a learner "ppo" or "ppo_rudder".
    seeds: how many.
    describe: for the progress bar.

  Returns:
    `returns` [seeds][updates], undelayed, mean over the update's environments;
    `steps_per_update`, of all environments; `last`, each seed's mean over the
    last tenth of the updates, summarised; and times, in seconds.
  """
  learner = LEARNERS[config.learner]
  step = learner.make_train_step(config)
  length = config.steps_per_call
  roots = jax.vmap(jax.random.key)(jnp.arange(seeds))
  begin = lambda root: learner.init(keys.named(root, "init"), config)
  states = jax.jit(jax.vmap(begin))(roots)

  def advance(states):
    once = lambda states, _: jax.vmap(step, (0, None))(states, None)
    return jax.lax.scan(once, states, length=length)

  start = time.perf_counter()
  program = jax.jit(advance, donate_argnums=0).lower(states).compile()
  compiled = time.perf_counter() - start
  found = []
  with tqdm(total=config.total_steps, desc=describe, mininterval=5) as bar:
    for _ in range(config.total_steps // length):
      states, metrics = program(states)
      found.append(jax.device_get(metrics))
      bar.update(length)
  seconds = time.perf_counter() - start - compiled
  metrics = {
    name: np.concatenate([f[name] for f in found]).T for name in found[0]
  }
  returns = metrics["return"]
  tail = max(returns.shape[1] // 10, 1)
  steps = config.batch_size * config.rollout_steps
  return {
    "returns": np.round(returns, 2).astype(float).tolist(),
    "last": cell_files.summary(returns[:, -tail:].mean(axis=1).tolist()),
    "mean": cell_files.summary(returns.mean(axis=1).tolist()),
    "quality": _over_seeds(metrics.get("quality")),
    "lesson_loss": _over_seeds(metrics.get("lesson_loss")),
    "steps_per_update": steps,
    "seeds": seeds,
    "seconds": round(seconds, 1),
    "compile_seconds": round(compiled, 1),
    "steps_per_second": round(seeds * steps * config.total_steps / seconds),
    "config": cell_files.recorded(config),
  }


def _over_seeds(values: np.ndarray | None) -> list[float] | None:
  """The mean over seeds at every update."""
  if values is None:
    return None
  return np.round(values.mean(axis=0), 4).astype(float).tolist()


def all_curves(
  out: pathlib.Path,
  config_of: Callable[[str, list[str]], ml_collections.ConfigDict],
  seeds: int,
  quick: bool = False,
  fresh: bool = False,
) -> dict[tuple[str, str], dict[str, Any]]:
  """All tasks and kinds of curves, kept as `out/ppo_<task>_<kind>.json`.

  Args:
    out: folder of the results.
    config_of: `(name, variants) -> config`.
    seeds: of each curve.
    quick: the configs' smoke variants.
    fresh: computes what is there, too.

  Returns:
    (task, kind) -> what `curves` returns, with the provenance.
  """
  cells = {}
  for task in TASKS:
    for kind, (variants, label, _) in KINDS.items():
      path = out / f"ppo_{task}_{kind}.json"
      config = config_of(task, [variants, "smoke" if quick else ""])
      compute = functools.partial(
        curves, config, seeds, f"{TASKS[task]}: {label}"
      )
      cells[task, kind] = cell_files.cached(path, compute, fresh)
  return cells


def kept(out: pathlib.Path) -> dict[tuple[str, str], dict[str, Any]]:
  """As `all_curves`, without computing: tasks whose three curves are there."""
  path = lambda task, kind: out / f"ppo_{task}_{kind}.json"
  return {
    (task, kind): cell_files.load(path(task, kind))
    for task in TASKS
    for kind in KINDS
    if all(path(task, any_kind).exists() for any_kind in KINDS)
  }


def table(cells: dict[tuple[str, str], dict[str, Any]]) -> str:
  """Markdown: a row a task, returns at the end and over the whole training.

  `p` is of a two-sided Mann-Whitney test of PPO+RUDDER's seeds against PPO's,
  both with the delay.
  """
  rows = []
  for task in dict.fromkeys(task for task, _ in cells):
    here = {kind: cells[task, kind] for kind in KINDS}
    row = [TASKS[task]]
    for name in ("last", "mean"):
      row += [_interval(here[kind][name]) for kind in KINDS]
      values = [here[kind][name]["values"] for kind in ("rudder", "delayed")]
      row.append(f"{scipy.stats.mannwhitneyu(*values).pvalue:.2g}")
    rudder = here["rudder"]
    done = len(rudder["returns"][0]) * rudder["steps_per_update"]
    seconds = [c["seconds"] + c["compile_seconds"] for c in here.values()]
    row += [f"{done:,}", f"{rudder['seeds']}", f"{sum(seconds) / 60:.1f}"]
    rows.append(row)
  kinds = ["PPO, original", "PPO, delayed", "PPO+RUDDER, delayed", "p"]
  header = [
    "task",
    *(f"last tenth: {kind}" for kind in kinds),
    *(f"whole training: {kind}" for kind in kinds),
    "steps of a seed",
    "seeds",
    "minutes",
  ]
  return markdown.table(header, rows)


def _interval(summary: dict[str, Any]) -> str:
  low, high = summary["quartiles"]
  return f"{summary['median']:.3g} [{low:.3g}, {high:.3g}]"


def figure(
  path: pathlib.Path, cells: dict[tuple[str, str], dict[str, Any]]
) -> None:
  """Draws the curves: median over seeds, and quartiles as a band."""
  tasks = list(dict.fromkeys(task for task, _ in cells))
  drawn, panels = plt.subplots(
    1,
    len(tasks),
    figsize=(max(3.4 * len(tasks), 4.5), 3.6),
    layout="constrained",
    squeeze=False,
  )
  for axes, task in zip(panels[0], tasks, strict=True):
    for kind, (_, label, colour) in KINDS.items():
      cell = cells[task, kind]
      returns = smooth(np.array(cell["returns"]))
      steps = (np.arange(returns.shape[1]) + 1) * cell["steps_per_update"]
      low, median, high = np.quantile(returns, [0.25, 0.5, 0.75], axis=0)
      axes.plot(steps, median, color=colour, label=label)
      axes.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
    axes.set(title=TASKS[task], xlabel="environment steps of a seed")
    axes.ticklabel_format(axis="x", style="sci", scilimits=(3, 3))
  panels[0, 0].set_ylabel("return, without delay")
  handles, labels = panels[0, 0].get_legend_handles_labels()
  drawn.legend(
    handles,
    labels,
    loc="outside lower center",
    ncol=len(KINDS) if len(tasks) > 1 else 1,
  )
  drawn.savefig(path, dpi=110)
  plt.close(drawn)


def smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
  """Means over the last `width` updates (fewer at the start), `[seeds, n]`."""
  total = np.cumsum(values, axis=1)
  before = np.pad(total, ((0, 0), (width, 0)))[:, : values.shape[1]]
  counts = np.minimum(np.arange(values.shape[1]) + 1, width)
  return (total - before) / counts
