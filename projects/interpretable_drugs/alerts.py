"""Structural alerts: patterns in SMARTS that literature calls toxic."""

import functools
import hashlib
import json
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import rdkit
from rdkit import Chem, rdBase
from rdkit.Chem import rdSubstructLibrary

from common.data import npz_files, table_files
from common.errors import InputError

# Sets that say what a molecule has, how it behaves in an assay's tube, or how
# long it lasts, and not that it is toxic.
NO_TOXICOPHORES = (
  "Aggregators",
  "Biodegradable",
  "Extended_Functional_Groups",
  "Function_Group",
  "NonBiodegradable",
)


class Alert(NamedTuple):
  """A molecule has it where all of `accept` match and none of `reject`.

  Attributes:
    name: of the file.
    accept: SMARTS.
    reject: SMARTS.
  """

  name: str
  accept: tuple[str, ...]
  reject: tuple[str, ...]

  def size(self) -> int:
    """Atoms of the pattern, the largest of several."""
    patterns = map(Chem.MolFromSmarts, self.accept or self.reject)
    return max(pattern.GetNumAtoms() for pattern in patterns)


def load(path: table_files.Path) -> list[Alert]:
  """Reads alerts; those that ask for the same are one, with the first's name.

  Args:
    path: CSV with columns name and smarts, or name, accept and reject (lists in
      JSON); with a column set, those of `NO_TOXICOPHORES` are left out.

  Raises:
    InputError: it cannot be read, has no such columns or alerts, or a pattern
      is none (with its line).
  """
  header, lines, rows = table_files.table(path)
  at = lambda name: table_files.column_index(path, header, name)
  lists = "accept" in header
  columns = [at("accept"), at("reject")] if lists else [at("smarts")]
  found: dict[tuple, Alert] = {}
  for line, row in zip(lines, rows, strict=True):
    if "set" in header and row[at("set")] in NO_TOXICOPHORES:
      continue
    cells = [_list(path, line, row[i]) if lists else (row[i],) for i in columns]
    accept, reject = cells if lists else (cells[0], ())
    for smarts in (*accept, *reject):
      with rdBase.BlockLogs():
        pattern = Chem.MolFromSmarts(smarts)
      if pattern is None or not pattern.GetNumAtoms():
        raise InputError(
          f"{path}, line {line}: RDKit reads no pattern from {smarts[:80]!r}; "
          "correct the SMARTS, or leave the line out"
        )
    if not accept and not reject:
      raise InputError(f"{path}, line {line}: the alert has no pattern")
    key = (frozenset(accept), frozenset(reject))
    found.setdefault(key, Alert(row[at("name")], accept, reject))
  if not found:
    raise InputError(f"{path} has no alerts that are toxicophores")
  return list(found.values())


def _list(path, line, cell) -> tuple[str, ...]:
  try:
    return tuple(map(str, json.loads(cell)))
  except (ValueError, TypeError) as error:
    raise InputError(
      f"{path}, line {line}: {cell[:80]!r} is no list in JSON; as "
      '["[N+](=O)[O-]"]'
    ) from error


def match(
  alerts: Sequence[Alert],
  molecules: Sequence[Chem.Mol],
  cache_dir: table_files.Path,
) -> np.ndarray:
  """Which molecules have which alerts, bool `[n, alerts]`.

  It takes a minute for thousands of both, and is kept in `cache_dir`, under
  what it depends on.
  """
  smiles = [Chem.MolToSmiles(molecule) for molecule in molecules]
  asked = [rdkit.__version__, smiles, [list(a[1:]) for a in alerts]]
  digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
  path = pathlib.Path(cache_dir).expanduser() / f"alerts/{digest}.npz"
  kept = npz_files.load(path)
  if kept is not None:
    return kept["found"]
  library = rdSubstructLibrary.SubstructLibrary(
    rdSubstructLibrary.MolHolder(), rdSubstructLibrary.PatternHolder()
  )
  for molecule in molecules:
    library.AddMol(molecule)
  patterns = {s for alert in alerts for s in (*alert.accept, *alert.reject)}
  rows = {smarts: _matches(library, smarts) for smarts in sorted(patterns)}
  found = np.zeros((len(molecules), len(alerts)), bool)
  for column, alert in zip(found.T, alerts, strict=True):
    column[:] = True
    for smarts in alert.accept:
      column &= rows[smarts]
    for smarts in alert.reject:
      column &= ~rows[smarts]
  npz_files.save(path, {"found": found})
  return found


def _matches(library, smarts: str) -> np.ndarray:
  found = np.zeros(len(library), bool)
  pattern = Chem.MolFromSmarts(smarts)
  hits = library.GetMatches(pattern, numThreads=1, maxResults=len(library))
  found[list(hits)] = True
  return found


def inside(
  known: Sequence[Alert], molecule: Chem.Mol, atoms: Collection[int]
) -> list[str]:
  """Names of the alerts that a molecule has within some of its atoms.

  All of `accept` match inside the atoms, and none of `reject` anywhere in the
  molecule; an alert that accepts nothing lies nowhere. A name that several
  alerts share comes once.
  """
  places = set(atoms)
  within = lambda smarts: any(
    places.issuperset(match)
    for match in molecule.GetSubstructMatches(_pattern(smarts))
  )
  rejected = lambda smarts: molecule.HasSubstructMatch(_pattern(smarts))
  found = [
    alert.name
    for alert in known
    if alert.accept
    and all(map(within, alert.accept))
    and not any(map(rejected, alert.reject))
  ]
  return list(dict.fromkeys(found))


_pattern = functools.cache(Chem.MolFromSmarts)


def atoms(alert: Alert, molecule: Chem.Mol) -> set[int]:
  """The atoms of a molecule that an alert's patterns match."""
  return {
    atom
    for smarts in alert.accept
    for places in molecule.GetSubstructMatches(_pattern(smarts))
    for atom in places
  }
