"""Precision, recall, density and coverage of one sample in another.

Each sample's manifold is the union of balls around its points, each reaching to
the point's k-th neighbour in the same sample.

    precision   share of B in A's manifold    recall    share of A in B's
    density     how many balls of A hold a point of B, over k
    coverage    share of A's balls that hold a point of B

A is the reference (real), B what is judged (generated).

References: Kynkäänniemi et al. (2019), arXiv:1904.06991; Naeem et al. (2020),
arXiv:2002.09797.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.errors import InputError

K = 5  # Which neighbour bounds a ball, as Naeem et al. have it.


class Manifold(NamedTuple):
  """Shares in [0, 1]; density may be above 1."""

  precision: float
  recall: float
  density: float
  coverage: float


def manifold(
  reference: npt.ArrayLike, judged: npt.ArrayLike, k: int = K
) -> Manifold:
  """Returns the four numbers.

  Args:
    reference: [n1, d] features, n1 > k.
    judged: [n2, d] features, n2 > k.
    k: which neighbour bounds a ball.

  Raises:
    InputError: k or fewer samples, different d, or values that are not finite.
  """
  a, b = (np.asarray(v, np.float64) for v in (reference, judged))
  if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
    raise InputError(
      f"manifold: the features have shapes {a.shape} and {b.shape}; give "
      "[samples, features], the same features on both sides"
    )
  if min(len(a), len(b)) <= k:
    raise InputError(
      f"manifold: got {len(a)} and {len(b)} samples; balls up to the {k}-th "
      f"neighbour take at least {k + 1} on each side"
    )
  if not (np.isfinite(a).all() and np.isfinite(b).all()):
    raise InputError("manifold: the features hold values not finite")
  radius_a, radius_b = _radii(a, k), _radii(b, k)
  in_b = np.zeros(len(a), bool)  # Whether a point lies in a ball of b.
  covered = np.zeros(len(a), bool)  # Whether its ball holds a point of b.
  balls = np.zeros(len(b), np.int64)  # Of a, that hold each point of b.
  start = 0
  for block in _blocks(a, b):
    rows = slice(start, start + len(block))
    held = block <= radius_a[rows, None]
    in_b[rows] = (block <= radius_b[None]).any(axis=1)
    covered[rows] = held.any(axis=1)
    balls += held.sum(axis=0)
    start += len(block)
  return Manifold(
    precision=float(np.mean(balls > 0)),
    recall=float(in_b.mean()),
    density=float(balls.mean() / k),
    coverage=float(covered.mean()),
  )


def _blocks(a, b=None):
  """Euclidean distances of rows of a to all of b (or of a), block by block."""
  # Here, since it takes two seconds, and most commands never compare.
  from sklearn.metrics import pairwise_distances_chunked

  return pairwise_distances_chunked(a, b)


def _radii(x: np.ndarray, k: int) -> np.ndarray:
  """Distance of each point to its k-th neighbour, itself not counted, [n]."""
  return np.concatenate(
    [np.partition(block, k, axis=1)[:, k] for block in _blocks(x)]
  )
