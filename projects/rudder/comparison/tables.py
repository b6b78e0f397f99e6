"""The tables of RUDDER with a table against its rivals.

    python -m projects.rudder.reproduce --table=tasks
    python -m projects.rudder.reproduce --table=watch
    python -m projects.rudder.reproduce --table=bias_variance

`tasks`: episodes to solve tasks I, II and III against the delay. `watch`: the
authors' demonstration. `bias_variance`: why TD and Monte Carlo are slow,
against exact values. `--only=choice` computes the cells of one task, and shows
of the others what is there. A cell that was stopped goes on behind the last
`trials_at_once` of its trials, which are in `--runs` until it has ended.
"""

import functools
import itertools
from typing import Any

import numpy as np

from common.errors import check_names
from common.tables import cells, reproduce

from . import bias_variance, figures, result_tables, sweep_runner

# Steps of delay by which the growth of each task is told.
STEPS = {"grid_world": 1, "choice": 100, "trace_back": 10}
WATCH = ("rudder", "q_learning", "monte_carlo")


def config_of(context: reproduce.Context, name: str) -> Any:
  """The config of a task; with `--seeds=0`, as many as it says."""
  config = reproduce.config_of(context, name)
  config.seeds = context.seeds or config.seeds
  return config


def _cell(context, name, config, method, delay):
  """The trials of a method; those that were stopped go on."""
  runs = reproduce.workdir(context, context.arguments.runs, name)
  compute = functools.partial(
    sweep_runner.cell, config, method, delay, config.seeds, runs
  )
  cell = reproduce.cell(context, name, compute)
  for path in runs.glob("trials_*.json"):  # The cell has what they say.
    path.unlink()
  return cell


def tasks(context: reproduce.Context) -> str:
  """Tasks I, II and III; returns the table and draws the three panels."""
  found = {}
  only = context.arguments.only
  check_names("--only", [only] * bool(only), list(sweep_runner.TASKS))
  for task, methods in sweep_runner.TASKS.items():
    config = config_of(context, task)
    for delay, method in itertools.product(config.delays, methods):
      # Room for this delay only: steps behind an episode's end cost as much.
      config.max_delay = config.delay = delay
      name = f"{task}_{method}_{delay}"
      if not only or task == only:
        cell = _cell(context, name, config, method, delay)
      elif (context.out / f"{name}.json").exists():
        cell = cells.load(context.out / f"{name}.json")
      else:
        continue
      found.setdefault((task, method), []).append(cell)
  figures.tasks_figure(context.out / "tasks.png", found)
  return result_tables.tasks(found, STEPS)


def watch(context: reproduce.Context) -> str:
  """The demonstration's task; returns the table."""
  config = config_of(context, "watch_repair")
  found = {
    method: _cell(
      context, f"watch_repair_{method}", config, method, config.max_delay
    )
    for method in WATCH
  }
  return result_tables.watch(found)


def bias_and_variance(context: reproduce.Context) -> str:
  """The numbers of `bias_variance.py`; returns the table and draws it."""
  config = config_of(context, "bias_variance")

  def compute() -> dict[str, Any]:
    found = bias_variance.measure_all(config)
    return {
      **{name: np.float64(values).tolist() for name, values in found.items()},
      "methods": [figures.BIAS[m][0] for m in bias_variance.METHODS],
      "bias_delays": list(config.bias_delays),
      "variance_delays": list(config.variance_delays),
      "compile_seconds": 0.0,  # Among the minutes.
      "config": cells.recorded(config),
    }

  cell = reproduce.cell(context, "bias_variance", compute)
  figures.bias_variance_figure(context.out / "bias_variance.png", cell)
  rows = result_tables.bias_variance(cell)
  return f"{rows}\nMinutes, device, commit: {result_tables.origin([cell])}.\n"


TABLES = {
  "tasks": tasks,
  "watch": watch,
  "bias_variance": bias_and_variance,
}
