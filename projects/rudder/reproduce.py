"""Reproduces the paper's claims, and writes down what came out.

    python -m projects.rudder.reproduce --table=tasks
    python -m projects.rudder.reproduce --table=watch
    python -m projects.rudder.reproduce --table=bias_variance
    python -m projects.rudder.reproduce --table=ppo

`tasks`: episodes to solve tasks I, II and III against the delay. `watch`: the
authors' demonstration. `bias_variance`: why TD and Monte Carlo are slow,
against exact values. `ppo`: curves of PPO with and without RUDDER. Numbers go
to `results/rudder/` and into the tables of this project's README; a cell that
is there already is kept, unless `--fresh`. `--quick` does the same in a minute
or two and changes neither.
"""

import functools
from typing import Any

import numpy as np

from common.tables import cells, reproduce

from . import bias_variance, pictures, sweep, tables
from .deep import curves

# Steps of delay by which the growth of each task is told.
STEPS = {"grid_world": 1, "choice": 100, "trace_back": 10}
WATCH = ("rudder", "q_learning", "monte_carlo")


def config_of(context: reproduce.Context, name: str) -> Any:
  """The config of a task; with `--seeds=0`, as many as it says."""
  config = reproduce.config_of(context, name)
  config.seeds = context.seeds or config.seeds
  return config


def tasks(context: reproduce.Context) -> str:
  """Tasks I, II and III; returns the table and draws the three panels."""
  found = {}
  for task, methods in sweep.TASKS.items():
    config = config_of(context, task)
    config.max_delay = max(config.delays)
    for method in methods:
      found[task, method] = [
        reproduce.cell(
          context,
          f"{task}_{method}_{delay}",
          functools.partial(sweep.cell, config, method, delay, config.seeds),
        )
        for delay in config.delays
      ]
  pictures.tasks_figure(context.out / "tasks.png", found)
  return tables.tasks(found, STEPS)


def watch(context: reproduce.Context) -> str:
  """The demonstration's task; returns the table."""
  config = config_of(context, "watch_repair")
  sizes = config.max_delay, config.seeds
  found = {
    method: reproduce.cell(
      context,
      f"watch_repair_{method}",
      functools.partial(sweep.cell, config, method, *sizes),
    )
    for method in WATCH
  }
  return tables.watch(found)


def bias_and_variance(context: reproduce.Context) -> str:
  """The study of `bias_variance.py`; returns the table and draws it."""
  config = config_of(context, "bias_variance")

  def compute() -> dict[str, Any]:
    found = bias_variance.study(config)
    return {
      **{name: np.float64(values).tolist() for name, values in found.items()},
      "methods": [pictures.BIAS[m][0] for m in bias_variance.METHODS],
      "bias_delays": list(config.bias_delays),
      "variance_delays": list(config.variance_delays),
      "compile_seconds": 0.0,  # Among the minutes.
      "config": cells.recorded(config),
    }

  cell = reproduce.cell(context, "bias_variance", compute)
  pictures.bias_variance_figure(context.out / "bias_variance.png", cell)
  rows = tables.bias_variance(cell)
  return f"{rows}\nMinutes, device, commit: {tables.origin([cell])}.\n"


def ppo(context: reproduce.Context) -> str:
  """The curves of `deep/curves.py`; returns the table and draws them."""
  seeds = context.seeds or (2 if context.quick else 10)
  # The study names every variant, smoke among them.
  whole = context._replace(quick=False)
  config = lambda name, variants: reproduce.config_of(whole, name, *variants)
  study = curves.study(context.out, config, seeds, context.quick, context.fresh)
  curves.figure(context.out / "ppo.png", study)
  return curves.table(study)


TABLES = {
  "tasks": tasks,
  "watch": watch,
  "bias_variance": bias_and_variance,
  "ppo": ppo,
}

if __name__ == "__main__":
  reproduce.main(__doc__, __file__, TABLES, seeds=0)
