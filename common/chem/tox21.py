"""The Tox21 challenge of 2014: features of its molecules, and its own split.

Computing the features takes minutes, so they are kept; choosing, squashing and
scaling them takes a second and is done each time.
"""

import hashlib
import json
import logging
import pathlib
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import rdkit
import scipy.sparse
from rdkit import Chem, rdBase

from common.data import npz_files, table_files
from common.data.standardise import standardised
from common.errors import InputError

from . import canonical
from .features import Features, features, select, substructure_name

_FORMAT = 3  # Of the cache; another number makes another cache.
_PARTS = ("train", "leaderboard", "test")


class Split(NamedTuple):
  """Rows of each part of the challenge: int64, ascending, valid ones only."""

  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray


class Samples(NamedTuple):
  """The challenge's molecules themselves, without features.

  Attributes:
    molecules: `[n]`, as RDKit has read them; None where it rejects a SMILES.
    y, split, tasks: as in `Assays`.
    unparsed: how many are None.
  """

  molecules: list[Chem.Mol | None]
  y: np.ndarray
  split: Split
  tasks: tuple[str, ...]
  unparsed: int


class Assays(NamedTuple):
  """Molecules and their outcomes in several assays.

  Attributes:
    x: float32 `[n, features]`, finite; a row of 0 where `valid` is False.
    y: float32 `[n, tasks]`: 1 active, 0 inactive, NaN not measured.
    split: the rows for training, for choosing, and for the test.
    tasks: the assays' names.
    features: the names of the columns of x: descriptors, then substructures.
    valid: bool `[n]`, whether RDKit accepts the SMILES.
    notes: counts of what was done: `unparsed_<part>` rows, left out of the
      split; `undefined_descriptors`, cells that became the training mean;
      `constant_descriptors`, columns that became 0; `clipped` cells;
      `substructures` that occur, of which `kept_substructures` are columns.
  """

  x: np.ndarray
  y: np.ndarray
  split: Split
  tasks: tuple[str, ...]
  features: tuple[str, ...]
  valid: np.ndarray
  notes: dict[str, int]


def load(
  data_dir: table_files.Path,
  cache_dir: table_files.Path | None,
  processes: int = 1,
  radius: int = 2,
  fingerprints: Sequence[str] = ("ecfp",),
  share: float = 0.025,
  squash: bool = True,
  clip: float | None = 5.0,
) -> Assays:
  """Reads the Tox21 challenge of 2014 as features, outcomes and its split.

  Args:
    data_dir: the folder of `tox21_challenge_{train,leaderboard,test}.csv.gz`
      (or .csv): a sample's name, its SMILES, then one column an assay.
    cache_dir: where the features are kept, by files, radius, fingerprints and
      RDKit version; None computes them each time.
    processes: see `features.features`.
    radius: see `features.features`.
    fingerprints: see `features.features`.
    share: see `features.select`.
    squash: whether values v become sign(v) log(1 + |v|) before they are
      standardised. Counts and most descriptors have heavy tails, and one of
      them, Ipc, reaches 1e41: standardised as it is, all other rows are equal.
    clip: after standardising, values end at so many standard deviations; None
      lets a single odd molecule of Tox21 be at 62 of them.

  Raises:
    InputError: a file is missing or malformed, a label is neither 0, 1 nor
      empty (with line and column), or no SMILES of a part can be read.
  """
  if clip is not None and clip <= 0:
    raise InputError(f"clip = {clip}: it is None or more than 0")
  paths, tables, tasks, y = _read(data_dir)
  smiles = [row[1] for _, _, rows in tables for row in rows]
  found = _kept_features(
    paths, smiles, cache_dir, processes, radius, sorted(set(fingerprints))
  )
  split, notes = _split(paths, tables, found.valid)
  columns = select(found.counts, split.train, share)
  raw = np.concatenate(
    [found.descriptors, found.counts[:, columns].toarray()], axis=1
  )
  if squash:
    raw = np.sign(raw) * np.log1p(np.abs(raw))
  x = standardised(raw, split.train)
  x[~found.valid] = 0
  width = len(found.names)
  seen = raw[split.train, :width]
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", RuntimeWarning)  # A column without values.
    spread = np.nanmax(seen, 0) - np.nanmin(seen, 0)
  notes |= {
    "undefined_descriptors": int(
      np.isnan(found.descriptors[found.valid]).sum()
    ),
    "constant_descriptors": int((~(spread > 0)).sum()),
    "clipped": 0 if clip is None else int((np.abs(x) > clip).sum()),
    "substructures": len(found.substructures),
    "kept_substructures": len(columns),
  }
  if clip is not None:
    x = np.clip(x, -clip, clip)
  names = [*found.names, *map(substructure_name, found.substructures[columns])]
  return Assays(x, y, split, tasks, tuple(names), found.valid, notes)


def samples(data_dir: table_files.Path) -> Samples:
  """Reads the molecules of the challenge, their outcomes and its split.

  Args:
    data_dir: see `load`.

  Raises:
    InputError: `load`'s, of the files.
  """
  paths, tables, tasks, y = _read(data_dir)
  with rdBase.BlockLogs():  # `_split` reports each with its line.
    found = [
      canonical.molecule(row[1]) for _, _, rows in tables for row in rows
    ]
  molecules = [one if one and one.GetNumAtoms() else None for one in found]
  valid = np.array([one is not None for one in molecules])
  split, _ = _split(paths, tables, valid)
  return Samples(molecules, y, split, tasks, int((~valid).sum()))


def _read(data_dir) -> tuple[list[pathlib.Path], list, tuple, np.ndarray]:
  """Paths, tables, the assays' names, and all outcomes."""
  paths = [_path(data_dir, part) for part in _PARTS]
  tables = [table_files.table(path) for path in paths]
  header = tables[0][0]
  tasks = tuple(header[2:])
  for path, (theirs, _, _) in zip(paths, tables, strict=True):
    if theirs != header or not tasks or header[1].lower() != "smiles":
      raise InputError(
        f"{path} has the header {theirs}: it must be a name, SMILES and "
        f"assays, the same in all of {', '.join(p.name for p in paths)}"
      )
  y = np.concatenate(
    [_outcomes(path, *table) for path, table in zip(paths, tables, strict=True)]
  )
  return paths, tables, tasks, y


def _split(paths, tables, valid) -> tuple[Split, dict[str, int]]:
  """The valid rows of each part, and how many are not; says which."""
  parts, notes, start = [], {}, 0
  for path, part, (_, lines, rows) in zip(paths, _PARTS, tables, strict=True):
    here = valid[start : start + len(rows)]
    _report(path, lines, rows, here)
    parts.append(start + np.flatnonzero(here))
    notes[f"unparsed_{part}"] = int((~here).sum())
    start += len(rows)
  return Split(*parts), notes


def _path(data_dir: table_files.Path, part: str) -> pathlib.Path:
  path = pathlib.Path(data_dir).expanduser() / f"tox21_challenge_{part}.csv"
  return path if path.exists() else path.with_name(path.name + ".gz")


def _outcomes(
  path: pathlib.Path,
  header: list[str],
  lines: list[int],
  rows: list[list[str]],
) -> np.ndarray:
  """The labels of a file, float32 `[rows, tasks]`."""
  known = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "": np.nan}
  for line, row in zip(lines, rows, strict=True):
    for name, cell in zip(header[2:], row[2:], strict=True):
      if cell not in known:
        raise InputError(
          f"{path}, line {line}, column {name!r}: {cell!r} is not 0, 1 or "
          "empty; correct it"
        )
  return np.array([[known[c] for c in row[2:]] for row in rows], np.float32)


def _report(path, lines, rows, valid) -> None:
  """Says which SMILES of a file are not read; raises if none is."""
  wrong = [
    f"line {line}: {row[1]!r}"
    for line, row, ok in zip(lines, rows, valid, strict=True)
    if not ok
  ]
  if not valid.any():
    raise InputError(
      f"{path}: RDKit accepts no SMILES ({wrong[0]}); is it the second column?"
    )
  if wrong:
    logging.getLogger(__name__).warning(
      "%s: %d SMILES that RDKit does not accept are left out: %s",
      path,
      len(wrong),
      "; ".join(wrong[:10]) + "; ..." * (len(wrong) > 10),
    )


def _kept_features(
  paths: Sequence[pathlib.Path],
  smiles: Sequence[str],
  cache_dir: table_files.Path | None,
  processes: int,
  radius: int,
  fingerprints: Sequence[str],
) -> Features:
  """`features`, from the cache if it is there."""
  if cache_dir is None:
    return features(smiles, processes, radius, fingerprints)
  text = "\n".join(smiles)  # What they depend on, whatever the files' dates.
  key = json.dumps([_FORMAT, rdkit.__version__, radius, fingerprints, text])
  digest = hashlib.sha256(key.encode()).hexdigest()[:12]
  folder = pathlib.Path(cache_dir).expanduser() / "molecules"
  path = folder / f"{paths[0].name.split('.')[0]}-{digest}.npz"
  kept = npz_files.load(path)
  if kept is not None:
    shape = (len(smiles), len(kept["substructures"]))
    parts = (kept["data"], kept["indices"], kept["indptr"])
    return Features(
      scipy.sparse.csr_array(parts, shape=shape),
      kept["substructures"],
      kept["descriptors"],
      tuple(kept["names"].tolist()),
      kept["valid"],
    )
  found = features(smiles, processes, radius, fingerprints)
  npz_files.save(
    path,
    {
      "data": found.counts.data,
      "indices": found.counts.indices,
      "indptr": found.counts.indptr,
      "substructures": found.substructures,
      "descriptors": found.descriptors,
      "names": np.array(found.names),
      "valid": found.valid,
    },
  )
  return found
