"""Rows of the tables, and where they come from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.tables import markdown
from common.tables.cells import ORIGIN

from . import sweep_runner

# What the authors' demonstration code says of itself, in its README; of RUDDER,
# before its commit 698043b, "bugfix: delta states for redistribution".
DEMONSTRATION = {
  "rudder": "1,900 to 3,800 (before its bug fix)",
  "q_learning": "about 71,800",
  "monte_carlo": "27,700 to > 240,000",
}


def origin(cells: Sequence[dict[str, Any]]) -> str:
  """Where cells come from: minutes in all, device, commits."""
  minutes = sum(c["minutes"] + c["compile_seconds"] / 60 for c in cells)
  stamps = dict.fromkeys(
    f"{c['provenance']['device']}, {c['provenance']['commit']}" for c in cells
  )
  return f"{minutes:.1f}, {'; '.join(stamps)}"


def count(value: float, limit: int) -> str:
  """A number of episodes; beyond the limit where it is infinite."""
  return f"{value:,.0f}" if np.isfinite(value) else f"> {limit:,}"


def spread(cell: dict[str, Any]) -> str:
  """Median [40%, 60%] of the trials, and how many of them were not solved."""
  limit = sweep_runner.limit(cell)
  low, middle, high = (count(q, limit) for q in sweep_runner.quantiles(cell))
  lost = cell["seeds"] - sum(cell["solved"])
  text = f"{middle} [{low}, {high}]"
  return text + (f", {lost} censored" if lost else "")


def factor(fit: dict[str, float] | None, steps: int) -> str:
  """By how much episodes grow with so many steps of delay: [95% interval]."""
  if fit is None:
    return "-"
  with np.errstate(over="ignore"):
    low, b, high = (np.exp(steps * fit[k]) for k in ("low", "b", "high"))
  return f"{b:.2f} [{low:.2f}, {high:.2f}]"


def trials(cells: Sequence[dict[str, Any]]) -> str:
  """How many trials a cell has, and which delays have others."""
  usual = cells[0]["seeds"]
  others = [c for c in cells if c["seeds"] != usual]
  return ", ".join(
    [f"{usual}", *(f"{c['seeds']} at {c['delay']}" for c in others)]
  )


def tasks(
  cells: dict[tuple[str, str], list[dict[str, Any]]], steps: dict[str, int]
) -> str:
  """A row a task and method; a column would not do, delays differ.

  Args:
    cells: (task, method) -> its cells, by delay.
    steps: of each task, by which its growth is told.
  """
  rows = []
  for (task, method), of in cells.items():
    rows.append(
      [
        task,
        sweep_runner.METHODS[method][2],
        "; ".join(f"{c['delay']}: {spread(c)}" for c in of),
        f"{factor(sweep_runner.growth(of), steps[task])} per {steps[task]}",
        trials(of),
        origin(of),
      ]
    )
  header = [
    "task",
    "method",
    "delay: episodes, median [40%, 60%] of trials",
    "growth with steps of delay [95%]",
    "trials",
    ORIGIN,
  ]
  return markdown.table(header, rows)


def watch(cells: dict[str, dict[str, Any]]) -> str:
  """The watches: the demonstration's numbers beside ours."""
  rows = []
  for method, cell in cells.items():
    episodes = np.where(cell["solved"], cell["episodes"], np.inf)
    limit = sweep_runner.limit(cell)
    ends = [count(e, limit) for e in (episodes.min(), episodes.max())]
    rows.append(
      [
        sweep_runner.METHODS[method][2],
        DEMONSTRATION.get(method, "-"),
        spread(cell),
        " to ".join(ends),
        f"{cell['seeds']}",
        origin([cell]),
      ]
    )
  header = [
    "method",
    "the demonstration's episodes",
    "ours, median [40%, 60%]",
    "ours, range",
    "trials",
    ORIGIN,
  ]
  return markdown.table(header, rows)


def bias_variance(cell: dict[str, Any]) -> str:
  """Episodes to reduce the bias by 80%, and states of high variance."""
  number = lambda value: f"{value:,.0f}" if np.isfinite(value) else "-"

  def of(name, delays, delay):
    """The values of `cell[name]`, `[kinds, delays]`, at one delay."""
    values = np.array(cell[name], float)
    if delay not in delays:
      return ["-"] * len(values)
    return [number(v) for v in values[:, delays.index(delay)]]

  near, far = cell["bias_delays"], cell["variance_delays"]
  rows = [
    [
      f"{delay}",
      *of("samples", near, delay),
      *of("high_variance", far, delay),
    ]
    for delay in sorted({*near, *far})
  ]
  header = [
    "delay",
    *(f"a fifth of the bias, {m}" for m in cell["methods"]),
    "states of high variance, Monte Carlo",
    "with RUDDER",
    "states",
  ]
  return markdown.table(header, rows)
