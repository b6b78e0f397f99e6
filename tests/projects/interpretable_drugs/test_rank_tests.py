"""Mann-Whitney tests against SciPy's, and both corrections."""

import numpy as np
import pytest
from scipy import stats

from common.errors import InputError
from projects.interpretable_drugs import rank_tests


@pytest.fixture(scope="module")
def case():
  generator = np.random.default_rng(0)
  values = generator.normal(size=(60, 5)).astype(np.float32)
  values[:, 1] = np.round(values[:, 1])  # Ties.
  values[:, 2] = 3.0  # Nothing else.
  values[:, 3] = generator.random(60) < 0.3  # Bits.
  groups = generator.random((60, 4)) < [[0.1, 0.5, 0.9, 0.3]]
  values[groups[:, 1], 0] += 2
  return values, groups


def test_scipys_numbers(case):
  values, groups = case
  found = rank_tests.mann_whitney(values, groups, columns_at_once=2)
  for c in (0, 1, 3, 4):
    for g in range(groups.shape[1]):
      inside, outside = values[groups[:, g], c], values[~groups[:, g], c]
      expected = stats.mannwhitneyu(inside, outside, method="asymptotic")
      np.testing.assert_allclose(
        found.log_p[c, g], np.log(expected.pvalue), rtol=2e-4, atol=2e-5
      )
      auc = expected.statistic / (len(inside) * len(outside))
      np.testing.assert_allclose(found.auc[c, g], auc, atol=1e-6)
  np.testing.assert_array_equal(found.log_p[2], 0)
  np.testing.assert_allclose(found.auc[2], 0.5)


def test_what_underflows_in_scipy():
  values = np.arange(20_000, dtype=np.float32)[:, None]
  groups = values >= 10_000
  found = rank_tests.mann_whitney(values, groups)
  sigma = np.sqrt(1e8 / 12 * 20_001)
  expected = stats.norm.logsf((5e7 - 0.5) / sigma) + np.log(2)
  assert np.exp(expected) == 0  # Smaller than a double.
  np.testing.assert_allclose(found.log_p, expected, rtol=1e-5)
  np.testing.assert_allclose(found.auc, 1.0)


def test_groups_of_nobody_and_everybody_say_nothing(case):
  values, _ = case
  groups = np.zeros((60, 2), bool)
  groups[:, 1] = True
  found = rank_tests.mann_whitney(values, groups)
  np.testing.assert_array_equal(found.log_p, 0)
  np.testing.assert_array_equal(found.auc, 0.5)


def test_corrections():
  p = np.array([[0.001, 0.012, 0.024], [0.03, 0.2, 0.9]])
  log_p = np.log(p)
  # Of six tests: 0.05 / 6 = 0.00833.
  expected = np.array([[True, False, False], [False] * 3])
  np.testing.assert_array_equal(rank_tests.bonferroni(log_p, 0.05), expected)
  found = rank_tests.benjamini_hochberg(log_p, 0.05)
  by_scipy = stats.false_discovery_control(p, axis=None) <= 0.05
  by_scipy = by_scipy.reshape(p.shape)
  np.testing.assert_array_equal(found, by_scipy)
  assert found.sum() == 4
  assert not rank_tests.benjamini_hochberg(np.zeros((2, 2)), 0.05).any()


def test_bad_input_is_one_sentence(case):
  values, groups = case
  with pytest.raises(InputError, match="of the same n"):
    rank_tests.mann_whitney(values[1:], groups)
  with pytest.raises(InputError, match="NaN"):
    rank_tests.mann_whitney(np.full((60, 1), np.nan), groups)
