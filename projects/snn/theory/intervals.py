"""Intervals over many boxes at once, and the supremum of a function over one.

What lies between the points of a grid is bounded by evaluating with intervals:
every operation returns an interval that holds all results for operands within
theirs, so that the end of a computation holds the range of the function over
the whole box. `supremum` splits the boxes whose bound is not yet good enough.

Bounds are not rounded outwards. float64 and scipy.special err by some 1e-15
where numbers are of order 1; `SLACK` is added to every bound for that.

Reference: Moore, Kearfott and Cloud (2009), "Introduction to Interval
Analysis", chapters 3, 6 (mean value form) and 9 (branch and bound).
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from common.errors import InputError

# A thousand times what the evaluations here were seen to err by.
SLACK = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class Interval:
  """Closed intervals [low, high], arrays of one shape; scalars mix in."""

  low: np.ndarray
  high: np.ndarray

  # Makes `array * interval` come here, where NumPy would go by elements.
  __array_ufunc__ = None

  def __add__(self, other) -> "Interval":
    low, high = ends(other)
    return Interval(self.low + low, self.high + high)

  __radd__ = __add__

  def __neg__(self) -> "Interval":
    return Interval(-self.high, -self.low)

  def __sub__(self, other) -> "Interval":
    low, high = ends(other)
    return Interval(self.low - high, self.high - low)

  def __rsub__(self, other) -> "Interval":
    return -self + other

  def __mul__(self, other) -> "Interval":
    low, high = ends(other)
    corners = [a * b for a in (self.low, self.high) for b in (low, high)]
    return Interval(np.minimum.reduce(corners), np.maximum.reduce(corners))

  __rmul__ = __mul__

  def __truediv__(self, other) -> "Interval":
    """Quotient; the divisor must be above zero."""
    low, high = ends(other)
    return self * Interval(1.0 / high, 1.0 / low)

  @property
  def centre(self) -> np.ndarray:
    """The middle, an array."""
    return 0.5 * (self.low + self.high)

  def square(self) -> "Interval":
    """The squares: tighter than x * x where x changes sign."""
    a, b = self.low**2, self.high**2
    low = np.where((self.low < 0) & (self.high > 0), 0.0, np.minimum(a, b))
    return Interval(low, np.maximum(a, b))

  def rising(self, function: Callable) -> "Interval":
    """The range of a function that does not decrease."""
    return Interval(function(self.low), function(self.high))

  def falling(self, function: Callable) -> "Interval":
    """The range of a function that does not increase."""
    return Interval(function(self.high), function(self.low))


def ends(value) -> tuple:
  """Both ends of an interval; of an array or a number, itself twice."""
  if isinstance(value, Interval):
    return value.low, value.high
  return value, value


class Supremum(NamedTuple):
  """What `supremum` found: found <= sup <= bound, and `cells` boxes seen."""

  found: float
  bound: float
  cells: int


def supremum(
  upper: Callable[[Interval, Interval], np.ndarray],
  value: Callable[[np.ndarray, np.ndarray], np.ndarray],
  x: tuple[float, float],
  y: tuple[float, float],
  grid: tuple[int, int],
  tolerance: float,
  max_cells: int = 2_000_000,
) -> Supremum:
  """Bounds the supremum of a function over a rectangle, by branch and bound.

  Starts from a grid of cells. A cell whose upper bound is within `tolerance` of
  the largest value found at any point is done with; all others are quartered,
  until none is left or the next round would pass `max_cells`. Either way
  `bound` is valid: the largest bound of a cell not split any further.

  Args:
    upper: from cells (two intervals, [n]) to upper bounds over each, [n].
    value: from points (two arrays, [n]) to the function there, [n].
    x: first side of the rectangle, low and high.
    y: second side.
    grid: number of cells along x and along y at the start.
    tolerance: of `bound` against `found`, above 0.
    max_cells: boxes to look at, at most (the first grid is looked at anyway).

  Returns:
    `Supremum`.

  Raises:
    InputError: a tolerance that is not above 0, or an empty grid.
  """
  if not tolerance > 0 or min(grid) < 1:
    raise InputError(
      f"supremum: tolerance {tolerance} and grid {grid}; give a tolerance above"
      " 0 and at least one cell a side."
    )
  cells = _grid(x, y, grid)
  found, bound, seen = -np.inf, -np.inf, 0
  while True:
    box_x, box_y = Interval(*cells[:2]), Interval(*cells[2:])
    seen += cells.shape[1]
    # Corners and centres: suprema often sit at a corner of the rectangle.
    for a in (box_x.low, box_x.centre, box_x.high):
      for b in (box_y.low, box_y.centre, box_y.high):
        found = max(found, float(np.max(value(a, b))))
    tops = upper(box_x, box_y) + SLACK
    # A bound that is no number is no bound.
    tops = np.where(np.isnan(tops), np.inf, tops)
    live = tops > found + tolerance
    if seen + 4 * live.sum() > max_cells:
      live = np.zeros_like(live)
    bound = max(bound, float(np.max(tops[~live], initial=-np.inf)))
    if not live.any():
      return Supremum(found, bound, seen)
    cells = _quarter(cells[:, live])


def _grid(x, y, grid) -> np.ndarray:
  """Cells [4, n]: low and high of x, low and high of y."""
  xs, ys = (
    np.linspace(*side, n + 1) for side, n in zip((x, y), grid, strict=True)
  )
  low_x, low_y = np.meshgrid(xs[:-1], ys[:-1])
  high_x, high_y = np.meshgrid(xs[1:], ys[1:])
  return np.stack([c.ravel() for c in (low_x, high_x, low_y, high_y)])


def _quarter(cells: np.ndarray) -> np.ndarray:
  """[4, n] cells to the [4, 4 n] quarters of them."""
  low_x, high_x, low_y, high_y = cells
  x, y = 0.5 * (low_x + high_x), 0.5 * (low_y + high_y)
  return np.concatenate(
    [
      np.stack([*sides, *others])
      for sides in ((low_x, x), (x, high_x))
      for others in ((low_y, y), (y, high_y))
    ],
    axis=1,
  )
