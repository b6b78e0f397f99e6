"""Reproduces the paper's tables, and writes down what came out.

    python -m projects.snn.reproduce --table=uci --data_dir=DIR
    python -m projects.snn.reproduce --table=htru2 --data_dir=DIR
    python -m projects.snn.reproduce --table=tox21 --data_dir=DIR
    python -m projects.snn.reproduce --table=theorem

`uci`: seven methods, and two references from scikit-learn, on every task of the
folder. `htru2`: the same and more on ten nested folds. `tox21`: AUC against
depth. `theorem`: the checks of Theorems 1 to 3, and the moments in a network of
32 layers. Numbers go to `results/snn/` and into the tables of this project's
README; a sweep goes on where it was stopped. `--only=iris,wine` restricts the
tasks, `--quick` takes generated data and changes neither results nor README.
Several processes share a sweep with --coordinator=HOST:PORT --processes=N
--process=I, on one file system; the first writes the table.
"""

import importlib
import pathlib

import jax
import ml_collections
import numpy as np
from absl import flags
from jax import numpy as jnp

from common import command, population, report
from common.errors import InputError, check_choice
from common.stats import ranks

from . import (
  data,
  journal,
  model,
  pictures,
  proofs,
  summaries,
  theorem,
)

_TABLE = flags.DEFINE_string("table", "uci", "uci, htru2, tox21 or theorem.")
_ONLY = flags.DEFINE_list("only", [], "Names of tasks; all where empty.")
_METHODS = flags.DEFINE_list("methods", [], "Which to train; by default all.")
_PAPER = flags.DEFINE_bool("paper", False, "The paper's grid; needs a GPU.")
_QUICK = flags.DEFINE_bool("quick", False, "Seconds, on generated data.")
_OUT = flags.DEFINE_string("out", None, "Default: results/snn.")
_DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the tasks' files are.")
_CACHE_DIR = flags.DEFINE_string("cache_dir", "", "For an archive's tasks.")

UCI_REFERENCES = ("random_forest", "svm")
_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name


def config_of(name: str, variant: str) -> ml_collections.ConfigDict:
  """Loads `configs/<project>/<name>.py`, unlocked."""
  module = importlib.import_module(f"configs.{_PROJECT}.{name}")
  config = module.get_config(variant)
  config.unlock()
  config.data_dir, config.cache_dir = _DATA_DIR.value, _CACHE_DIR.value
  return config


def theorem_table(out: pathlib.Path) -> str:
  """Checks Theorems 1 to 3, draws the pictures; returns the table."""
  checks = {
    "Theorem 1: norm of the Jacobian < 1": proofs.theorem_1(),
    "Theorem 2: new / old variance < 1": proofs.theorem_2(),
    "Theorem 3: new / old variance > 1": proofs.theorem_3(
      domain=proofs.THEOREM_3[0]
    ),
    "Theorem 3, on its second domain": proofs.theorem_3(
      domain=proofs.THEOREM_3[1]
    ),
  }
  curves = {
    summaries.PRINTED[method]: moments_by_layer(method)
    for method in ("selu", "msra_init", "batch_norm")
  }
  pictures.vector_field_plot(out / "vector_field.png")
  pictures.depth_plot(out / "depth.png", curves)
  mean, variance, steps = theorem.fixed_point(start=(0.1, 1.5))
  report.save_results(
    out / "theorem.json",
    {
      "checks": checks,
      "fixed_point": [float(mean), float(variance), int(steps)],
      "jacobian": theorem.jacobian(0.0, 0.0, 1.0, 1.0).tolist(),
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
  return report.markdown_table(header, rows)


def moments_by_layer(method: str, depth: int = 32) -> np.ndarray:
  """Mean and variance of activations after each layer, `[depth, 2]`.

  Of an untrained network of 256 units a layer, on normal inputs; batch norm by
  the statistics of the batch, as in training.
  """
  width, batch = 256, 1024
  x = jax.random.normal(jax.random.key(1), (batch, width))
  whole = model.Network(method, (width,) * depth, width)
  present = jnp.ones(width, bool)
  params, stats = model.init(whole, jax.random.key(0), present)
  # The last layer hands on what it is given; shorter networks share the rest.
  params["out"] = {"kernel": jnp.eye(width), "bias": jnp.zeros(width)}
  out = []
  for layers in range(1, depth + 1):
    net = model.Network(method, (width,) * layers, width)
    hidden, _ = model.apply_train(net, params, stats, x, 0.0, jax.random.key(2))
    out.append((jnp.mean(hidden), jnp.var(hidden)))
  return np.asarray(out, np.float64)


def main(argv: list[str]) -> None:
  """The command."""
  del argv
  check_choice("table", _TABLE.value, ("uci", "htru2", "tox21", "theorem"))
  population.use_all_cores()
  command.join_processes()
  for method in _METHODS.value:
    check_choice("methods", method, summaries.HTRU2_METHODS)
  quick = _QUICK.value
  default = "runs/quick" if quick else f"results/{_PROJECT}"
  out = pathlib.Path(_OUT.value or default)
  out.mkdir(parents=True, exist_ok=True)
  if _TABLE.value == "theorem":
    table = theorem_table(out)
  else:
    table = {"uci": uci, "htru2": htru2, "tox21": tox21}[_TABLE.value](
      out, quick
    )
  print(table)
  if not quick and not _OUT.value and not _ONLY.value:
    report.insert_table(_HERE / "README.md", _TABLE.value, table)


def uci(out: pathlib.Path, quick: bool) -> str:
  """Sweeps what is missing, writes the results; returns the table."""
  variant = "smoke" if quick else "paper" * _PAPER.value
  config = config_of("uci", variant)
  if quick:
    every = ["blobs"]
  elif not _DATA_DIR.value:
    raise InputError("say where the tasks' files are with --data_dir=DIR")
  else:
    every = data.uci_names(config.data_dir, config.cache_dir or None)
  for name in _ONLY.value:
    check_choice("only", name, every)
  methods = _METHODS.value or [*model.METHODS, *UCI_REFERENCES]
  units = {name: {"name": name} for name in _ONLY.value or every}
  name = "uci_paper" if _PAPER.value else "uci"
  found = journal.swept(config, units, methods, out / f"{name}.jsonl")
  results = summaries.uci_results(*found)
  report.save_results(out / f"{name}.json", results)
  summary = results["summary"]
  if summary:
    pictures.rank_plot(
      out / f"{name}_ranks.png",
      [summaries.PRINTED[method] for method in summary],
      [s["rank_difference"] + 4 for s in summary.values()],
      ranks.critical_difference(len(summary), results["tasks"]),
    )
  return summaries.uci_table(results)


def htru2(out: pathlib.Path, quick: bool) -> str:
  """Sweeps what is missing, writes the results; returns the table."""
  variant = "smoke" if quick else "paper" * _PAPER.value
  config = config_of("htru2", variant)
  if not quick and not _DATA_DIR.value:
    raise InputError("say where HTRU_2.csv is with --data_dir=DIR")
  units = {f"fold {i}": {"fold": i} for i in range(1 if quick else 10)}
  name = "htru2_paper" if _PAPER.value else "htru2"
  methods = _METHODS.value or list(summaries.HTRU2_METHODS)
  records, broken = journal.swept(config, units, methods, out / f"{name}.jsonl")
  if broken:
    raise InputError(next(iter(broken.values())))
  results = summaries.htru2_results(records)
  report.save_results(out / f"{name}.json", results)
  return summaries.htru2_table(results)


def tox21(out: pathlib.Path, quick: bool) -> str:
  """Sweeps what is missing, writes the results; returns the table."""
  variant = "smoke" if quick else "paper" * _PAPER.value
  config = config_of("tox21", variant)
  if not quick and not _DATA_DIR.value:
    raise InputError("say where the challenge's files are with --data_dir=DIR")
  name = "tox21_paper" if _PAPER.value else "tox21"
  methods = _METHODS.value or list(model.METHODS)
  units = {"tox21": {}}
  records, broken = journal.swept(config, units, methods, out / f"{name}.jsonl")
  if broken:
    raise InputError(next(iter(broken.values())))
  results = summaries.tox21_results(records)
  report.save_results(out / f"{name}.json", results)
  found = results["auc"]
  depths = [*config.grid.depth]
  column = lambda method, key: [
    found[method].get(str(depth), {}).get(key, np.nan) for depth in depths
  ]
  pictures.auc_by_depth_plot(
    out / f"{name}.png",
    depths,
    {summaries.PRINTED[m]: column(m, "mean") for m in found},
    {summaries.PRINTED[m]: column(m, "std") for m in found},
  )
  return summaries.tox21_table(results)


if __name__ == "__main__":
  command.execute(main)
