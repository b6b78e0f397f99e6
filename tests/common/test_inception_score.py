"""The Inception Score in closed forms."""

import numpy as np
import pytest

from common.errors import InputError
from common.stats.inception_score import inception_score


def test_sure_and_even_is_the_number_of_classes():
  logits = np.tile(1e3 * np.eye(7), (30, 1))
  assert inception_score(logits, 3) == pytest.approx((7.0, 0.0), abs=1e-9)


def test_all_alike_is_one():
  logits = np.tile(np.arange(5.0), (20, 1))
  assert inception_score(logits, 4) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_two_splits_by_hand():
  p = np.array([[0.9, 0.1], [0.1, 0.9], [0.8, 0.2], [0.8, 0.2]])
  kl = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
  one, two = np.exp(kl), 1.0
  # A constant added to the logits of an image changes nothing.
  logits = np.log(p) + np.array([[3.0], [-5.0], [700.0], [0.0]])
  got = inception_score(logits, 2)
  assert got.mean == pytest.approx((one + two) / 2, rel=1e-12)
  assert got.std == pytest.approx((one - two) / 2, rel=1e-9)


@pytest.mark.parametrize(
  ("logits", "splits", "match"),
  [
    (np.zeros((3, 2)), 4, "4 splits takes"),
    (np.zeros(3), 1, "takes \\[n, classes\\]"),
    (np.full((3, 2), np.nan), 1, "finite"),
  ],
)
def test_what_it_refuses(logits, splits, match):
  with pytest.raises(InputError, match=match):
    inception_score(logits, splits)
