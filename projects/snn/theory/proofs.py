r"""Theorems 1 to 3 on the moment map, checked over the whole of their domains.

The theorems speak of boxes in (mu, omega, nu, tau), but the map depends on
:math:`m = \mu\omega` and :math:`v = \nu\tau` alone, so that two dimensions are
left, without any loss:

  Theorem 1: for given (m, v), the norm of the Jacobian A diag(omega, tau) does
    not fall as abs(omega) or tau grow (J J' is a sum of squares of the
    columns), so that the largest that (m, v) allows are the worst:
    abs(omega) = 0.1 and tau = min(1.1, v / 0.8).
  Theorem 2: variance < nu is hardest for the least nu with nu tau = v.
  Theorem 3: variance > nu is hardest for the largest nu with nu tau = v.

Between grid points, values are bounded by the mean value form, F(c) +
F_m (m - c_m) + F_v (v - c_v), where interval arithmetic on the closed forms
gives the range of the derivatives over the cell; norms by interval arithmetic
on the entries of A. Both are valid over the whole cell. Cells whose bound is
not tight enough are quartered (`intervals.supremum`). Not outward rounded: a
check with margins of 1e-4 and more on evaluations good to 1e-14, no formal
proof.

The domains are convex, so that a norm below 1 makes the map a contraction.

Reference: Klambauer et al. (2017), arXiv:1706.02515, Theorems 1-3 and A3.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from common.nn.initializers import ALPHA, LAMBDA

from . import moment_map
from .intervals import Interval, Supremum, supremum

Side = tuple[float, float]


class Domain(NamedTuple):
  """Ranges of mean, sum of weights, variance, sum of squared weights."""

  mu: Side
  omega: Side
  nu: Side
  tau: Side


# As printed.
THEOREM_1 = Domain((-0.1, 0.1), (-0.1, 0.1), (0.8, 1.5), (0.95, 1.1))
THEOREM_1_MEAN, THEOREM_1_VARIANCE = (-0.03106, 0.06773), (0.80009, 1.48617)
THEOREM_2 = Domain((-1.0, 1.0), (-0.1, 0.1), (3.0, 16.0), (0.8, 1.25))
THEOREM_3 = (
  Domain((-0.1, 0.1), (-0.1, 0.1), (0.02, 0.16), (0.8, 1.25)),
  Domain((-0.1, 0.1), (-0.1, 0.1), (0.02, 0.24), (0.9, 1.25)),
)

# One unit of the last digit that the paper prints of its intervals.
PRINTED = 1e-5


class Settings(NamedTuple):
  """How fine: cells along m and v to begin with, and when a cell is done."""

  grid: tuple[int, int] = (8, 256)
  tolerance: float = 1e-6


FINE = Settings()


def parts(m: Interval, v: Interval) -> moment_map.Parts:
  """Returns `moment_map.Parts` over cells: intervals that hold them, [n].

  Args:
    m: means, [n].
    v: variances, above 0, [n].
  """
  s = v.rising(np.sqrt)
  t = m / s
  gauss = (m.square() / (2.0 * v)).falling(lambda x: np.exp(-x))
  # exp(k m + k^2 v / 2) erfc(u) / 2 with u = (t + k s) / sqrt 2.
  exp1, exp2 = (
    0.5 * (gauss * ((t + k * s) * np.sqrt(0.5)).falling(special.erfcx))
    for k in (1.0, 2.0)
  )
  below = t.falling(lambda x: special.ndtr(-x))
  return moment_map.Parts(below, exp1, exp2, gauss / (np.sqrt(2 * np.pi) * s))


def moments(
  m: Interval, v: Interval, alpha: float = ALPHA, lam: float = LAMBDA
) -> moment_map.Moments:
  """Returns `moment_map.Moments` over cells: intervals that hold them, [n].

  Mean and variance by the mean value form, derivatives directly.

  Args:
    m: means, [n].
    v: variances, above 0, [n].
    alpha: of the SELU.
    lam: lambda of the SELU.
  """
  middle = moment_map.at(m.centre, v.centre, alpha, lam)
  range_ = moment_map.moments(parts(m, v), m, v, alpha, lam)
  dm, dv = m - m.centre, v - v.centre
  return range_._replace(
    mean=range_.mean_m * dm + range_.mean_v * dv + middle.mean,
    variance=range_.variance_m * dm + range_.variance_v * dv + middle.variance,
  )


def norm(columns: moment_map.Moments, omega, tau) -> np.ndarray:
  """Bounds the spectral norm of the Jacobian over cells from above.

  The larger root s^2 of x^2 - T x + D^2, where T is the squared Frobenius norm
  and D the determinant: it rises with T and falls with abs(D).

  Args:
    columns: intervals of the derivatives, [n].
    omega: sum of the weights, a number or [n].
    tau: sum of the squared weights, a number or [n].

  Returns:
    Upper bounds, [n].
  """
  a, b = omega * columns.mean_m, tau * columns.mean_v
  c, d = omega * columns.variance_m, tau * columns.variance_v
  trace = (a.square() + b.square() + c.square() + d.square()).high
  determinant = (a * d - b * c).square().low
  return np.sqrt(
    0.5 * (trace + np.sqrt(np.maximum(trace**2 - 4 * determinant, 0.0)))
  )


def theorem_1(
  alpha: float = ALPHA,
  lam: float = LAMBDA,
  settings: Settings = FINE,
  domain: Domain = THEOREM_1,
) -> dict[str, float]:
  """Checks that the map contracts its domain and maps it into itself.

  Args:
    alpha: of the SELU.
    lam: lambda of the SELU.
    settings: how fine.
    domain: of the claim.

  Returns:
    Floats: `norm_found` (at a point) and `norm_bound` (over the domain) of the
    Jacobian's spectral norm; of the image, `mean_low` to `variance_high` as
    bounds, the printed ones as `says_...`, and `image_gap`, by which bounds and
    points found differ at most; `cells`, `seconds`; and as 1.0 or 0.0
    `contracts`, `stays_inside`, `within_printed` (to one unit of the last digit
    printed), and `holds`, the first two together.
  """
  began = time.perf_counter()
  m, v = _reach(domain.mu, domain.omega), _products(domain.nu, domain.tau)
  omega = max(map(abs, domain.omega))
  largest = lambda v: np.minimum(domain.tau[1], v / domain.nu[0])

  def norm_at(m, v):
    return np.linalg.norm(
      moment_map.jacobian(
        m / omega, omega, v / largest(v), largest(v), alpha, lam
      ),
      ord=2,
      axis=(-2, -1),
    )

  def norm_over(m, v):
    return norm(moments(m, v, alpha, lam), omega, largest(v.high))

  contraction = supremum(norm_over, norm_at, m, v, *settings)
  sides = {
    f"{name}_{end}": _extreme(name, sign, m, v, alpha, lam, settings)
    for name in ("mean", "variance")
    for end, sign in (("low", -1.0), ("high", 1.0))
  }
  bound = {
    k: (-1.0 if k.endswith("low") else 1.0) * s.bound for k, s in sides.items()
  }
  says = dict(zip(bound, THEOREM_1_MEAN + THEOREM_1_VARIANCE, strict=True))
  contracts = contraction.bound < 1.0
  stays = _inside(bound, domain.mu + domain.nu, 0.0)
  return {
    "norm_found": contraction.found,
    "norm_bound": contraction.bound,
    **bound,
    **{f"says_{k}": x for k, x in says.items()},
    "image_gap": max(s.bound - s.found for s in sides.values()),
    "contracts": float(contracts),
    "stays_inside": float(stays),
    "within_printed": float(_inside(bound, says.values(), PRINTED)),
    "holds": float(contracts and stays),
    "cells": float(contraction.cells + sum(s.cells for s in sides.values())),
    "seconds": time.perf_counter() - began,
  }


def theorem_2(
  alpha: float = ALPHA,
  lam: float = LAMBDA,
  settings: Settings = FINE,
  domain: Domain = THEOREM_2,
) -> dict[str, float]:
  """Checks that large variances decrease: variance / nu < 1 on the domain.

  Args are those of `theorem_1`.

  Returns:
    Floats: `ratio_found` (largest at a point) and `ratio_bound` (over the
    domain) of new to old variance, `says_ratio_below`, `holds` (1.0 or 0.0),
    `cells`, `seconds`.
  """
  least = lambda v: np.maximum(domain.nu[0], v / domain.tau[1])
  return _ratio(domain, 1.0, least, alpha, lam, settings)


def theorem_3(
  alpha: float = ALPHA,
  lam: float = LAMBDA,
  settings: Settings = FINE,
  domain: Domain = THEOREM_3[0],
) -> dict[str, float]:
  """Checks that small variances increase: variance / nu > 1 on the domain.

  That is one of the two of `THEOREM_3`; other args are those of `theorem_1`.

  Returns:
    As `theorem_2`, with the smallest ratio and `says_ratio_above`.
  """
  most = lambda v: np.minimum(domain.nu[1], v / domain.tau[0])
  return _ratio(domain, -1.0, most, alpha, lam, settings)


def _ratio(
  domain: Domain, sign: float, nu: Callable, alpha, lam, settings
) -> dict[str, float]:
  """The supremum of sign * variance / nu, where nu(v) is the worst for v."""
  began = time.perf_counter()

  def at(m, v):
    return sign * moment_map.at(m, v, alpha, lam).variance / nu(v)

  def over(m, v):  # nu rises with v.
    return (sign * moments(m, v, alpha, lam).variance / v.rising(nu)).high

  m, v = _reach(domain.mu, domain.omega), _products(domain.nu, domain.tau)
  worst = supremum(over, at, m, v, *settings)
  return {
    "ratio_found": sign * worst.found,
    "ratio_bound": sign * worst.bound,
    "says_ratio_below" if sign > 0 else "says_ratio_above": 1.0,
    "holds": float(worst.bound < sign),
    "cells": float(worst.cells),
    "seconds": time.perf_counter() - began,
  }


def _extreme(name, sign, m, v, alpha, lam, settings) -> Supremum:
  """The supremum of sign times the new mean or variance over (m, v)."""
  return supremum(
    lambda m, v: (sign * getattr(moments(m, v, alpha, lam), name)).high,
    lambda m, v: sign * getattr(moment_map.at(m, v, alpha, lam), name),
    m,
    v,
    *settings,
  )


def _inside(bound: dict[str, float], limits, slack: float) -> bool:
  """Whether low, high, low, high lie within the limits, give or take slack."""
  return all(
    x >= limit - slack if name.endswith("low") else x <= limit + slack
    for (name, x), limit in zip(bound.items(), limits, strict=True)
  )


def _reach(mu: Side, omega: Side) -> Side:
  """The range of mu omega."""
  corners = [a * b for a in mu for b in omega]
  return min(corners), max(corners)


def _products(nu: Side, tau: Side) -> Side:
  """The range of nu tau, both above 0."""
  return nu[0] * tau[0], nu[1] * tau[1]
