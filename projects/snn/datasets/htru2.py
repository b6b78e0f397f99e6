"""HTRU2: pulsars among candidates of them."""

import pathlib

import numpy as np

from common.data import table_files

from .tables import Table, class_numbers, complete, nested_folds

_NAMES = ("HTRU_2.csv", "HTRU_2.csv.gz")


def read(data_dir: table_files.Path, seed: int = 0, folds: int = 10) -> Table:
  """Reads HTRU2: 17,898 pulsar candidates, 8 features, class 1 the pulsars.

  Args:
    data_dir: the folder of `HTRU_2.csv` or `HTRU_2.csv.gz` (UCI's file).
    seed: of the folds, which the paper does not give.
    folds: their number; split m tests on fold m and trains on all others.
      `nested_splits(nested_folds(y, folds, seed))` has a validation fold.

  Raises:
    InputError: no such file, or a cell that is no number or class.
  """
  paths = [pathlib.Path(data_dir).expanduser() / name for name in _NAMES]
  path = next((p for p in paths if p.exists()), paths[0])
  lines, cells = table_files.numbers(
    table_files.text(path), str(path), ",", False, columns=9
  )
  y = class_numbers(cells[:, -1], str(path), lines)
  classes = tuple(map(str, range(y.max() + 1)))
  fold = nested_folds(y, folds, seed)
  splits = tuple(
    (np.flatnonzero(fold != m), np.flatnonzero(fold == m)) for m in range(folds)
  )
  x = cells[:, :-1].astype(np.float32)
  return complete("htru2", x, y, classes, splits)
