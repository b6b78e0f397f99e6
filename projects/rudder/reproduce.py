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

import json
import pathlib
import time
from typing import Any

import numpy as np
from absl import flags

from common import command, report
from common.errors import check_choice

from . import bias_variance, pictures, sweep, tables
from .deep import curves

_TABLE = flags.DEFINE_string("table", "tasks", "One of TABLES.")
_SEEDS = flags.DEFINE_integer("seeds", None, "Default: the configs'.")
_QUICK = flags.DEFINE_bool("quick", False, "A minute's worth of everything.")
_FRESH = flags.DEFINE_bool("fresh", False, "Compute cells that are there, too.")
_OUT = flags.DEFINE_string("out", None, "Default: results/rudder.")

_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name
TABLES = ("tasks", "watch", "bias_variance", "ppo")
# Steps of delay by which the growth of each task is told.
STEPS = {"grid_world": 1, "choice": 100, "trace_back": 10}
WATCH = ("rudder", "q_learning", "monte_carlo")


def config_of(name: str, quick: bool) -> Any:
  """The config of a task; `--seeds` changes it."""
  config = sweep.config_of(_PROJECT, name, quick)
  if _SEEDS.value:
    config.seeds = _SEEDS.value
  return config


def tasks(out: pathlib.Path, quick: bool, fresh: bool) -> str:
  """Tasks I, II and III; returns the table and draws the three panels."""
  cells = {}
  for task, methods in sweep.TASKS.items():
    config = config_of(task, quick)
    config.max_delay = max(config.delays)
    for method in methods:
      cells[task, method] = [
        tables.cached(
          out / f"{task}_{method}_{delay}.json",
          lambda c=config, m=method, d=delay: sweep.cell(c, m, d, c.seeds),
          fresh,
        )
        for delay in config.delays
      ]
  pictures.tasks_figure(out / "tasks.png", cells)
  return tables.tasks(cells, STEPS)


def watch(out: pathlib.Path, quick: bool, fresh: bool) -> str:
  """The demonstration's task; returns the table."""
  config = config_of("watch_repair", quick)
  cells = {
    method: tables.cached(
      out / f"watch_repair_{method}.json",
      lambda m=method: sweep.cell(config, m, config.max_delay, config.seeds),
      fresh,
    )
    for method in WATCH
  }
  return tables.watch(cells)


def bias_and_variance(out: pathlib.Path, quick: bool, fresh: bool) -> str:
  """The study of `bias_variance.py`; returns the table and draws it."""
  config = config_of("bias_variance", quick)

  def compute():
    start = time.perf_counter()
    found = bias_variance.study(config)
    return {
      **{name: np.float64(values).tolist() for name, values in found.items()},
      "methods": [pictures.BIAS[m][0] for m in bias_variance.METHODS],
      "bias_delays": list(config.bias_delays),
      "variance_delays": list(config.variance_delays),
      "minutes": (time.perf_counter() - start) / 60,
      "compile_seconds": 0.0,  # Among the minutes.
      "config": json.loads(config.to_json()),
    }

  cell = tables.cached(out / "bias_variance.json", compute, fresh)
  pictures.bias_variance_figure(out / "bias_variance.png", cell)
  rows = tables.bias_variance(cell)
  return f"{rows}\nMinutes, device, commit: {tables.origin([cell])}.\n"


def ppo(out: pathlib.Path, quick: bool, fresh: bool) -> str:
  """The curves of `deep/curves.py`; returns the table and draws them."""

  def config(name, variants):
    module = sweep.module_of(_PROJECT, name)
    return module.get_config(",".join(filter(None, variants)))

  cells = curves.study(
    out, config, _SEEDS.value or (2 if quick else 10), quick, fresh
  )
  curves.figure(out / "ppo.png", cells)
  return curves.table(cells)


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  check_choice("table", _TABLE.value, TABLES)
  quick = _QUICK.value
  out = pathlib.Path(
    _OUT.value or ("runs/quick" if quick else f"results/{_PROJECT}")
  )
  out.mkdir(parents=True, exist_ok=True)
  make = dict(zip(TABLES, (tasks, watch, bias_and_variance, ppo), strict=True))[
    _TABLE.value
  ]
  table = make(out, quick, _FRESH.value)
  print(table)
  if not quick and not _OUT.value:
    report.insert_table(_HERE / "README.md", _TABLE.value, table)


if __name__ == "__main__":
  command.execute(main)
