"""The paper's toy task: is there an alcohol, and where is it?

Positive: a hydroxyl on a saturated carbon, that is no carboxylic acid as well.
Negative: molecules without oxygen, and carboxylic acids without such a
hydroxyl. The paper does not say which data base its 28,147 molecules come from;
here they are drawn from lists of SMILES.
"""

import collections
import pathlib
from collections.abc import Iterator

import numpy as np
from rdkit import Chem, rdBase

from common.chem import canonical
from common.data import table_files
from common.errors import InputError

ALCOHOL = Chem.MolFromSmarts("[OX2H][CX4]")
ACID = Chem.MolFromSmarts("[OX2H]C=O")
HYDROXYL = Chem.MolFromSmarts("[OX2H]")
KINDS = ("alcohol", "oxygen-free", "acid")

_LAST = ("qm9", "nonfullerene")  # Sets of no drugs: used when others run out.


def kind(molecule: Chem.Mol) -> str | None:
  """Which of `KINDS` a molecule is; None for those that the task leaves out.

  A molecule that is an alcohol and an acid is left out: its hydroxyls argue on
  both sides.
  """
  if not any(atom.GetAtomicNum() == 8 for atom in molecule.GetAtoms()):
    return "oxygen-free" if molecule.GetNumAtoms() else None
  alcohol = molecule.HasSubstructMatch(ALCOHOL)
  acid = molecule.HasSubstructMatch(ACID)
  if alcohol == acid:
    return None
  return "alcohol" if alcohol else "acid"


def hydroxyls(molecule: Chem.Mol) -> np.ndarray:
  """Which atoms are the oxygen of an alcohol: bool `[atoms]`."""
  return _first_atoms(molecule, ALCOHOL)


def acid_hydroxyls(molecule: Chem.Mol) -> np.ndarray:
  """Which atoms are the hydroxyl oxygen of a carboxylic acid: bool."""
  return _first_atoms(molecule, ACID)


def _first_atoms(molecule, pattern):
  found = np.zeros(molecule.GetNumAtoms(), bool)
  matches = molecule.GetSubstructMatches(pattern)
  found[[match[0] for match in matches]] = True
  return found


def draw(
  folder: table_files.Path, wanted: dict[str, int], seed: int
) -> tuple[list[Chem.Mol], list[str], dict[str, int]]:
  """Draws molecules of each kind out of a folder's lists of SMILES.

  All lists of drug-like molecules together, in random order, and after them
  those of `_LAST`; duplicates are left out, by canonical SMILES.

  Args:
    folder: of `*.smi` and `*.csv` files (a SMILES is a line's first word, or in
      a column called smiles), which may end in .xz, .gz or .bz2.
    wanted: how many of each of `KINDS`.
    seed: of the order.

  Returns:
    Molecules, the kind of each, and how many came from each list.

  Raises:
    InputError: the lists have too few of a kind.
  """
  folder = pathlib.Path(folder).expanduser()
  missing, seen = dict(wanted), set()
  molecules, kinds = [], []
  sources: collections.Counter[str] = collections.Counter()
  for name, text in _shuffled(folder, seed):
    if not any(missing.values()):
      break
    # Most have oxygen, and few of those are wanted: the text tells which.
    free = "o" not in text.lower()
    if not any(missing[k] for k in KINDS if (k == "oxygen-free") == free):
      continue
    with rdBase.BlockLogs():
      molecule = canonical.molecule(text)
    found = kind(molecule) if molecule else None
    if found is None or not missing[found]:
      continue
    form = Chem.MolToSmiles(molecule)
    if form in seen:
      continue
    seen.add(form)
    missing[found] -= 1
    molecules.append(molecule)
    kinds.append(found)
    sources[f"{found} from {name}"] += 1
  if any(missing.values()):
    raise InputError(
      f"the lists of SMILES in {folder} have too few molecules: missing are "
      f"{', '.join(f'{n} of kind {k}' for k, n in missing.items() if n)}; add "
      "lists, or lower config.alcohols"
    )
  return molecules, kinds, dict(sources)


def _shuffled(folder: pathlib.Path, seed: int) -> Iterator[tuple[str, str]]:
  """Names of lists and SMILES: the drug-like ones, then `_LAST`'s."""
  paths = sorted(path for path in folder.glob("*") if _is_list(path))
  rounds = [[p for p in paths if not p.name.startswith(_LAST)]]
  rounds += [[p for p in paths if p.name.startswith(name)] for name in _LAST]
  generator = np.random.default_rng(seed)
  for chosen in rounds:
    texts = [
      (path.name.split(".")[0], text) for path in chosen for text in _read(path)
    ]
    for i in generator.permutation(len(texts)):
      yield texts[i]


def _is_list(path: pathlib.Path) -> bool:
  return table_files.uncompressed(path).suffix in (".smi", ".csv")


def _read(path: pathlib.Path) -> list[str]:
  """The SMILES of a file."""
  text = table_files.text(path)
  if table_files.uncompressed(path).suffix == ".smi":
    return [line.split()[0] for line in text.splitlines() if line.strip()]
  (_, names), *rows = table_files.rows(text, path)
  column = table_files.column_index(path, names, "smiles")
  return [row[column] for _, row in rows if len(row) > column]
