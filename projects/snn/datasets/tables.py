"""What a table is, and how its rows are split."""

from typing import NamedTuple

import numpy as np

from common.data.standardise import constant
from common.data.table_files import filled
from common.errors import InputError

Splits = tuple[tuple[np.ndarray, np.ndarray], ...]


class Column(NamedTuple):
  """A column of a user's table, as features see it.

  Attributes:
    name: as the table has it.
    levels: the texts of it that are a feature each; None for a number.
  """

  name: str
  levels: tuple[str, ...] | None


class Table(NamedTuple):
  """A task: what to predict from what, and which rows are for which.

  Attributes:
    name: of the task.
    x: float32 `[rows, features]`; a user's table is float64, as written, since
      a time or a number of millions differs in its last digits, and NaN where
      it has no value, which `standardised` replaces.
    y: int32 `[rows]`, from 0 to `len(classes) - 1`.
    classes: the labels as they were written.
    splits: pairs (train, test) of int64 row numbers, ascending and disjoint.
    notes: what was found and done. `dropped_rows` (no label),
      `missing_values`, `text_columns` (made one-hot), `unused_rows` (in no part
      of the first split), `constant_columns` (in its training rows) and
      `absent_classes` (without a training row in some split: they stay classes,
      and their test rows count as any other).
    columns: of a user's table, in the order of its features.
  """

  name: str
  x: np.ndarray
  y: np.ndarray
  classes: tuple[str, ...]
  splits: Splits
  notes: dict[str, int]
  columns: tuple[Column, ...] = ()


def nested_folds(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
  """Deals rows out to folds, each class as evenly as can be.

  Args:
    y: int `[rows]`, classes.
    folds: how many; no more than rows.
    seed: of the order in which rows are dealt.

  Returns:
    int64 `[rows]`, the fold of each row; sizes differ by at most one.

  Raises:
    InputError: fewer than two folds, or more than rows.
  """
  if not 2 <= folds <= len(y):
    raise InputError(f"{folds} folds of {len(y)} rows: ask for 2 to {len(y)}")
  order = np.random.default_rng((seed, 1)).permutation(len(y))
  order = order[np.argsort(y[order], kind="stable")]
  fold = np.empty(len(y), np.int64)
  fold[order] = np.arange(len(y)) % folds
  return fold


def plain_splits(fold: np.ndarray) -> Splits:
  """The (train, test) rows that test on each fold of `nested_folds` in turn."""
  return tuple(
    (np.flatnonzero(fold != m), np.flatnonzero(fold == m))
    for m in range(int(fold.max()) + 1)
  )


def nested_splits(
  fold: np.ndarray,
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]:
  """The (train, validation, test) rows of nested cross-validation.

  Test on fold m, choose on fold m-1 (the last, for the first), train on the
  others: the SNN paper's HTRU2 protocol.

  Args:
    fold: int `[rows]`, from `nested_folds`, of three folds or more.
  """
  folds = int(fold.max()) + 1
  if folds < 3:
    raise InputError(f"nested cross-validation needs 3 folds, not {folds}")
  return tuple(
    (
      np.flatnonzero((fold != m) & (fold != (m - 1) % folds)),
      np.flatnonzero(fold == (m - 1) % folds),
      np.flatnonzero(fold == m),
    )
    for m in range(folds)
  )


def validation_split(
  y: np.ndarray, train: np.ndarray, share: float = 0.15, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
  """Sets rows of the training set apart for selection, at random.

  Classes give rows in proportion, largest remainders first, and each keeps one
  in training: one of a single row gives none, unless all are such.

  Args:
    y: int `[rows]`, classes of the whole table.
    train: int `[n]`, training rows; two or more.
    share: of them that goes, rounded, but at least one row on either side.
    seed: same seed, same split.

  Returns:
    (train, validation): int64 row numbers, ascending.

  Raises:
    InputError: fewer than two training rows, or a share outside (0, 1).
  """
  if len(train) < 2 or not 0 < share < 1:
    raise InputError(
      f"a share of {share} of {len(train)} training rows cannot be set apart: "
      "it takes 2 rows, and a share between 0 and 1"
    )
  random = np.random.default_rng((seed, 2))
  wanted = min(max(round(share * len(train)), 1), len(train) - 1)
  shuffled = random.permutation(np.sort(train))
  _, code, counts = np.unique(
    y[shuffled], return_inverse=True, return_counts=True
  )
  spare = counts - 1 if (counts > 1).any() else counts
  exact = wanted * counts / len(train)
  taken = np.minimum(np.floor(exact).astype(int), spare)
  ties = random.random(len(counts))
  while taken.sum() < min(wanted, spare.sum()):
    need = np.where(taken < spare, exact - taken, -np.inf)
    taken[np.lexsort((ties, need))[-1]] += 1
  # The rank of a row within its class, in the shuffled order.
  order = np.argsort(code, kind="stable")
  first = np.repeat(np.cumsum(counts) - counts, counts)
  rank = np.empty(len(code), int)
  rank[order] = np.arange(len(code)) - first
  chosen = rank < taken[code]
  return np.sort(shuffled[~chosen]), np.sort(shuffled[chosen])


def class_numbers(
  column: np.ndarray, where: str, lines: np.ndarray
) -> np.ndarray:
  """Class ids, int32 `[rows]`, of a column of numbers and its rows' lines.

  Raises:
    InputError: one is not a whole number from 0 on.
  """
  wrong = (column != np.floor(column)) | (column < 0) | (column >= 2**31)
  if wrong.any():
    at = int(np.argmax(wrong))
    raise InputError(
      f"{where}, line {lines[at]}, last column: class {column[at]:g} is "
      "not a whole number from 0 on; correct it, or get the file again"
    )
  return column.astype(np.int32)


def parse_folds(
  found: str, where: str, rows: int
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Parses lines of row numbers from 0, training and test rows in turn.

  Returns:
    Pairs (train, test), int64, ascending.

  Raises:
    InputError: a word that is no row number of a table of `rows` rows, a row
      twice in one pair, an empty or an odd line.
  """
  lines = filled(found, where).rstrip().split("\n")
  if len(lines) % 2:
    raise InputError(
      f"{where} has {len(lines)} lines: training and test rows come in turn"
    )
  parsed = []
  for i, line in enumerate(lines, 1):
    words = line.split()
    if not words:
      raise InputError(f"{where}, line {i}, names no row")
    for j, word in enumerate(words, 1):
      if not (word.isascii() and word.isdigit() and int(word) < rows):
        raise InputError(
          f"{where}, line {i}, word {j}: {word[:20]!r} is not a row of the "
          f"table, which are 0 to {rows - 1}; is it the file of another table?"
        )
    parsed.append(np.sort(np.array(words, np.int64)))
  pairs = list(zip(parsed[::2], parsed[1::2], strict=True))
  for i, (train, test) in enumerate(pairs):
    together, counts = np.unique(
      np.concatenate([train, test]), return_counts=True
    )
    if (counts > 1).any():
      row = together[np.argmax(counts > 1)]
      both = row in train and row in test
      raise InputError(
        f"{where}, lines {2 * i + 1} and {2 * i + 2}: row {row} is "
        + ("in training and test" if both else "there twice")
        + "; it may be in one of them, once"
      )
  return pairs


def complete(
  name: str,
  x: np.ndarray,
  y: np.ndarray,
  classes: tuple[str, ...],
  splits: Splits,
  columns: tuple[Column, ...] = (),
  **counts: int,
) -> Table:
  """Makes a table, with all of its notes; `counts` are those it cannot see."""
  x = np.ascontiguousarray(x)
  train, test = splits[0]
  present = [np.bincount(y[rows], minlength=len(classes)) for rows, _ in splits]
  notes = {
    "dropped_rows": 0,
    "missing_values": 0,
    "text_columns": 0,
    "unused_rows": len(x) - len(train) - len(test),
    "constant_columns": int(constant(x[train]).sum()),
    "absent_classes": int((np.min(present, 0) == 0).sum()),
  }
  return Table(name, x, y, classes, splits, {**notes, **counts}, columns)
