"""MNIST, CIFAR-10 and their like as tables: each pixel is a feature."""

import pathlib

import numpy as np

from common.data import images, sheets

from . import tables

SIDES = {"mnist": 28, "fashion_mnist": 28, "cifar10": 32, "svhn_cropped": 32}
_CACHE = "~/.cache/snn"


def read(
  name: str, data_dir: str, cache_dir: str | None = None
) -> tables.Table:
  """Reads a set with the split that it comes with.

  Args:
    name: of `SIDES`, as TensorFlow Datasets has it.
    data_dir: where it was prepared; or a folder of its `sheets`.
    cache_dir: where the decoded pictures are kept.

  Returns:
    A table of the classes "0" to "9".

  Raises:
    InputError: it cannot be read.
  """
  folder = pathlib.Path(data_dir).expanduser()
  cache = pathlib.Path(cache_dir or _CACHE).expanduser()
  size = (SIDES[name], SIDES[name])

  def part(split):
    if (folder / sheets.LABELS).exists():
      return sheets.load(folder, split)
    return images.load(name, split, folder, cache, size, "pad", labels=True)

  parts = [part("train"), part("test")]
  pixels, y = (np.concatenate(both) for both in zip(*parts, strict=True))
  rows, n = np.arange(len(y)), len(parts[0][1])
  return tables.complete(
    name,
    pixels.reshape(len(y), -1).astype(np.float32),
    y.astype(np.int32),
    tuple(map(str, range(y.max() + 1))),
    ((rows[:n], rows[n:]),),
  )
