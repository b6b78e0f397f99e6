"""Tox21: molecules as numbers, by RDKit, and the challenge's own split.

A molecule is its ECFP counts (how often each circular substructure occurs, not
folded) and RDKit's 2-D descriptors. Computing them takes minutes, so they are
kept; choosing, squashing and scaling them takes a second and is done each time.
"""

import concurrent.futures
import hashlib
import itertools
import json
import logging
import multiprocessing
import pathlib
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import rdkit
import scipy.sparse
import tqdm
from rdkit import Chem, rdBase
from rdkit.Chem import Descriptors, rdFingerprintGenerator

from common.errors import InputError

from . import files
from .tables import standardised

_FORMAT = 1  # Of the cache; another number makes another cache.
_CHUNK = 128  # Molecules that a process computes before it answers.
_PARTS = ("train", "leaderboard", "test")


class Features(NamedTuple):
  """What RDKit says of molecules.

  Attributes:
    counts: int32 CSR `[n, substructures]`, of those that occur at all.
    substructures: int64 `[substructures]`, Morgan identifiers, ascending.
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


class Split(NamedTuple):
  """Rows of each part of the challenge: int64, ascending, valid ones only."""

  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray


class Assays(NamedTuple):
  """Molecules and their outcomes in several assays.

  Attributes:
    x: float32 `[n, features]`, finite; a row of 0 where `valid` is False.
    y: float32 `[n, tasks]`: 1 active, 0 inactive, NaN not measured.
    split: the rows for training, for choosing, and for the test.
    tasks: the assays' names.
    features: the names of the columns of x: descriptors, then "ecfp" numbers.
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


def features(
  smiles: Sequence[str], processes: int = 1, radius: int = 2
) -> Features:
  """Computes ECFP counts and all RDKit 2-D descriptors.

  The result does not depend on `processes`. They are spawned: a script that
  asks for more than one needs the usual `if __name__ == "__main__":`.

  Args:
    smiles: `[n]`; one that RDKit rejects, or empty, is marked, not an error.
    processes: 1 works in this one.
    radius: of the circular substructures; 2 is ECFP4.

  Raises:
    InputError: `radius` below 0 or `processes` below 1.
  """
  if radius < 0 or processes < 1:
    raise InputError(
      f"radius = {radius} and processes = {processes}: the radius can be 0 or "
      "more, the processes 1 or more"
    )
  chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
  again = itertools.repeat(radius)
  bar = lambda found: list(
    tqdm.tqdm(
      found,
      total=len(chunks),
      desc=f"molecules, {_CHUNK} at a time",
      disable=len(chunks) < 4,
    )
  )
  if processes == 1 or len(chunks) < 2:
    found = bar(map(_chunk, chunks, again))
  else:
    # Forked children of a process with JAX's threads may hang.
    spawn = multiprocessing.get_context("spawn")
    workers = min(processes, len(chunks))
    with concurrent.futures.ProcessPoolExecutor(workers, spawn) as pool:
      try:
        found = bar(pool.map(_chunk, chunks, again))
      except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
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


def tox21(
  data_dir: files.Path,
  cache_dir: files.Path,
  processes: int = 1,
  radius: int = 2,
  share: float = 0.025,
  squash: bool = True,
  clip: float | None = 5.0,
) -> Assays:
  """Reads the Tox21 challenge of 2014 as features, outcomes and its split.

  Args:
    data_dir: the folder of `tox21_challenge_{train,leaderboard,test}.csv.gz`
      (or .csv): a sample's name, its SMILES, then one column an assay.
    cache_dir: where the features are kept, by files, radius and RDKit version.
    processes: see `features`.
    radius: see `features`.
    share: see `select`.
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
  paths = [_path(data_dir, part) for part in _PARTS]
  tables = [files.cells(path) for path in paths]
  header = tables[0][0]
  tasks = tuple(header[2:])
  for path, (theirs, _, _) in zip(paths, tables, strict=True):
    if theirs != header or not tasks or header[1].lower() != "smiles":
      raise InputError(
        f"{path}, line 1, is {theirs}: it must be a name, SMILES and assays, "
        f"the same in all of {', '.join(p.name for p in paths)}"
      )
  y = np.concatenate(
    [_outcomes(path, *table) for path, table in zip(paths, tables, strict=True)]
  )
  smiles = [row[1] for _, _, rows in tables for row in rows]
  found = _kept_features(paths, smiles, cache_dir, processes, radius)
  parts, notes, start = [], {}, 0
  for path, part, (_, lines, rows) in zip(paths, _PARTS, tables, strict=True):
    valid = found.valid[start : start + len(rows)]
    _report(path, lines, rows, valid)
    parts.append(start + np.flatnonzero(valid))
    notes[f"unparsed_{part}"] = int((~valid).sum())
    start += len(rows)
  split = Split(*parts)
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
  names = [*found.names, *(f"ecfp {i}" for i in found.substructures[columns])]
  return Assays(x, y, split, tasks, tuple(names), found.valid, notes)


def _descriptor_names() -> tuple[str, ...]:
  return tuple(name for name, _ in Descriptors.descList)


def _chunk(smiles: Sequence[str], radius: int) -> tuple[np.ndarray, ...]:
  """Identifiers, counts, identifiers a row, descriptors, validity."""
  generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius)
  names = _descriptor_names()
  keys, values, lengths, valid = [], [], [], []
  descriptors = np.full((len(smiles), len(names)), np.nan)
  # RDKit writes each rejected SMILES to stderr; the caller reports them.
  with rdBase.BlockLogs(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for i, text in enumerate(smiles):
      molecule = Chem.MolFromSmiles(text)
      # An empty text is a molecule to RDKit, of no atoms.
      valid.append(molecule is not None and molecule.GetNumAtoms() > 0)
      if not valid[-1]:
        lengths.append(0)
        continue
      found = generator.GetSparseCountFingerprint(molecule).GetNonzeroElements()
      keys += found.keys()
      values += found.values()
      lengths.append(len(found))
      row = Descriptors.CalcMolDescriptors(molecule, np.nan, silent=True)
      descriptors[i] = [row[name] for name in names]
  descriptors[~np.isfinite(descriptors)] = np.nan
  return (
    np.array(keys, np.int64),
    np.array(values, np.int32),
    np.array(lengths, np.int64),
    descriptors,
    np.array(valid, bool),
  )


def _path(data_dir: files.Path, part: str) -> pathlib.Path:
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
  cache_dir: files.Path,
  processes: int,
  radius: int,
) -> Features:
  """`features`, from the cache if it is there."""
  text = "\n".join(smiles)  # What they depend on, whatever the files' dates.
  key = json.dumps([_FORMAT, rdkit.__version__, radius, text])
  digest = hashlib.sha256(key.encode()).hexdigest()[:12]
  folder = pathlib.Path(cache_dir).expanduser() / "molecules"
  path = folder / f"{paths[0].name.split('.')[0]}-{digest}.npz"
  kept = files.load(path)
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
  found = features(smiles, processes, radius)
  files.save(
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
