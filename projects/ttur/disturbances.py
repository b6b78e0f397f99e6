"""The disturbances of the FID study, on images between -1 and 1.

After Figure 3 of arXiv:1706.08500 and its code: the amounts, and what is drawn
for an image and what for the whole set. Contamination mixes in images of
another set, ImageNet in the paper.
"""

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from common.errors import check_choice

# Level 0 leaves images as they are; the others are weak, medium and strong.
AMOUNTS = {
  "gaussian noise": (0.0, 0.25, 0.5, 0.75),
  "gaussian blur": (0.0, 1.0, 2.0, 4.0),
  "black rectangles": (0.0, 0.25, 0.5, 0.75),
  "swirl": (0.0, 1.0, 2.0, 4.0),
  "salt and pepper": (0.0, 0.1, 0.2, 0.3),
  "contamination": (0.0, 0.25, 0.5, 0.75),
}
RECTANGLES = 5
BORDER = (3, 4)  # Rows and columns in front and behind that a swirl leaves.


def disturb(
  name: str,
  images: npt.ArrayLike,
  amount: float,
  random: np.random.Generator,
  swirl_radius: float,
  others: npt.ArrayLike | None = None,
) -> np.ndarray:
  """Returns the images disturbed, float32 [n, height, width, channels].

  Args:
    name: of `AMOUNTS`.
    images: [n, height, width, channels], between -1 and 1.
    amount: of the disturbance; 0 leaves images as they are.
    random: of what is drawn.
    swirl_radius: of `swirl`.
    others: for contamination: images of another set, of the same shape but n.

  Raises:
    InputError: an unknown name.
  """
  check_choice("disturbance", name, tuple(AMOUNTS))
  x = np.array(images, np.float32)
  if amount == 0:
    return x
  if name == "contamination":
    return contamination(x, np.asarray(others, np.float32), amount, random)
  if name == "swirl":
    return swirl(x, amount, random, swirl_radius)
  return {
    "gaussian noise": gaussian_noise,
    "gaussian blur": gaussian_blur,
    "black rectangles": black_rectangles,
    "salt and pepper": salt_and_pepper,
  }[name](x, amount, random)


def gaussian_noise(
  x: np.ndarray, amount: float, random: np.random.Generator
) -> np.ndarray:
  """(1 - a) x + a N, with N normal and then scaled to [-1, 1] over the set.

  The scale makes the deviation of N about 0.17, less for larger sets.
  """
  noise = random.standard_normal(x.shape, np.float32)
  low, high = noise.min(), noise.max()
  noise = 2 * (noise - low) / (high - low) - 1
  return (1 - amount) * x + amount * noise


def gaussian_blur(
  x: np.ndarray, amount: float, random: np.random.Generator
) -> np.ndarray:
  """Blurs height and width with a deviation of `amount` pixels."""
  del random
  sigma = (0, amount, amount, 0)
  return scipy.ndimage.gaussian_filter(x, sigma, mode="nearest")


def black_rectangles(
  x: np.ndarray, amount: float, random: np.random.Generator
) -> np.ndarray:
  """Five rectangles an image, sides `amount` of the image's, within it."""
  n, height, width, _ = x.shape
  high, wide = int(amount * height), int(amount * width)
  top = random.integers(0, height - high + 1, (n, RECTANGLES, 1))
  left = random.integers(0, width - wide + 1, (n, RECTANGLES, 1))
  rows = (np.arange(height) >= top) & (np.arange(height) < top + high)
  columns = (np.arange(width) >= left) & (np.arange(width) < left + wide)
  black = (rows[..., :, None] & columns[..., None, :]).any(axis=1)
  return np.where(black[..., None], np.float32(-1), x)


def swirl(
  x: np.ndarray, amount: float, random: np.random.Generator, radius: float
) -> np.ndarray:
  """Turns pixels about the centre, less with distance; the sign is drawn.

  A pixel at distance r is taken from where a rotation by
  amount exp(-r / (radius ln 2 / 5)) brings it, with a radius in pixels. The
  centre is a pixel, as in the code, below and right of the middle. The
  outermost rows and columns stay as they were.
  """
  n, height, width, _ = x.shape
  row, column = np.mgrid[:height, :width].astype(np.float64)
  row, column = row - height // 2, column - width // 2
  r = np.hypot(row, column)
  turn = amount * np.exp(-r / (radius * np.log(2) / 5))
  out = np.empty_like(x)
  signs = random.integers(0, 2, n) * 2 - 1
  for sign in (-1, 1):
    angle = np.arctan2(row, column) + sign * turn
    at = np.stack(
      [r * np.sin(angle) + height // 2, r * np.cos(angle) + width // 2]
    )
    out[signs == sign] = _sampled(x[signs == sign], at)
  front, behind = BORDER
  inner = np.s_[:, front : height - behind, front : width - behind]
  whole = x.copy()
  whole[inner] = out[inner]
  return whole


def _sampled(x, at):
  """Bilinear values of all images at rows and columns `at` [2, h, w]."""
  height, width = x.shape[1:3]
  row = np.clip(at[0], 0, height - 1)
  column = np.clip(at[1], 0, width - 1)
  top = np.minimum(row.astype(int), height - 2)
  left = np.minimum(column.astype(int), width - 2)
  down = (row - top)[None, ..., None].astype(np.float32)
  right = (column - left)[None, ..., None].astype(np.float32)
  above = x[:, top, left] * (1 - right) + x[:, top, left + 1] * right
  below = x[:, top + 1, left] * (1 - right) + x[:, top + 1, left + 1] * right
  return above * (1 - down) + below * down


def salt_and_pepper(
  x: np.ndarray, amount: float, random: np.random.Generator
) -> np.ndarray:
  """Sets pixels, all channels at once, to black or white with `amount`."""
  chosen = random.random((*x.shape[:3], 1)) < amount
  value = random.integers(0, 2, (*x.shape[:3], 1)) * 2 - 1
  return np.where(chosen, value.astype(np.float32), x)


def contamination(
  x: np.ndarray,
  others: np.ndarray,
  amount: float,
  random: np.random.Generator,
) -> np.ndarray:
  """Replaces a share `amount` of the images by others, each drawn once."""
  n = round(amount * len(x))
  out = x.copy()
  rows = random.choice(len(x), n, replace=False)
  out[rows] = others[random.choice(len(others), n, replace=n > len(others))]
  return out
