"""The molecules that a config names, their labels, and how they are split."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections
import numpy as np
from rdkit import Chem, rdBase

from common.chem import canonical, tox21
from common.data import table_files
from common.errors import InputError

from . import alcohols, generated


class Dataset(NamedTuple):
  """Molecules and labels.

  Attributes:
    molecules: `[n]`, as RDKit has read them.
    y: float32 `[n, tasks]`: 1 active, 0 inactive, NaN not measured.
    parts: rows of "train", "validation" and "test", int64.
    tasks: names.
    notes: counts of what was found and done.
  """

  molecules: list[Chem.Mol]
  y: np.ndarray
  parts: dict[str, np.ndarray]
  tasks: tuple[str, ...]
  notes: dict[str, int]


def load(config: ml_collections.ConfigDict) -> Dataset:
  """Reads what `config.dataset` names; the same for all seeds of a training.

  With `config.permute_labels` the rows of y are exchanged among the training
  and validation molecules: a control that keeps everything but the link.

  Raises:
    InputError: no `data_dir`, a file that cannot be read, other tasks than
      `config.tasks`, or a part without a molecule.
  """
  name = config.dataset
  if name != "generated" and not config.data_dir:
    raise InputError(
      f"config.dataset is {name!r}: say where its files are with "
      "--config.data_dir=DIR"
    )
  read = {
    "tox21": _tox21,
    "alcohols": _alcohols,
    "ames": _ames,
    "generated": _generated,
  }
  data = read[name](config)
  if len(data.tasks) != config.tasks:
    raise InputError(
      f"config.tasks is {config.tasks}, but {name} has {len(data.tasks)}: "
      f"{', '.join(data.tasks)}"
    )
  for part, rows in data.parts.items():
    if not len(rows):
      raise InputError(
        f"{name} has no molecules for {part}: raise "
        "config.validation_share or config.test_share"
      )
  if not config.permute_labels:
    return data
  generator = np.random.default_rng(config.split_seed)
  known = np.concatenate([data.parts["train"], data.parts["validation"]])
  y = data.y.copy()
  y[known] = data.y[generator.permutation(known)]
  return data._replace(y=y)


def task_index(tasks: Sequence[str], name: str) -> int:
  """Which task is called `name`; the first for "".

  Raises:
    InputError: none is.
  """
  if not name:
    return 0
  return table_files.column_index("the run", tuple(tasks), name)


def _tox21(config) -> Dataset:
  found = tox21.samples(config.data_dir)
  # Rejected ones are in no part; the rows left keep their order.
  kept = [i for i, one in enumerate(found.molecules) if one is not None]
  row = np.full(len(found.molecules), -1)
  row[kept] = np.arange(len(kept))
  names = ("train", "validation", "test")
  parts = {n: row[r] for n, r in zip(names, found.split, strict=True)}
  molecules = [one for one in found.molecules if one is not None]
  notes = {"unparsed": found.unparsed}
  return Dataset(molecules, found.y[kept], parts, found.tasks, notes)


def _alcohols(config) -> Dataset:
  wanted = (
    config.alcohols.positives,
    config.alcohols.oxygen_free,
    config.alcohols.acids,
  )
  molecules, kinds, sources = alcohols.draw(
    config.data_dir,
    dict(zip(alcohols.KINDS, wanted, strict=True)),
    config.split_seed,
  )
  y = np.array([[kind == "alcohol"] for kind in kinds], np.float32)
  parts = split(len(molecules), config)
  return Dataset(molecules, y, parts, ("alcohol",), sources)


def _ames(config, by: str = "skeleton") -> Dataset:
  """Trained on Kazius (2005), tested on what Hansen (2009) has beyond it."""
  folder = pathlib.Path(config.data_dir).expanduser()
  train, train_y, seen, bad = _ames_file(folder, "kazius2005_4337")
  others, other_y, keys, other_bad = _ames_file(folder, "hansen2009_6512")
  cut = (lambda key: key.split("-")[0]) if by == "skeleton" else (lambda k: k)
  known = set(map(cut, seen))
  new = [i for i, key in enumerate(keys) if cut(key) not in known]
  parts = split(len(train), config, test=False)
  parts["test"] = len(train) + np.arange(len(new))
  return Dataset(
    train + [others[i] for i in new],
    np.concatenate([train_y, other_y[new]]),
    parts,
    ("mutagenicity",),
    {"unparsed": bad + other_bad, "shared": len(others) - len(new)},
  )


def ames_by_whole_key(config: ml_collections.ConfigDict) -> Dataset:
  """The Ames data with the larger test set, which is perhaps the paper's.

  `load` leaves out of the test all that shares its skeleton, the first block of
  the InChIKey, with a molecule trained on. Here the whole key must differ:
  other stereochemistry, charge or isotopes of a known molecule stay in the
  test. 3,299 molecules are left, where the paper has 3,315.
  """
  return _ames(config, by="key")


def _ames_file(folder, stem):
  """Molecules, labels, InChIKeys, and how many RDKit rejects."""
  path = folder / f"{stem}.csv"
  path = path if path.exists() else folder / f"{stem}.csv.gz"
  header, lines, rows = table_files.table(path)

  def column(*names):
    """The first of `names` that the table has."""
    name = next((n for n in names if n in header), names[-1])
    return table_files.column_index(path, header, name)

  smiles = column("smiles_rdkit", "smiles")
  label = column("mutagen", "activity")
  known = header.index("inchikey") if "inchikey" in header else None
  molecules, y, keys = [], [], []
  for line, row in zip(lines, rows, strict=True):
    if row[label] not in ("0", "1"):
      raise InputError(
        f"{path}, line {line}: the label is {row[label]!r}; it can be 0 or 1"
      )
    with rdBase.BlockLogs():
      molecule = canonical.molecule(row[smiles])
      if molecule is None or not molecule.GetNumAtoms():
        continue
      key = row[known] if known is not None else Chem.MolToInchiKey(molecule)
    # InChI has none of some molecules, which then are like themselves alone; a
    # key's first block ends at its dash.
    keys.append(key or Chem.MolToSmiles(molecule).replace("-", "_"))
    molecules.append(molecule)
    y.append([float(row[label])])
  return (
    molecules,
    np.array(y, np.float32).reshape(-1, 1),
    keys,
    len(rows) - len(molecules),
  )


def _generated(config) -> Dataset:
  molecules, y = generated.molecules(config.tasks)
  names = tuple(f"has {group}" for group in generated.GROUPS[: config.tasks])
  return Dataset(molecules, y, split(len(molecules), config), names, {})


def split(
  count: int, config: ml_collections.ConfigDict, test: bool = True
) -> dict[str, np.ndarray]:
  """Rows of each part, at random by `config.split_seed`; the training's last.

  Args:
    count: molecules.
    config: with the shares of validation and test.
    test: False leaves no molecules to a test, which has its own.
  """
  order = np.random.default_rng(config.split_seed).permutation(count)
  validation = round(config.validation_share * count)
  end = validation + (round(config.test_share * count) if test else 0)
  return {
    "train": np.sort(order[end:]),
    "validation": np.sort(order[:validation]),
    "test": np.sort(order[validation:end]),
  }
