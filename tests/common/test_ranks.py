"""Ranks and tests against hand counts, published tables and enumeration."""

import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from common import errors
from common.stats import ranks

NAN = np.nan


def test_ties_share_the_average():
  scores = [[0.9, 0.8, 0.8, 0.1], [0.5, 0.5, 0.5, 0.5], [0.0, 1.0, 2.0, 3.0]]
  np.testing.assert_allclose(
    ranks.average_ranks(scores),
    np.mean([[1, 2.5, 2.5, 4], [2.5] * 4, [4, 3, 2, 1]], axis=0),
    rtol=1e-15,
  )


def test_missing_scores():
  scores = [[0.1, 0.2, 0.3], [NAN, 0.7, NAN]]
  np.testing.assert_array_equal(ranks.average_ranks(scores), [2.75, 1.5, 1.75])


@hypothesis.given(
  st.integers(1, 9), st.integers(1, 6), st.integers(0, 2**32 - 1)
)
def test_ranks_sum_to_what_they_must_and_ignore_the_scale(sets, methods, seed):
  scores = np.random.default_rng(seed).integers(0, 4, (sets, methods))
  result = ranks.average_ranks(scores)
  assert result.sum() == pytest.approx(methods * (methods + 1) / 2)
  np.testing.assert_array_equal(result, ranks.average_ranks(np.exp(scores)))
  assert result[np.argmax(scores.sum(0))] <= methods


def test_wilcoxon_is_the_share_of_sign_patterns():
  # Differences of distinct sizes: all 2^n signs are as likely under the null.
  a, b = (
    np.array([5.0, 1.5, 9.0, 2.0, 0.5]),
    np.array([4.0, 3.5, 1.0, 2.3, 0.0]),
  )
  d = a - b
  sizes = stats.rankdata(np.abs(d))
  observed = sizes[d > 0].sum()
  patterns = itertools.product((0, 1), repeat=5)
  share = np.mean([np.dot(p, sizes) >= observed for p in patterns])
  assert ranks.one_sided_wilcoxon(a, b) == pytest.approx(share, rel=1e-12)


def test_wilcoxon_has_a_direction_and_drops_gaps():
  a, b = np.arange(8.0) + [1, 2, 3, 4, 5, 6, 7, 8], np.arange(8.0)
  assert ranks.one_sided_wilcoxon(a, b) == pytest.approx(1 / 256)
  assert ranks.one_sided_wilcoxon(b, a) == 1
  gaps = (np.append(a, [NAN, 0.0]), np.append(b, [5.0, NAN]))
  assert ranks.one_sided_wilcoxon(*gaps) == pytest.approx(1 / 256)
  assert ranks.one_sided_wilcoxon(a, a) == 1


@pytest.mark.parametrize(
  ("d", "zeros"),
  [(np.arange(1, 15) * (-1.0) ** np.arange(14), 3), ([2, 2, -1, 3, 3, 1], 4)],
)
def test_wilcoxon_is_exact_without_the_pairs_that_are_equal(d, zeros):
  """14 pairs without ties, 6 with them: the share of sign patterns."""
  sizes = stats.rankdata(np.abs(d))
  observed = sizes[np.asarray(d) > 0].sum()
  patterns = np.array(list(itertools.product((0, 1), repeat=len(d))))
  share = np.mean(patterns @ sizes >= observed - 1e-9)
  a = np.concatenate([d, np.zeros(zeros)])
  p = ranks.one_sided_wilcoxon(a + 7, np.full(len(a), 7.0))
  assert p == pytest.approx(share, rel=1e-9)


def test_wilcoxon_sees_ties_of_float32_quotients():
  random = np.random.default_rng(1)
  counts = random.integers(60, 75, (2, 40))
  whole = ranks.one_sided_wilcoxon(*counts)
  shares = np.float64(np.float32(counts) / np.float32(113))
  assert len({*(shares[0] - shares[1]).tolist()}) > len(
    {*(counts[0] - counts[1]).tolist()}
  )
  assert ranks.one_sided_wilcoxon(*shares) == pytest.approx(whole, rel=1e-9)


def test_wilcoxon_of_many_pairs_is_normal_with_a_correction():
  d = np.random.default_rng(0).normal(0.3, 1, 80).round(1)
  sizes = stats.rankdata(np.abs(d[d != 0]))
  n, signed = len(sizes), sizes[d[d != 0] > 0].sum()
  _, ties = np.unique(sizes, return_counts=True)
  variance = n * (n + 1) * (2 * n + 1) / 24 - (ties**3 - ties).sum() / 48
  z = (signed - n * (n + 1) / 4 - 0.5) / np.sqrt(variance)
  assert ranks.one_sided_wilcoxon(d, 0 * d) == pytest.approx(
    stats.norm.sf(z), rel=1e-10
  )


@pytest.mark.parametrize(
  "alpha, methods, q",
  # Table 5a of Demsar (2006).
  [(0.05, 2, 1.960), (0.05, 7, 2.949), (0.05, 10, 3.164), (0.10, 5, 2.459)],
)
def test_critical_differences_of_the_published_table(alpha, methods, q):
  expected = q * np.sqrt(methods * (methods + 1) / (6 * 30))
  result = ranks.critical_difference(methods, 30, alpha)
  assert result == pytest.approx(expected, rel=4e-4)


@pytest.mark.parametrize(
  "call, message",
  [
    (lambda: ranks.average_ranks([1, 2]), r"shape \(2,\); give \[sets"),
    (lambda: ranks.average_ranks(np.ones((0, 2))), r"shape \(0, 2\)"),
    (lambda: ranks.one_sided_wilcoxon([1], [1, 2]), r"\(1,\) and \(2,\)"),
    (lambda: ranks.one_sided_wilcoxon([1], [NAN]), "no set has both"),
    (lambda: ranks.critical_difference(1, 5), r"1 method\(s\), 5 set"),
    (lambda: ranks.critical_difference(3, 5, 1.0), "alpha 1.0; give"),
  ],
)
def test_errors(call, message):
  with pytest.raises(errors.InputError, match=message):
    call()


def test_holms_correction():
  """Holm (1979): the smallest times n, the next times n - 1, never falling."""
  got = ranks.holm([0.01, 0.04, 0.03, 0.005])
  np.testing.assert_allclose(got, [0.03, 0.06, 0.06, 0.02])
  np.testing.assert_allclose(ranks.holm([0.9, 0.6]), [1, 1])
