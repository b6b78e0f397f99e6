"""One way to find the files of a folder, for everything that reads folders."""

import collections
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common import errors


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


def find(folder: str | os.PathLike, suffixes: Sequence[str]) -> Found:
  """Finds the files below a folder that have one of the suffixes.

  Links are followed, but no folder is entered twice on the way down. Names that
  begin with a dot (`.DS_Store`, `._x.png`, `.ipynb_checkpoints`) belong to
  other programs and are left out without a count.

  Args:
    folder: where to look.
    suffixes: in lower case, with the dot; those of files may be in capitals.

  Raises:
    InputError: a folder may not be read.
  """
  files: list[pathlib.Path] = []
  ignored: collections.Counter[str] = collections.Counter()

  def enter(path: pathlib.Path, above: frozenset[str]) -> None:
    real = os.path.realpath(path)
    if real in above:  # A link to a folder that it lies in.
      return
    try:
      names = sorted(os.listdir(path))
    except OSError as error:
      raise errors.InputError(
        f"{path} cannot be read ({error.strerror}): allow it, or leave it out"
      ) from error
    for name in names:
      if name.startswith("."):
        continue
      suffix = pathlib.Path(name).suffix.lower()
      if os.path.isdir(path / name):
        enter(path / name, above | {real})
      elif suffix in suffixes and os.path.isfile(path / name):
        files.append(path / name)
      else:  # Another kind, a link to nothing, a pipe.
        ignored[suffix] += 1

  enter(pathlib.Path(folder).expanduser(), frozenset())
  return Found(sorted(files), dict(ignored))
