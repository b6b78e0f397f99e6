"""Image data sets, decoded once to a memory-mapped uint8 array.

Images come from TensorFlow Datasets, read without TensorFlow, or
from a folder of files. Both are decoded by Pillow, whether or not OpenCV, which
rounds JPEGs differently, is installed.
"""

import concurrent.futures
import hashlib
import importlib.util
import io
import json
import logging
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Callable
from typing import Any, Literal

import chex
import numpy as np
import tqdm
from PIL import Image

from common import errors
from common.data import decoded, folders, image_files

Mode = Literal["pad", "crop_resize"]
Pair = tuple[int, int]
# From a range of rows to their images, and labels if there are any.
Read = Callable[[range], tuple[list[np.ndarray], list[int] | None]]

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp")
_PIECE = 256  # Rows that one thread decodes before it writes them.
_CHANNELS = (1, 3)


class DataError(errors.InputError):
  """A data set that is missing, incomplete or not as asked for."""


def fit(
  image: np.ndarray, size: Pair, mode: Mode, crop: Pair | None = None
) -> np.ndarray:
  """Brings one image to a size.

  "pad" adds zeros on all sides, evenly (28x28 to 32x32: two each), and never
  shrinks. "crop_resize" cuts out the centre and resizes it by Pillow's LANCZOS
  filter, which averages when it shrinks (no aliasing). CelebA is by convention
  (DCGAN's) crop=(108, 108), size=(64, 64); LSUN is crop=None, size=(64, 64).

  Args:
    image: uint8 [height, width, channels], 1 or 3 channels.
    size: height and width of the result.
    mode: "pad" or "crop_resize".
    crop: height and width of the centre to cut out, for "crop_resize"; None is
      the largest that has the proportions of `size`.

  Returns:
    uint8 [*size, channels].

  Raises:
    DataError: if the image is too large to pad, or too small to crop.
  """
  chex.assert_rank(image, 3)
  if mode not in ("pad", "crop_resize") or (mode == "pad" and crop):
    raise DataError(
      f"mode is {mode!r} with crop {crop}: it can be 'pad', without a crop, or "
      "'crop_resize'."
    )
  (height, width), channels = image.shape[:2], image.shape[2]
  if mode == "pad":
    down, right = size[0] - height, size[1] - width
    if down < 0 or right < 0:
      raise DataError(
        f"an image of {height}x{width} cannot be padded to "
        f"{size[0]}x{size[1]}: ask for size {height}x{width}, or for the "
        "mode 'crop_resize'."
      )
    top, left = down // 2, right // 2
    return np.pad(image, ((top, down - top), (left, right - left), (0, 0)))
  if crop is None:
    scale = min(height / size[0], width / size[1])
    crop = (round(size[0] * scale), round(size[1] * scale))
  (tall, wide), size = crop, (size[0], size[1])
  if tall > height or wide > width:
    raise DataError(
      f"an image of {height}x{width} has no centre of {tall}x{wide}: "
      "ask for a smaller crop."
    )
  top, left = (height - tall) // 2, (width - wide) // 2
  centre = image[top : top + tall, left : left + wide]
  if (tall, wide) == size:
    return centre
  pillow = Image.fromarray(centre[..., 0] if channels == 1 else centre)
  pillow = pillow.resize((size[1], size[0]), Image.Resampling.LANCZOS)
  return np.asarray(pillow).reshape(*size, channels)


def load(
  name: str,
  split: str,
  data_dir: str | os.PathLike,
  cache_dir: str | os.PathLike,
  size: Pair,
  mode: Mode,
  crop: Pair | None = None,
  labels: bool = False,
) -> Any:
  """Loads a data set that TensorFlow Datasets has prepared.

  Args:
    name: as TensorFlow Datasets has it: "celeb_a", "lsun/bedroom".
    split: "train", "test[:1000]" and the like.
    data_dir: where the set was prepared, in the array_record format.
    cache_dir: where the decoded array is kept; made if missing.
    size: height and width, see `fit`.
    mode: "pad" or "crop_resize", see `fit`.
    crop: see `fit`.
    labels: whether to return labels too.

  Returns:
    Images, memory-mapped uint8 [n, *size, channels]; if `labels`, a pair of
    them and memory-mapped int32 [n].

  Raises:
    DataError: if the set or split is missing or empty, has no labels where
      they are asked for, or its images do not fit.
  """
  builder, skip = _builder(name, data_dir)
  try:
    n = builder.info.splits[split].num_examples
  except (KeyError, ValueError) as error:
    raise DataError(
      f"{name} has no split {split!r}; it has {', '.join(builder.info.splits)}."
    ) from error
  if n == 0:
    raise DataError(f"{name}, split {split!r}, has no images.")
  features = builder.info.features
  labelled = "label" in features
  if labels and not labelled:
    raise DataError(f"{name} has no labels: load it with labels=False.")
  channels = features["image"].shape[-1] if "image" in features else None
  if channels not in _CHANNELS:
    raise DataError(f"{name} has no images of 1 or 3 channels: {features}.")
  try:
    # The bytes are decoded here: tfds would decode by OpenCV where it is found.
    rows = builder.as_data_source(split=split, decoders={"image": skip()})
  except NotImplementedError as error:
    raise DataError(
      f"{name} is prepared in {data_dir} in a format without random access: "
      f"{_command(name, data_dir)} --overwrite"
    ) from error

  def read(indices: range):
    examples = rows.__getitems__(list(indices))
    images = []
    for index, example in zip(indices, examples, strict=True):
      where = f"image {index} of {name}, split {split!r}"
      image = _decode(io.BytesIO(example["image"]), channels, where)
      images.append(_fit(image, size, mode, crop, where))
    return images, [int(e["label"]) for e in examples] if labelled else None

  found = _cached(
    pathlib.Path(cache_dir),
    {
      "source": name,
      "version": str(builder.version),
      "split": split,
      "size": list(size),
      "mode": mode,
      "crop": list(crop) if crop else None,
    },
    (n, *size, channels),
    labelled,
    read,
  )
  return found if labels else found[0]


def load_folder(
  path: str | os.PathLike,
  cache_dir: str | os.PathLike,
  size: Pair,
  channels: Literal[1, 3] = 3,
  held_out: bool | None = None,
) -> np.ndarray:
  """Loads all images of a folder and its subfolders, in the order of the names.

  They are read as `image_files` says, cropped and resized. A file added,
  removed or changed (in size or time) makes a new cache.

  Args:
    path: folder with png, jpg, jpeg, webp or bmp files.
    cache_dir: where the decoded array is kept; made if missing.
    size: height and width.
    channels: 1 (converted to grey) or 3 (converted to RGB).
    held_out: None is all; True every tenth, to test on; False the others.

  Returns:
    Images, memory-mapped uint8 [n, *size, channels].

  Raises:
    DataError: if there is no image, or one cannot be decoded.
  """
  path = pathlib.Path(path).expanduser()
  if not path.is_dir():
    raise DataError(f"{path} is not a folder: give one with images")
  files, ignored = folders.find(path, SUFFIXES)
  others = folders.described(ignored)
  others = ", ".join(f"{count} {what}" for what, count in others.items())
  if not files:
    raise DataError(
      f"{path} holds no images: give a folder with "
      f"{', '.join(s[1:] for s in SUFFIXES)} files"
      + (f" ({others})" if others else "")
    )
  if others:
    logging.getLogger(__name__).warning("%s: %s", path, others)
  if held_out is not None:
    files = _part(path, files, held_out)
  facts = decoded.fingerprint(files, path)

  def read(indices: range):
    some = (_decode(files[i], channels, str(files[i])) for i in indices)
    return [fit(image, size, "crop_resize") for image in some], None

  return _cached(
    pathlib.Path(cache_dir),
    {
      "source": path.resolve().name,
      "version": _digest([str(path.resolve()), facts]),
      "split": {None: "all", True: "held-out", False: "others"}[held_out],
      "reading": 2,  # Counts changes of the rules of image_files.
      "size": list(size),
      "mode": "crop_resize",
      "crop": None,
    },
    (len(files), *size, channels),
    False,
    read,
  )[0]


def load_split(
  path: str | os.PathLike,
  splits: tuple[str, str],
  test: bool,
  cache_dir: str | os.PathLike,
  size: Pair,
  channels: Literal[1, 3] = 3,
) -> np.ndarray:
  """Loads one's own images to train or to test on, cropped and resized.

  Args:
    path: has the two folders of `splits`; or neither, and images, of which
      every tenth in the order of their names is held out.
    splits: names of the folders to train and to test on.
    test: which of both to load.
    cache_dir: see `load_folder`; so are the others, and the errors.
  """
  path = pathlib.Path(path).expanduser()
  flat = not any((path / name).is_dir() for name in splits)
  return load_folder(
    path if flat else path / splits[test],
    cache_dir,
    size,
    channels,
    held_out=test if flat else None,
  )


def _builder(name: str, data_dir: str | os.PathLike) -> tuple[Any, Any]:
  """Finds a prepared data set, and tfds's decoder that leaves bytes alone."""
  try:
    # Takes most of a second, which runs on generated data should not pay.
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=data_dir)
  except ImportError as error:
    raise DataError(
      f"reading {name} needs a package that is not installed ({error}): "
      "pip install tensorflow-datasets array_record importlib_resources"
    ) from error
  except ValueError as error:  # Includes DatasetNotFoundError: a page of names.
    raise DataError(
      f"TensorFlow Datasets has no data set {name!r}: "
      f"{str(error).splitlines()[0]}"
    ) from error
  # Ask first: `tfds.data_source` would start to download here.
  if not builder.is_prepared():
    command = _command(name, data_dir)
    raise DataError(
      f"{name} is not prepared in {data_dir}: name another folder by "
      f"--data_dir (of a training: --config.data_dir), or {command}"
    )
  return builder, tfds.decode.SkipDecoding


def _command(name: str, data_dir: str | os.PathLike) -> str:
  """Says how to prepare a data set; the command to run comes last."""
  missing = importlib.util.find_spec("tensorflow") is None
  first = "pip install tensorflow (only preparing needs it), then " * missing
  return (
    f"run {first}python -m tensorflow_datasets.scripts.cli.main build {name} "
    f"--data_dir={shlex.quote(str(data_dir))} --file_format=array_record"
  )


def _decode(file: Any, channels: int, where: str) -> np.ndarray:
  try:
    return image_files.decode(file, channels, where)[0]
  except errors.InputError as error:
    raise DataError(str(error)) from error


def _part(path, files, held_out):
  """Every tenth file, or the others, of a folder that has no splits."""
  part = [f for i, f in enumerate(files) if (i % 10 == 9) == held_out]
  if not part:
    raise DataError(
      f"{path} has {len(files)} images, and every tenth is held out: give ten "
      "or more, or the folders of the splits"
    )
  return part


def _fit(image, size, mode, crop, where):
  try:
    return fit(image, size, mode, crop)
  except DataError as error:
    raise DataError(f"{where}: {error}") from error


def _digest(facts: Any) -> str:
  return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _cached(
  folder: pathlib.Path,
  spec: dict[str, Any],
  shape: tuple[int, ...],
  labelled: bool,
  read: Read,
) -> tuple[np.ndarray, np.ndarray | None]:
  """Maps the decoded arrays of `spec`, after decoding them if need be."""
  words = [spec["source"], spec["version"], spec["split"], spec["mode"]]
  words += ["x".join(map(str, shape[1:])), _digest([spec, labelled])]
  stem = "-".join(re.sub(r"[^\w.]+", "_", word) for word in words)

  def build(create: decoded.Create) -> None:
    pixels = create("images", shape, np.uint8)
    labels = create("labels", shape[:1], np.int32) if labelled else None

    def fill(start: int) -> int:
      indices = range(start, min(start + _PIECE, shape[0]))
      images, targets = read(indices)
      pixels[indices.start : indices.stop] = images
      if labels is not None:
        labels[indices.start : indices.stop] = targets
      return len(indices)

    # Pillow lets go of the interpreter lock while it decodes.
    pool = concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    bar = tqdm.tqdm(
      total=shape[0],
      desc=f"decoding {spec['source']}",
      unit="",
      disable=not sys.stderr.isatty(),
    )
    with pool, bar:
      try:
        for done in pool.map(fill, range(0, shape[0], _PIECE)):
          bar.update(done)
      except BaseException:
        pool.shutdown(cancel_futures=True)
        raise

  found = decoded.mapped(folder, stem, {**spec, "count": shape[0]}, build)
  return found["images"], found.get("labels")
