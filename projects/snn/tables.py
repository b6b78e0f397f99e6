"""What a table is, how its rows are split, and how its features are scaled."""

from typing import NamedTuple

import numpy as np

from common.data.standardise import constant
from common.errors import InputError

Splits = tuple[tuple[np.ndarray, np.ndarray], ...]


class Table(NamedTuple):
  """A task: what to predict from what, and which rows are for which.

  Attributes:
    name: of the task.
    x: float32 `[rows, features]`; NaN where a user's table has no value, which
      `standardised` replaces (no other source has any).
    y: int32 `[rows]`, from 0 to `len(classes) - 1`.
    classes: the labels as they were written.
    splits: pairs (train, test) of int64 row numbers, ascending and disjoint.
    notes: what was found and done. `dropped_rows` (no label),
      `missing_values`, `text_columns` (made one-hot), `unused_rows` (in no part
      of the first split), `constant_columns` (in its training rows) and
      `absent_classes` (without a training row in some split: they stay classes,
      and their test rows count as any other).
  """

  name: str
  x: np.ndarray
  y: np.ndarray
  classes: tuple[str, ...]
  splits: Splits
  notes: dict[str, int]


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


def complete(
  name: str,
  x: np.ndarray,
  y: np.ndarray,
  classes: tuple[str, ...],
  splits: Splits,
  **counts: int,
) -> Table:
  """Makes a table, with all of its notes; `counts` are those it cannot see."""
  x = np.ascontiguousarray(x, np.float32)
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
  return Table(name, x, y, classes, splits, {**notes, **counts})
