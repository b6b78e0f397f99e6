"""The Fréchet distance: bad input is one sentence on what, where, the mend."""

import numpy as np
import pytest

from common import errors
from common.stats import frechet

GOOD = np.arange(12.0).reshape(4, 3)
ONE = GOOD[:1]
BAD = np.where(np.arange(12).reshape(4, 3) == 7, np.nan, GOOD)
UNIT = (np.zeros(2), np.eye(2))


@pytest.mark.parametrize(
  "call, message",
  [
    (
      lambda: frechet.distance_from_features(GOOD, ONE),
      r"second side: got 1 sample\(s\).*at least 2; add",
    ),
    (
      lambda: frechet.distance(frechet.moments(ONE), frechet.moments(GOOD)),
      r"first side: got 1 sample\(s\).*at least 2; add",
    ),
    (lambda: frechet.covariance(frechet.moments(ONE)), r"got 1 sample\(s\)"),
    (
      lambda: frechet.from_covariance(*UNIT, 1),
      r"from_covariance: got 1 sample\(s\)",
    ),
    (
      lambda: frechet.distance_from_features(GOOD, GOOD[:, :2]),
      "first side has 3 features and the second 2; take both",
    ),
    (
      lambda: frechet.distance(UNIT, frechet.moments(GOOD)),
      "first side has 2 features and the second 3",
    ),
    (
      lambda: frechet.merge(
        frechet.moments(GOOD), frechet.moments(GOOD[:, :2])
      ),
      "merge: the first side has 3 features and the second 2",
    ),
    (
      lambda: frechet.distance_from_features(GOOD, BAD),
      r"second side: row 2 holds .* not finite \(1 of 4 rows do\); drop",
    ),
    (lambda: frechet.moments(BAD), "moments: row 2 holds .* not finite"),
    (lambda: frechet.moments(GOOD[0]), r"shape \(3,\); give \[samples, feat"),
    (
      lambda: frechet.distance_from_features(GOOD[None], GOOD),
      r"first side: the features have shape \(1, 4, 3\)",
    ),
    (
      lambda: frechet.moments(GOOD, [True] * 3),
      r"mask has shape \(3,\) for 4 rows; give one",
    ),
    (
      lambda: frechet.distance(UNIT, (np.zeros(2), np.ones((2, 3)))),
      r"covariance \(2, 3\); give \[d\] and a square \[d, d\]",
    ),
    (
      lambda: frechet.distance((np.zeros(2), [[1, 0.1], [0, 1]]), UNIT),
      "first side: the covariance is not symmetric, by 0.1 .*check",
    ),
    (
      lambda: frechet.distance(UNIT, (np.zeros(2), np.diag([1, -0.5]))),
      "second side: .* not positive semi-definite, by 0.5 .*compute it again",
    ),
    (
      lambda: frechet.distance((np.zeros(2), [[0.0, 1e-3], [1e-3, 1.0]]), UNIT),
      "first side: .* not positive semi-definite",
    ),
    (
      lambda: frechet.distance(UNIT, (np.zeros(2), -np.eye(2))),
      "second side: .* not positive semi-definite",
    ),
    (
      lambda: frechet.distance(UNIT, (np.zeros(2), np.diag([1, np.inf]))),
      "second side: the mean or the covariance holds values .* not finite",
    ),
  ],
)
def test_errors_say_what_where_and_the_mend(call, message):
  with pytest.raises(ValueError, match=message) as info:
    call()
  assert isinstance(info.value, errors.InputError)
  assert "\n" not in str(info.value)


def test_both_sides_are_checked_for_definiteness():
  # Two indefinite matrices whose product has positive eigenvalues.
  flipped = (np.zeros(2), np.diag([1.0, -1.0]))
  with pytest.raises(errors.InputError, match="not positive semi-definite"):
    frechet.distance(flipped, flipped)
