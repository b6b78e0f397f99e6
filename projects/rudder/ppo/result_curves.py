"""Table and figure of the learning curves: which learner is ahead, and when."""

import itertools
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats

from common.stats import ranks
from common.tables import figures, markdown

from ..figures import save
from .learning_curves import KINDS, LAMBDAS, TASKS

COMPARED = ("rudder", "delayed")  # The two that are tested.


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
  for all comparisons of the column; a row that is another's has its value.
  """
  tasks = list(dict.fromkeys(task for task, _ in cells))
  order = list(itertools.product(tasks, (*LAMBDAS, None)))
  parts = [
    {kind: by_lambda(cells[task, kind], value) for kind in KINDS}
    for task, value in order
  ]
  columns = {"last": "last tenth", "mean": "whole training"}
  compared = [
    (task, *(part[kind]["gae_lambda"] for kind in COMPARED))
    for (task, _), part in zip(order, parts, strict=True)
  ]
  p = {name: _corrected(compared, parts, name) for name in columns}
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


def _corrected(
  compared: Sequence[tuple], parts: Sequence[dict[str, Any]], name: str
) -> list[float]:
  """p of each row; rows that compare the same are one test."""
  found = {}
  for key, part in zip(compared, parts, strict=True):
    values = [part[kind][name]["values"] for kind in COMPARED]
    found[key] = float(scipy.stats.mannwhitneyu(*values).pvalue)
  corrected = dict(zip(found, ranks.holm(list(found.values())), strict=True))
  return [corrected[key] for key in compared]


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
  drawn = figures.figure(max(3.4 * len(tasks), 4.5), 2.7 * len(LAMBDAS))
  panels = drawn.subplots(
    len(LAMBDAS), len(tasks), squeeze=False, sharex="col", sharey="col"
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
  for axes in panels[-1]:
    axes.set_xlabel("environment steps of a seed")
  for axes in panels[:, 0]:
    axes.set_ylabel("return, without delay")
  handles, labels = panels[0, 0].get_legend_handles_labels()
  drawn.legend(
    handles,
    labels,
    loc="outside lower center",
    ncol=len(KINDS) if len(tasks) > 1 else 1,
    fontsize=9,
  )
  save(drawn, path)


def smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
  """Means over the last `width` updates (fewer at the start), `[seeds, n]`."""
  total = np.cumsum(values, axis=1)
  before = np.pad(total, ((0, 0), (width, 0)))[:, : values.shape[1]]
  counts = np.minimum(np.arange(values.shape[1]) + 1, width)
  return (total - before) / counts
