"""One way to find files: of a folder, of a zip archive, by a pattern.

Names that begin with a dot (`.DS_Store`, `._x.png`, `.ipynb_checkpoints`)
belong to other programs, as does `__MACOSX` in archives: they are left out
without a count.
"""

import collections
import glob
import os
import pathlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from common import errors

from . import foreign


class Found(NamedTuple):
  """The files of a folder.

  Attributes:
    files: sorted paths, subfolders included.
    ignored: how many files were left out, by suffix; "" for none.
  """

  files: list[pathlib.Path]
  ignored: dict[str, int]


def described(ignored: Mapping[str, int]) -> dict[str, int]:
  """The counts of `Found.ignored` by what a user is told of them."""
  return {
    f"files {suffix or 'without suffix'} ignored": count
    for suffix, count in ignored.items()
  }


def suffix(path: str | os.PathLike, packed: Sequence[str] = ()) -> str:
  """What a file's kind is known by, in lower case: ".csv" of "a.CSV.gz".

  Args:
    path: of the file.
    packed: suffixes that are passed over, as ".gz".
  """
  path = pathlib.PurePath(path)
  last = path.suffix.lower()
  return suffix(path.with_suffix("")) if last and last in packed else last


def wanted(kind: str, suffixes: Sequence[str] | None) -> bool:
  """Whether a suffix is one of those; None stands for all."""
  return suffixes is None or kind in suffixes


def find(
  folder: str | os.PathLike,
  suffixes: Sequence[str] | None,
  packed: Sequence[str] = (),
) -> Found:
  """Finds the files below a folder that have one of the suffixes.

  Links are followed, but to no folder that holds the link: neither twice on
  the way down, nor out to what `folder` itself lies in.

  Args:
    folder: where to look.
    suffixes: in lower case, with the dot; those of files may be in capitals.
      None takes every file.
    packed: see `suffix`.

  Raises:
    InputError: a folder may not be read.
  """
  files: list[pathlib.Path] = []
  ignored: collections.Counter[str] = collections.Counter()

  for place, names in _walk(pathlib.Path(folder).expanduser()):
    for name in names:
      kind = suffix(name, packed)
      if os.path.isdir(place / name):
        continue
      if wanted(kind, suffixes) and os.path.isfile(place / name):
        files.append(place / name)
      else:  # Another kind, a link to nothing, a pipe.
        ignored[kind] += 1
  return Found(sorted(files), dict(ignored))


def _walk(
  path: pathlib.Path, above: Set[str] | None = None
) -> Iterator[tuple[pathlib.Path, list[str]]]:
  """Yields a folder and those below it, each with its names, none hidden."""
  real = os.path.realpath(path)
  above = {*map(str, pathlib.Path(real).parents)} if above is None else above
  if real in above:  # A link to a folder that it lies in.
    return
  try:
    names = sorted(os.listdir(path))
  except OSError as error:
    raise errors.InputError(
      f"{path} cannot be read ({error.strerror}): allow it, or leave it out"
    ) from error
  names = [name for name in names if not name.startswith(".")]
  yield path, names
  for name in names:
    if os.path.isdir(path / name):
      yield from _walk(path / name, {*above, real})


def archive(path: str | os.PathLike) -> zipfile.ZipFile:
  """Opens a zip archive, which is the caller's to close.

  Raises:
    InputError: it is none.
  """
  try:
    return zipfile.ZipFile(path)
  except foreign.BROKEN as error:
    raise errors.InputError(
      f"{path} cannot be read: it is no whole zip archive "
      f"({getattr(error, 'strerror', None) or error}); pack it again"
    ) from error


def members(opened: zipfile.ZipFile) -> list[str]:
  """The files in an archive, by name; folders and hidden names are none."""
  return [
    name
    for name in sorted(opened.namelist())
    if name
    and not name.endswith("/")
    and not any(part[:1] == "." for part in name.split("/"))
    and not name.startswith("__MACOSX/")
  ]


def pattern(
  name: str | os.PathLike, with_folders: bool = False
) -> list[pathlib.Path] | None:
  """The files that a name with * ? [ ] or ** finds, sorted; folders if asked.

  Hidden names are found only where the pattern says so; below "**" links are
  followed as by `find`. None for a name without any of these, or of a file or
  folder that is there.
  """
  path = pathlib.Path(name).expanduser()
  if not glob.has_magic(str(path)) or path.exists():
    return None
  found = sorted(_matches(path), key=str)
  return [one for one in found if with_folders or not one.is_dir()]


def _matches(path: pathlib.Path) -> set[pathlib.Path]:
  """As `glob`, which would follow a link to above forty times below "**"."""
  if "**" not in path.parts:
    return set(map(pathlib.Path, glob.glob(str(path))))
  at = path.parts.index("**")
  rest = path.parts[at + 1 :] or ("*",)
  return {
    found
    for top in _matches(pathlib.Path(*path.parts[:at]))
    if top.is_dir()
    for folder, _ in _walk(top)
    for found in _matches(pathlib.Path(glob.escape(str(folder)), *rest))
  }
