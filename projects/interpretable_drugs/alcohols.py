"""The paper's toy task: is there an alcohol, and where is it?

Positive: a hydroxyl on a saturated carbon, that is no carboxylic acid as well.
Negative: molecules without oxygen, and carboxylic acids without such a
hydroxyl. The paper does not say which data base its 28,147 molecules come from;
here they are drawn from lists of SMILES.
"""

import collections
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from rdkit import Chem, rdBase

from common import checkpoint
from common.chem import canonical, smiles_files
from common.data import table_files
from common.errors import InputError

ALCOHOL = Chem.MolFromSmarts("[OX2H][CX4]")
ACID = Chem.MolFromSmarts("[OX2H]C=O")
KINDS = ("alcohol", "oxygen-free", "acid")

_LAST = ("qm9", "nonfullerene")  # Sets of no drugs: used when others run out.
_LISTS = (".smi", ".smiles", ".csv", ".tsv")  # Not .txt: a licence is one, too.


class _Entry(NamedTuple):
  """A SMILES as it is written, and where."""

  path: pathlib.Path
  line: int
  text: str


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
    folder: of `.smi`, `.smiles`, `.csv` and `.tsv` files, packed or not, which
      `smiles_files.read` reads; what RDKit rejects of them is said.
    wanted: how many of each of `KINDS`.
    seed: of the order.

  Returns:
    Molecules, the kind of each, and how many came from each list.

  Raises:
    InputError: `smiles_files.read`'s, there is no list, or too few of a kind.
  """
  folder = pathlib.Path(folder).expanduser()
  missing, seen = dict(wanted), set()
  molecules, kinds = [], []
  sources: collections.Counter[str] = collections.Counter()
  wrong = collections.defaultdict[pathlib.Path, list[tuple[int, str]]](list)
  for path, line, text in _shuffled(folder, seed):
    if not any(missing.values()):
      break
    # Most have oxygen, and few of those are wanted: the text tells which.
    free = "o" not in text.lower()
    if not any(missing[k] for k in KINDS if (k == "oxygen-free") == free):
      continue
    with rdBase.BlockLogs():
      molecule = canonical.molecule(text)
    if molecule is None or not text:
      wrong[path].append((line, text))
      continue
    found = kind(molecule)
    if found is None or not missing[found]:
      continue
    form = Chem.MolToSmiles(molecule)
    if form in seen:
      continue
    seen.add(form)
    missing[found] -= 1
    molecules.append(molecule)
    kinds.append(found)
    sources[f"{found} from {path.name.split('.')[0]}"] += 1
  for path, found in sorted(wrong.items()):
    invalid = sorted(one for one in found if one[1])
    empty = sorted(line for line, text in found if not text)
    checkpoint.warn(smiles_files.complaint(str(path), invalid, empty))
  if any(missing.values()):
    raise InputError(
      f"the lists of SMILES in {folder} have too few molecules: missing are "
      f"{', '.join(f'{n} of kind {k}' for k, n in missing.items() if n)}; add "
      "lists, or lower config.alcohols"
    )
  return molecules, kinds, dict(sources)


def _shuffled(folder: pathlib.Path, seed: int) -> Iterator[_Entry]:
  """The entries of all lists, mixed: the drug-like ones', then `_LAST`'s."""
  paths = sorted(path for path in folder.glob("*") if _is_list(path))
  if not paths:
    raise InputError(
      f"{folder} has no lists of SMILES ({', '.join(_LISTS)}): check "
      "config.data_dir"
    )
  rounds = [[p for p in paths if not p.name.startswith(_LAST)]]
  rounds += [[p for p in paths if p.name.startswith(name)] for name in _LAST]
  generator = np.random.default_rng(seed)
  for chosen in rounds:
    entries = [
      _Entry(path, line, text)
      for path in chosen
      for line, text in zip(*smiles_files.read(path), strict=True)
    ]
    for i in generator.permutation(len(entries)):
      yield entries[i]


def _is_list(path: pathlib.Path) -> bool:
  return table_files.uncompressed(path).suffix.lower() in _LISTS
