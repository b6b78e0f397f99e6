"""Molecules as numbers, by RDKit: counts of substructures, and 2-D descriptors.

Counts say how often each substructure of a fingerprint occurs, not folded; of a
MACCS key, whether it does.
"""

import functools
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
import tqdm
from rdkit import rdBase
from rdkit.Chem import Descriptors, MACCSkeys, rdFingerprintGenerator

from common.errors import InputError, check_names

from . import canonical, lists, workers

_CHUNK = 128  # Molecules that a process computes before it answers.
# Circles of atoms, and of what atoms do (Rogers and Hahn 2010); pairs of atoms
# and their distance; chains of four; connected pieces of up to five bonds,
# branched ones too; 166 keys.
FINGERPRINTS = ("ecfp", "fcfp", "pairs", "torsions", "paths", "maccs")
_PLACE = 48  # Bits of an identifier below those that say whose it is.


class Features(NamedTuple):
  """What RDKit says of molecules.

  Attributes:
    counts: int32 CSR `[n, substructures]`, of those that occur at all.
    substructures: int64 `[substructures]`, ascending; see `substructure_name`.
    descriptors: float64 `[n, descriptors]`; NaN where one is undefined, did
      overflow or failed, and for molecules that are none.
    names: of the descriptors.
    valid: bool `[n]`, whether RDKit accepts the SMILES; rows of others are 0
      and NaN.
  """

  counts: scipy.sparse.csr_array
  substructures: np.ndarray
  descriptors: np.ndarray
  names: tuple[str, ...]
  valid: np.ndarray


def features(
  smiles: Iterable[str],
  processes: int = 1,
  radius: int = 2,
  fingerprints: Sequence[str] = ("ecfp",),
) -> Features:
  """Computes the counts of fingerprints and all RDKit 2-D descriptors.

  The result does not depend on `processes`.

  Args:
    smiles: `[n]`, as `lists.texts` takes them; one that RDKit rejects, or
      empty, is marked, not an error.
    processes: 1 works in this one.
    radius: of the circular substructures; 2 is ECFP4 and FCFP4.
    fingerprints: of FINGERPRINTS, whose substructures are counted; their order
      does not matter.

  Raises:
    InputError: `radius` below 0 or `processes` below 1, an unknown fingerprint,
      or what is listed is no text.
  """
  check_names("fingerprints", fingerprints, FINGERPRINTS)
  if radius < 0 or processes < 1:
    raise InputError(
      f"radius = {radius} and processes = {processes}: the radius can be 0 or "
      "more, the processes 1 or more"
    )
  smiles = lists.texts(smiles)
  chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
  with tqdm.tqdm(
    total=len(smiles), desc="molecules", disable=len(chunks) < 4
  ) as bar:
    found = workers.mapped(
      functools.partial(
        _chunk, radius=radius, names=tuple(sorted(set(fingerprints)))
      ),
      chunks,
      processes,
      lambda chunk: bar.update(len(chunk)),
    )
  names = _descriptor_names()
  join = lambda i, empty: np.concatenate([empty, *(part[i] for part in found)])
  keys = join(0, np.empty(0, np.int64))
  values = join(1, np.empty(0, np.int32))
  lengths = join(2, np.empty(0, np.int64))
  substructures, columns = np.unique(keys, return_inverse=True)
  counts = scipy.sparse.csr_array(
    (values, columns, np.concatenate([[0], np.cumsum(lengths)])),
    shape=(len(smiles), len(substructures)),
  )
  counts.sort_indices()
  return Features(
    counts,
    substructures,
    join(3, np.empty((0, len(names)))),
    names,
    join(4, np.empty(0, bool)),
  )


def select(
  counts: scipy.sparse.csr_array, train: np.ndarray, share: float = 0.025
) -> np.ndarray:
  """Columns that are not 0 in more than `share` of the training rows.

  Args:
    counts: `[n, substructures]`.
    train: int `[rows]`.
    share: of them; 2.5 % in DeepTox (Mayr et al. 2016) and after it.

  Returns:
    int64 `[kept]`, ascending.
  """
  present = np.bincount(counts[train].nonzero()[1])
  return np.flatnonzero(present > share * len(train))


def substructure_name(substructure: int) -> str:
  """What a substructure is: "ecfp 864662311", a fingerprint and RDKit's number.

  Args:
    substructure: of `Features.substructures`.
  """
  place, number = divmod(int(substructure), 1 << _PLACE)
  return f"{FINGERPRINTS[place]} {number}"


def _counter(name: str, radius: int) -> Any:
  """molecule -> {RDKit's number of a substructure: how often it occurs}."""
  if name == "maccs":
    return lambda molecule: dict.fromkeys(
      MACCSkeys.GenMACCSKeys(molecule).GetOnBits(), 1
    )
  make = rdFingerprintGenerator
  generator = {
    "ecfp": lambda: make.GetMorganGenerator(radius=radius),
    "fcfp": lambda: make.GetMorganGenerator(
      radius=radius, atomInvariantsGenerator=make.GetMorganFeatureAtomInvGen()
    ),
    "pairs": make.GetAtomPairGenerator,
    "torsions": make.GetTopologicalTorsionGenerator,
    # Two bits a path, which are RDKit's default, would be each column twice.
    "paths": lambda: make.GetRDKitFPGenerator(maxPath=5, numBitsPerFeature=1),
  }[name]()
  count = generator.GetSparseCountFingerprint
  return lambda molecule: count(molecule).GetNonzeroElements()


def _descriptor_names() -> tuple[str, ...]:
  return tuple(name for name, _ in Descriptors.descList)


def _chunk(
  smiles: Sequence[str], radius: int, names: Sequence[str]
) -> tuple[np.ndarray, ...]:
  """Identifiers, counts, identifiers a row, descriptors, validity."""
  counters = {
    FINGERPRINTS.index(name) << _PLACE: _counter(name, radius) for name in names
  }
  descriptor_names = _descriptor_names()
  keys, values, lengths, valid = [], [], [], []
  descriptors = np.full((len(smiles), len(descriptor_names)), np.nan)
  # RDKit writes each rejected SMILES to stderr; the caller reports them.
  with rdBase.BlockLogs(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for i, text in enumerate(smiles):
      molecule = canonical.molecule(text)
      # An empty text is a molecule to RDKit, of no atoms.
      valid.append(molecule is not None and molecule.GetNumAtoms() > 0)
      if not valid[-1]:
        lengths.append(0)
        continue
      before = len(keys)
      for place, count in counters.items():
        found = count(molecule)
        keys += [place + number for number in found]
        values += found.values()
      lengths.append(len(keys) - before)
      row = Descriptors.CalcMolDescriptors(molecule, np.nan, silent=True)
      descriptors[i] = [row[name] for name in descriptor_names]
  descriptors[~np.isfinite(descriptors)] = np.nan
  return (
    np.array(keys, np.int64),
    np.array(values, np.int32),
    np.array(lengths, np.int64),
    descriptors,
    np.array(valid, bool),
  )
