"""Does an attribution mark the atoms that are known to matter?"""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem

from . import alcohols, losses


def of_alcohols(
  molecules: Sequence[Chem.Mol],
  kinds: Sequence[str],
  scores: Sequence[np.ndarray],
) -> dict[str, float]:
  """The paper's counts on the alcohol task, and what it lacks.

  Args:
    molecules: `[n]`.
    kinds: of `alcohols.KINDS`.
    scores: of the atoms of each molecule.

  Returns:
    Shares of atoms with a positive score: `hydroxyl` oxygens of alcohols,
    `other` atoms of alcohols, atoms of `oxygen_free` molecules, `acid_hydroxyl`
    oxygens and `acid_other` atoms of acids. `auc`: of the scores of all atoms
    of alcohols, hydroxyl oxygens against the rest; `auc_near`: the same with
    the carbon at the hydroxyl left out, which shares each environment of a
    single bond with it; `first`: alcohols whose highest atom is a hydroxyl
    oxygen. NaN where there are no such atoms.
  """
  found: dict[str, list] = {name: [] for name in ("alcohol", "free", "acid")}
  first = []
  for molecule, kind, score in zip(molecules, kinds, scores, strict=True):
    if kind == "oxygen-free":
      found["free"].append((score, np.zeros(len(score), bool)))
      continue
    true = alcohols.hydroxyls(molecule)
    if kind == "acid":
      found["acid"].append((score, alcohols.acid_hydroxyls(molecule)))
      continue
    near = np.zeros(len(true), bool)
    for atom in np.flatnonzero(true):
      for other in molecule.GetAtomWithIdx(int(atom)).GetNeighbors():
        near[other.GetIdx()] = True
    found["alcohol"].append((score, true, near & ~true))
    first.append(bool(true[np.argmax(score)]))
  joined = {
    name: [np.concatenate(part) for part in zip(*rows, strict=True)]
    for name, rows in found.items()
    if rows
  }
  share = lambda name, which: (
    _mean(joined[name][0][which(joined[name][1])] > 0)
    if name in joined
    else float("nan")
  )
  marked, unmarked = lambda true: true, lambda true: ~true
  numbers = {
    "hydroxyl": share("alcohol", marked),
    "other": share("alcohol", unmarked),
    "oxygen_free": share("free", unmarked),
    "acid_hydroxyl": share("acid", marked),
    "acid_other": share("acid", unmarked),
    "first": _mean(first),
  }
  if "alcohol" in joined:
    score, true, near = joined["alcohol"]
    numbers["auc"] = auc(score, true)
    numbers["auc_near"] = auc(score[~near], true[~near])
  return numbers


def auc(scores: np.ndarray, true: np.ndarray) -> float:
  """The area under the ROC curve of atoms' scores."""
  found = losses.aucs(scores[:, None], true[:, None].astype(np.float64))
  return float(found[0])


def _mean(values) -> float:
  return float(np.mean(values)) if len(values) else float("nan")
