"""Sheets of molecules, for the tables."""

import pathlib
from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np
from rdkit import Chem

from . import alcohols, alerts, explain, pictures, studies
from .datasets import Dataset

METHOD = "integrated_gradients"  # The paper's.


def units(
  out: pathlib.Path,
  config: ml_collections.ConfigDict,
  params: Any,
  tested: studies.Tested,
  found: dict[str, Any],
  shown: int = 5,
  molecules: int = 4,
) -> None:
  """Writes `units.png`: a row an alert, what its best unit answers to most.

  The clearest alerts of different units; red atoms are the alert's, of which
  the unit knows nothing.
  """
  best = found["best"]
  clear = np.abs(np.asarray(best["auc"]) - 0.5)
  chosen: dict[tuple[int, int], int] = {}
  # Alerts of a few molecules can be clear by chance: first those of many.
  many = np.asarray(found["present"]) >= 5 * config.neurons.least
  for i in np.argsort(-(clear + many), kind="stable"):
    chosen.setdefault((best["layer"][i], best["unit"][i]), int(i))
  panels = []
  for (layer, unit), i in list(chosen.items())[:shown]:
    low = best["auc"][i] < 0.5
    alert = tested.alerts[i]
    for row in studies.exciting(
      config, params, tested, layer, unit, low, molecules
    ):
      molecule = tested.molecules[row]
      marks = np.zeros(molecule.GetNumAtoms())
      marks[list(alerts.atoms(alert, molecule))] = 1
      legend = f"layer {layer + 1}, unit {unit}{' (low)' if low else ''}: "
      legend += alert.name[:24] + ("" if marks.any() else " ABSENT")
      panels.append(pictures.molecule(molecule, marks, 1.0, legend))
  pictures.sheet(out / "units.png", panels, molecules)


def alcohol_sheet(
  out: pathlib.Path,
  config: ml_collections.ConfigDict,
  params: Any,
  data: Dataset,
  each: int = 5,
) -> None:
  """Writes `alcohols.png`: a row of each kind, by integrated gradients."""
  molecules = [data.molecules[row] for row in studies.of_each_kind(data, each)]
  found = explain.explain(config, params, molecules, 0, METHOD)
  panels = []
  for molecule, scores, chance in zip(
    molecules, found.scores, found.probabilities[:, 0], strict=True
  ):
    legend = f"{alcohols.kind(molecule)}: {chance:.3f}"
    panels.append(pictures.molecule(molecule, scores, None, legend))
  pictures.sheet(out / "alcohols.png", panels, each)


def positives(
  out: pathlib.Path,
  config: ml_collections.ConfigDict,
  params: Any,
  data: Dataset,
  count: int = 12,
) -> None:
  """Writes `tox21.png`: test molecules rightly called active, and by which."""
  pairs = studies.correct_positives(config, params, data, count, config.seed)
  panels = []
  for row, task in pairs:
    molecule = data.molecules[row]
    found = explain.explain(config, params, [molecule], task, METHOD)
    legend = f"{data.tasks[task]}: {found.probabilities[0, task]:.2f}"
    panels.append(pictures.molecule(molecule, found.scores[0], None, legend))
  if panels:
    pictures.sheet(out / "tox21.png", panels, 4)


def substructure_sheet(
  path: pathlib.Path,
  listed: Sequence[dict[str, Any]],
  given: ml_collections.ConfigDict,
  count: int = 20,
) -> None:
  """Writes the best substructures, each marked in the molecule it is from."""
  panels = []
  for one in listed[:count]:
    source = Chem.MolFromSmiles(one["source"])
    marks = np.zeros(source.GetNumAtoms())
    marks[one["atoms"]] = 1
    ppv = "none" if one["ppv"] is None else f"{one['ppv']:.2f}"
    few = "*" if one["count"] < given.few else ""
    panels.append(
      pictures.molecule(source, marks, 1.0, f"PPV {ppv}{few} of {one['count']}")
    )
  if panels:
    pictures.sheet(path, panels, 5)
