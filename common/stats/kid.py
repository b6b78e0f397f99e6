"""The squared maximum mean discrepancy with a polynomial kernel: KID and KVD.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),   k(a, b) = (gamma a'b + 1)^3

The estimate is unbiased (a sum over pairs of different samples), so it can come
out below zero, and does not depend on the numbers of samples as a Fréchet
distance does.

References: Gretton et al. (2012), "A kernel two-sample test", Lemma 6;
Binkowski et al. (2018), arXiv:1801.01401 (KID, gamma = 1 / d).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.errors import InputError

_BLOCK = 1024  # Rows of a kernel matrix that exist at a time.


class KernelDistance(NamedTuple):
  """An unbiased MMD^2 and its standard error; `float` of it is the value."""

  value: float
  standard_error: float
  n1: int
  n2: int

  def __float__(self) -> float:
    return self.value


def polynomial_mmd(
  x: npt.ArrayLike,
  y: npt.ArrayLike,
  gamma: float | None = None,
  degree: int = 3,
) -> KernelDistance:
  """Returns the unbiased MMD^2 of two samples, with a jackknife error.

  The standard error is that of leaving out one sample at a time, on both sides.

  Args:
    x: [n1, d] features, n1 >= 3.
    y: [n2, d] features, n2 >= 3.
    gamma: 1 / d where None, as KID has it; KVD has 1.
    degree: of the polynomial.

  Raises:
    InputError: not 2-D, different d, fewer than 3 samples, or values that are
      not finite.
  """
  x, y = (np.asarray(v, np.float64) for v in (x, y))
  if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
    raise InputError(
      f"polynomial_mmd: the features have shapes {x.shape} and {y.shape}; give "
      "[samples, features], the same features on both sides"
    )
  n1, n2 = len(x), len(y)
  if min(n1, n2) < 3:
    raise InputError(
      f"polynomial_mmd: got {n1} and {n2} samples, and a standard error takes "
      "at least 3 on each side; add samples"
    )
  if not (np.isfinite(x).all() and np.isfinite(y).all()):
    raise InputError("polynomial_mmd: the features hold values not finite")
  if gamma is None:
    gamma = 1.0 / x.shape[1]

  def sums(a, b):
    """Kernel sums of each row of a with b [len(a)], of each of b with a."""
    rows, columns = np.empty(len(a)), np.zeros(len(b))
    for i in range(0, len(a), _BLOCK):
      k = (gamma * (a[i : i + _BLOCK] @ b.T) + 1.0) ** degree
      rows[i : i + _BLOCK] = k.sum(axis=1)
      columns += k.sum(axis=0)
    return rows, columns

  own = lambda a: (gamma * np.einsum("nd,nd->n", a, a) + 1.0) ** degree
  xx = sums(x, x)[0] - own(x)
  yy = sums(y, y)[0] - own(y)
  xy, yx = sums(x, y)
  within_x, within_y = xx.sum() / (n1 * (n1 - 1)), yy.sum() / (n2 * (n2 - 1))
  value = within_x + within_y - 2 * xy.sum() / (n1 * n2)

  # Without sample i: its row and column leave the sums.
  def left_out(within, across, n, m):
    inner = (within.sum() - 2 * within) / ((n - 1) * (n - 2))
    return inner - 2 * (across.sum() - across) / ((n - 1) * m)

  variance = 0.0
  for within, across, n, m in ((xx, xy, n1, n2), (yy, yx, n2, n1)):
    without = left_out(within, across, n, m)
    variance += (n - 1) / n * np.sum((without - without.mean()) ** 2)
  return KernelDistance(float(value), float(np.sqrt(variance)), n1, n2)
