"""New rows of a user's table, read as the rows that a run was trained on."""

import pathlib
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from common.data import table_files
from common.data.standardise import Moments, scaled
from common.errors import InputError

from . import csv_table
from .tables import Column, Table


class Reading(NamedTuple):
  """What a run keeps of its table: how rows become features, and what is what.

  Attributes:
    target: the column of class labels.
    classes: the labels.
    columns: those that are features.
    moments: that the features were standardised to.
    width: columns of the table, the target's with them.
  """

  target: str
  classes: tuple[str, ...]
  columns: tuple[Column, ...]
  moments: Moments
  width: int


def record(target: str, table: Table, moments: Moments) -> dict[str, Any]:
  """A `Reading`, as plain data; of a table that is no user's, nothing."""
  if not table.columns:
    return {}
  return {
    "target": target,
    "classes": list(table.classes),
    "columns": [column._asdict() for column in table.columns],
    "mean": moments.mean.tolist(),
    "scale": moments.scale.tolist(),
  }


def reading(kept: Mapping[str, Any]) -> Reading:
  """What `record` has made plain.

  Raises:
    LookupError, TypeError, ValueError: it is none of that.
  """
  columns = tuple(
    Column(one["name"], None if one["levels"] is None else (*one["levels"],))
    for one in kept["columns"]
  )
  moments = Moments(*(np.array(kept[name], float) for name in Moments._fields))
  features = sum(1 if c.levels is None else len(c.levels) for c in columns)
  if not columns or {(features,)} != {one.shape for one in moments}:
    raise ValueError("columns and moments do not fit")
  classes = tuple(map(str, kept["classes"]))
  return Reading(kept["target"], classes, columns, moments, len(columns) + 1)


def read(
  path: table_files.Path, known: Reading, data: ml_collections.ConfigDict
) -> tuple[list[int], np.ndarray]:
  """Reads a table with the columns of the run's, in whichever order.

  The target's column may be there, and is not read; so may others. These, and
  missing values, which are the mean, are said on standard error.

  Args:
    path: the file; "-" is standard input.
    known: of the run.
    data: `config.data` of the run, which says how the file is written.

  Returns:
    The line of each row, and standardised features, float32.

  Raises:
    InputError: the file cannot be read, lacks a column, or has a cell that the
      run's table could not have.
  """
  path = pathlib.Path(path).expanduser()
  separator = {"tab": "\t"}.get(data.separator, data.separator)
  names, lines, rows = table_files.table(path, separator, data.header)
  wanted = [column.name for column in known.columns]
  if not data.header and len(names) != known.width:
    raise InputError(
      f"{path} has {len(names)} columns, and the table that the run was "
      f"trained on {known.width}: without a header they must be the same, with "
      "anything in that of the target"
    )
  missing = [name for name in wanted if name not in names]
  if missing:
    raise InputError(
      f"{path} lacks {len(missing)} of the {len(wanted)} columns that the run "
      f"was trained on: {', '.join(missing[:5])}; it has {', '.join(names[:9])}"
    )
  rows, _ = csv_table.without(rows, data.missing)
  x, gaps = csv_table.encoded(path, names, lines, rows, known.columns)
  others = [name for name in names if name not in (*wanted, known.target)]
  notes = [
    f"{count} missing in column {name!r}"
    for name, count in gaps.items()
    if count
  ]
  if others:
    notes.append(f"not looked at: {', '.join(others)}")
  if notes:
    print(f"{path}: {'; '.join(notes)}", file=sys.stderr)
  with np.errstate(over="ignore"):
    x = scaled(x, known.moments)
  _refuse_far(path, lines, x, known.columns)
  return lines, x


def _refuse_far(path, lines, x, columns) -> None:
  """Raises InputError for a value whose standardised one is no float32."""
  of_feature = [c.name for c in columns for _ in c.levels or ("",)]
  for row, feature in np.argwhere(~np.isfinite(x)):
    raise InputError(
      f"{path}, line {lines[row]}, column {of_feature[feature]!r}: the value "
      "is too far from those that the run was trained on for a network, which "
      "computes in float32; correct it, or leave the cell empty"
    )
