"""Reproduces the paper's tables, and writes down what came out.

    python -m projects.snn.reproduce --table=uci --data_dir=DIR
    python -m projects.snn.reproduce --table=theorem

`uci`: seven methods, and two references from scikit-learn, on every task of the
folder. `theorem`: the checks of Theorems 1 to 3, and the moments in a network
of 32 layers. Numbers go to `results/snn/` and into the tables of this project's
README; a sweep goes on where it was stopped. `--only=iris,wine` restricts the
tasks, `--quick` takes generated data and changes neither results nor README.
"""

import importlib
import pathlib
import sys
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import flags
from jax import numpy as jnp
from tqdm import tqdm

from common import command, population, report
from common.errors import InputError, check_choice
from common.stats import ranks

from . import (
  data,
  model,
  pictures,
  proofs,
  published,
  references,
  sweep,
  tasks,
  theorem,
)

_TABLE = flags.DEFINE_string("table", "uci", "uci or theorem.")
_ONLY = flags.DEFINE_list("only", [], "Names of tasks; all where empty.")
_ALL = (*model.METHODS, *references.METHODS)
_METHODS = flags.DEFINE_list("methods", list(_ALL), "Which to train.")
_PAPER = flags.DEFINE_bool("paper", False, "The paper's grid; needs a GPU.")
_QUICK = flags.DEFINE_bool("quick", False, "Seconds, on generated data.")
_OUT = flags.DEFINE_string("out", None, "Default: results/snn.")
_DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the tasks' files are.")
_CACHE_DIR = flags.DEFINE_string("cache_dir", "", "For an archive's tasks.")

# What the paper calls our methods.
PRINTED = dict(zip(model.METHODS, published.METHODS, strict=True))
_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name


def config_of(name: str, variant: str) -> ml_collections.ConfigDict:
  """Loads `configs/<project>/<name>.py`, unlocked."""
  module = importlib.import_module(f"configs.{_PROJECT}.{name}")
  config = module.get_config(variant)
  config.unlock()
  config.data_dir, config.cache_dir = _DATA_DIR.value, _CACHE_DIR.value
  return config


def uci_sweep(
  config: ml_collections.ConfigDict,
  names: list[str],
  methods: list[str],
  journal: population.Journal,
) -> dict[str, str]:
  """Trains what the journal does not have yet; returns the broken tasks.

  Pieces are (task, method, graph), tasks of like shape after each other, so
  that compiled programs are used while they are there.
  """
  broken, ready = {}, {}
  for name in names:
    config.data.name = name
    try:
      task = tasks.load(config)
    except InputError as error:
      broken[name] = str(error)
      continue
    ready[name] = (task.parts["train"].x.shape, tasks.outputs(config, task))
  pieces = [
    (name, group)
    for name in sorted(ready, key=lambda name: (ready[name], name))
    for method in methods
    for group in (
      (method,)
      if method in references.METHODS
      else sweep.groups(config, method)
    )
    if f"{name}/{group}" not in journal
  ]
  pieces = population.mine(pieces)
  bar = tqdm(pieces, dynamic_ncols=True, disable=jax.process_index() > 0)
  # A file is not redrawn ten times a second.
  bar.mininterval = 0.2 if sys.stderr.isatty() else 30
  task = None
  for name, group in bar:
    bar.set_description(f"{name}, {group}", refresh=False)
    if task is None or task.name != name:
      config.data.name = name
      task = tasks.load(config)
    train = references.record if group in references.METHODS else sweep.record
    journal.write(f"{name}/{group}", train(config, task, group))
  return broken


def uci_results(
  records: list[dict[str, Any]], broken: dict[str, str]
) -> dict[str, Any]:
  """What the records say: accuracies, ranks, tests, depths; plain data.

  Ranks and tests are over the tasks that all networks have finished, ours and
  the paper's on the same tasks. A method that diverged everywhere on a task
  has rank last there.
  """
  by: dict[tuple[str, str], list[dict[str, Any]]] = {}
  for record in records:
    by.setdefault((record["task"], record["method"]), []).append(record)
  best = {}
  for (task, method), group in by.items():
    if method in references.METHODS:
      best[task, method] = group[0]["best"] or None
    else:
      members = sweep.chosen(group)
      best[task, method] = members[0] if members else None
  names = sorted({task for task, _ in by})
  done = [n for n in names if all((n, m) in best for m in model.METHODS)]
  score = lambda n, m: (best.get((n, m)) or {}).get("test", np.nan)
  ours = np.array([[score(n, m) for m in model.METHODS] for n in done])
  ours = ours.reshape(len(done), len(model.METHODS))
  paper = published.uci()
  where = {n: i for i, n in enumerate(paper.sets)}
  both = [i for i, n in enumerate(done) if n in where]
  theirs = paper.accuracy[[where[done[i]] for i in both]]
  reference = {
    m: {n: score(n, m) for n in done if np.isfinite(score(n, m))}
    for m in references.METHODS
  }
  summary = {}
  if len(done) > 1:
    middle = (len(model.METHODS) + 1) / 2
    rank = ranks.average_ranks(ours, missing="last") - middle
    rank_paper = ranks.average_ranks(theirs, missing="last") - middle
    filled = np.nan_to_num(ours, nan=0.0)
    for i, method in enumerate(model.METHODS):
      depths = [best[n, method]["depth"] for n in done if best[n, method]]
      summary[method] = {
        "rank_difference": float(rank[i]),
        "rank_difference_paper_same_tasks": float(rank_paper[i]),
        "p_against_snn": None
        if i == 0
        else float(ranks.one_sided_wilcoxon(filled[:, 0], filled[:, i])),
        "mean_depth": float(np.mean(depths)),
        "mean_accuracy": float(np.nanmean(ours[:, i])),
        "mean_accuracy_paper": float(np.nanmean(theirs[:, i])),
      }
  return {
    "tasks": len(done),
    "summary": summary,
    "accuracy": {
      n: dict(zip(model.METHODS, map(float, row), strict=True))
      for n, row in zip(done, ours, strict=True)
    },
    "references": reference,
    "broken": broken,
    "hours": sum(record["seconds"] for record in records) / 3600,
  }


def uci_table(results: dict[str, Any]) -> str:
  """The table of the README from what `uci_results` returned."""
  rows = []
  for method, s in results["summary"].items():
    name, p = PRINTED[method], s["p_against_snn"]
    rows.append(
      [
        name,
        f"{published.RANK_DIFFERENCES[name]:+.3f}",
        f"{s['rank_difference_paper_same_tasks']:+.3f}",
        f"{s['rank_difference']:+.3f}",
        "-" if p is None else f"{published.P_VALUES[name]:.1e}",
        "-" if p is None else f"{p:.1e}",
        f"{100 * s['mean_accuracy_paper']:.1f}",
        f"{100 * s['mean_accuracy']:.1f}",
        f"{published.MEAN_DEPTHS[name]:.1f}",
        f"{s['mean_depth']:.1f}",
      ]
    )
  snn = {n: row["SNN" if "SNN" in row else "snn"] for n, row in
         results["accuracy"].items()}  # fmt: skip
  for method, scores in results["references"].items():
    if scores:
      ours = 100 * np.mean(list(scores.values()))
      beside = 100 * np.nanmean([snn[n] for n in scores])
      rows.append(
        [f"{method} ({len(scores)} tasks; SNN there {beside:.1f})"]
        + ["-"] * 6
        + [f"{ours:.1f}", "-", "-"]
      )
  header = [
    "method", "rank - 4, paper", "paper, these tasks", "ours", "p, paper",
    "p, ours", "accuracy, paper", "ours", "depth, paper", "ours",
  ]  # fmt: skip
  note = (
    f"\n{results['tasks']} tasks, {results['hours']:.1f} core hours"
    + (f"; broken: {', '.join(results['broken'])}" if results["broken"] else "")
    + ".\n"
  )
  return report.markdown_table(header, rows) + note


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
    PRINTED[method]: moments_by_layer(method)
    for method in ("snn", "msra_init", "batch_norm")
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
  check_choice("table", _TABLE.value, ("uci", "theorem"))
  for method in _METHODS.value:
    check_choice("methods", method, _ALL)
  quick = _QUICK.value
  default = "runs/quick" if quick else f"results/{_PROJECT}"
  out = pathlib.Path(_OUT.value or default)
  out.mkdir(parents=True, exist_ok=True)
  if _TABLE.value == "theorem":
    table = theorem_table(out)
  else:
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
    name = "uci_paper" if _PAPER.value else "uci"
    with population.Journal(out / f"{name}.jsonl") as journal:
      names = _ONLY.value or every
      broken = uci_sweep(config, names, _METHODS.value, journal)
      results = uci_results(journal.records(), broken)
    report.save_results(out / f"{name}.json", results)
    table = uci_table(results)
    summary = results["summary"]
    if summary:
      pictures.rank_plot(
        out / f"{name}_ranks.png",
        [PRINTED[method] for method in summary],
        [s["rank_difference"] + 4 for s in summary.values()],
        ranks.critical_difference(len(summary), results["tasks"]),
      )
  print(table)
  if not quick and not _OUT.value and not _ONLY.value:
    report.insert_table(_HERE / "README.md", _TABLE.value, table)


if __name__ == "__main__":
  command.execute(main)
