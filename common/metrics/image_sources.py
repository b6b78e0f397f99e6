"""Images from where a user has them, one after the other, in little memory.

A folder of image files, an .npy or .npz array, or a data set of TensorFlow
Datasets. Everything becomes RGB in 0..255, [height, width, 3], at the size that
it has: the network resizes. What had to be handled is counted:

    unreadable     corrupt or cut short; left out
    other sizes    not as large as the first image; kept
    gray, alpha, palette, 16-bit, other modes, animated
                   gray values repeated; opacity dropped; colours looked up;
                   16 bits brought to 8; CMYK and the like converted; the first
                   picture of several
    out of range   float images with values beyond their range; kept as they are
    files .txt ignored   no images, by their suffix

`strict` makes an error of each but the last. Orientation tags in files are not
obeyed.
"""

import collections
import concurrent.futures
import os
import pathlib
import re
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from common import checkpoint, errors
from common.data import folders, images

from . import feature_distance, image_arrays, resize, weights

SUFFIXES = (*images.SUFFIXES, ".tif", ".tiff", ".ppm", ".pgm")
# How the paper has the data sets: height and width, and the centre cut out.
_TFDS = {
  "cifar10": (32, None),
  "cifar100": (32, None),
  "fashion_mnist": (28, None),
  "mnist": (28, None),
  "svhn_cropped": (32, None),
  "celeb_a": (64, 108),
  "lsun/bedroom": (64, None),
}
_AHEAD = 64  # Files that are decoded before they are needed.


def find(
  source: str | os.PathLike | np.ndarray,
  *,
  count: int | None = None,
  seed: int = 0,
  strict: bool = False,
  floats: str = "0..255",
  split: str = "test",
  data_dir: str | os.PathLike | None = None,
  size: int | None = None,
) -> image_arrays.Pictures:
  """Finds the images that a user names.

  Args:
    source: a folder (with its subfolders); an .npy or .npz file, or an array:
      [n, h, w] or [n, h, w, 1, 3 or 4], uint8, uint16 or floats; or what
      TensorFlow Datasets calls a data set, "cifar10" or "cifar10:train[:5000]".
    count: how many to take, drawn at random; None is all.
    seed: of the drawing.
    strict: whether anything that has to be handled is an error.
    floats: the range of float pixels, of `image_arrays.RANGES`.
    split: of data sets that are named without one.
    data_dir: where data sets were prepared.
    size: height and width that data sets are brought to; None is as in
      the paper.

  Raises:
    InputError: there are no such images, fewer than `count`, or not of a kind
      that can be read.
  """
  if floats not in image_arrays.RANGES:
    raise errors.InputError(
      f"floats={floats!r}: it can be {', '.join(image_arrays.RANGES)}"
    )
  if count is not None and count < 1:
    raise errors.InputError(f"{count} images were asked for: 2 or more")
  notes = image_arrays.Notes(strict)
  if isinstance(source, np.ndarray):
    rows = image_arrays.Rows(
      "the array", source.shape, source.dtype, lambda: iter(source)
    )
    return image_arrays.pictures(rows, count, seed, floats, notes)
  name = os.fspath(source)
  path = pathlib.Path(name).expanduser()
  if path.is_dir():
    files, ignored = folders.find(path, SUFFIXES)
    others = folders.described(ignored)
    if not files:
      raise errors.InputError(
        f"{path} holds no images: give a folder with "
        f"{', '.join(s[1:] for s in SUFFIXES)} files"
        + (f" ({feature_distance.described(others)})" if others else "")
      )
    notes.update_unhandled(others)
    files = [
      files[i] for i in image_arrays.chosen(len(files), count, seed, name)
    ]
    return image_arrays.Pictures(len(files), _read_files(files, notes), notes)
  if path.suffix in (".npy", ".npz"):
    return image_arrays.pictures(
      image_arrays.open_file(path), count, seed, floats, notes
    )
  if path.exists():
    raise errors.InputError(
      f"{path} is neither a folder of images nor an .npy or .npz array"
    )
  if not re.fullmatch(r"[a-z]\w*(/[\w.]+)?(:.+)?", name):
    raise errors.InputError(f"there is no folder or file {path}")
  array = _tfds(name, split, data_dir, size)
  rows = image_arrays.Rows(name, array.shape, array.dtype, lambda: iter(array))
  return image_arrays.pictures(rows, count, seed, floats, notes)


def batches(
  pictures: Iterable[np.ndarray],
  batch_size: int,
  size: int,
  notes: dict[str, int],
) -> Iterator[np.ndarray]:
  """Yields images [b, h, w, 3], b = `batch_size` but for the last batch.

  As long as all are as large as the first, they stay as they are. A batch with
  others is stretched here to what the network works on.

  Args:
    pictures: [h, w, 3] each.
    batch_size: images at a time.
    size: height and width that the network resizes to.
    notes: where "other sizes" are counted.
  """
  first, batch = None, []

  def stacked():
    if all(image.shape == first for image in batch):
      return np.stack(batch)
    return np.stack(
      [resize.tf1_bilinear_on_host(image, size, size) for image in batch]
    )

  for image in pictures:
    first = first or image.shape
    if image.shape != first:
      notes["other sizes"] += 1
    batch.append(image)
    if len(batch) == batch_size:
      yield stacked()
      batch = []
  if batch:
    yield stacked()


def _read_files(
  files: list[pathlib.Path], notes: image_arrays.Notes
) -> Iterator[np.ndarray]:
  # Pillow lets go of the interpreter lock while it decodes.
  pool = concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1))
  try:
    for path, future in _ahead(pool, files):
      notes.current = path
      try:
        image, handled = future.result()
      except errors.InputError as error:
        if notes.strict:
          raise
        notes["unreadable"] += 1
        if notes["unreadable"] == 1:
          checkpoint.warn(f"{error}; it is left out, as others like it will be")
        continue
      for what in handled:
        notes[what] += 1
      yield image
  finally:
    pool.shutdown(cancel_futures=True)


def _ahead(pool, files):
  """Yields each file with its future result, some files in advance."""
  waiting = collections.deque()
  for path in files:
    waiting.append((path, pool.submit(decode, path)))
    if len(waiting) > _AHEAD:
      yield waiting.popleft()
  yield from waiting


def decode(path: str | os.PathLike) -> tuple[np.ndarray, list[str]]:
  """Reads one image file.

  Returns:
    uint8 [height, width, 3], and what had to be handled, as counted above.

  Raises:
    InputError: it cannot be decoded.
  """
  try:
    with warnings.catch_warnings(), Image.open(path) as image:
      warnings.simplefilter("ignore")  # Odd metadata, very large images.
      handled = []
      if getattr(image, "n_frames", 1) > 1:
        handled.append("animated")
      # As stored: Pillow makes 8 bits of 16-bit colours without a word.
      stored = image.tile[0].args if image.tile else ""
      stored = stored[0] if isinstance(stored, tuple) and stored else stored
      if image.mode.startswith("I") or ";16" in str(stored):
        handled.append("16-bit")
      if image.mode.startswith("I"):
        handled.append("gray")
        gray = np.asarray(image).astype(np.int64)
        if gray.min() < 0 or gray.max() > 65535:
          raise ValueError("its pixels are no 16-bit numbers")
        # Round to nearest: 65535 becomes 255.
        pixels = ((gray + 128) // 257).astype(np.uint8)
        return np.repeat(pixels[..., None], 3, -1), handled
      if image.mode in ("1", "L", "LA", "La"):
        handled.append("gray")
      elif image.mode in ("P", "PA"):
        handled.append("palette")
      elif image.mode == "F":
        raise ValueError("its pixels are floats, of a range that is not known")
      elif image.mode not in ("RGB", "RGBA", "RGBa", "RGBX"):
        handled.append("other modes")
      if image.has_transparency_data:
        handled.append("alpha")
      return np.asarray(image.convert("RGB")), handled
  except (
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    OverflowError,
    EOFError,
  ) as error:
    raise errors.InputError(f"{path} cannot be decoded ({error})") from error


def _tfds(
  name: str, split: str, data_dir: str | os.PathLike | None, size: int | None
) -> np.ndarray:
  """A data set, decoded once into the cache: uint8 [n, size, size, c]."""
  name, _, own = name.partition(":")
  if data_dir is None:
    data_dir = pathlib.Path.home() / "tensorflow_datasets"
  default, crop = _TFDS.get(name, (None, None))
  if size is None and default is None:
    raise errors.InputError(
      f"there is no folder or file {name!r}; if it is a data set of TensorFlow "
      "Datasets, say the size of its images, as --size=64"
    )
  size = size or default
  kept = default == size and crop is None  # As they are.
  return images.load(
    name,
    own or split,
    data_dir,
    weights.folder().parent / "images",
    (size, size),
    "pad" if kept else "crop_resize",
    None if crop is None or kept else (crop, crop),
  )
