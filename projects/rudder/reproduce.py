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

import argparse
import json
import pathlib
import time
from typing import Any

import numpy as np

from common import cli, report

from .tabular import bias_variance, figures, result_tables, sweep_runner

_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name
# Steps of delay by which the growth of each task is told.
STEPS = {"grid_world": 1, "choice": 100, "trace_back": 10}
WATCH = ("rudder", "q_learning", "monte_carlo")


def config_of(name: str, quick: bool, seeds: int) -> Any:
  """The config of a task; with `seeds` of 0, as many as it says."""
  config = sweep_runner.config_of(_PROJECT, name, quick)
  config.seeds = seeds or config.seeds
  return config


def tasks(out: pathlib.Path, quick: bool, fresh: bool, seeds: int) -> str:
  """Tasks I, II and III; returns the table and draws the three panels."""
  cells = {}
  for task, methods in sweep_runner.TASKS.items():
    config = config_of(task, quick, seeds)
    config.max_delay = max(config.delays)
    for method in methods:
      cells[task, method] = [
        report.cached(
          out / f"{task}_{method}_{delay}.json",
          lambda c=config, m=method, d=delay: sweep_runner.cell(
            c, m, d, c.seeds
          ),
          fresh,
        )
        for delay in config.delays
      ]
  figures.tasks_figure(out / "tasks.png", cells)
  return result_tables.tasks(cells, STEPS)


def watch(out: pathlib.Path, quick: bool, fresh: bool, seeds: int) -> str:
  """The demonstration's task; returns the table."""
  config = config_of("watch_repair", quick, seeds)
  cells = {
    method: report.cached(
      out / f"watch_repair_{method}.json",
      lambda m=method: sweep_runner.cell(
        config, m, config.max_delay, config.seeds
      ),
      fresh,
    )
    for method in WATCH
  }
  return result_tables.watch(cells)


def bias_and_variance(
  out: pathlib.Path, quick: bool, fresh: bool, seeds: int
) -> str:
  """The numbers of `bias_variance.py`; returns the table and draws it."""
  config = config_of("bias_variance", quick, seeds)

  def compute():
    start = time.perf_counter()
    found = bias_variance.measure_all(config)
    return {
      **{name: np.float64(values).tolist() for name, values in found.items()},
      "methods": [figures.BIAS[m][0] for m in bias_variance.METHODS],
      "bias_delays": list(config.bias_delays),
      "variance_delays": list(config.variance_delays),
      "minutes": (time.perf_counter() - start) / 60,
      "compile_seconds": 0.0,  # Among the minutes.
      "config": json.loads(config.to_json()),
    }

  cell = report.cached(out / "bias_variance.json", compute, fresh)
  figures.bias_variance_figure(out / "bias_variance.png", cell)
  rows = result_tables.bias_variance(cell)
  return f"{rows}\nMinutes, device, commit: {result_tables.origin([cell])}.\n"


def ppo(out: pathlib.Path, quick: bool, fresh: bool, seeds: int) -> str:
  """Curves of `ppo/learning_curves.py`; returns the table and draws them."""
  from .ppo import learning_curves  # Tables do without.

  def config(name, variants):
    module = sweep_runner.module_of(_PROJECT, name)
    return module.get_config(",".join(filter(None, variants)))

  seeds = seeds or (2 if quick else 10)
  cells = learning_curves.all_curves(out, config, seeds, quick, fresh)
  learning_curves.figure(out / "ppo.png", cells)
  return learning_curves.table(cells)


TABLES = {
  "tasks": tasks,
  "watch": watch,
  "bias_variance": bias_and_variance,
  "ppo": ppo,
}


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add("--table", choices=TABLES, default="tasks")
  add("--seeds", type=int, default=0, help="by default as the configs say")
  add("--quick", action="store_true", help="a minute's worth of everything")
  add("--fresh", action="store_true", help="compute cells that are there, too")
  add("--out", metavar="DIR", help=f"instead of results/{_PROJECT}")
  with cli.sentences():
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
  """Computes what the arguments say; prints the table, and keeps it."""
  name, quick = arguments.table, arguments.quick
  default = "runs/quick" if quick else f"results/{_PROJECT}"
  out = pathlib.Path(arguments.out or default)
  out.mkdir(parents=True, exist_ok=True)
  table = TABLES[name](out, quick, arguments.fresh, arguments.seeds)
  print(table)
  if not quick and not arguments.out:
    report.insert_table(_HERE / "README.md", name, table)


if __name__ == "__main__":
  main()
