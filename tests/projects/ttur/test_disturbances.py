"""Disturbed images: amounts, shares and what stays as it was."""

import numpy as np
import pytest

from common.errors import InputError
from projects.ttur import disturbances


@pytest.fixture
def images():
  return np.random.default_rng(0).uniform(-1, 1, (12, 32, 32, 3))


@pytest.mark.parametrize("name", disturbances.AMOUNTS)
def test_level_0_is_the_identity_and_more_is_further_away(name, images):
  others = np.ones((20, 32, 32, 3))
  # Smooth, or a blur or a swirl of noise would be noise again.
  row, column = np.mgrid[:32, :32] / 31
  images[:] = (np.sin(3 * row) * np.cos(2 * column))[None, ..., None]
  gaps = []
  for amount in disturbances.AMOUNTS[name]:
    random = np.random.default_rng(1)
    got = disturbances.disturb(name, images, amount, random, 25.0, others)
    assert got.shape == images.shape and got.dtype == np.float32
    assert np.abs(got).max() <= 1 + 1e-6
    gaps.append(np.abs(got - images).mean())
  assert gaps[0] < 1e-7 and np.all(np.diff(gaps) > 0)


def test_noise_is_scaled_over_the_whole_set(images):
  got = disturbances.gaussian_noise(
    np.zeros_like(images), 0.5, np.random.default_rng(0)
  )
  assert got.min() == pytest.approx(-0.5) and got.max() == pytest.approx(0.5)
  assert 0.05 < got.std() < 0.15


def test_rectangles_have_their_sides_and_lie_within(images):
  white = np.ones((200, 32, 32, 3), np.float32)
  got = disturbances.black_rectangles(white, 0.25, np.random.default_rng(0))
  black = got[..., 0] == -1
  assert black.any(axis=2).any(axis=0).all()  # Every row, in some image.
  areas = black.sum(axis=(1, 2))
  # Five of them, which overlap in most images.
  assert 4 * 64 < areas.max() <= 5 * 64 and areas.min() >= 64
  np.testing.assert_array_equal(got[..., 0], got[..., 2])
  full = disturbances.black_rectangles(white, 1.0, np.random.default_rng(0))
  assert np.all(full == -1)


def test_swirl_keeps_border_centre_symmetry_and_turns_both_ways():
  # Rings about the centre are the same after any turn.
  row, column = np.mgrid[:32, :32] - 16
  rings = np.cos(np.hypot(row, column) / 6).astype(np.float32)
  x = np.tile(rings[None, ..., None], (8, 1, 1, 3))
  got = disturbances.swirl(x, 4.0, np.random.default_rng(0), 25.0)
  np.testing.assert_allclose(got, x, atol=0.02)
  ramp = np.tile(
    (column / 16).astype(np.float32)[None, ..., None], (8, 1, 1, 1)
  )
  got = disturbances.swirl(ramp, 2.0, np.random.default_rng(0), 25.0)
  np.testing.assert_array_equal(got[:, :3], ramp[:, :3])
  np.testing.assert_array_equal(got[:, :, -4:], ramp[:, :, -4:])
  # Two different results, mirrored up and down (away from the border).
  kinds = np.unique(got, axis=0)
  assert len(kinds) == 2
  inner = np.s_[5:28, 5:28]
  np.testing.assert_allclose(kinds[0][inner], kinds[1][inner][::-1], atol=1e-5)


@pytest.mark.parametrize("radius", [25.0, 70.0])
def test_a_swirl_turns_by_the_formula(radius):
  """A pixel is taken from where scikit-image says, at a radius's scale."""
  row, column = np.mgrid[:64, :64] - 32
  x = np.stack([row, column], -1)[None].astype(np.float32)
  got = disturbances.swirl(x, 1.0, np.random.default_rng(0), radius)
  there = np.array([40, 22])  # Away from the border and its clipping.
  r = np.hypot(*(there - 32))
  turn = np.exp(-r / (radius / 5 * np.log(2)))
  before = np.arctan2(*x[0, 40, 22])
  after = np.arctan2(*got[0, 40, 22])
  assert abs(after - before) == pytest.approx(turn, rel=2e-3)


def test_salt_and_pepper_takes_whole_pixels():
  x = np.zeros((50, 32, 32, 3), np.float32)
  got = disturbances.salt_and_pepper(x, 0.2, np.random.default_rng(0))
  assert np.mean(got[..., 0] != 0) == pytest.approx(0.2, abs=0.01)
  assert np.mean(got) == pytest.approx(0, abs=0.01)
  np.testing.assert_array_equal(got[..., 0], got[..., 1])


def test_contamination_replaces_a_share(images):
  got = disturbances.contamination(
    images, np.full((5, 32, 32, 3), 9.0), 0.5, np.random.default_rng(0)
  )
  assert np.sum(got[:, 0, 0, 0] == 9) == 6


def test_unknown_disturbances_name_the_nearest(images):
  with pytest.raises(InputError, match="did you mean 'swirl'"):
    disturbances.disturb("swril", images, 1.0, np.random.default_rng(0), 25.0)
