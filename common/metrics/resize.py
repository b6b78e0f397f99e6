"""The resize of TensorFlow 1, which the networks of FID and FVD were made with.

Pixel i of the result lies at i * in / out of the source: no half-pixel shift,
no averaging when it shrinks. `jax.image.resize` has both, which moves a feature
of the Inception network by 4e-3 and the scores with it.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np


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


def _resized(x: Any, height: int, width: int, xp: Any) -> Any:
  """By the functions of `xp`, NumPy or its equal."""
  for axis, size in ((-2, width), (-3, height)):
    if x.shape[axis] == size:
      continue  # All s are integers.
    low, high, part = _neighbours(x.shape[axis], size)
    part = part.reshape((1,) * (x.ndim + axis) + (-1,) + (1,) * (-1 - axis))
    # Floats of what is left, not of all pixels of a photograph.
    below = xp.take(x, low, axis, mode="clip").astype(np.float32)
    above = xp.take(x, high, axis, mode="clip").astype(np.float32)
    x = below + (above - below) * part
  return x


def _neighbours(n: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns k, min(k + 1, n - 1), s - k; each [size]."""
  # In float32, as the kernel does: where s is nearly an integer, float64 would
  # take the other neighbour.
  s = np.arange(size, dtype=np.float32) * (np.float32(n) / np.float32(size))
  low = np.floor(s)
  k = np.minimum(low.astype(np.int32), n - 1)
  return k, np.minimum(k + 1, n - 1), s - low
