r"""The moment map of SELU networks: closed form, fixed points.

A unit sums inputs of mean mu and variance nu with weights whose sum is omega
and whose squares sum to tau. Its net input z is taken as normal with mean
:math:`m = \mu\omega` and variance :math:`v = \nu\tau`; the map g takes (mu, nu)
to the mean and the variance of selu(z). All of it in float64 on the host. The
theorems on g are checked in `proofs`.

For a normal z, d/dm E h(z) = E h'(z) and d/dv E h(z) = E h''(z) / 2: that gives
all derivatives in the terms of the moments themselves.

Reference: Klambauer et al. (2017), arXiv:1706.02515, Eq. 2-6 and 14.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from common.errors import InputError
from common.nn.initializers import ALPHA, LAMBDA

Array = Any  # An array or an Interval: the formulas are the same for both.


class Parts(NamedTuple):
  """Of z ~ N(m, v): P(z < 0), E[e^z; z < 0], E[e^2z; z < 0], density at 0."""

  below: Array
  exp1: Array
  exp2: Array
  density: Array


class Moments(NamedTuple):
  """Mean and variance of selu(z), and their derivatives in m and in v."""

  mean: Array
  mean_m: Array
  mean_v: Array
  variance: Array
  variance_m: Array
  variance_v: Array


def selu_parameters(
  mean: float, variance: float, omega: float = 0.0, tau: float = 1.0
) -> tuple[float, float]:
  r"""Returns the alpha and lambda whose fixed point is (mean, variance).

  With :math:`a = \lambda\alpha` and expectations :math:`p_k` of
  :math:`z^k 1_{z>0}` and :math:`q_k` of :math:`(e^z - 1)^k 1_{z<0}`,

  .. math::
    \lambda p_1 + a q_1 = \mu, \quad \lambda^2 p_2 + a^2 q_2 = \nu + \mu^2,

  the first linear and the second quadratic: one positive root at most has a
  positive alpha, the larger.

  getSELUparameters.ipynb of bioinf-jku/SNNs, whose second example is the mean
  -0.1 and the variance 2, leaves omega out: its numbers are those of omega = 1,
  and differ from those of omega = 0 wherever the mean is not 0.

  Args:
    mean: of the fixed point.
    variance: of the fixed point, above 0.
    omega: sum of the weights.
    tau: sum of the squared weights, above 0.

  Returns:
    alpha and lambda; for (0, 1) Eq. 14 of arXiv:1706.02515, to rounding.

  Raises:
    InputError: no SELU has this fixed point (its mean is too far from zero), or
      a number is not finite, or variance tau not above 0.
  """
  if not np.isfinite([mean, variance, omega, tau]).all():
    raise InputError(
      f"selu_parameters: mean {mean}, variance {variance}, omega {omega}, tau"
      f" {tau}; give finite numbers."
    )
  m, v = _net_input(mean, omega, variance, tau)
  part = parts(m, v)
  p1 = m * (1 - part.below) + v * part.density
  p2 = m * p1 + v * (1 - part.below)
  q1 = part.exp1 - part.below
  q2 = part.exp2 - 2 * part.exp1 + part.below
  # a lambda^2 - 2 b lambda + c = 0, with (mean - lambda p1) / q1 put in.
  weight = q2 / q1**2
  a = p2 + weight * p1**2
  b = weight * p1 * mean
  c = weight * mean**2 - variance - mean**2
  discriminant = b**2 - a * c
  lam = (b + np.sqrt(max(discriminant, 0.0))) / a
  if discriminant < 0 or lam <= 0 or mean >= lam * p1:
    raise InputError(
      f"selu_parameters: no SELU has the fixed point ({mean}, {variance});"
      " take a mean nearer to zero."
    )
  return float((mean - lam * p1) / (q1 * lam)), float(lam)


def moment_map(
  mu: npt.ArrayLike,
  omega: npt.ArrayLike,
  nu: npt.ArrayLike,
  tau: npt.ArrayLike,
  alpha: float = ALPHA,
  lam: float = LAMBDA,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns mean and variance of selu(z), z ~ N(mu omega, nu tau).

  Eq. 4 and 5 of arXiv:1706.02515. No product of a huge exponential and a
  vanishing erfc is formed; the error is about 1e-15 (1 + m^2 + v).

  Args:
    mu: mean of the inputs; all four broadcast to one shape, [...].
    omega: sum of the weights.
    nu: variance of the inputs; nu tau above 0.
    tau: sum of the squared weights.
    alpha: of the SELU.
    lam: lambda of the SELU.

  Returns:
    The two moments, [...], float64.

  Raises:
    InputError: nu tau is not above 0 somewhere.
  """
  moments = at(*_net_input(mu, omega, nu, tau), alpha, lam)
  return moments.mean, moments.variance


def jacobian(
  mu: npt.ArrayLike,
  omega: npt.ArrayLike,
  nu: npt.ArrayLike,
  tau: npt.ArrayLike,
  alpha: float = ALPHA,
  lam: float = LAMBDA,
) -> np.ndarray:
  """Returns the Jacobian of the map in (mu, nu), Eq. 6 of arXiv:1706.02515.

  Args and errors are those of `moment_map`.

  Returns:
    [..., 2, 2], float64: rows are the new mean and variance, columns mu and nu.
  """
  d = at(*_net_input(mu, omega, nu, tau), alpha, lam)
  entries = np.broadcast_arrays(
    omega * d.mean_m, tau * d.mean_v, omega * d.variance_m, tau * d.variance_v
  )
  flat = np.stack(entries, axis=-1)
  return flat.reshape(*flat.shape[:-1], 2, 2)


def fixed_point(
  omega: npt.ArrayLike = 0.0,
  tau: npt.ArrayLike = 1.0,
  start: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 1.0),
  alpha: float = ALPHA,
  lam: float = LAMBDA,
  tolerance: float = 1e-13,
  max_steps: int = 5000,
) -> tuple[np.ndarray, np.ndarray, int]:
  """Iterates the map until it moves no point by more than `tolerance`.

  Args:
    omega: sum of the weights; broadcasts with the others to [...].
    tau: sum of the squared weights.
    start: mean and variance to begin with.
    alpha: of the SELU.
    lam: lambda of the SELU.
    tolerance: largest step of a mean or variance at the end.
    max_steps: after which it is given up.

  Returns:
    Mean and variance, [...], and the number of steps.

  Raises:
    InputError: not there after `max_steps`, or nu tau is not above 0.
  """
  mean, variance = start
  for step in range(1, max_steps + 1):
    moved = moment_map(mean, omega, variance, tau, alpha, lam)
    gap = max(
      float(np.max(np.abs(new - old)))
      for new, old in zip(moved, (mean, variance), strict=True)
    )
    mean, variance = moved
    if gap <= tolerance:
      return mean, variance, step
  raise InputError(
    f"fixed_point: still moving by {gap:.3g} after {max_steps} steps; these"
    " weights may have no attracting fixed point."
  )


def vector_field(
  means: npt.ArrayLike,
  variances: npt.ArrayLike,
  omega: float = 0.0,
  tau: float = 1.0,
  alpha: float = ALPHA,
  lam: float = LAMBDA,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns g(mu, nu) - (mu, nu) on a mesh, as in Figure 2 of the paper.

  Args:
    means: [columns] ticks.
    variances: [rows] ticks, above 0.
    omega: sum of the weights.
    tau: sum of the squared weights.
    alpha: of the SELU.
    lam: lambda of the SELU.

  Returns:
    The steps of mean and variance, each [rows, columns].
  """
  mu, nu = np.meshgrid(means, variances)
  mean, variance = moment_map(mu, omega, nu, tau, alpha, lam)
  return mean - mu, variance - nu


def _net_input(mu, omega, nu, tau) -> tuple[np.ndarray, np.ndarray]:
  """The mean and variance of z."""
  mu, omega, nu, tau = (np.asarray(x, np.float64) for x in (mu, omega, nu, tau))
  m, v = np.broadcast_arrays(mu * omega, nu * tau)
  if not (v > 0).all():
    raise InputError(
      f"the variance nu tau of a net input is {np.min(v)}; give nu and tau"
      " above 0."
    )
  return m, v


def at(
  m: np.ndarray, v: np.ndarray, alpha: float = ALPHA, lam: float = LAMBDA
) -> Moments:
  """Returns the moments of selu(z), z ~ N(m, v), with their derivatives.

  Args:
    m: means, float64 [...].
    v: variances, above 0, [...].
    alpha: of the SELU.
    lam: lambda of the SELU.

  Returns:
    `Moments` of arrays [...].
  """
  return moments(parts(m, v), m, v, alpha, lam)


def parts(m: np.ndarray, v: np.ndarray) -> Parts:
  """Returns the `Parts` of N(m, v), arrays [...]."""
  s = np.sqrt(v)
  density = np.exp(-(m**2) / (2 * v)) / (np.sqrt(2 * np.pi) * s)
  return Parts(
    special.ndtr(-m / s), _tilted(m, v, 1), _tilted(m, v, 2), density
  )


def _tilted(m, v, k) -> np.ndarray:
  """E[exp(k z); z < 0] = exp(k m + k^2 v / 2) erfc((m + k v) / sqrt(2 v)) / 2.

  Where the argument u of erfc is positive the exponent may overflow: there it
  is exp(-m^2 / 2v) erfcx(u) / 2. Elsewhere k m + k^2 v / 2 is negative.
  """
  u = (m + k * v) / np.sqrt(2 * v)
  right = np.exp(-(m**2) / (2 * v)) * special.erfcx(np.maximum(u, 0))
  exponent = np.minimum(k * m + 0.5 * k**2 * v, 0)
  left = np.exp(exponent) * special.erfc(np.minimum(u, 0))
  return 0.5 * np.where(u > 0, right, left)


def moments(part: Parts, m: Array, v: Array, alpha, lam) -> Moments:
  r"""Returns `Moments` from `Parts`: arrays from arrays, or from intervals.

  With f = selu, which has a kink at 0 and f(0) = 0:
  mean = E f and its derivatives E f', E f'' / 2; second moment E f^2 with
  E 2 f f' and E (f'^2 + f f''), where the kink gives no point mass.

  Args:
    part: of N(m, v).
    m: means.
    v: variances.
    alpha: of the SELU.
    lam: lambda of the SELU.
  """
  below, exp1, exp2, density = part
  above, a2, l2 = 1.0 - below, alpha**2, lam**2
  positive = m * above + v * density  # E[z; z > 0]
  mean = lam * (positive + alpha * (exp1 - below))
  mean_m = lam * (above + alpha * exp1)
  mean_v = 0.5 * lam * (alpha * exp1 - (alpha - 1.0) * density)
  # (m^2 + v) above + m v density = m positive + v above
  second = l2 * (m * positive + v * above + a2 * (exp2 - 2.0 * exp1 + below))
  second_m = 2.0 * l2 * (positive + a2 * (exp2 - exp1))
  second_v = l2 * (above + a2 * (2.0 * exp2 - exp1))
  return Moments(
    mean,
    mean_m,
    mean_v,
    second - mean * mean,
    second_m - 2.0 * (mean * mean_m),
    second_v - 2.0 * (mean * mean_v),
  )
