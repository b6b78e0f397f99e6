"""Which files of a folder are clips, and which are the frames of one."""

import pathlib
import re
import shlex
from collections import Counter
from collections.abc import Callable
from typing import Any

from PIL import Image

from common.data import folders, foreign
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


def listed(
  folder: pathlib.Path, handled: Callable, notes: Counter[str]
) -> list[Any]:
  """What a folder holds: paths of clips, and lists of frames.

  Args:
    folder: where to look, subfolders and links included.
    handled: `handled(kind, where)` counts what is odd.
    notes: where files of other kinds are counted.

  Raises:
    InputError: a folder that may not be read; a film.
  """
  whole = {*ARRAYS, *record_files.SUFFIXES}
  known = {*whole, *MAY_MOVE, *STILLS, *FILMS}
  files, ignored = folders.find(folder, sorted(known))
  notes.update(folders.described(ignored))  # Said, and no error if `strict`.
  by_folder: dict[pathlib.Path, list[pathlib.Path]] = {}
  for path in files:
    by_folder.setdefault(path.parent, []).append(path)
  order = lambda path: [_natural(p) for p in path.relative_to(folder).parts]
  found: list[Any] = []
  for parent in sorted(by_folder, key=order):
    frames: list[pathlib.Path] = []
    moving: list[pathlib.Path] = []
    for path in sorted(by_folder[parent], key=lambda path: _natural(path.name)):
      suffix = path.suffix.lower()
      if suffix in FILMS:
        refuse_film(path)
      elif suffix in whole:
        found.append(path)
      else:
        (moving if _moves(path) else frames).append(path)
    # Beside videos of its kind, a still one is a video that is too short.
    kinds = {path.suffix.lower() for path in moving}
    short = [path for path in frames if path.suffix.lower() in kinds]
    frames = [path for path in frames if path not in set(short)]
    if frames and moving:
      handled("folders of frames and of videos", str(parent))
    found += sorted(moving + short, key=lambda path: _natural(path.name))
    found += [frames] * bool(frames)
  return found


def _moves(path: pathlib.Path) -> bool:
  """Whether an image file is a video; one that is damaged goes by its name."""
  if path.suffix.lower() not in MAY_MOVE:
    return False
  try:
    with Image.open(path) as image:
      return getattr(image, "is_animated", False)
  except foreign.BROKEN:
    return path.suffix.lower() in (".gif", ".apng")


def _natural(name: str) -> list[Any]:
  """Sorts frame_2 before frame_10."""
  parts = re.split(r"([0-9]+)", name)  # Numbers are at the odd places.
  return [(int(p), "") if i % 2 else (-1, p) for i, p in enumerate(parts)]


def refuse_film(path: pathlib.Path) -> None:
  """Raises InputError, with the commands that make frames of a film."""
  name, folder = shlex.quote(path.name), shlex.quote(path.stem)
  raise InputError(
    f"{path} is a film, which is not read here: make frames of each into a "
    f"folder of its own, by `mkdir {folder}; ffmpeg -i {name} "
    f"{folder}/%05d.png`"
  )
