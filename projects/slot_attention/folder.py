"""One's own pictures in a folder, with masks or without.

`config.data_dir` has the folders `train` and `test`; or pictures alone, of
which every tenth is held out. In `test_masks`, where it is there, each picture
of `test` has one of the same name that ends in .png, gray or with a palette:
the number of the object at each pixel, 0 the background. Pictures are cropped
to their central square and resized, and so are masks, to the nearest pixel.
"""

import pathlib

import ml_collections
import numpy as np
from PIL import Image

from common.data import folders, images
from common.errors import InputError

SPLITS = ("train", "test")
MASKS = "test_masks"


def arrays(
  config: ml_collections.ConfigDict, split: str
) -> dict[str, np.ndarray]:
  """Returns the arrays of a split.

  Returns:
    `image` uint8 `[n, s, s, 3]`, mapped; `objects` int32 `[n]`, of those with
    masks; and where there are, `mask` uint8 `[n, s, s]`.

  Raises:
    InputError: no pictures; a mask that is missing, of another size than its
      picture, or no picture of numbers.
  """
  where = pathlib.Path(config.data_dir).expanduser()
  size = (config.image_size, config.image_size)
  test = split == "test"
  found = {
    "image": images.load_split(where, SPLITS, test, config.cache_dir, size)
  }
  found["objects"] = np.zeros(len(found["image"]), np.int32)
  if test and (where / MASKS).is_dir():
    files = folders.find(where / "test", images.SUFFIXES).files
    masks = [_mask(where, file, size) for file in files]
    found["mask"] = np.stack(masks)
    found["objects"] = np.asarray([mask.max() for mask in masks], np.int32)
  return found


def _mask(where, file, size):
  """The mask of one test picture, uint8 `[*size]`."""
  below = file.relative_to(where / "test")
  path = (where / MASKS / below).with_suffix(".png")
  try:
    with Image.open(path) as opened, Image.open(file) as picture:
      mode, pixels = opened.mode, np.asarray(opened)
      turned = picture.getexif().get(0x0112, 1) > 4  # Height is width, then.
      wide, tall = picture.size[::-1] if turned else picture.size
  except (OSError, SyntaxError, ValueError) as error:
    raise InputError(
      f"the mask {path} cannot be read ({error}); each picture of test needs "
      f"one in {MASKS}, or remove that folder"
    ) from error
  if mode not in ("1", "L", "P") or pixels.shape != (tall, wide):
    raise InputError(
      f"the mask {path} is {pixels.shape[1]}x{pixels.shape[0]} of mode {mode}; "
      f"it must be gray or with a palette, and {wide}x{tall} as its picture"
    )
  side = min(tall, wide)
  top, left = (tall - side) // 2, (wide - side) // 2
  square = pixels.astype(np.uint8)[top : top + side, left : left + side]
  square = Image.fromarray(square)
  return np.asarray(square.resize(size, Image.Resampling.NEAREST))
