"""The polynomial MMD: against double sums, and its error bar."""

import itertools

import numpy as np
import pytest

from common.errors import InputError
from common.stats import kid


def naive(x, y, gamma, degree=3):
  k = lambda a, b: (gamma * float(a @ b) + 1) ** degree
  within = lambda s: np.mean([k(a, b) for a, b in itertools.permutations(s, 2)])
  across = np.mean([k(a, b) for a in x for b in y])
  return within(x) + within(y) - 2 * across


@pytest.mark.parametrize("gamma", [None, 1.0])
def test_it_is_the_double_sum_and_the_error_leaves_out_each(gamma):
  random = np.random.default_rng(0)
  x, y = random.normal(size=(7, 4)), random.normal(0.3, 1, size=(9, 4))
  got = kid.polynomial_mmd(x, y, gamma)
  g = gamma or 1 / 4
  assert got.value == pytest.approx(naive(x, y, g), rel=1e-12)
  variance = 0
  for side, n in ((0, 7), (1, 9)):
    values = [
      naive(
        *(np.delete(s, i, 0) if j == side else s for j, s in enumerate((x, y))),
        g,
      )
      for i in range(n)
    ]
    variance += (n - 1) * np.var(values)
  assert got.standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_equal_distributions_are_zero_within_the_error_and_others_are_not():
  random = np.random.default_rng(1)
  draw = lambda mean: random.normal(mean, 1, size=(300, 8))
  z = []
  for _ in range(40):
    got = kid.polynomial_mmd(draw(0), draw(0))
    z.append(got.value / got.standard_error)
  # Unbiased: values on both sides of zero, errors of the right size.
  assert abs(np.mean(z)) < 0.6 and 0.3 < np.std(z) < 1.6
  far = kid.polynomial_mmd(draw(0), draw(1))
  assert far.value > 10 * far.standard_error


def test_rotations_and_blocks_change_nothing(monkeypatch):
  random = np.random.default_rng(2)
  x, y = random.normal(size=(50, 6)), random.normal(size=(41, 6))
  q, _ = np.linalg.qr(random.normal(size=(6, 6)))
  whole = kid.polynomial_mmd(x, y)
  monkeypatch.setattr(kid, "_BLOCK", 7)
  for got in (
    kid.polynomial_mmd(x @ q, y @ q),
    kid.polynomial_mmd(y, x),
  ):
    assert got.value == pytest.approx(whole.value, rel=1e-9, abs=1e-12)
    assert got.standard_error == pytest.approx(whole.standard_error, rel=1e-9)


@pytest.mark.parametrize(
  ("x", "y", "message"),
  [
    (np.zeros((2, 3)), np.zeros((9, 3)), "2 and 9 samples"),
    (np.zeros((9, 3)), np.zeros((9, 4)), r"\(9, 3\) and \(9, 4\)"),
    (np.full((9, 3), np.nan), np.zeros((9, 3)), "not finite"),
  ],
)
def test_bad_samples_are_one_sentence(x, y, message):
  with pytest.raises(InputError, match=message):
    kid.polynomial_mmd(x, y)
