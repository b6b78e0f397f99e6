"""Which files are clips, which are the frames of one, and their pixels."""

import io
import pathlib
import re
import shlex
import zipfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from common.data import folders, foreign, image_files, sources
from common.errors import InputError

from . import record_files

ARRAYS = (".npy", ".npz")
MAY_MOVE = (".gif", ".webp", ".png", ".apng")
STILLS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
FILMS = (
  ".mp4",
  ".avi",
  ".mov",
  ".mkv",
  ".webm",
  ".mpg",
  ".mpeg",
  ".m4v",
  ".wmv",
  ".flv",
  ".ogv",
  ".3gp",
  ".m2ts",
)


ALONE = (*ARRAYS, *record_files.SUFFIXES)  # Never the frame of a video.
KNOWN = tuple(sorted({*ALONE, *MAY_MOVE, *STILLS, *FILMS}))

Item = sources.File | list[sources.File]


def find(name: sources.Name) -> sources.Found:
  """The files that a name stands for.

  Raises:
    InputError: nothing is there, or a film, which is not read.
  """
  found = sources.find(name, KNOWN)
  if found is None:
    raise InputError(
      f"{pathlib.Path(name).expanduser()} does not exist: give a file or "
      "folder of clips; those of a data set of TensorFlow Datasets must be "
      "saved first, as the README shows"
    )
  for path in found.files:
    if folders.suffix(path.name) in FILMS:
      refuse_film(path)
  return found


def listed(files: Sequence[sources.File], handled: Callable) -> list[Item]:
  """What files are: clips, and lists of those that are the frames of one.

  Args:
    files: of a folder, an archive or a pattern, as `find` gives them.
    handled: `handled(kind, where)` counts what is odd.
  """
  by_folder: dict[str, list[sources.File]] = {}
  for path in files:
    by_folder.setdefault(str(path.parent), []).append(path)
  order = lambda folder: [_natural(p) for p in pathlib.PurePath(folder).parts]
  name = lambda path: _natural(path.name)
  found: list[Item] = []
  for folder in sorted(by_folder, key=order):
    frames: list[sources.File] = []
    moving: list[sources.File] = []
    for path in sorted(by_folder[folder], key=name):
      suffix = folders.suffix(path.name)
      if suffix in ALONE:
        found.append(path)
      else:
        (moving if _moves(path) else frames).append(path)
    # Beside videos of its kind, a still one is a video that is too short.
    kinds = {folders.suffix(path.name) for path in moving}
    short = [path for path in frames if folders.suffix(path.name) in kinds]
    frames = [path for path in frames if folders.suffix(path.name) not in kinds]
    if frames and moving:
      handled("folders of frames and of videos", folder)
    found += sorted(moving + short, key=name)
    found += [frames] * bool(frames)
  return found


def opened(path: sources.File) -> Image.Image:
  """An image of a file, or of a member of an archive, which is read whole."""
  member = isinstance(path, zipfile.Path)
  return Image.open(io.BytesIO(path.read_bytes()) if member else path)


def stacked(
  images: Iterable[Image.Image], where: sources.File, handled: Callable
) -> np.ndarray:
  """Opened images as frames, uint8 or uint16 [t, h, w, c], c = 1, 3 or 4.

  Where they are of several kinds, all become RGB, of the deepest.

  Args:
    images: each is decoded before the next one is asked for.
    where: for messages.
    handled: `handled(kind, where)` counts what is not to be seen any more.

  Raises:
    ValueError: different sizes, or numbers that are no pixels.
  """
  frames, cut = [], False
  for image in images:
    deep = image_files.is_deep(image)
    frames.append(_pixels(image))
    cut |= deep and frames[-1].dtype == np.uint8
  if cut:
    handled("16-bit", where)
  if len({frame.shape[:2] for frame in frames}) > 1:
    shapes = sorted({frame.shape for frame in frames})
    raise ValueError(f"frames of {where} differ in size: {shapes}")
  channels = {frame.shape[2] for frame in frames}
  if len(channels) > 1:
    for kind, count in (("gray", 1), ("with transparency", 4)):
      if count in channels:
        handled(kind, where)
    # Three times the gray; without the fourth, which is opacity.
    rgb = lambda f: f[..., :3] if f.shape[2] > 1 else np.repeat(f, 3, -1)
    frames = list(map(rgb, frames))
  if len({frame.dtype for frame in frames}) > 1:
    deepen = lambda f: f if f.dtype == np.uint16 else f.astype(np.uint16) * 257
    frames = list(map(deepen, frames))
  return np.stack(frames)


def _pixels(image: Image.Image) -> np.ndarray:
  """One frame, [h, w, c], of 1, 3 or 4 channels; uint8 or uint16."""
  if (deep := image_files.deep_gray(image)) is not None:
    return deep[:, :, None]
  if image.mode in ("1", "L"):
    return np.asarray(image.convert("L"))[:, :, None]
  # A GIF's transparency is how it leaves out what did not change.
  alpha = image.has_transparency_data and image.format != "GIF"
  return np.asarray(image.convert("RGBA" if alpha else "RGB"))


def times(shown: Sequence[float]) -> np.ndarray:
  """How many frames of a video each of an animation is, ints [t].

  Frames that are equal are one in an animation, which is shown longer. The
  shortest time is taken for one frame's; times that an encoder had to round
  (30, 30 and 40 ms) so remain one frame each.

  Args:
    shown: milliseconds of each, 0 if not known.
  """
  known = np.asarray(shown, float)
  least = np.min(known[known > 0], initial=np.inf)
  return np.maximum(1, np.rint(known / least)).astype(int)


def _moves(path: sources.File) -> bool:
  """Whether an image file is a video; one that is damaged goes by its name."""
  suffix = folders.suffix(path.name)
  if suffix not in MAY_MOVE:
    return False
  try:
    with opened(path) as image:
      return getattr(image, "is_animated", False)
  except foreign.BROKEN:
    return suffix in (".gif", ".apng")


def _natural(name: str) -> list[Any]:
  """Sorts frame_2 before frame_10."""
  parts = re.split(r"([0-9]+)", name)  # Numbers are at the odd places.
  return [(int(p), "") if i % 2 else (-1, p) for i, p in enumerate(parts)]


def refuse_film(path: sources.File) -> None:
  """Raises InputError, with the commands that make frames of a film."""
  stem = pathlib.PurePath(path.name).stem
  name, folder = shlex.quote(path.name), shlex.quote(stem)
  raise InputError(
    f"{path} is a film, which is not read here: make frames of each into a "
    f"folder of its own, by `mkdir {folder}; ffmpeg -i {name} "
    f"{folder}/%05d.png`"
  )


def check_shape(shape: tuple[int, ...], dtype: Any, where: str) -> int:
  """Returns the rank of an array of clips, 4 of one video and 5 of several.

  Raises:
    InputError: it is of another, or of a type that pixels do not have.
  """
  if len(shape) not in (4, 5) or shape[-1] not in (1, 3, 4) or 0 in shape[1:]:
    raise InputError(
      f"{where} has shape {tuple(shape)}: clips are [n, t, h, w, c], or "
      "[t, h, w, c] for one video, with 1, 3 or 4 channels at the end"
      + _hint(shape)
    )
  if dtype not in (np.uint8, np.uint16) and np.dtype(dtype).kind != "f":
    raise InputError(
      f"{where} has the type {dtype}: pixels are uint8, uint16 or floats"
    )
  return len(shape)


def _hint(shape: tuple[int, ...]) -> str:
  """How axes in torch's order come into ours."""
  channels = [i for i in range(len(shape) - 2) if shape[i] in (1, 3)][-1:]
  if len(shape) not in (4, 5) or not channels or channels == [len(shape) - 5]:
    return ""
  axes = [i for i in range(len(shape)) if i not in channels] + channels
  return f"; move them there: array.transpose({', '.join(map(str, axes))})"
