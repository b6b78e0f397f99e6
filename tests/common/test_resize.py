"""TF1's legacy bilinear resize, against its definition and golden pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.metrics import resize


def slow(image, height, width):
  """The definition, pixel by pixel, in float64 but for the coordinates."""
  (h, w), image = image.shape[:2], image.astype(np.float64)
  result = np.zeros((height, width, image.shape[2]))
  for i in range(height):
    y = np.float32(i) * (np.float32(h) / np.float32(height))
    top, bottom = int(y), min(int(y) + 1, h - 1)
    for j in range(width):
      x = np.float32(j) * (np.float32(w) / np.float32(width))
      left, right = int(x), min(int(x) + 1, w - 1)
      corners = [
        image[r, left] + (image[r, right] - image[r, left]) * (x - left)
        for r in (top, bottom)
      ]
      result[i, j] = corners[0] + (corners[1] - corners[0]) * (y - top)
  return result


@given(st.tuples(*[st.integers(1, 9)] * 4), st.integers(0, 9))
def test_the_definition(sizes, seed):
  h, w, height, width = sizes
  image = np.random.default_rng(seed).integers(0, 256, (h, w, 2), np.uint8)
  got = resize.tf1_bilinear(image, height, width)
  assert got.dtype == jnp.float32
  np.testing.assert_allclose(got, slow(image, height, width), atol=1e-4)
  host = resize.tf1_bilinear_on_host(image, height, width)
  assert host.dtype == np.float32
  np.testing.assert_allclose(host, got, atol=1e-4)


def test_known_values():
  row = np.array([0, 10, 20, 60], np.uint8).reshape(1, 4, 1)
  got = resize.tf1_bilinear(row, 1, 8)[0, :, 0]
  # The last pixel has no right neighbour: the value stays.
  np.testing.assert_array_equal(got, [0, 5, 10, 15, 20, 40, 60, 60])
  got = resize.tf1_bilinear(row, 1, 2)[0, :, 0]
  np.testing.assert_array_equal(got, [0, 20])  # Pixels are left out.


def test_known_values_by_half_pixels():
  row = np.array([0, 10, 20, 60], np.uint8).reshape(1, 4, 1)
  got = resize.half_pixel_bilinear(row, 1, 8)[0, :, 0]
  np.testing.assert_array_equal(got, [0, 2.5, 7.5, 12.5, 17.5, 30, 50, 60])
  got = resize.half_pixel_bilinear(row, 1, 2)[0, :, 0]
  np.testing.assert_array_equal(got, [5, 40])


@pytest.mark.parametrize("sizes", [(5, 7, 11, 4), (9, 6, 3, 13)])
def test_half_pixels_against_jax(sizes):
  h, w, height, width = sizes
  image = np.random.default_rng(0).uniform(0, 255, (h, w, 3)).astype("f4")
  wanted = jax.image.resize(image, (height, width, 3), "linear", False)
  got = resize.half_pixel_bilinear(image, height, width)
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, wanted, atol=1e-3)


def keys(n, size):
  """Keys' filter [size, n], a = -0.5, widened where it shrinks, by rows."""
  scale = n / size
  wide = max(scale, 1)
  centre = (np.arange(size)[:, None] + 0.5) * scale - 0.5
  x = np.abs(np.arange(n) - centre) / wide
  near = 1.5 * x**3 - 2.5 * x**2 + 1
  far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
  weights = np.where(x < 1, near, np.where(x < 2, far, 0))
  return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("sizes", [(6, 5, 15, 12), (24, 30, 8, 9)])
def test_bicubic_is_the_formula(sizes):
  h, w, height, width = sizes
  image = np.random.default_rng(0).integers(0, 256, (h, w, 3), np.uint8)
  wanted = np.einsum("ih,jw,hwc->ijc", keys(h, height), keys(w, width), image)
  got = resize.pillow_bicubic(image, height, width)
  assert got.dtype == np.float32
  assert (wanted.min() < 0) == (height > h)  # Overshoots, which are cut.
  np.testing.assert_allclose(got, wanted.clip(0, 255), atol=1e-3)


def test_leading_axes_and_jit():
  images = np.random.default_rng(0).normal(size=(2, 3, 6, 4, 3))
  got = jax.jit(resize.tf1_bilinear, static_argnums=(1, 2))(images, 5, 7)
  assert got.shape == (2, 3, 5, 7, 3)
  np.testing.assert_allclose(got[1, 2], slow(images[1, 2], 5, 7), atol=1e-5)


def test_same_size_is_the_identity():
  image = np.random.default_rng(0).normal(size=(7, 5, 3)).astype(np.float32)
  np.testing.assert_array_equal(resize.tf1_bilinear(image, 7, 5), image)


@pytest.mark.parametrize("index", range(4))
def test_golden_pixels(shared, index):
  golden = np.load(shared / "golden" / "inception_golden.npz")
  image = golden[f"image_{index}"]
  got = np.asarray(resize.tf1_bilinear(image, 299, 299))
  # NumPy joins no products and sums: the reference's very bits.
  host = resize.tf1_bilinear_on_host(image, 299, 299)
  assert worst(host, golden, index) < 1e-8
  # The tolerance of the golden values' README; one rounding is 1.5e-5.
  assert worst(got, golden, index) < 1e-4
  if image.shape[:2] != (299, 299):  # There, no shift can be seen.
    wrong = jax.image.resize(
      image.astype(np.float32), got.shape, "linear", antialias=False
    )
    assert worst(np.asarray(wrong), golden, index) > 1


def worst(resized, golden, index):
  edges = [slice(8), slice(-8, None)]
  corners = [resized[rows, columns] for rows in edges for columns in edges]
  got = {
    "patches": np.stack([*corners, resized[146:154, 146:154]]),
    "row150": resized[150],
    "col150": resized[:, 150],
    "mean": resized.astype(np.float64).mean((0, 1)),
  }
  return max(
    np.abs(value - golden[f"resized_{name}_{index}"]).max()
    for name, value in got.items()
  )
