"""Samples as one picture."""

import pathlib

import numpy as np
from PIL import Image


def tile(images: np.ndarray) -> np.ndarray:
  """`[n, h, w, c]` as one picture of about as many rows as columns."""
  n, h, w, c = images.shape
  columns = int(np.ceil(np.sqrt(n)))
  rows = -(-n // columns)
  blank = np.zeros((rows * columns - n, h, w, c), images.dtype)
  grid = np.concatenate([images, blank]).reshape(rows, columns, h, w, c)
  return grid.transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, c)


def save_tiles(path: pathlib.Path, pixels: np.ndarray) -> None:
  """Writes images, uint8 `[n, h, w, c]`, as one PNG, twice their size."""
  picture = Image.fromarray(tile(pixels).squeeze())
  picture.resize(
    (2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST
  ).save(path)
