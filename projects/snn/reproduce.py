"""Reproduces the paper's tables, and writes down what came out.

    python -m projects.snn.reproduce --table=uci --data_dir=DIR
    python -m projects.snn.reproduce --table=htru2 --data_dir=DIR
    python -m projects.snn.reproduce --table=tox21 --data_dir=DIR
    python -m projects.snn.reproduce --table=fingerprints --data_dir=DIR
    python -m projects.snn.reproduce --table=figure1 --data_dir=DIR
    python -m projects.snn.reproduce --table=theorem

`uci`: seven methods, and two references from scikit-learn, on every task of the
folder. `uci_small`: the small ones with smaller batches, too. `htru2`: the same
and more on ten nested folds. `tox21`: AUC against depth; `tox21_more`: with
more features and rates; `tox21_wide`: with more units in a layer.
`fingerprints`: what Tox21's features are worth to a network, a random forest
and an SVM. `figure1`: deep networks on MNIST; `figure1_cifar10`: on CIFAR-10.
`theorem`: the checks of Theorems 1 to 3, and the moments in a network of 32
layers.
Numbers go to `results/snn/` and into the tables of this
project's README; a sweep goes on where it was stopped. `--only=iris,wine`
restricts the tasks, `--depths=16,32` adds to the grid's depths, `--quick` takes
generated data and changes neither results nor README.
Several processes share a sweep with --coordinator=HOST:PORT --processes=N
--process=I, on one file system; the first writes the table.
"""

import argparse
import functools
from collections.abc import Callable, Sequence
from typing import Any

import ml_collections
import numpy as np

from common import cli, population
from common.errors import InputError, check_names
from common.stats import ranks
from common.tables import cells, markdown, reproduce

from . import (
  asked,
  figure1,
  model,
  pictures,
  result_tables,
  setting_costs,
  sweep,
  sweep_runner,
  tox21_tables,
)
from .theory import depth, moment_map, proofs

REFERENCES = ("random_forest", "svm")


def theorem_table(context: reproduce.Context) -> str:
  """Checks Theorems 1 to 3, draws the pictures; returns the table."""
  checks = {
    "Theorem 1: norm of the Jacobian < 1": proofs.theorem_1(),
    "Theorem 2: new / old variance < 1": proofs.theorem_2(),
    "Theorem 3: new / old variance > 1": proofs.theorem_3(),
    "Theorem 3, on its second domain": proofs.theorem_3(
      domain=proofs.THEOREM_3[1]
    ),
  }
  curves = {
    result_tables.PAPER_NAMES[method]: depth.moments_by_layer(method)
    for method in ("selu", "msra_init", "batch_norm")
  }
  pictures.vector_field_plot(context.out / "vector_field.png")
  pictures.depth_plot(context.out / "depth.png", curves)
  mean, variance, steps = moment_map.fixed_point(start=(0.1, 1.5))
  cells.save(
    context.out / "theorem.json",
    {
      "checks": checks,
      "fixed_point": [float(mean), float(variance), int(steps)],
      "jacobian": moment_map.jacobian(0.0, 0.0, 1.0, 1.0).tolist(),
      "moments_by_layer": {m: c.tolist() for m, c in curves.items()},
    },
  )
  rows = [
    [
      name,
      "yes" if check["holds"] else "no",
      *(
        f"{value:.7f}"
        for key in ("found", "bound")
        for kind in ("norm", "ratio")
        if (value := check.get(f"{kind}_{key}")) is not None
      ),
      f"{check['cells']:.0f}",
      f"{check['seconds']:.2f}",
    ]
    for name, check in checks.items()
  ]
  header = ["claim", "holds", "worst value found", "bound", "cells", "seconds"]
  return markdown.table(header, rows)


def uci(context: reproduce.Context) -> str | dict[str, str]:
  """Sweeps what is missing, writes the results; returns the tables."""
  config, arguments = asked.config_of(context, "uci"), context.arguments
  every = asked.uci_tasks(context, config)
  check_names("--only", arguments.only, every)
  with_more = lambda depths: tuple(sorted({*depths, *arguments.depths}))
  config.grid.depth = with_more(config.grid.depth)
  config.grid.blocks = with_more(config.grid.blocks)
  methods = arguments.methods or [*model.METHODS, *REFERENCES]
  units = {name: {"name": name} for name in arguments.only or every}
  name = asked.name_of(context, "uci")
  found = sweep_runner.complete_sweep(
    config, units, methods, context.out / f"{name}.jsonl"
  )
  networks = [m for m in model.METHODS if m in methods]
  lacking = sweep.lacking(config, networks)
  results = result_tables.uci_results(*found, networks, lacking)
  if not asked.may_write(context):
    return result_tables.uci_table(results)
  results["by_setting"] = setting_costs.costs(found[0], networks, lacking)
  cells.save(context.out / f"{name}.json", results)
  summary = results["summary"]
  if len(summary) > 1:
    pictures.rank_plot(
      context.out / f"{name}_ranks.png",
      [result_tables.PAPER_NAMES[method] for method in summary],
      [s["rank_difference"] + (len(summary) + 1) / 2 for s in summary.values()],
      ranks.critical_difference(len(summary), results["tasks"]),
    )
    pictures.ranks_by_depth_plot(
      context.out / f"{name}_depth.png",
      [results["by_depth"], results["by_depth_in_part"]],
      result_tables.PAPER_NAMES,
    )
  return {
    "uci": result_tables.uci_table(results),
    "uci_depth": result_tables.uci_depth_tables(results),
    "uci_settings": setting_costs.table(results["by_setting"]),
  }


def uci_small(context: reproduce.Context) -> str:
  """Small tasks with the batches of `uci` and with smaller ones."""
  base = asked.name_of(context, "uci")
  methods = context.arguments.methods or [*model.METHODS]
  networks = [m for m in model.METHODS if m in methods]
  tasks = asked.small_tasks(context, asked.config_of(context, "uci"))
  found = []
  for variant in ("", "small_batches"):
    config = asked.config_of(context, "uci", variant)
    records, broken = sweep_runner.complete_sweep(
      config,
      {name: {"name": name} for name in tasks},
      networks,
      context.out / f"{'_'.join(filter(None, [base, variant]))}.jsonl",
      last=bool(variant),
    )
    depths = set().union(*sweep.depths(config, networks).values())
    some = [
      record
      for record in records
      if record["task"] in tasks and record.get("depth") in depths
    ]
    lacking = sweep.lacking(config, networks)
    results = result_tables.uci_results(some, broken, networks, lacking)
    found.append({"batch_size": config.batch_size, **results})
  if asked.may_write(context):
    cells.save(context.out / f"{base}_small.json", {"batches": found})
  return result_tables.uci_batches_table(found)


def swept(
  context: reproduce.Context,
  config: ml_collections.ConfigDict,
  units: dict[str, dict[str, Any]],
  methods: list[str],
  name: str,
  files: str,
) -> list[dict[str, Any]]:
  """The records of a sweep of one data set, whose journal has this name.

  Raises:
    InputError: it is not said where the `files` are, or they cannot be read.
  """
  asked.need_files(context, files)
  records, broken = sweep_runner.complete_sweep(
    config, units, methods, context.out / f"{name}.jsonl"
  )
  if broken:
    raise InputError(next(iter(broken.values())))
  return records


def htru2(context: reproduce.Context) -> str:
  """Sweeps what is missing, writes the results; returns the table."""
  config, arguments = asked.config_of(context, "htru2"), context.arguments
  units = {f"fold {i}": {"fold": i} for i in range(1 if context.quick else 10)}
  name = asked.name_of(context, "htru2")
  methods = arguments.methods or list(result_tables.HTRU2_METHODS)
  records = swept(context, config, units, methods, name, "HTRU_2.csv is")
  results = result_tables.htru2_results(records)
  cells.save(context.out / f"{name}.json", results)
  return result_tables.htru2_table(results)


def tox21(context: reproduce.Context, variant: str = "") -> str:
  """Sweeps what is missing, writes the results; returns the table."""
  config = asked.config_of(context, "tox21", variant)
  arguments = context.arguments
  name = asked.name_of(context, "tox21", variant)
  methods = arguments.methods or list(model.METHODS)
  check_names("--methods", methods, model.METHODS)
  units = {"tox21": {}}
  records = swept(
    context, config, units, methods, name, "the challenge's files are"
  )
  results = tox21_tables.auc_results(records)
  cells.save(context.out / f"{name}.json", results)
  found = results["auc"]
  depths = [*config.grid.depth]
  column = lambda method, key: [
    found[method].get(str(depth), {}).get(key, np.nan) for depth in depths
  ]
  pictures.auc_by_depth_plot(
    context.out / f"{name}.png",
    depths,
    {result_tables.named(m): column(m, "mean") for m in found},
    {result_tables.named(m): column(m, "std") for m in found},
  )
  return tox21_tables.auc_table(results)


def fingerprints(context: reproduce.Context) -> str:
  """Sweeps what is missing, writes the results; returns the table."""
  config, arguments = asked.config_of(context, "tox21"), context.arguments
  config.grid.depth = config.grid.blocks = (config.depth,)
  units = {
    f"{families} in {share:.1%}": {
      # A name of its own, so that it is read anew.
      "name": f"{families} in {share:.1%}",
      "fingerprints": tuple(families.split(" + ")),
      "fingerprint_share": share,
    }
    for share in config.grid.fingerprint_share
    for families in config.grid.fingerprints
  }
  methods = arguments.methods or ["selu", *REFERENCES]
  name = asked.name_of(context, "fingerprints")
  records = swept(
    context, config, units, methods, name, "the challenge's files are"
  )
  results = tox21_tables.fingerprint_results(records)
  cells.save(context.out / f"{name}.json", results)
  return tox21_tables.fingerprint_table(results)


def prepared(
  table: Callable[[reproduce.Context], str | dict[str, str]],
  context: reproduce.Context,
) -> str | dict[str, str]:
  """The table, on all cores and with the other processes of `--coordinator`.

  Of some tasks or methods alone it is printed, and does not go into the README.
  """
  arguments = context.arguments
  if arguments.fresh and table not in CELLS:
    raise InputError(
      f"--fresh: a sweep begins anew once its records {context.out}/*.jsonl "
      "are removed"
    )
  check_names("--methods", arguments.methods, list(result_tables.HTRU2_METHODS))
  if (arguments.only or arguments.depths) and table is not uci:
    raise InputError("--only and --depths are of --table=uci: leave them out")
  population.use_all_cores()
  cli.join_processes(
    arguments.coordinator, arguments.processes, arguments.process
  )
  found = table(context)
  return reproduce.printed(found) if asked.in_part(context) else found


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of the sweeps."""
  add = parser.add_argument
  names = lambda text: [name for name in text.split(",") if name]
  names = {"type": names, "default": [], "metavar": "NAMES"}
  add("--only", help="of --table=uci: tasks, with commas; else all", **names)
  add("--methods", help="networks, with commas; else all", **names)
  whole = cli.whole(1)
  numbers = lambda text: [whole(number) for number in text.split(",")]
  deeper = (
    "of --table=uci: these, too, with commas; chosen from once all tasks "
  )
  deeper += "have them"
  depths = {"type": numbers, "default": [], "metavar": "NUMBERS"}
  add("--depths", help=deeper, **depths)
  paper = "the paper's grid of settings; needs a GPU"
  add("--paper", action="store_true", help=paper)
  folder = {"default": "", "metavar": "DIR"}
  add("--data_dir", help="where the table's data files are", **folder)
  cache = "keep here what is slow to read; else in ~/.cache/snn"
  add("--cache_dir", help=cache, **folder)
  first = "of several processes: where the first one listens"
  add("--coordinator", metavar="HOST:PORT", help=first)
  add("--processes", type=int, default=1, metavar="N", help="how many")
  which = "number of this one, from 0"
  add("--process", type=int, default=0, metavar="I", help=which)


# Tables whose cells are files, each computed at once.
_cifar10 = functools.partial(figure1.figure1, variant="cifar10")
CELLS = (theorem_table, figure1.figure1, _cifar10)
TABLES = {
  "uci": uci,
  "uci_small": uci_small,
  "htru2": htru2,
  "tox21": tox21,
  "tox21_more": functools.partial(tox21, variant="more"),
  "tox21_wide": functools.partial(tox21, variant="wide"),
  "fingerprints": fingerprints,
  "figure1": figure1.figure1,
  "figure1_cifar10": _cifar10,
  "theorem": theorem_table,
}


def main(argv: Sequence[str] | None = None) -> None:
  """The command; `argv` instead of the command line's arguments."""
  tables = {n: functools.partial(prepared, t) for n, t in TABLES.items()}
  reproduce.main(__doc__, __file__, tables, add_arguments, argv=argv)


if __name__ == "__main__":
  main()
