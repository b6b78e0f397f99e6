"""Circular fingerprints (ECFP), and which atoms stand behind each bit.

RDKit's Morgan fingerprint of radius r is the paper's ECFP of diameter 2r: a bit
is one or several environments, an atom with all atoms within 0 to r bonds. Bits
come from a hash modulo their number, so that unlike environments may share one.
"""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator


def fingerprints(
  molecules: Sequence[Chem.Mol], bits: int, radius: int
) -> np.ndarray:
  """Presence bits, uint8 `[n, bits]`, 1 where an environment occurs.

  Args:
    molecules: `[n]`, as RDKit has read them.
    bits: how many there are.
    radius: of the largest environment, in bonds.
  """
  make = rdFingerprintGenerator.GetMorganGenerator(radius, fpSize=bits)
  found = np.zeros((len(molecules), bits), np.uint8)
  for row, molecule in zip(found, molecules, strict=True):
    row[list(make.GetFingerprint(molecule).GetOnBits())] = 1
  return found


def environments(
  molecule: Chem.Mol, bits: int, radius: int
) -> list[tuple[int, list[int]]]:
  """All environments of a molecule: (bit, its atoms, ascending).

  Those that share a bit are all here: repeats and collisions of the hash.
  """
  make = rdFingerprintGenerator.GetMorganGenerator(radius, fpSize=bits)
  output = rdFingerprintGenerator.AdditionalOutput()
  output.AllocateBitInfoMap()
  make.GetFingerprint(molecule, additionalOutput=output)
  distances = Chem.GetDistanceMatrix(molecule)
  return [
    (bit, np.flatnonzero(distances[centre] <= size).tolist())
    for bit, places in sorted(output.GetBitInfoMap().items())
    for centre, size in places
  ]


def to_atoms(molecule: Chem.Mol, scores: np.ndarray, radius: int) -> np.ndarray:
  """The paper's atom attribution: the sum over an atom's environments.

  An environment gives the whole score of its bit to each of its atoms, however
  many they are; a bit that occurs several times gives it to all its places, and
  to an atom once for each that it is in.

  Args:
    molecule: as RDKit has read it.
    scores: `[bits]`, of which one bit that is absent counts nowhere.
    radius: of the largest environment.

  Returns:
    float64 `[atoms]`.
  """
  found = np.zeros(molecule.GetNumAtoms())
  for bit, atoms in environments(molecule, len(scores), radius):
    found[atoms] += scores[bit]
  return found
