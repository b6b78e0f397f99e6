"""Your own table, in a CSV file."""

import logging
import pathlib
from collections.abc import Sequence

import numpy as np

from common.data import table_files
from common.data.table_files import Path
from common.errors import InputError

from .tables import Column, Table, complete, nested_folds, plain_splits

SURE_CLASSES = 20  # Of so many, rows are not counted, if labels are whole.
MIN_ROWS_A_CLASS = 10  # In the mean, of more classes.
MIN_ROWS = 4  # One for each of the four folds.
MAX_LEVELS = 64  # A text column of more is a name or a number of the row.


def read(
  path: Path,
  target: str,
  categorical: Sequence[str] = (),
  seed: int = 0,
  separator: str = ",",
  header: bool = True,
  missing: Sequence[str] = (),
) -> Table:
  """Reads your own table.

  A column whose every cell is a number is a feature as it is. One without any
  number, or named in `categorical`, becomes one 0/1 feature for each of its
  values, sorted (at most MAX_LEVELS). A column that has both is an error. What
  is missing (empty, ?, NA, nan, ...) is NaN until `standardised`, in all
  features of its column; rows without a label are dropped. Constant columns
  stay. All of it is counted in `notes`.

  Args:
    path: the file, .csv or .csv.gz, in UTF-8.
    target: the column of class labels, any text; numbers sort as numbers.
    categorical: columns of numbers that are only names.
    seed: of the four stratified folds.
    separator: between cells.
    header: whether the first line names the columns; without, they are called
      "1", "2", and so on.
    missing: what stands for a missing value, too, beside empty, ?, NA, ...

  Raises:
    InputError: with file, line and column, for what is not described above.
  """
  path = pathlib.Path(path).expanduser()
  option = "--config.data.separator"
  names, lines, rows = table_files.table(path, separator, header, option)
  if header:
    _refuse_numbers_for_names(path, names)
  rows, unused = without(rows, missing)
  if unused:
    logging.getLogger(__name__).warning(
      "%s: no cell is %s, which config.data.missing names",
      path,
      " or ".join(map(repr, unused)),
    )
  for wanted in (target, *categorical):
    table_files.column_index(path, names, wanted)
  place = names.index(target)
  labelled = np.array([not _missing(row[place]) for row in rows])
  lines = [line for line, keep in zip(lines, labelled, strict=True) if keep]
  rows = [row for row, keep in zip(rows, labelled, strict=True) if keep]
  y, classes = _classes(
    [row[place] for row in rows], f"{path}, column {target!r}"
  )
  columns = []
  for i, column in enumerate(names):
    if i == place:
      continue
    cells = [row[i] for row in rows]
    levels = None
    where = f"{path}, column {column!r}"
    if column in categorical:
      levels = _levels(cells, where)
    elif _is_text(cells):
      _refuse_signs(cells, where)
      levels = _levels(cells, where)
    columns.append(Column(column, levels))
  if not columns:
    raise InputError(f"{path} has no column of features beside {target!r}")
  x, gaps = encoded(path, names, lines, rows, columns)
  if len(y) < MIN_ROWS:
    raise InputError(
      f"{path} has {len(y)} rows with a label in column {target!r}: training, "
      f"choosing and testing take {MIN_ROWS} or more"
    )
  splits = plain_splits(nested_folds(y, 4, seed))
  return complete(
    path.name.removesuffix(".gz").removesuffix(".csv"),
    x,
    y,
    classes,
    splits,
    tuple(columns),
    dropped_rows=int((~labelled).sum()),
    missing_values=sum(gaps.values()),
    text_columns=sum(column.levels is not None for column in columns),
  )


def without(
  rows: Sequence[Sequence[str]], missing: Sequence[str]
) -> tuple[list[list[str]], list[str]]:
  """Rows whose cells are empty where they are one of `missing`.

  As texts, or as numbers: -9 is -9.0, too.

  Returns:
    The rows, and those of `missing` that no cell is.
  """
  if not missing:  # As a rule: no cell need be parsed for it.
    return [list(row) for row in rows], []
  of_number = {
    value: text
    for text in missing
    if (value := table_files.number(text)) is not None
  }
  unused = set(missing)

  def kept(cell):
    text = cell if cell in missing else of_number.get(table_files.number(cell))
    unused.discard(text)
    return cell if text is None else ""

  rows = [[kept(cell) for cell in row] for row in rows]
  return rows, sorted(unused)


def encoded(
  path: Path,
  names: Sequence[str],
  lines: Sequence[int],
  rows: Sequence[Sequence[str]],
  columns: Sequence[Column],
) -> tuple[np.ndarray, dict[str, int]]:
  """The features of rows: a column's number, or 0/1 for each of its levels.

  Args:
    path: the file, for errors.
    names: of its columns.
    lines: of the rows.
    rows: their cells.
    columns: those that are features, all of them in `names`.

  Returns:
    float64 `[rows, features]`, NaN where a cell is missing, and how many are,
    of each column.

  Raises:
    InputError: a cell that is no number, or none of the column's levels.
  """
  features, gaps = [], {}
  for column in columns:
    place = names.index(column.name)
    cells = [row[place] for row in rows]
    gaps[column.name] = sum(map(_missing, cells))
    if column.levels is None:
      features.append(_numeric(cells, lines, str(path), column.name))
    else:
      features += _one_hot(cells, lines, str(path), column)
  return np.array(features, np.float64).reshape(-1, len(rows)).T, gaps


def _refuse_numbers_for_names(path: pathlib.Path, names: list[str]) -> None:
  """Raises InputError for a first line of numbers: a row, not a header."""
  numbers = [name for name in names if table_files.number(name) is not None]
  if len(numbers) > len(names) / 2:
    raise InputError(
      f"{path}: the first row holds numbers ({', '.join(numbers[:3])}) "
      "where the columns' names should be: write a line of names, or set "
      "--config.data.header=False and name the target by its number from 1"
    )


def _refuse_signs(cells: Sequence[str], where: str) -> None:
  """Raises InputError for numbers as 0,5 and 5%, which are no texts."""
  known = [cell for cell in cells if not _missing(cell)]
  bare = [cell.replace(",", "").strip("$€£% ") for cell in known]
  if all(table_files.number(cell) is not None for cell in bare):
    raise InputError(
      f"{where}, has numbers with a comma or a sign, as {known[0]!r}: write "
      "decimals with a point, nothing between thousands, and no sign of a "
      "currency or a percentage; or name the column in "
      "--config.data.categorical, if its numbers are only names"
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
        "number, as others in this column are; correct it, name the column in "
        "config.data.categorical, or the text in config.data.missing"
      )
    if abs(value) > float(np.finfo(np.float32).max):
      raise InputError(
        f"{path}, line {line}, column {column!r}: {cell} is too large for a "
        "network, which computes in float32; write the column in another unit"
      )
    numbers.append(value)
  return numbers


def _levels(cells: Sequence[str], where: str) -> tuple[str, ...]:
  """The texts of a column, sorted."""
  levels = sorted({cell for cell in cells if not _missing(cell)})
  if len(levels) > MAX_LEVELS:
    raise InputError(
      f"{where}, has {len(levels)} different texts, more than {MAX_LEVELS}: "
      "drop it, or write numbers"
    )
  return tuple(levels)


def _one_hot(
  cells: Sequence[str], lines: Sequence[int], path: str, column: Column
) -> list[list[float]]:
  """A feature for each level of a column."""
  levels = column.levels or ()
  for line, cell in zip(lines, cells, strict=True):
    if cell not in levels and not _missing(cell):
      raise InputError(
        f"{path}, line {line}, column {column.name!r}: {cell!r} is none of the "
        f"texts that this column is known by ({', '.join(levels)}); write one "
        "of them, or leave the cell empty"
      )
  known = [None if _missing(cell) else cell for cell in cells]
  return [
    [np.nan if cell is None else float(cell == level) for cell in known]
    for level in levels
  ]


def _classes(
  labels: Sequence[str], where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
  """Class numbers, int32 `[rows]`, of labels, and the sorted labels.

  Labels that are one number, as 1 and 1.0, are one class, named as first seen.
  """
  values = [table_files.number(label) for label in labels]
  by_number = bool(values) and all(value is not None for value in values)
  keys = values if by_number else list(labels)
  name: dict = {}
  for key, label in zip(keys, labels, strict=True):
    name.setdefault(key, label)
  ordered = sorted(name)
  rows, classes = len(labels), tuple(name[key] for key in ordered)
  fractions = by_number and any(value % 1 for value in ordered)
  many = len(classes) > (2 if fractions else SURE_CLASSES)
  if many and rows < MIN_ROWS_A_CLASS * len(classes):
    raise InputError(
      f"{where}, has {len(classes)} different labels in {rows} rows: it looks "
      "like a quantity or a name, and this project classifies; write a column "
      "of fewer classes (as low and high), or name another in "
      "--config.data.name"
    )
  if len(classes) < 2:
    raise InputError(
      f"{where}, has {len(classes)} different labels: a classification needs "
      "two or more"
    )
  code = {key: i for i, key in enumerate(ordered)}
  return np.array([code[key] for key in keys], np.int32), classes
