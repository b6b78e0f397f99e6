"""HTRU2: pulsars among candidates of them."""

import pathlib

import numpy as np

from common.data import table_files

from .tables import Table, class_numbers, complete, nested_folds, plain_splits

_NAMES = ("HTRU_2.csv", "HTRU_2.csv.gz")


def read(data_dir: table_files.Path, seed: int = 0) -> Table:
  """Reads HTRU2: 17,898 pulsar candidates, 8 features, class 1 the pulsars.

  Args:
    data_dir: the folder of `HTRU_2.csv` or `HTRU_2.csv.gz` (UCI's file).
    seed: of the ten folds, which the paper does not give; split m tests on fold
      m and trains on all others. `nested_splits` has a validation fold.

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
  splits = plain_splits(nested_folds(y, 10, seed))
  x = cells[:, :-1].astype(np.float32)
  return complete("htru2", x, y, classes, splits)
