"""Tables in Markdown, from the cells that `reproduce.py` computes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rdkit import Chem

from common.tables import markdown

from . import alerts, substructures

# Of the Ames table: what each row is called, and its config's variant.
AMES = {
  "main": ("the authors' layout", ""),
  "mended": ("mended", "mended"),
  "paper": ("the authors' layout, paper's size", "paper"),
  "paper_mended": ("mended, paper's size", "paper,mended"),
}


def spread(values: Sequence[float | None], form: str = ".3f") -> str:
  """Mean ± standard deviation over seeds, or the one value."""
  known = [v for v in values if v is not None and np.isfinite(v)]
  if not known:
    return "-"
  if len(known) == 1:
    return f"{known[0]:{form}}"
  return f"{np.mean(known):{form}} ± {np.std(known, ddof=1):{form}}"


def layer_table(shown: dict[str, list[dict[str, Any]]]) -> str:
  """In which layer alerts are found first, and their mean size."""
  most = max(map(len, shown.values()))
  rows = [
    [
      name,
      *(
        f"{one['first']} ({one['size']:.1f})" if one["first"] else "0"
        for one in layers
      ),
      *["-"] * (most - len(layers)),
    ]
    for name, layers in shown.items()
  ]
  header = ["alerts found first (mean atoms)"]
  return markdown.table(header + [f"layer {i + 1}" for i in range(most)], rows)


def unit_table(found: dict[str, Any], count: int = 15) -> str:
  """The alerts that a single unit tells best, and the unit."""
  best = found["best"]
  clear = np.abs(np.asarray(best["auc"]) - 0.5)
  rows = [
    [
      found["names"][i].replace("|", "/"),
      f"{found['present'][i]}",
      f"{best['layer'][i] + 1}, {best['unit'][i]}",
      f"{best['log10_p'][i]:.0f}",
      f"{best['auc'][i]:.3f}",
    ]
    for i in np.argsort(-clear, kind="stable")[:count]
  ]
  header = ["alert", "molecules", "layer, unit", "log10 p", "AUC"]
  return markdown.table(header, rows)


def worth(listed: list[dict[str, Any]]) -> float | None:
  """The PPV of a list, each substructure by its number of test molecules."""
  count = sum(one["count"] for one in listed)
  hits = sum((one["ppv"] or 0) * one["count"] for one in listed)
  return hits / count if count else None


def substructure_table(
  listed: list[dict[str, Any]],
  least: int,
  known: Sequence[alerts.Alert],
  count: int = 20,
) -> str:
  """The best substructures: their worth, and which alerts lie inside."""
  rows = []
  for one in listed[:count]:
    source = Chem.MolFromSmiles(one["source"])
    names = one["classes"] or alerts.inside(known, source, one["atoms"])[:2]
    low, high = one["interval"]
    ppv = "-" if one["ppv"] is None else f"{one['ppv']:.2f}"
    few = "*" if one["count"] < least else ""
    rows.append(
      [
        f"`{one['smiles']}`",
        f"{ppv}{few}",
        f"{low:.2f} to {high:.2f}",
        f"{one['count']}",
        (", ".join(names) or "-").replace("|", "/"),
      ]
    )
  header = ["substructure", "PPV", "95% interval", "test molecules", "known as"]
  return markdown.table(header, rows)


def class_table(found: dict[str, list[dict[str, Any]]]) -> str:
  """In how many runs each class of the paper's Figure 7 is among the 50."""
  rows = []
  for name in [one.name for one in substructures.CLASSES]:
    has = lambda cell, n=name: any(n in one["classes"] for one in cell["best"])
    rows.append(
      [
        name,
        *(
          f"{sum(map(has, results))} of {len(results)}"
          for results in found.values()
        ),
      ]
    )
  return markdown.table(["class", *(AMES[row][0] for row in found)], rows)
