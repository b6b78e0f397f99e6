"""The squared Fréchet distance of two Gaussians, and the moments it needs.

    d^2 = |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1 C2)^(1/2)

Two ways in:

    distance_from_features(x1, x2)        all features in memory; exact
    distance(moments(x1), moments(x2))    features that stream by, or are saved

Covariances divide by n - 1. Everything is float64 on the host: in float32 an
FID comes out wrong by up to a quarter of its value. Nothing is added to a
diagonal and nothing turns complex: the trace of the square root is the nuclear
norm of A'B for any factors C1 = A A' and C2 = B B', singular ones included.

Several chunks, devices or hosts: take the `moments` of each shard (padded rows
masked out) and `merge` them, in any order. `Moments` is a tuple of arrays, so
it can be saved as it is, or all-gathered; do the latter under
`jax.enable_x64`, since JAX otherwise rounds it to float32.

References: Dowson and Landau (1982), "The Fréchet distance between
multivariate normal distributions", J. Multivariate Analysis 12; as the FID of
images, Eq. 6 of arXiv:1706.08500.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg

from common.errors import InputError

EPS = float(np.finfo(np.float64).eps)

# Rounding that the fast route may bring in, relative to tr C1 + tr C2. It is
# an upper bound: the errors seen beside it are below 1e-13.
FAST_ROUTE_BOUND = 1e-8


class Moments(NamedTuple):
  """Number n, mean [d] and scatter [d, d] of a set of features, in float64.

  The scatter is the sum of (x - mean)(x - mean)', or (n - 1) covariances.
  """

  n: int
  mean: np.ndarray
  scatter: np.ndarray


class Distance(NamedTuple):
  """A squared Fréchet distance, with what belongs beside it in a table.

  `float(result)` is `value`, the sum of the two terms. n1 and n2 are the
  numbers of samples (None where only a mean and a covariance were given), d is
  the number of features.
  """

  value: float
  mean_term: float
  trace_term: float
  n1: int | None
  n2: int | None
  d: int

  def __float__(self) -> float:
    return self.value


Gaussian = Moments | tuple[npt.ArrayLike, npt.ArrayLike]


def moments(
  features: npt.ArrayLike, mask: npt.ArrayLike | None = None
) -> Moments:
  """Returns the `Moments` of one chunk of features.

  The first sample is subtracted before anything is summed, in float64, so that
  an offset costs no digits and constant features scatter by exactly zero.

  Args:
    features: [n, d], any real dtype; n may be 0.
    mask: [n] bool, False for rows to drop (padding); they may hold anything.

  Raises:
    InputError: not 2-D, a value that is not finite, or a mask of other length.
  """
  x = _checked(features, mask, "moments")
  mean, centred = _centre(x)
  return Moments(len(x), mean, centred.T @ centred)


def merge(a: Moments, b: Moments) -> Moments:
  """Returns the `Moments` of two disjoint sets of samples taken together.

  With w = n_a n_b / (n_a + n_b) and delta = m_b - m_a, the scatter is
  S_a + S_b + w delta delta'. Symmetric to the last bit, and the identity where
  one side is empty. `functools.reduce(merge, shards)` merges many.

  Args:
    a: moments of the one set, of d features.
    b: moments of the other, of d features.

  Raises:
    InputError: different numbers of features.

  Reference: Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise
  algorithm for computing sample variances".
  """
  a, b = (
    Moments(int(s.n), *(np.asarray(v, np.float64) for v in s[1:]))
    for s in (a, b)
  )
  _check_same_d("merge", len(a.mean), len(b.mean))
  if a.n == 0 or b.n == 0:
    return a if b.n == 0 else b
  n = a.n + b.n
  delta = b.mean - a.mean
  scatter = a.scatter + b.scatter + np.outer(delta, delta) * (a.n * b.n / n)
  mean = a.mean * (a.n / n) + b.mean * (b.n / n)
  # Equal means stay as they are: the rounded weights need not sum to 1.
  return Moments(n, np.where(delta == 0, a.mean, mean), scatter)


def covariance(stats: Moments) -> np.ndarray:
  """Returns scatter / (n - 1), [d, d]; InputError under 2 samples."""
  _check_two("covariance", stats.n)
  return np.asarray(stats.scatter, np.float64) / (int(stats.n) - 1)


def from_covariance(
  mean: npt.ArrayLike, covariance: npt.ArrayLike, n: int
) -> Moments:
  """Returns the `Moments` behind saved statistics, the inverse of `covariance`.

  Args:
    mean: [d].
    covariance: [d, d], divided by n - 1 (as `numpy.cov` does).
    n: number of samples that they were taken from, at least 2.

  Raises:
    InputError: fewer than 2 samples, or shapes or values as in `distance`.
  """
  _check_two("from_covariance", n)
  mean, covariance, eps = _gaussian((mean, covariance), "from_covariance")
  _factor(covariance, eps, "from_covariance")  # Refuses what is none.
  scatter = covariance * (int(n) - 1)
  # Its dtype tells `distance` how much was lost by rounding.
  return Moments(int(n), mean, scatter.astype(float if eps == EPS else "f4"))


def distance(a: Gaussian, b: Gaussian) -> Distance:
  """Returns the squared Fréchet distance of two Gaussians.

  With C2 = L L', the symmetric L' C1 L has the eigenvalues of C1 C2: the fast
  route sums their roots. It stands only where both matrices are positive
  definite and a bound on its rounding is below `FAST_ROUTE_BOUND`. All else
  goes by the nuclear norm of A'B, with A A' = C1 and B B' = C2 from pivoted
  Cholesky, which stops at the numerical rank (largest remaining variance below
  d * eps of the largest): within 1e-12 of tr C1 + tr C2 on sample covariances
  of any rank. As |A'B|_* <= |A|_F |B|_F, the trace term is negative only by
  rounding, and is then set to 0.

  Args:
    a: `Moments`, or a pair (mean [d], covariance [d, d]).
    b: likewise, of the same d. A covariance saved in float32 is accepted, but
      the 1e-7 that it lost costs up to 3e-4 where it has no full rank.

  Returns:
    `Distance`; `float` of it is the value.

  Raises:
    InputError: fewer than 2 samples, different d, a value that is not finite,
      or a covariance that is not square, symmetric or positive semi-definite.
  """
  mean1, cov1, eps1 = _gaussian(a, "distance, first side")
  mean2, cov2, eps2 = _gaussian(b, "distance, second side")
  _check_same_d("distance", len(mean1), len(mean2))
  n1, n2 = (int(s.n) if isinstance(s, Moments) else None for s in (a, b))
  traces = float(np.trace(cov1) + np.trace(cov2))
  root = None
  if all(n is None or n > len(mean1) for n in (n1, n2)):
    root = _fast_trace_of_root(cov1, cov2, traces)
  if root is None:
    factor1 = _factor(cov1, eps1, "distance, first side")
    factor2 = _factor(cov2, eps2, "distance, second side")
    root = _nuclear_norm(factor1.T @ factor2)
  return _result(mean1 - mean2, traces - 2 * root, n1, n2)


def distance_from_features(x1: npt.ArrayLike, x2: npt.ArrayLike) -> Distance:
  """Returns the squared Fréchet distance of the Gaussians of two samples.

  No covariance is formed. With centred features X1 and X2,

      tr (C1 C2)^(1/2) = |X1 X2'|_* / sqrt((n1 - 1)(n2 - 1))

  where |.|_* is the nuclear norm, the sum of singular values. A side with more
  than d samples may first be replaced by the triangle R of X = Q R, which
  leaves these values alone. Exact to rounding (1e-12 of the traces) whatever
  the rank or the conditioning.

  Args:
    x1: [n1, d] features, any real dtype, n1 >= 2.
    x2: [n2, d] features, n2 >= 2.

  Returns:
    `Distance`; `float` of it is the value.

  Raises:
    InputError: not 2-D, fewer than 2 samples, different d, or a value that is
      not finite.
  """
  sides = []
  for x, side in ((x1, "first"), (x2, "second")):
    where = f"distance_from_features, {side} side"
    x = _checked(x, None, where)
    _check_two(where, len(x))
    sides.append(_centre(x))
  (mean1, x1), (mean2, x2) = sides
  (n1, d), (n2, d2) = x1.shape, x2.shape
  _check_same_d("distance_from_features", d, d2)
  x1, x2 = x1 / np.sqrt(n1 - 1), x2 / np.sqrt(n2 - 1)
  traces = float(np.vdot(x1, x1) + np.vdot(x2, x2))
  short, tall = (x1, x2) if n1 < n2 else (x2, x1)
  if len(short) > d:
    short = np.linalg.qr(short, mode="r")
  # A triangle pays where it spares more than it costs: d^2 operations a sample
  # against r d for the product and r^2 for its singular values.
  if len(tall) > d and len(short) * (len(short) + d) > d * d:
    tall = np.linalg.qr(tall, mode="r")
  root = _nuclear_norm(tall @ short.T)
  return _result(mean1 - mean2, traces - 2 * root, n1, n2)


def _result(
  delta: np.ndarray, trace_term: float, n1: int | None, n2: int | None
) -> Distance:
  mean_term, trace_term = float(delta @ delta), max(trace_term, 0.0)
  value = mean_term + trace_term
  return Distance(value, mean_term, trace_term, n1, n2, len(delta))


def _centre(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns the mean [d] of x [n, d], and x - mean."""
  if len(x) == 0:
    return np.zeros(x.shape[1]), x
  centred = x - x[0]
  rest = centred.mean(axis=0)
  centred -= rest
  return x[0] + rest, centred


def _nuclear_norm(matrix: np.ndarray) -> float:
  """Returns the sum of the singular values; 0 for an empty matrix."""
  return float(np.linalg.svd(matrix, compute_uv=False).sum())


def _fast_trace_of_root(
  cov1: np.ndarray, cov2: np.ndarray, traces: float
) -> float | None:
  """Returns tr (C1 C2)^(1/2), or None where this route is not sure of it.

  An eigenvalue w comes with an error of eps * max(w), its root with one of
  eps * max(w) / (2 sqrt(w)).
  """
  try:  # Type 2 with "gv": Cholesky of C2, L' C1 L in place, no eigenvectors.
    squares = scipy.linalg.eigvalsh(
      cov1, cov2, type=2, driver="gv", check_finite=False
    )
  except np.linalg.LinAlgError:  # C2 is not positive definite.
    return None
  if squares[0] <= 0:
    return None
  roots = np.sqrt(squares)
  bound = EPS * squares[-1] * np.sum(0.5 / roots)
  return float(roots.sum()) if bound <= FAST_ROUTE_BOUND * traces else None


def _factor(cov: np.ndarray, eps: float, where: str) -> np.ndarray:
  """Returns A [d, r] with A A' = cov, where r is the numerical rank."""
  d, rank = len(cov), 0
  largest = float(np.abs(np.diag(cov)).max())
  tolerance = d * eps * largest
  if np.diag(cov).max() > tolerance:
    packed, pivots, rank, _ = scipy.linalg.lapack.dpstrf(
      cov, tol=tolerance, lower=1
    )
  factor = np.zeros((d, rank))
  if rank:
    factor[pivots - 1] = np.tril(packed)[:, :rank]
  if rank < d:
    # What is left of a semi-definite matrix is as small as its diagonal.
    residual = float(np.abs(cov - factor @ factor.T).max())
    if residual > 10 * tolerance:
      raise InputError(
        f"{where}: the covariance is not positive semi-definite, by"
        f" {residual:.3g} beside a largest variance of {largest:.3g}; compute"
        " it again from centred features, in float64."
      )
  return factor


def _gaussian(
  stats: Gaussian, where: str
) -> tuple[np.ndarray, np.ndarray, float]:
  """Returns mean, covariance, and the rounding unit that they came with."""
  if isinstance(stats, Moments):
    _check_two(where, stats.n)
    eps = float(np.finfo(stats.scatter.dtype).eps)
    mean, cov = stats.mean, covariance(stats).astype(np.float64)
  else:
    mean, cov = (np.asarray(v) for v in stats)
    eps = float(np.finfo(cov.dtype).eps) if cov.dtype.kind == "f" else EPS
  mean, cov = mean.astype(np.float64), cov.astype(np.float64)
  d = mean.size
  if mean.ndim != 1 or cov.shape != (d, d) or d == 0:
    raise InputError(
      f"{where}: the mean has shape {mean.shape} and the covariance"
      f" {cov.shape}; give [d] and a square [d, d]."
    )
  if not (np.isfinite(mean).all() and np.isfinite(cov).all()):
    raise InputError(
      f"{where}: the mean or the covariance holds values that are not finite;"
      " look for the features that caused them."
    )
  asymmetry = float(np.abs(cov - cov.T).max())
  largest = float(np.abs(cov).max())
  if asymmetry > 1e4 * eps * largest:
    raise InputError(
      f"{where}: the covariance is not symmetric, by {asymmetry:.3g} beside a"
      f" largest entry of {largest:.3g}; check what was saved."
    )
  return mean, (cov + cov.T) / 2, eps


def _checked(
  features: npt.ArrayLike, mask: npt.ArrayLike | None, where: str
) -> np.ndarray:
  """Returns the rows of `features` that the mask keeps, as float64 [n, d]."""
  x = np.asarray(features).astype(np.float64)
  if x.ndim != 2 or x.shape[1] == 0:
    raise InputError(
      f"{where}: the features have shape {x.shape}; give [samples, features]."
    )
  keep = np.ones(len(x), bool) if mask is None else np.asarray(mask, bool)
  if keep.shape != x.shape[:1]:
    raise InputError(
      f"{where}: the mask has shape {keep.shape} for {len(x)} rows; give one"
      " bool a row."
    )
  bad = np.flatnonzero(~np.isfinite(x).all(axis=1) & keep)
  if bad.size:
    raise InputError(
      f"{where}: row {bad[0]} holds a value that is not finite ({bad.size} of"
      f" {len(x)} rows do); drop these rows, or mend what made them."
    )
  return x if mask is None else x[keep]


def _check_two(where: str, n: int) -> None:
  if n < 2:
    raise InputError(
      f"{where}: got {int(n)} sample(s), and a covariance takes at least 2;"
      " add samples."
    )


def _check_same_d(where: str, d1: int, d2: int) -> None:
  if d1 != d2:
    raise InputError(
      f"{where}: the first side has {d1} features and the second {d2}; take"
      " both from the same layer of the same network."
    )
