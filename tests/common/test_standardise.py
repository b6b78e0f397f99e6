"""Standardising: whose moments they are, and what has no scale."""

import numpy as np

from common.data.standardise import moments, scaled, standardised


def test_standardised_sees_training_rows_only():
  random = np.random.default_rng(0)
  x = random.normal(5, 3, (50, 4)).astype(np.float32)
  x[:, 2] = 0.1
  x[:30, 3] = 0.3  # Constant in training only.
  train = np.arange(30)
  scaled = standardised(x, train)
  assert scaled.dtype == np.float32 and scaled.shape == x.shape
  np.testing.assert_allclose(scaled[train, :2].mean(0), 0, atol=1e-6)
  np.testing.assert_allclose(scaled[train, :2].std(0), 1, rtol=1e-6)
  assert not scaled[:, 2:].any()
  other = np.where(np.arange(len(x))[:, None] < 30, x, 1e6)
  changed = standardised(other, train)
  np.testing.assert_array_equal(changed[train], scaled[train])
  x[::7, 0] = np.nan
  scaled = standardised(x, train)
  assert not scaled[::7, 0].any()
  seen = np.setdiff1d(train, np.arange(0, 30, 7))
  np.testing.assert_allclose(scaled[seen, 0].mean(), 0, atol=1e-6)
  np.testing.assert_allclose(scaled[seen, 0].std(), 1, rtol=1e-6)


def test_a_constant_whose_mean_is_rounded_has_no_scale():
  x = np.full((30, 1), 0.7)  # In float64 the mean of these is not 0.7.
  assert x.std() > 0 and moments(x).scale == 0
  assert not scaled(np.array([[5.0], [0.7]]), moments(x)).any()
