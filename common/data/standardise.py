"""Features on one scale: mean 0 and variance 1 over the training rows."""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
  """Of each feature: float64 `[features]`; a `scale` of 0 where it is constant.

  A constant feature has no scale.
  """

  mean: np.ndarray
  scale: np.ndarray


def moments(x: np.ndarray) -> Moments:
  """Mean and standard deviation (ddof 0) of the values that are not missing.

  Args:
    x: `[rows, features]`, NaN where a value is missing.
  """
  seen = x.astype(np.float64)
  known = ~np.isnan(seen)
  count = np.maximum(known.sum(0), 1)
  mean = np.where(known, seen, 0).sum(0) / count
  deviation = np.where(known, seen - mean, 0)
  std = np.sqrt((deviation**2).sum(0) / count)
  # By the values, since the rounded mean of equal values may not be their own.
  return Moments(mean, np.where(constant(seen), 0, std))


def scaled(x: np.ndarray, to: Moments) -> np.ndarray:
  """Gives features the scale of `to`: float32 `[rows, features]`.

  A feature without a scale is 0 everywhere; a missing value (NaN) is 0, the
  mean.
  """
  varies = to.scale > 0
  x = (x - to.mean) / np.where(varies, to.scale, 1)
  return np.where(varies & ~np.isnan(x), x, 0).astype(np.float32)


def standardised(x: np.ndarray, train: np.ndarray) -> np.ndarray:
  """`scaled` to the moments of the training rows.

  Args:
    x: `[rows, features]`.
    train: int `[n]`, the rows that the moments come from.
  """
  return scaled(x, moments(x[train]))


def constant(x: np.ndarray) -> np.ndarray:
  """Which columns have one value, or none, beside the missing ones."""
  low = np.where(np.isnan(x), np.inf, x).min(0, initial=np.inf)
  return low >= np.where(np.isnan(x), -np.inf, x).max(0, initial=-np.inf)
