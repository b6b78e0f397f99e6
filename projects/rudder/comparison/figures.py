"""Figures of the tables."""

import pathlib

import numpy as np

from ..figures import panels, save
from . import sweep_runner

COLOURS = {
  "rudder": "#d1495b",
  "rudder_q_lambda": "#edae49",
  "q_lambda": "#30638e",
  "q_lambda_at_once": "#30638e",
  "sarsa_lambda": "#66a182",
  "monte_carlo": "#2e4057",
  "mcts": "#8d6a9f",
  "rs_moves": "#00a6a6",
  "rs_distance": "#8fb8de",
  "look_ahead": "#b08968",
  "look_back": "#6c757d",
}
TITLES = {
  "grid_world": "Task I: the bomb",
  "choice": "Task II: the choice",
  "trace_back": "Task III: trace back",
}
BIAS = {
  "td": ("TD", "#30638e"),
  "monte_carlo": ("Monte Carlo", "#2e4057"),
  "rudder": ("RUDDER", "#d1495b"),
}


def tasks_figure(path: pathlib.Path, cells: dict) -> None:
  """Episodes to solve against the delay, a panel a task.

  Medians, with bands from the 40% to the 60% quantile; a triangle at the limit
  is a median beyond it. Dotted: nothing is delayed.

  Args:
    path: of the PNG.
    cells: (task, method) -> cells, by delay; see `sweep_runner.cell`.
  """
  names = list(dict.fromkeys(task for task, _ in cells))
  figure, row_of_axes = panels(len(names), 4.6, 4.4)
  for axes, task in zip(row_of_axes, names, strict=True):
    for (of, method), row in cells.items():
      if of != task:
        continue
      delays = [c["delay"] for c in row]
      limit = sweep_runner.limit(row[0])
      q = np.array([sweep_runner.quantiles(c) for c in row])
      low, middle, high = np.minimum(q, limit).T
      colour = COLOURS[method]
      label = sweep_runner.METHODS[method][2]
      line = ":" if method.endswith("at_once") else "-"
      axes.plot(
        delays, middle, line, color=colour, marker="o", ms=4, label=label
      )
      axes.fill_between(delays, low, high, color=colour, alpha=0.2, lw=0)
      beyond = np.isinf(q[:, 1])
      axes.plot(
        np.array(delays)[beyond],
        middle[beyond],
        color=colour,
        marker="^",
        ms=9,
        ls="",
      )
    axes.set(title=TITLES[task], xlabel="delay", yscale="log")
  row_of_axes[0].set_ylabel("episodes until solved")
  # One for all panels, beside none of whose curves there is room.
  shown = {}
  for axes in row_of_axes:
    handles, labels = axes.get_legend_handles_labels()
    shown |= dict(zip(labels, handles, strict=True))
  figure.legend(
    [*shown.values()], [*shown], loc="outside lower center", ncols=6, fontsize=7
  )
  save(figure, path)


def bias_variance_figure(path: pathlib.Path, cell: dict) -> None:
  """How the bias falls, what that takes, and states of high variance."""
  figure, (left, middle, right) = panels(3, 13 / 3, 3.8)
  bias = np.array(cell["bias"])
  for i, (label, colour) in enumerate(BIAS.values()):
    for j, delay in enumerate(cell["bias_delays"]):
      shade = 0.3 + 0.7 * (j + 1) / len(cell["bias_delays"])
      left.plot(
        cell["episodes"],
        np.maximum(bias[i, j], 1e-6),
        color=colour,
        alpha=shade,
        label=f"{label}, delay {delay}" if shade == 1 else None,
      )
    middle.plot(
      cell["bias_delays"],
      np.array(cell["samples"][i], float),
      color=colour,
      marker="o",
      label=label,
    )
  left.set(
    xlabel="episodes",
    ylabel="normalised squared bias",
    yscale="log",
    ylim=(1e-4, 2),
    title="darker: more delay",
  )
  middle.set(
    xlabel="delay", ylabel="episodes to a fifth of the bias", yscale="log"
  )
  counts = np.array(cell["high_variance"], float)
  for of, (label, colour) in zip(
    counts[:2], (BIAS["monte_carlo"], BIAS["rudder"]), strict=True
  ):
    right.plot(
      cell["variance_delays"], of, color=colour, marker="o", label=label
    )
  right.set(xlabel="delay", ylabel="states of high variance", yscale="symlog")
  for axes in (left, middle, right):
    axes.legend(fontsize=7)
  save(figure, path)
