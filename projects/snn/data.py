"""Tables for classification, on the host: the UCI tasks, HTRU2, and your own.

The UCI tasks are those of Fernandez-Delgado et al. (JMLR 2014), in their files:
features are z-scored per file, categories are integer codes, and what was
unknown is 0 before the z-score. Nothing here changes that, but for tasks with a
test file of their own (see `uci`); `standardised` comes on top, from the
training rows alone.
"""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from common.data import npz_files, table_files
from common.data.standardise import standardised
from common.errors import InputError, nearest

from . import uci_files
from .tables import (
  Table,
  complete,
  nested_folds,
  nested_splits,
  validation_split,
)

__all__ = [
  "Table",
  "csv_table",
  "htru2",
  "nested_folds",
  "nested_splits",
  "standardised",
  "uci",
  "uci_names",
  "validation_split",
]

Path = table_files.Path

MAX_LEVELS = 64  # A text column of more is a name or a number of the row.
_HTRU2 = ("HTRU_2.csv", "HTRU_2.csv.gz")


def uci_names(data_dir: Path, cache_dir: Path | None = None) -> list[str]:
  """The names of the UCI tasks in `data_dir` (see `uci`), sorted.

  Raises:
    InputError: there is none, or an archive cannot be read.
  """
  found = [_names(s, cache_dir) for s in uci_files.sources(data_dir)]
  names = sorted(set().union(*found))
  if not names:
    raise InputError(
      f"{data_dir} holds no UCI task: it needs folders <task>/ with "
      "<task>_R.dat, or an archive (.tar.xz, .tar.gz) of them"
    )
  return names


def uci(data_dir: Path, name: str, cache_dir: Path | None = None) -> Table:
  """Reads one UCI task.

  A task with its own test file has one split, train file against test file.
  Its files are on scales of their own (one z-scored, the other raw codes, in
  hayes-roth), so that no test value need occur in training: here each file is
  standardised by its own moments.

  Others have the four of `conxuntos_kfold.dat`, in order: the SNN paper's test
  sizes are those of `splits[0]`.

  Args:
    data_dir: a folder with unpacked task folders (`<task>/<task>_R.dat`, or
      `_train_R.dat` and `_test_R.dat`, and `conxuntos_kfold.dat`) and/or
      archives of them, or one archive. An unpacked folder wins.
    name: of the task.
    cache_dir: where parsed tasks are kept, all tasks of an archive at the first
      use; one whose size or time changes is read again. None parses each time.

  Raises:
    InputError: no such task, a file that cannot be read, a cell that is no
      number, folds that do not match the rows.
  """
  for source in uci_files.sources(data_dir):
    if cache_dir is None:
      theirs = uci_files.contents(source, name)
      if name not in theirs:
        continue
      found = _parsed(name, theirs[name], source)
    elif name not in _names(source, cache_dir):
      continue
    else:
      path = _place(source, name, cache_dir)
      found = _load(name, path)
      if found is None:  # Not parsed yet, or damaged.
        _fill(source, name, cache_dir)
        found = _load(name, path)
    if not isinstance(found, Table):
      raise InputError(found or f"{cache_dir} loses files: give another")
    return _on_one_scale(found) if len(found.splits) == 1 else found
  names = uci_names(data_dir, cache_dir)
  close = nearest(name, names)
  raise InputError(
    f"{data_dir} holds no task {name!r} among its {len(names)}"
    + (f"; did you mean {close!r}?" if close else f", from {names[0]!r} on")
  )


def _on_one_scale(table: Table) -> Table:
  x = table.x.copy()
  for rows in table.splits[0]:
    x[rows] = standardised(table.x, rows)[rows]
  return table._replace(x=x)


def htru2(data_dir: Path, seed: int = 0, folds: int = 10) -> Table:
  """Reads HTRU2: 17,898 pulsar candidates, 8 features, class 1 the pulsars.

  Args:
    data_dir: the folder of `HTRU_2.csv` or `HTRU_2.csv.gz` (UCI's file).
    seed: of the folds, which the paper does not give.
    folds: their number; split m tests on fold m and trains on all others.
      `nested_splits(nested_folds(y, folds, seed))` has a validation fold.

  Raises:
    InputError: no such file, or a cell that is no number or class.
  """
  paths = [pathlib.Path(data_dir).expanduser() / name for name in _HTRU2]
  path = next((p for p in paths if p.exists()), paths[0])
  cells = table_files.numbers(
    table_files.text(path), str(path), ",", False, columns=9
  )
  y = uci_files.labels(cells[:, -1], str(path), 1)
  classes = tuple(map(str, range(y.max() + 1)))
  fold = nested_folds(y, folds, seed)
  splits = tuple(
    (np.flatnonzero(fold != m), np.flatnonzero(fold == m)) for m in range(folds)
  )
  return complete("htru2", cells[:, :-1], y, classes, splits)


def csv_table(
  path: Path,
  target: str,
  categorical: Sequence[str] = (),
  folds: Path | None = None,
  seed: int = 0,
) -> Table:
  """Reads your own table: comma-separated, with a header line.

  A column whose every cell is a number is a feature as it is. One without any
  number, or named in `categorical`, becomes one 0/1 feature for each of its
  values, sorted (at most MAX_LEVELS); a missing one is 0 in all of them. A
  column that has both is an error. Missing numbers ( empty, ?, NA, nan,
  ...) are NaN until `standardised`; rows without a label are dropped. Constant
  columns stay. All of it is counted in `notes`.

  Args:
    path: the file, .csv or .csv.gz, in UTF-8.
    target: the column of class labels, any text; numbers sort as numbers.
    categorical: columns of numbers that are only names.
    folds: a file like `conxuntos_kfold.dat`: lines of row numbers from 0,
      training and test rows in turn. None makes four stratified folds.
    seed: of those.

  Raises:
    InputError: with file, line and column, for what is not described above.
  """
  path = pathlib.Path(path).expanduser()
  header, lines, rows = table_files.table(path)
  for wanted in (target, *categorical):
    table_files.column_index(path, header, wanted)
  place = header.index(target)
  labelled = np.array([not _missing(row[place]) for row in rows])
  lines = [line for line, keep in zip(lines, labelled, strict=True) if keep]
  rows = [row for row, keep in zip(rows, labelled, strict=True) if keep]
  y, classes = _classes(
    [row[place] for row in rows], f"{path}, column {target!r}"
  )
  features, missing, texts = [], 0, 0
  for i, column in enumerate(header):
    if i == place:
      continue
    cells = [row[i] for row in rows]
    missing += sum(map(_missing, cells))
    if column in categorical or _is_text(cells):
      texts += 1
      features += _one_hot(cells, f"{path}, column {column!r}")
    else:
      features.append(_numeric(cells, lines, str(path), column))
  if not features:
    raise InputError(f"{path} has no column of features beside {target!r}")
  if folds is None:
    fold = nested_folds(y, min(4, len(y)), seed)
    splits = tuple(
      (np.flatnonzero(fold != m), np.flatnonzero(fold == m))
      for m in range(min(4, len(y)))
    )
  else:  # Their numbers count the rows of the file, dropped ones included.
    number, where = np.cumsum(labelled) - 1, pathlib.Path(folds).expanduser()
    pairs = uci_files.folds(table_files.text(where), str(where), len(labelled))
    splits = tuple(
      (number[train[labelled[train]]], number[test[labelled[test]]])
      for train, test in pairs
    )
  return complete(
    path.name.removesuffix(".gz").removesuffix(".csv"),
    np.array(features).T,
    y,
    classes,
    splits,
    dropped_rows=int((~labelled).sum()),
    missing_values=missing,
    text_columns=texts,
  )


def _missing(cell: str) -> bool:
  return cell.lower() in table_files.MISSING


def _is_text(cells: Sequence[str]) -> bool:
  """Whether there is a value, and none is a number."""
  known = [cell for cell in cells if not _missing(cell)]
  return bool(known) and all(table_files.number(cell) is None for cell in known)


def _numeric(
  cells: Sequence[str], lines: Sequence[int], path: str, column: str
) -> list[float]:
  """The numbers of a column, NaN where one is missing."""
  numbers = []
  for line, cell in zip(lines, cells, strict=True):
    value = np.nan if _missing(cell) else table_files.number(cell)
    if value is None:
      raise InputError(
        f"{path}, line {line}, column {column!r}: {cell!r} is not a finite "
        "number, as others in this column are; correct it, or name the column "
        "in `categorical`"
      )
    numbers.append(value)
  return numbers


def _one_hot(cells: Sequence[str], where: str) -> list[list[float]]:
  """A feature for each text of a column, sorted."""
  levels = sorted({cell for cell in cells if not _missing(cell)})
  if len(levels) > MAX_LEVELS:
    raise InputError(
      f"{where}, has {len(levels)} different texts, more than {MAX_LEVELS}: "
      "drop it, or write numbers"
    )
  return [[float(cell == level) for cell in cells] for level in levels]


def _classes(
  labels: Sequence[str], where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
  """Class numbers, int32 `[rows]`, of labels, and the sorted labels."""
  by_number = all(table_files.number(label) is not None for label in labels)
  order = (lambda c: (table_files.number(c), c)) if by_number else None
  classes = tuple(sorted(set(labels), key=order))
  if len(classes) < 2:
    raise InputError(
      f"{where}, has {len(classes)} different labels: a classification needs "
      "two or more"
    )
  code = {label: i for i, label in enumerate(classes)}
  return np.array([code[label] for label in labels], np.int32), classes


def _parsed(
  name: str, found: Mapping[str, bytes], source: pathlib.Path
) -> Table | str:
  """A UCI task's table from its files, or what is wrong with them."""
  try:
    return _task(name, found, f"{source}{os.sep}{name}{os.sep}")
  except InputError as error:
    return str(error)


def _task(name: str, found: Mapping[str, bytes], where: str) -> Table:
  def text(file: str) -> str:
    if file not in found:
      raise InputError(f"{where}{file} is missing beside {min(found)}")
    return table_files.filled(
      found[file].decode("utf-8", "replace"), where + file
    )

  own_test = f"{name}_train_R.dat" in found or f"{name}_test_R.dat" in found
  parts = []
  for part in ("_train", "_test") if own_test else ("",):
    file = f"{name}{part}_R.dat"
    cells = table_files.numbers(text(file), where + file, "\t", True)
    # The first column counts the rows.
    x, y = cells[:, 1:-1], uci_files.labels(cells[:, -1], where + file, 2)
    parts.append((x, y))
    if not x.shape[1] or x.shape[1] != parts[0][0].shape[1]:
      raise InputError(
        f"{where}{file} has {x.shape[1]} features; the training file has "
        f"{parts[0][0].shape[1]}, and one at least is needed"
      )
  x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
  ids, y = np.unique(y, return_inverse=True)
  if own_test:
    n = len(parts[0][0])
    splits = ((np.arange(n), np.arange(n, len(x))),)
  else:
    file = "conxuntos_kfold.dat"
    splits = tuple(uci_files.folds(text(file), where + file, len(x)))
  return complete(name, x, y.astype(np.int32), tuple(map(str, ids)), splits)


def _place(source: pathlib.Path, name: str, cache_dir: Path) -> pathlib.Path:
  """Where a task is kept; for an empty name, the list of an archive's tasks."""
  folder = pathlib.Path(cache_dir).expanduser() / "uci"
  return folder / f"{name or 'names'}-{uci_files.digest(source, name)}.npz"


def _names(source: pathlib.Path, cache_dir: Path | None) -> set[str]:
  """The tasks in a folder or archive; parses an archive that is new."""
  if source.is_dir():
    return set(uci_files.unpacked(source))
  if cache_dir is None:
    return set(uci_files.contents(source))
  kept = npz_files.load(_place(source, "", cache_dir))
  if kept is None:
    return _fill(source, "", cache_dir)
  return set(json.loads(str(kept["names"])))


def _fill(source: pathlib.Path, name: str, cache_dir: Path) -> set[str]:
  """Parses a folder's task, or an archive's tasks, into the cache."""
  found = uci_files.contents(source, name if source.is_dir() else None)
  for task, theirs in found.items():
    table = _parsed(task, theirs, source)
    if isinstance(table, Table):
      arrays = {f"train{i}": pair[0] for i, pair in enumerate(table.splits)}
      arrays |= {f"test{i}": pair[1] for i, pair in enumerate(table.splits)}
      facts = json.dumps([table.classes, len(table.splits), table.notes])
      arrays |= {"x": table.x, "y": table.y, "facts": np.array(facts)}
    else:
      arrays = {"error": np.array(table)}
    npz_files.save(_place(source, task, cache_dir), arrays)
  if not source.is_dir():  # Last: with it, the others count as complete.
    names = np.array(json.dumps(sorted(found)))
    npz_files.save(_place(source, "", cache_dir), {"names": names})
  return set(found)


def _load(name: str, path: pathlib.Path) -> Table | str | None:
  """What `_fill` wrote: a table, or what is wrong with it; None if damaged."""
  kept = npz_files.load(path)
  if kept is None:
    return None
  if "error" in kept:
    return str(kept["error"])
  classes, count, notes = json.loads(str(kept["facts"]))
  splits = tuple((kept[f"train{i}"], kept[f"test{i}"]) for i in range(count))
  return Table(name, kept["x"], kept["y"], tuple(classes), splits, notes)
