"""Scores that look at single frames, for the studies: none can see time.

PSNR and SSIM compare a frame with the one that it should be, so that they need
pairs; the Fréchet distance of `features` compares sets, as the paper's average
FID does, and needs none.

Reference: Wang et al. (2004), "Image quality assessment: from error visibility
to structural similarity".
"""

import numpy as np
import scipy.ndimage

_SIGMA = 1.5  # Of SSIM's window, pixels.
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def features(x: np.ndarray, size: int) -> np.ndarray:
  """Single frames as size x size means of pixels, float32 [n * t, features].

  Args:
    x: uint8 [n, t, h, w, c].
    size: means a side.
  """
  n, t, height, width, channels = x.shape
  tall, wide = height // size, width // size
  cut = x[:, :, : tall * size, : wide * size]
  blocks = cut.reshape(n * t, size, tall, size, wide, channels)
  means = blocks.mean(axis=(2, 4), dtype=np.float32) / 127.5 - 1
  return means.reshape(n * t, -1)


def psnr(x: np.ndarray, y: np.ndarray) -> float | None:
  """Peak signal-to-noise ratio, dB, of all pixels; None for equal sets.

  Args:
    x: uint8 [n, t, h, w, c].
    y: of the same shape.
  """
  error = np.mean((x.astype(np.float32) - y) ** 2, dtype=np.float64)
  return None if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(x: np.ndarray, y: np.ndarray) -> float:
  """Structural similarity, the mean over all places; 1 for equal sets.

  Args:
    x: uint8 [n, t, h, w, c].
    y: of the same shape.
  """
  mean = lambda v: scipy.ndimage.gaussian_filter(
    v, (0, 0, _SIGMA, _SIGMA, 0), mode="nearest", truncate=3.5
  )
  x, y = x.astype(np.float32), y.astype(np.float32)
  mx, my = mean(x), mean(y)
  vx, vy, both = (
    mean(a * b) - p * q
    for a, b, p, q in ((x, x, mx, mx), (y, y, my, my), (x, y, mx, my))
  )
  shine = (2 * mx * my + _C1) / (mx**2 + my**2 + _C1)
  return float(np.mean(shine * (2 * both + _C2) / (vx + vy + _C2)))


def psnr_of_each(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """PSNR of each clip, the mean over its frames as papers have it, dB, [n].

  A frame has 59 at most, where its error is rounding's own.

  Args:
    x: uint8 [n, t, h, w, c].
    y: of the same shape.
  """
  error = (x.astype(np.float64) - y) ** 2
  rounding = 1 / 12  # The variance of what rounding to whole numbers adds.
  mean = np.maximum(error.mean((2, 3, 4)), rounding)
  return (10 * np.log10(255**2 / mean)).mean(1)


def ssim_of_each(x: np.ndarray, y: np.ndarray) -> np.ndarray:
  """SSIM of each clip, [n]; arguments as for `ssim`."""
  pairs = zip(x[:, None], y[:, None], strict=True)
  return np.array([ssim(a, b) for a, b in pairs])
