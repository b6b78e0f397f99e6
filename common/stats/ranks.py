"""Comparing methods over many data sets: ranks, Wilcoxon's test, Nemenyi's.

Reference: Demsar (2006), "Statistical comparisons of classifiers over multiple
data sets", JMLR 7; used so by arXiv:1706.02515 on 121 UCI sets.
"""

import numpy as np
import numpy.typing as npt
from scipy import stats

from common.errors import InputError


def average_ranks(scores: npt.ArrayLike) -> np.ndarray:
  """Returns the rank of each method, averaged over the sets.

  The best method of a set has rank 1; equal scores share the average of their
  ranks. What is missing is ranked behind all else (several share the average of
  the last ranks).

  Args:
    scores: [sets, methods], higher is better; NaN where there is none.

  Returns:
    [methods], float64, between 1 and the number of methods.

  Raises:
    InputError: not 2-D, no methods, or no sets.
  """
  x = np.asarray(scores, np.float64)
  if x.ndim != 2 or x.size == 0:
    raise InputError(
      f"average_ranks: the scores have shape {x.shape}; give [sets, methods]."
    )
  x = np.where(np.isnan(x), -np.inf, x)
  return stats.rankdata(-x, axis=1).mean(axis=0)


def one_sided_wilcoxon(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
  """Returns the p-value of a being no better than b, paired by set.

  Wilcoxon's signed-rank test by `scipy.stats.wilcoxon`: small where a tends to
  score higher. Pairs with a NaN and pairs without a difference are dropped
  (Wilcoxon's own way). Of the pairs left, exact for up to 50 without ties and
  for up to 13 with them; for all else the normal approximation with a
  continuity correction, as R has it. Differences are equal to a millionth of
  the largest score: quotients of counts in float32 would have no ties.

  Args:
    a: scores of the one method, [sets].
    b: scores of the other, [sets].

  Returns:
    The p-value; 1.0 where no pair differs.

  Raises:
    InputError: shapes differ or are not 1-D, or no pair is complete.
  """
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  if a.ndim != 1 or a.shape != b.shape:
    raise InputError(
      f"one_sided_wilcoxon: shapes {a.shape} and {b.shape}; give two lists of"
      " scores on the same sets."
    )
  both = ~(np.isnan(a) | np.isnan(b))
  if not both.any():
    raise InputError(
      "one_sided_wilcoxon: no set has both scores; give at least one pair."
    )
  a, b = a[both], b[both]
  scale = max(np.abs(a).max(), np.abs(b).max())
  d = np.round((a - b) / (scale or 1.0), 6)
  d = d[d != 0]  # Before the call: with zeros in, SciPy decides otherwise.
  if not len(d):
    return 1.0
  result = stats.wilcoxon(d, correction=True, alternative="greater")
  return float(result.pvalue)


def holm(p: npt.ArrayLike) -> list[float]:
  """Holm's step-down correction: the largest of (n - i) p_(i) up to each.

  Args:
    p: of n tests.

  Returns:
    Corrected, in the same order; at most 1.

  Reference: Holm (1979), Scandinavian Journal of Statistics 6, p. 65-70.
  """
  raw = np.asarray(p, np.float64)
  order = np.argsort(raw, kind="stable")
  factors = len(raw) - np.arange(len(raw))
  stepped = np.maximum.accumulate(factors * raw[order])
  corrected = np.empty_like(raw)
  corrected[order] = np.minimum(stepped, 1.0)
  return corrected.tolist()


def critical_difference(
  n_methods: int, n_sets: int, alpha: float = 0.05
) -> float:
  r"""Returns Nemenyi's critical difference of two average ranks.

  .. math::
    \mathrm{CD} = q_\alpha \sqrt{k (k + 1) / (6 N)},

  with the studentised range :math:`q_\alpha` of k groups and infinitely many
  degrees of freedom, divided by :math:`\sqrt{2}`.

  Args:
    n_methods: k, at least 2.
    n_sets: N, at least 1.
    alpha: probability that any two equal methods are told apart, in (0, 1).

  Raises:
    InputError: an argument out of its range.

  Reference: Section 3.2.2 and Table 5a of Demsar (2006).
  """
  if n_methods < 2 or n_sets < 1 or not 0 < alpha < 1:
    raise InputError(
      f"critical_difference: {n_methods} method(s), {n_sets} set(s), alpha"
      f" {alpha}; give 2 methods or more, a set, and alpha between 0 and 1."
    )
  q = stats.studentized_range.isf(alpha, n_methods, np.inf) / np.sqrt(2)
  return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_sets)))
