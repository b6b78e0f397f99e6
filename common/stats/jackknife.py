"""How far a Fréchet distance can be trusted: its error bar, and its bias in n.

Both come from the moments of disjoint random parts of the samples, so that a
million rows need not be in memory. Leaving out each part in turn gives the
standard error (the delete-a-group jackknife). Distances of fewer parts show the
bias, which falls as 1 / n; a line through them ends at the distance that
infinitely many samples would have.

References: Kott (2001), "The delete-a-group jackknife", J. Official
Statistics 17; Chong and Forsyth (2020), arXiv:1911.07023 (the line in 1 / n).
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from . import frechet

Side = Sequence[frechet.Moments] | frechet.Gaussian


class Extrapolated(NamedTuple):
  """A line value + slope / n, fitted to distances at `sizes` samples.

  `residual` is the largest distance of a point from the line: where it is not
  small beside the value, the bias is not a line yet, and n too small.
  """

  value: float
  slope: float
  residual: float
  sizes: tuple[int, ...]
  distances: tuple[float, ...]


def merged(parts: Sequence[frechet.Moments]) -> frechet.Moments:
  """The moments of all parts together."""
  return functools.reduce(frechet.merge, parts)


def standard_error(
  a: Side, b: Side, progress: Callable[[], object] = lambda: None
) -> float | None:
  """Returns the standard error of `frechet.distance`, by leaving out parts.

  The k-th parts of both sides go together: the sides are independent, so their
  variances add either way, and it takes half the time.

  Args:
    a: parts, or a Gaussian that is taken as exact.
    b: likewise.
    progress: called after each distance.

  Returns:
    None where neither side has parts, or one would be left with no 2 samples.
  """
  counts = {len(s) for s in (a, b) if _is_parts(s)}
  if not counts or min(counts) < 2:
    return None
  groups = min(counts)
  found = []
  for k in range(groups):
    sides = [_without(side, k, groups) for side in (a, b)]
    if any(isinstance(s, frechet.Moments) and s.n < 2 for s in sides):
      return None
    found.append(float(frechet.distance(*sides)))
    progress()
  return float(np.sqrt((groups - 1) * np.var(found)))


def at_infinity(
  a: Side, b: Side, progress: Callable[[], object] = lambda: None
) -> Extrapolated | None:
  """Fits distance = value + slope / n over the first 5, 6, ... of the parts.

  Where both sides have parts, both shrink together; n is the harmonic mean of
  their sizes, since each adds its own 1 / n to the bias. A side without parts
  stays whole and keeps its share of the bias.

  Args:
    a: parts, or a Gaussian that stays as it is.
    b: likewise.
    progress: called after each distance.

  Returns:
    None where neither side has parts, or half of one is below 2 samples.
  """
  counts = {len(s) for s in (a, b) if _is_parts(s)}
  if not counts or min(counts) < 4:
    return None
  groups = min(counts)
  sizes, distances = [], []
  for k in range(groups // 2, groups + 1):
    sides = [_first(side, k, groups) for side in (a, b)]
    n = [
      s.n for s, whole in zip(sides, (a, b), strict=True) if _is_parts(whole)
    ]
    if min(n) < 2:
      return None
    sizes.append(len(n) / sum(1 / m for m in n))
    distances.append(float(frechet.distance(*sides)))
    progress()
  inverse = 1 / np.asarray(sizes)
  slope, value = np.polyfit(inverse, distances, 1)
  residual = np.abs(value + slope * inverse - distances).max()
  return Extrapolated(
    float(value),
    float(slope),
    float(residual),
    tuple(round(n) for n in sizes),
    tuple(distances),
  )


def _is_parts(side: Side) -> bool:
  return not isinstance(side, frechet.Moments) and isinstance(
    side[0], frechet.Moments
  )


def _without(side, k, groups):
  """All parts but those that fall into group k."""
  if not _is_parts(side):
    return side
  return merged([part for i, part in enumerate(side) if i % groups != k])


def _first(side, k, groups):
  return merged(side[: k * len(side) // groups]) if _is_parts(side) else side
