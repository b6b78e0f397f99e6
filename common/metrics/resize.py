"""Resizes: of TensorFlow 1, which FID and FVD were made with, and of others.

Pixel i of the result lies at i * in / out of the source: no half-pixel shift,
no averaging when it shrinks. `jax.image.resize` has both, which moves a feature
of the Inception network by 4e-3 and the scores with it.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image


def tf1_bilinear(
  images: jax.typing.ArrayLike, height: int, width: int
) -> jax.Array:
  """Resizes as TF1's `resize_bilinear` does, corners not aligned.

  Along each axis, with s = i * float32(in / out) and k = floor(s),

      y_i = x_k + (x_min(k + 1, in - 1) - x_k) (s - k)

  first across, then down, in float32: within one rounding of TensorFlow's
  kernel, and equal to the input where the size stays. Gathers, not products
  with interpolation matrices: those are 2 to 10 times slower on a CPU, and lose
  digits on a GPU that takes TF32.

  Args:
    images: [..., h, w, c], any real dtype.
    height: of the result.
    width: of the result.

  Returns:
    float32 [..., height, width, c], in the range of the images.

  Reference: the op ResizeBilinear with align_corners = half_pixel_centers =
  False.
  """
  x = jnp.asarray(images)
  chex.assert_rank(x, {3, 4, 5, 6})
  return _resized(x.astype(jnp.float32), height, width, jnp)


def tf1_bilinear_on_host(
  images: np.ndarray, height: int, width: int
) -> np.ndarray:
  """`tf1_bilinear` by NumPy: nothing to compile, where every size is another.

  Args:
    images: [..., h, w, c], any real dtype.
    height: of the result.
    width: of the result.

  Returns:
    float32 [..., height, width, c].
  """
  chex.assert_rank(images, {3, 4, 5, 6})
  return _resized(images, height, width, np).astype(np.float32, copy=False)


def half_pixel_bilinear(
  images: np.ndarray, height: int, width: int
) -> np.ndarray:
  """Resizes as torch's `interpolate` does, corners not aligned, no averaging.

  As `tf1_bilinear`, with s = max((i + 0.5) in / out - 0.5, 0). pytorch-fid has
  it.

  Args:
    images: [..., h, w, c], any real dtype.
    height: of the result.
    width: of the result.

  Returns:
    float32 [..., height, width, c].
  """
  chex.assert_rank(images, {3, 4, 5, 6})
  found = _resized(images, height, width, np, shift=0.5)
  return found.astype(np.float32, copy=False)


def pillow_bicubic(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """Resizes as clean-fid does: Pillow's bicubic filter, colours as floats.

  It averages where it shrinks, by the filter a = -0.5 of Keys. Nothing is
  rounded; what overshoots is cut to 0..255.

  Args:
    image: [h, w, c] in 0..255, any real dtype.
    height: of the result.
    width: of the result.

  Returns:
    float32 [height, width, c].

  Reference: Parmar et al. (2022), arXiv:2104.11222.
  """
  chex.assert_rank(image, 3)
  channels = np.moveaxis(image.astype(np.float32), -1, 0)
  found = [
    Image.fromarray(one).resize((width, height), Image.Resampling.BICUBIC)
    for one in channels
  ]
  return np.stack([np.asarray(one) for one in found], -1).clip(0, 255)


def _resized(
  x: Any, height: int, width: int, xp: Any, shift: float = 0.0
) -> Any:
  """By the functions of `xp`, NumPy or its equal."""
  for axis, size in ((-2, width), (-3, height)):
    if x.shape[axis] == size:
      continue  # All s are integers.
    low, high, part = _neighbours(x.shape[axis], size, shift)
    part = part.reshape((1,) * (x.ndim + axis) + (-1,) + (1,) * (-1 - axis))
    # Floats of what is left, not of all pixels of a photograph.
    below = xp.take(x, low, axis, mode="clip").astype(np.float32)
    above = xp.take(x, high, axis, mode="clip").astype(np.float32)
    x = below + (above - below) * part
  return x


def _neighbours(
  n: int, size: int, shift: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns k, min(k + 1, n - 1), s - k; each [size]."""
  # In float32, as the kernel does: where s is nearly an integer, float64 would
  # take the other neighbour.
  place = np.arange(size, dtype=np.float32) + np.float32(shift)
  s = place * (np.float32(n) / np.float32(size)) - np.float32(shift)
  s = np.maximum(s, 0)
  low = np.floor(s)
  k = np.minimum(low.astype(np.int32), n - 1)
  return k, np.minimum(k + 1, n - 1), s - low
