"""Molecules made of a core and a group: what a first try needs no files for.

Task t is whether a molecule has group t, so that the atoms that matter are
known; the first is the alcohol.
"""

import itertools

import numpy as np
from rdkit import Chem

CORES = (
  "CC{}",
  "CCC{}",
  "CCCC{}",
  "CC(C)C{}",
  "CC(C)CC{}",
  "C1CCCC1C{}",
  "C1CCCCC1C{}",
  "c1ccccc1C{}",
  "c1ccncc1C{}",
  "c1ccsc1C{}",
  "Cc1ccccc1C{}",
  "Clc1ccccc1C{}",
  "Fc1ccccc1CC{}",
  "CSCC{}",
  "CN(C)CC{}",
  "N#CCCC{}",
)
GROUPS = (
  "O",
  "C(=O)O",
  "N",
  "Cl",
  "Br",
  "S",
  "C#N",
  "F",
  "[N+](=O)[O-]",
  "N=O",
  "N=[N+]=[N-]",
  "C=C",
)


def molecules(tasks: int) -> tuple[list[Chem.Mol], np.ndarray]:
  """All cores with all groups, and whether each has group t, `[n, tasks]`."""
  pairs = list(itertools.product(CORES, range(len(GROUPS))))
  found = [Chem.MolFromSmiles(core.format(GROUPS[i])) for core, i in pairs]
  y = np.array([[i == t for t in range(tasks)] for _, i in pairs], np.float32)
  return found, y
