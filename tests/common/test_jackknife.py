"""Error bars and extrapolation of the Fréchet distance, against known ones."""

import numpy as np
import pytest

from common.stats import frechet, jackknife


def parts(x, groups=10):
  return tuple(frechet.moments(p) for p in np.array_split(x, groups))


def test_the_error_bar_is_the_spread_over_repetitions():
  random = np.random.default_rng(0)
  errors, distances = [], []
  for _ in range(60):
    a, b = random.normal(size=(500, 3)), random.normal(1, 1.5, size=(500, 3))
    errors.append(jackknife.standard_error(parts(a), parts(b)))
    distances.append(
      float(frechet.distance(frechet.moments(a), frechet.moments(b)))
    )
  assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(
    np.std(distances), rel=0.3
  )


def test_the_line_ends_nearer_to_the_truth():
  random = np.random.default_rng(1)
  raw, extrapolated = [], []
  for _ in range(20):
    # The same distribution: the true distance is 0.
    a, b = (random.normal(size=(400, 16)) for _ in range(2))
    line = jackknife.at_infinity(parts(a), parts(b))
    assert line.sizes[0] == 200 and line.sizes[-1] == 400
    assert line.slope > 0
    raw.append(line.distances[-1])
    extrapolated.append(line.value)
  assert abs(np.mean(extrapolated)) < 0.2 * np.mean(raw)


def test_saved_statistics_stay_whole():
  random = np.random.default_rng(2)
  a, b = random.normal(size=(300, 3)), random.normal(1, 1, size=(5000, 3))
  whole = frechet.moments(b)
  pair = (whole.mean, frechet.covariance(whole))
  for saved in (whole, pair):
    assert jackknife.standard_error(whole, saved) is None
    assert jackknife.at_infinity(saved, whole) is None
    assert jackknife.standard_error(parts(a), saved) > 0
    line = jackknife.at_infinity(saved, parts(a))
    assert line.sizes == (150, 180, 210, 240, 270, 300)
    assert line.distances[-1] == pytest.approx(
      float(frechet.distance(frechet.moments(a), saved))
    )


def test_too_few_samples_have_no_error_bar():
  tiny = parts(np.arange(6.0)[:, None], 3)
  assert jackknife.at_infinity(tiny, tiny) is None
  one = parts(np.arange(2.0)[:, None], 2)
  assert jackknife.standard_error(one, one) is None


def test_the_error_bar_is_the_formula():
  random = np.random.default_rng(3)
  a, b = random.normal(size=(40, 2)), random.normal(1, 1, size=(30, 2))
  found = []
  for k in range(5):
    left = [
      np.concatenate([p for i, p in enumerate(np.array_split(x, 5)) if i != k])
      for x in (a, b)
    ]
    found.append(float(frechet.distance_from_features(*left)))
  squares = np.square(np.subtract(found, np.mean(found)))
  # Delete-a-group: (G - 1) / G times the sum of squares.
  wanted = np.sqrt(4 / 5 * squares.sum())
  got = jackknife.standard_error(parts(a, 5), parts(b, 5))
  assert got == pytest.approx(wanted, rel=1e-9)


def test_sizes_are_harmonic_means():
  random = np.random.default_rng(4)
  a, b = random.normal(size=(400, 2)), random.normal(size=(100, 2))
  line = jackknife.at_infinity(parts(a), parts(b))
  assert line.sizes == (80, 96, 112, 128, 144, 160)  # 2 / (1/400 + 1/100)
