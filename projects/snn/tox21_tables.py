"""Tables of Tox21: AUC against depth, and what fingerprints are worth."""

from typing import Any

import numpy as np

from common.tables import cells, markdown

from . import baselines, model, published
from .result_tables import named

_SCORES = ("validation", "test")


def auc_results(records: list[dict[str, Any]]) -> dict[str, Any]:
  """Mean AUC over the assays at each depth, over the repetitions; plain data.

  Each depth has one setting, chosen by the validation score averaged over its
  repetitions; one that diverged in any of them is not chosen.
  """
  out: dict[str, dict[str, Any]] = {}
  for record in records:
    names = ("learning_rate", "dropout", "weight_decay")
    shape = ("form", "width", "bottleneck", "block_layers")
    by: dict[tuple[float, ...], list[dict[str, Any]]] = {}
    for member in record["members"]:
      by.setdefault(tuple(member[n] for n in names), []).append(member)
    at_depth = out.setdefault(record["method"], {}).setdefault(
      str(record["depth"]), {}
    )
    for members in by.values():
      if any(member["diverged"] for member in members):
        continue
      validation = float(np.mean([m["validation"] for m in members]))
      if at_depth and validation <= at_depth["validation"]:
        continue
      auc = [member["test"] for member in members]
      at_depth.update(
        cells.summary(auc)
        | {n: members[0][n] for n in names}
        | {n: record[n] for n in shape if n in record}
        | {
          "validation": validation,
          "mean": float(np.mean(auc)),
          "std": float(np.std(auc, ddof=1)) if len(auc) > 1 else 0.0,
        }
      )
  hours = sum(record["seconds"] for record in records) / 3600
  auc = {m: out[m] for m in model.METHODS if m in out}
  return {"auc": auc, "hours": hours}


def auc_table(results: dict[str, Any]) -> str:
  """The table of the README from what `auc_results` returned."""
  rows, auc = [], results["auc"]
  tried = {int(depth) for found in auc.values() for depth in found}
  columns = {
    depth: i for i, depth in enumerate(published.TOX21_DEPTHS) if depth in tried
  }
  for method, found in auc.items():
    name = named(method)
    paper, error = published.TOX21_AUC[name], published.TOX21_ERROR[name]
    theirs = (_percent(paper[i], error[i]) for i in columns.values())
    ours = (found.get(str(depth)) for depth in columns)
    rows.append([f"{name}, paper", *theirs])
    rows.append(
      [
        "ours",
        *(
          _percent(100 * s["mean"], 100 * s["std"]) if s else "-" for s in ours
        ),
      ]
    )
  header = ["layers (ResNet: blocks)", *map(str, columns)]
  note = f"\n{results['hours']:.1f} core hours.\n"
  return markdown.table(header, rows) + note


def _percent(mean: float, error: float) -> str:
  return "-" if np.isnan(mean) else f"{mean:.1f} ± {error:.1f}"


def fingerprint_results(records: list[dict[str, Any]]) -> dict[str, Any]:
  """What each set of fingerprints is worth to each method; plain data.

  Returns:
    `auc`: by set, then method, `features`, `validation` and `test`, networks'
    of the setting that `auc_results` chooses, with the spread of its `test`
    over repetitions as `std`. `chosen`: by method, the set whose validation
    score, of the leaderboard's molecules, is highest. `hours` of a core.
  """
  out: dict[str, dict[str, Any]] = {}
  for record in records:
    method = record["method"]
    if method in baselines.METHODS:
      found = record["best"] and {n: record["best"][n] for n in _SCORES}
    else:
      ours = auc_results([record])["auc"][method][str(record["depth"])]
      found = ours and {
        "validation": ours["validation"],
        "test": ours["mean"],
        "std": ours["std"],
      }
    of_set = out.setdefault(record["task"], {})
    # A network of several widths or forms has the best of them.
    before = of_set.get(method, {}).get("validation", -np.inf)
    if found and found["validation"] > before:
      of_set[method] = {"features": record["features"], **found}
  methods = {method for found in out.values() for method in found}
  chosen = {
    method: max(
      (name for name in out if method in out[name]),
      key=lambda name: out[name][method]["validation"],
    )
    for method in sorted(methods)
  }
  hours = sum(record["seconds"] for record in records) / 3600
  return {"auc": out, "chosen": chosen, "hours": hours}


def fingerprint_table(results: dict[str, Any]) -> str:
  """The table of the README from what `fingerprint_results` returned."""
  chosen = results["chosen"]
  methods = [m for m in (*model.METHODS, *baselines.METHODS) if m in chosen]
  rows = []
  for name, found in results["auc"].items():
    features = {one["features"] for one in found.values()}
    row = [name, "/".join(f"{n:,}" for n in sorted(features))]
    for method in methods:
      one = found.get(method)
      if one is None:
        row += ["-", "-"]
        continue
      star = "*" if chosen[method] == name else ""
      row.append(f"{100 * one['validation']:.1f}{star}")
      std = one.get("std")
      test = 100 * one["test"]
      row.append(f"{test:.1f}" if std is None else _percent(test, 100 * std))
    rows.append(row)
  header = ["fingerprints", "features"]
  for method in methods:
    header += [f"{named(method)}: leaderboard", "test"]
  note = f"\n{results['hours']:.1f} core hours.\n"
  return markdown.table(header, rows) + note
