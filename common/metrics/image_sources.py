"""Images from where a user has them, one after the other, in little memory.

Image files (a folder, an archive, a pattern, a list), .npy or .npz arrays, or
data sets of TensorFlow Datasets, several of them as one set; or arrays that a
program has. Everything becomes RGB in 0..255, [height, width, 3], at the size
that it has: the network resizes. What had to be handled is counted:

    unreadable     corrupt or cut short; left out
    other sizes    not as large as the first image; kept
    gray, alpha, palette, 16-bit, other modes, animated
                   gray values repeated; opacity dropped; colours looked up;
                   16 bits brought to 8; CMYK and the like converted; the first
                   picture of several
    files .txt ignored   no images, by their suffix
    from a/              of several sources, the share of each

`strict` makes an error of each but the last two. Orientation tags in files are
not obeyed.
"""

import collections
import concurrent.futures
import io
import itertools
import os
import pathlib
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from common import checkpoint, errors
from common.data import folders, foreign, image_files, images, sources

from . import feature_distance, image_arrays, resize

SUFFIXES = (*images.SUFFIXES, ".tif", ".tiff", ".ppm", ".pgm")
ARRAYS = (".npy", ".npz")
# Pictures that are decoded before they are needed, and their bytes.
_AHEAD, _AHEAD_BYTES = 64, 2**26
_GLANCE = 16  # Files, and rows of an array, that show what a set is like.
# From so many pixels on, a picture is stretched as it comes: a batch of
# photographs is gigabytes, and the network sees it small.
_LARGE = 2**20


def find(
  source: Any,
  *,
  count: int | None = None,
  seed: int = 0,
  strict: bool = False,
  floats: str = "0..255",
  split: str = "test",
  data_dir: str | os.PathLike | None = None,
  size: int | None = None,
  glance: bool = False,
) -> image_arrays.Pictures:
  """Finds the images that a user names.

  Args:
    source: files, as `common.data.sources` has them (a folder with its
      subfolders, a zip archive, a pattern, a list of paths, "-"); an .npy or
      .npz file, or an array: [n, h, w] or [n, h, w, 1, 3 or 4], uint8, uint16
      or floats, of NumPy, JAX or torch; a list or a generator of images
      [h, w, c] of any sizes, or of such arrays, read once; or what TensorFlow
      Datasets calls a data set, "cifar10" or "cifar10:train[:5000]". A list of
      paths may name any of these.
    count: how many to take, drawn at random; None is all.
    seed: of the drawing.
    strict: whether anything that has to be handled is an error.
    floats: the range of float pixels, of `image_arrays.RANGES`.
    split: of data sets that are named without one.
    data_dir: where data sets were prepared.
    size: height and width that data sets are brought to; None is as in
      the paper.
    glance: takes some alone, of files from first to last, of each array the
      first; files that cannot be read are left out without a word.

  Raises:
    InputError: there are no such images, fewer than `count`, or not of a kind
      that can be read.
  """
  if floats not in image_arrays.RANGES:
    raise errors.InputError(
      f"floats={floats!r}: it can be {', '.join(image_arrays.RANGES)}"
    )
  if count is not None and count < 2:
    raise errors.InputError(f"{count} images were asked for: 2 or more")
  notes = image_arrays.Notes(strict)
  several = isinstance(source, list | tuple)
  if sources.are_names(source):
    data_set = lambda name: image_arrays.data_set(name, split, data_dir, size)
    title, names = sources.title(source), sources.names(source)
    files, arrays = _opened(names, notes, data_set)
    image_arrays.check_floats([rows for rows, _ in arrays], floats)
    total = len(files) + sum(rows.shape[0] for rows, _ in arrays)
    if not total:
      where = "standard input" if title == "-" else title
      raise errors.InputError(f"{where} names no images: give some paths")
  elif several or isinstance(source, Iterator):
    if count is not None:
      raise errors.InputError(
        "of a list or a generator all images are taken: give no number"
      )
    total = len(source) if several else None
    return image_arrays.Pictures(total, _stream(source, floats, notes), notes)
  else:
    title = "the array"
    files, arrays = [], [(_rows(source, title), "")]
    image_arrays.check_floats([arrays[0][0]], floats)
    total = arrays[0][0].shape[0]
  drawn = image_arrays.chosen(total, count, seed, title)
  spare = None
  if glance:
    notes.update_unhandled({"unreadable": 1})  # The first one would be named.
    drawn = _some(drawn, len(files), [rows for rows, _ in arrays])
  elif count is not None:  # In place of files that cannot be read.
    order, taken = np.random.default_rng(seed).permutation(total), {*drawn}
    spare = [i for i in order.tolist() if i not in taken]
  images = _taken(title, files, arrays, drawn, spare, floats, notes)
  return image_arrays.Pictures(len(drawn), images, notes)


def _some(
  drawn: Sequence[int], files: int, arrays: Sequence[image_arrays.Rows]
) -> list[int]:
  """Numbers of pictures that show what a set is like."""
  ends = [files, *(rows.shape[0] for rows in arrays)]
  wanted = [i for i in drawn if i < files]
  found = wanted[:: max(1, len(wanted) // _GLANCE)]
  for start, end in itertools.pairwise(itertools.accumulate(ends)):
    found += [i for i in drawn if i in range(start, end)][:_GLANCE]
  return found


def _opened(
  names: Sequence[str],
  notes: image_arrays.Notes,
  data_set: Callable[[str], image_arrays.Rows],
) -> tuple[list[tuple[sources.File, str]], list[tuple[image_arrays.Rows, str]]]:
  """The image files and the arrays of all names, with their sources' labels."""
  files, arrays = [], []
  for name, label in zip(names, sources.labels(names), strict=True):
    path = pathlib.Path(name).expanduser()
    found = sources.find(name, SUFFIXES, ARRAYS)
    if found is None and path.suffix.lower() in ARRAYS:
      raise errors.InputError(f"there is no file {path}")
    if found is None:
      rows = data_set(name)
      image_arrays.check(rows)
      arrays.append((rows, label))
      continue
    others = folders.described(found.ignored)
    if not found.files:
      raise errors.InputError(
        f"{name} holds no images: give "
        f"{', '.join(s[1:] for s in SUFFIXES)} files"
        + (f" ({feature_distance.described(others)})" if others else "")
      )
    notes.update_unhandled(others)
    for file in found.files:
      suffix = folders.suffix(file.name)
      if suffix in ARRAYS and isinstance(file, pathlib.Path):
        rows = image_arrays.open_file(file)
        image_arrays.check(rows)
        arrays.append((rows, label))
      elif len(names) == 1 and suffix not in SUFFIXES:
        raise errors.InputError(
          f"{file} is neither a folder of images nor a .zip, an .npy or an .npz"
        )
      else:
        files.append((file, label))
  return files, arrays


def _taken(
  title: str,
  files: Sequence[tuple[sources.File, str]],
  arrays: Sequence[tuple[image_arrays.Rows, str]],
  drawn: Sequence[int],
  spare: Sequence[int] | None,
  floats: str,
  notes: image_arrays.Notes,
) -> Iterator[np.ndarray]:
  """The images that were drawn, by number: files come first, arrays behind.

  With `spare`, those take the place of files that cannot be read, and too few
  are an error.
  """
  end = len(files)
  wanted = [i for i in drawn if i < end]
  more = [i for i in spare or () if i < end]
  images = _read_files([files[i] for i in [*wanted, *more]], notes)
  scale = lambda row, where: image_arrays.scaled(row, floats, where)
  if spare is not None:
    images = _exactly(len(wanted), images, title, notes)
  yield from images
  for rows, label in arrays:
    start, end = end, end + rows.shape[0]
    wanted = [i - start for i in drawn if start <= i < end]
    for image in image_arrays.pixels(rows, wanted, scale, notes):
      notes.update_unhandled({label: 1})
      yield image


def _rows(source, name):
  array = image_arrays.as_array(source, name)
  rows = image_arrays.Rows(name, array.shape, array.dtype, lambda: iter(array))
  image_arrays.check(rows)
  return rows


def _stream(source, floats, notes):
  scale, first = image_arrays.Floats(floats), None
  for i, part in enumerate(source):
    name = f"item {i} (from 0) of the stream"
    part = image_arrays.as_array(part, name)
    # One image, as a batch of one; [n, h, w] are gray ones.
    if part.ndim == 2:
      part = part[None, ..., None]
    elif part.ndim == 3 and part.shape[2] in (1, 3, 4):
      part = part[None]
    rows = _rows(part, name)
    if len(part) > 1 and rows.dtype.kind == "f":  # One picture may be black.
      first = first or rows
      image_arrays.check_floats([first, rows], floats)
    yield from image_arrays.pixels(rows, range(len(part)), scale.scaled, notes)
  scale.end("the end of the stream")


def batches(
  pictures: Iterable[np.ndarray],
  batch_size: int,
  size: int,
  notes: dict[str, int],
  stretch: Callable[[np.ndarray, int, int], np.ndarray] | None = None,
) -> Iterator[np.ndarray]:
  """Yields images [b, h, w, 3], b = `batch_size` but for the last batch.

  A batch of one size stays as it is; one of several sizes is stretched here to
  what the network works on, and so are photographs, which would fill memory.

  Args:
    pictures: [h, w, 3] each.
    batch_size: images at a time.
    size: height and width that the network resizes to.
    notes: where "other sizes" are counted.
    stretch: brings every image to `size`, before it is batched. None leaves it
      to the network, and where it has to be, does as TF1.

  Raises:
    InputError: `batch_size` is below 1.
  """
  if batch_size < 1:
    raise errors.InputError(f"batch_size={batch_size}: it can be 1 or more")
  first, kept, batch = None, None, []

  def stacked():
    if all(image.shape == kept for image in batch):
      return np.stack(batch)
    return np.stack(
      [resize.tf1_bilinear_on_host(image, size, size) for image in batch]
    )

  for image in pictures:
    first = first or image.shape
    if image.shape != first:
      notes["other sizes"] += 1
    if stretch is not None:
      image = stretch(image, size, size)
    elif image.shape[0] * image.shape[1] >= _LARGE:
      image = resize.tf1_bilinear_on_host(image, size, size)
    kept = kept or image.shape
    batch.append(image)
    if len(batch) == batch_size:
      yield stacked()
      batch = []
  if batch:
    yield stacked()


def _exactly(count, pictures, name, notes):
  found = 0
  for image in pictures if count else ():
    yield image
    found += 1
    if found == count:
      return
  if found == count:
    return
  raise errors.InputError(
    f"{name}: only {found:,} images can be read, fewer than the {count:,} "
    f"asked for ({notes['unreadable']:,} cannot): ask for fewer on both sides"
  )


def _read_files(
  files: Sequence[tuple[sources.File, str]],
  notes: image_arrays.Notes,
) -> Iterator[np.ndarray]:
  # Pillow lets go of the interpreter lock while it decodes.
  pool = concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1))
  try:
    for (path, label), future in _ahead(pool, files):
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
      notes.update_unhandled({label: 1})
      yield image
  finally:
    pool.shutdown(cancel_futures=True)


def _ahead(pool, files):
  """Yields each file with its future result, some files in advance."""
  waiting, ahead = collections.deque(), 1
  for file in files:
    waiting.append((file, pool.submit(decode, file[0])))
    while len(waiting) > ahead:
      yield waiting[0]
      _, done = waiting.popleft()
      if not done.exception():
        pixels, _ = done.result()
        ahead = max(1, min(_AHEAD, _AHEAD_BYTES // pixels.nbytes))
  yield from waiting


def decode(
  path: str | sources.File,
) -> tuple[np.ndarray, list[str]]:
  """Reads one image file.

  Returns:
    uint8 [height, width, 3], and what had to be handled, as counted above.

  Raises:
    InputError: it cannot be decoded.
  """
  try:
    file = path
    if isinstance(path, zipfile.Path):
      file = io.BytesIO(path.read_bytes())
    with warnings.catch_warnings(), Image.open(file) as image:
      warnings.simplefilter("ignore")  # Odd metadata, very large images.
      handled = []
      if getattr(image, "n_frames", 1) > 1:
        handled.append("animated")
      if image_files.is_deep(image):
        handled.append("16-bit")
      if (deep := image_files.deep_gray(image)) is not None:
        handled.append("gray")
        gray = image_files.eight_bits(deep)
        return np.repeat(gray[..., None], 3, -1), handled
      if image.mode in ("1", "L", "LA", "La"):
        handled.append("gray")
      elif image.mode in ("P", "PA"):
        handled.append("palette")
      elif image.mode not in ("RGB", "RGBA", "RGBa", "RGBX"):
        handled.append("other modes")
      if image.has_transparency_data:
        handled.append("alpha")
      return np.asarray(image.convert("RGB")), handled
  except foreign.BROKEN as error:
    raise errors.InputError(f"{path} cannot be decoded ({error})") from error
