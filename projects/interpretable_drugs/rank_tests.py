r"""Mann-Whitney U tests of many samples against many groupings, all at once.

Each column of values (a hidden unit) is ranked once; the rank sums of all
groups (molecules with an alert) are one product of ranks and indicators. With R
the sum of a group's ranks, each less the mean rank (n + 1) / 2,

.. math::
  R = U - n_1 n_2 / 2, \quad
  \sigma^2 = \frac{n_1 n_2}{12} \left(n + 1
    - \frac{\sum_t (t^3 - t)}{n (n - 1)}\right),

over runs of t equal values; :math:`(|R| - 1/2) / \sigma` is normal, as
`scipy.stats.mannwhitneyu(method="asymptotic")` has it. P-values come as natural
logarithms: 1e-300 is nothing special.
"""

import os
from concurrent import futures
from typing import NamedTuple

import jax
import numpy as np
from jax import numpy as jnp
from jax.scipy import special

from common.errors import InputError


class Tests(NamedTuple):
  """Tests of each column against each group.

  Attributes:
    log_p: `[columns, groups]`, natural logarithm.
    auc: `[columns, groups]`, the chance that a value of the group is above one
      outside of it: U / (n1 n2); 0.5 says nothing.
  """

  log_p: np.ndarray
  auc: np.ndarray


def centred_ranks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Ranks of each column less their mean, and the ties' sum of t^3 - t.

  Equal values share the mean of their ranks. By NumPy: XLA's sort takes eight
  times as long on CPUs, and its running maxima eighty times.

  Args:
    values: `[n, columns]`, finite.

  Returns:
    float32 `[n, columns]` and `[columns]`.
  """
  columns, n = values.T.shape
  places = np.argsort(values.T, axis=1)
  ordered = np.take_along_axis(values.T, places, axis=1)
  new = np.ones((columns, n), bool)
  new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
  last_of_run = np.roll(new, -1, axis=1)
  rows = np.arange(n, dtype=np.int32)
  first = np.maximum.accumulate(np.where(new, rows, 0), axis=1)
  last = np.where(last_of_run, rows, n - 1)[:, ::-1]
  last = np.minimum.accumulate(last, axis=1)[:, ::-1]
  length = (last - first + 1).astype(np.float64)
  ties = np.sum(length**2 - 1, axis=1).astype(np.float32)
  # Exact in float32: halves of whole numbers below 2**24.
  ranks = np.empty((columns, n), np.float32)
  np.put_along_axis(ranks, places, 0.5 * (first + last - (n - 1)), axis=1)
  return ranks.T, ties


@jax.jit
def _tests(ranks, ties, groups):
  n = len(ranks)
  inside = jnp.sum(groups, axis=0)
  pairs = inside * (n - inside)
  # In full precision where an accelerator would round ranks to 11 bits.
  sums = jnp.einsum(
    "nc,ng->cg", ranks, groups, precision=jax.lax.Precision.HIGHEST
  )
  variance = pairs[None] / 12 * (n + 1 - ties / (n * (n - 1)))[:, None]
  sigma = jnp.sqrt(jnp.maximum(variance, 0))
  z = (jnp.abs(sums) - 0.5) / jnp.where(sigma > 0, sigma, 1)
  log_p = special.log_ndtr(-z) + jnp.log(2.0)
  log_p = jnp.where(sigma > 0, jnp.minimum(log_p, 0), 0)
  return log_p, 0.5 + sums / jnp.maximum(pairs, 1)[None]


def mann_whitney(
  values: np.ndarray, groups: np.ndarray, columns_at_once: int = 64
) -> Tests:
  """Tests each column of `values` for each group against all others, two-sided.

  Args:
    values: float `[n, columns]`, finite.
    groups: bool `[n, groups]`; a group of nobody or everybody has p = 1.
    columns_at_once: bounds the memory; few stay in the caches.

  Raises:
    InputError: other shapes, fewer than two rows, or values that are not
      finite.
  """
  if values.ndim != 2 or len(values) < 2 or len(values) != len(groups):
    raise InputError(
      f"values {values.shape} and groups {groups.shape}: give [n, columns] and "
      "[n, groups] of the same n, 2 or more"
    )
  if not np.isfinite(values).all():
    raise InputError("values hold NaN or an infinity, which have no rank")
  indicator = jnp.asarray(groups, jnp.float32)
  log_p, auc = [], []
  blocks = (
    np.float32(values[:, start : start + columns_at_once])
    for start in range(0, values.shape[1], columns_at_once)
  )
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for ranks, ties in pool.map(centred_ranks, blocks):
      one = _tests(ranks, ties, indicator)
      log_p.append(np.asarray(one[0]))
      auc.append(np.asarray(one[1]))
  return Tests(np.concatenate(log_p), np.concatenate(auc))


def bonferroni(log_p: np.ndarray, alpha: float) -> np.ndarray:
  """Which tests stay significant when all of them are counted: bool."""
  return log_p <= np.log(alpha) - np.log(max(log_p.size, 1))


def benjamini_hochberg(log_p: np.ndarray, alpha: float) -> np.ndarray:
  """Which tests are found at a false discovery rate of `alpha`: bool.

  The largest k with p_(k) <= alpha k / m, and all tests up to it (Benjamini and
  Hochberg 1995).
  """
  ordered = np.sort(log_p, axis=None).astype(np.float64)
  m = len(ordered)
  below = ordered <= np.log(alpha) + np.log(np.arange(1, m + 1)) - np.log(m)
  if not below.any():
    return np.zeros(log_p.shape, bool)
  return log_p <= ordered[np.flatnonzero(below)[-1]]
