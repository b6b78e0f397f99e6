"""The UCI tasks of Fernandez-Delgado et al. (JMLR 2014), in their files.

Features are z-scored per file, categories are integer codes, and what was
unknown is 0 before the z-score. Nothing here changes that, but for tasks with a
test file of their own (see `read`).
"""

import json
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from common.data import npz_files, table_files
from common.data.standardise import standardised
from common.errors import InputError, nearest

from . import uci_files
from .tables import Table, class_numbers, complete, parse_folds

Path = table_files.Path


def names(data_dir: Path, cache_dir: Path | None = None) -> list[str]:
  """The names of the UCI tasks in `data_dir` (see `read`), sorted.

  Raises:
    InputError: there is none, or an archive cannot be read.
  """
  found = [_names(s, cache_dir) for s in uci_files.sources(data_dir)]
  tasks = sorted(set().union(*found))
  if not tasks:
    raise InputError(
      f"{data_dir} holds no UCI task: it needs folders <task>/ with "
      "<task>_R.dat, or an archive (.tar.xz, .tar.gz) of them"
    )
  return tasks


def read(data_dir: Path, name: str, cache_dir: Path | None = None) -> Table:
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
  there = names(data_dir, cache_dir)
  close = nearest(name, there)
  raise InputError(
    f"{data_dir} holds no task {name!r} among its {len(there)}"
    + (f"; did you mean {close!r}?" if close else f", from {there[0]!r} on")
  )


def _on_one_scale(table: Table) -> Table:
  x = table.x.copy()
  for rows in table.splits[0]:
    x[rows] = standardised(table.x, rows)[rows]
  return table._replace(x=x)


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
    lines, cells = table_files.numbers(text(file), where + file, "\t", True)
    # The first column counts the rows.
    x, y = cells[:, 1:-1], class_numbers(cells[:, -1], where + file, lines)
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
    splits = tuple(parse_folds(text(file), where + file, len(x)))
  x, y = x.astype(np.float32), y.astype(np.int32)
  return complete(name, x, y, tuple(map(str, ids)), splits)


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
