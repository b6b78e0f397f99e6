"""Features on one scale: mean 0 and variance 1 over the training rows."""

import numpy as np


def standardised(x: np.ndarray, train: np.ndarray) -> np.ndarray:
  """Gives each feature mean 0 and variance 1 over the training rows.

  A feature that is constant there is 0 everywhere, since it has no scale; a
  missing value (NaN) is 0, the training mean.

  Args:
    x: `[rows, features]`.
    train: int `[n]`, the rows that the moments (float64, ddof 0) come from.

  Returns:
    float32 `[rows, features]`.
  """
  seen = x[train].astype(np.float64)
  known = ~np.isnan(seen)
  count = np.maximum(known.sum(0), 1)
  mean = np.where(known, seen, 0).sum(0) / count
  deviation = np.where(known, seen - mean, 0)
  std = np.sqrt((deviation**2).sum(0) / count)
  # By the values, since the rounded mean of equal values may not be their own.
  varies = ~constant(seen)
  scaled = (x - mean) / np.where(varies, std, 1)
  return np.where(varies & ~np.isnan(x), scaled, 0).astype(np.float32)


def constant(x: np.ndarray) -> np.ndarray:
  """Which columns have one value, or none, beside the missing ones."""
  low = np.where(np.isnan(x), np.inf, x).min(0, initial=np.inf)
  return low >= np.where(np.isnan(x), -np.inf, x).max(0, initial=-np.inf)
