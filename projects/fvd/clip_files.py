"""Which files are clips, and which are the frames of one."""

import io
import pathlib
import re
import shlex
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from common.data import folders, foreign, sources
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
