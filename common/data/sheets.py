"""Labelled pictures on sheets: many small ones in a file, without loss.

A sheet has square pictures, 40 in a row, and is named `train_00.webp` and so
on; `labels.csv.xz` has a row a picture: file, pos, label.
"""

import csv
import io
import os
import pathlib

import numpy as np
from PIL import Image

from common.data import table_files
from common.errors import InputError

LABELS = "labels.csv.xz"


def load(
  data_dir: str | os.PathLike, split: str
) -> tuple[np.ndarray, np.ndarray]:
  """The pictures of all sheets of a split, "train" or "test", in order.

  Returns:
    uint8 [n, side, side, 3], and labels, int [n].

  Raises:
    InputError: a sheet or its labels are missing, or cannot be read.
  """
  folder = pathlib.Path(data_dir).expanduser()
  path = folder / LABELS
  found = list(csv.DictReader(io.StringIO(table_files.text(path))))
  labels = {}
  for number, row in enumerate(found, 2):
    try:
      labels[row["file"], int(row["pos"])] = int(row["label"])
    except (KeyError, TypeError, ValueError) as error:
      raise InputError(
        f"{path}, line {number}: a row has file, pos and label, the last two "
        f"whole numbers ({error})"
      ) from error
  names = sorted({r["file"] for r in found if r["file"].startswith(split)})
  if not names:
    raise InputError(f"{path} names no sheets of the split {split!r}")
  pixels = []
  for name in names:
    try:
      with Image.open(folder / name) as image:
        sheet = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:
      raise InputError(f"{folder / name} cannot be read: {error}") from error
    side = max(1, sheet.shape[1] // 40)
    if sheet.shape[1] % 40 or sheet.shape[0] % side:
      raise InputError(
        f"{folder / name} is {sheet.shape[1]} wide and {sheet.shape[0]} high: "
        "a sheet has 40 square pictures in each row"
      )
    cut = sheet.reshape(-1, side, 40, side, 3).transpose(0, 2, 1, 3, 4)
    pixels.append(cut.reshape(-1, side, side, 3))
  each = zip(names, pixels, strict=True)
  places = [(name, i) for name, part in each for i in range(len(part))]
  if missing := [place for place in places if place not in labels]:
    name, i = missing[0]
    raise InputError(
      f"{path} has no label of picture {i} of {name} ({len(missing)} in all)"
    )
  return np.concatenate(pixels), np.asarray([labels[p] for p in places])
