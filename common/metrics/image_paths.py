"""Image files that a user names: a folder, an archive, a pattern, a list.

folder/          with its subfolders, links followed
archive.zip      its members
'run*/x?.png'    a pattern, quoted, so that the shell leaves it; ** too
-                paths of files and folders on standard input, one a line
["a.png", ...]   the same, of a program
"""

import collections
import os
import pathlib
import sys
import zipfile
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from common import errors
from common.data import folders


class Member(NamedTuple):
  """A file in an archive that is open."""

  archive: zipfile.ZipFile
  name: str

  def __str__(self) -> str:
    return f"{self.archive.filename}/{self.name}"


class Found(NamedTuple):
  """Image files in a fixed order, and how many others, by suffix."""

  files: Sequence[pathlib.Path | Member]
  ignored: dict[str, int]


def find(name: str, suffixes: Sequence[str]) -> Found | None:
  """The files that `name` stands for; None where it is nothing of the above.

  Args:
    name: as at the head of this file.
    suffixes: in lower case, with the dot.

  Raises:
    InputError: a folder, archive or path that cannot be read.
  """
  if name == "-":
    return of_paths((line.rstrip("\r\n") for line in sys.stdin), suffixes)
  path = pathlib.Path(name).expanduser()
  if path.is_dir():
    return Found(*folders.find(path, suffixes))
  if path.suffix.lower() == ".zip" and path.is_file():
    return _members(path, suffixes)
  found = folders.pattern(name)
  # Without any: "cifar10:train[:100]" is a data set.
  return _of_suffix(found, suffixes) if found else None


def of_paths(
  names: Iterable[str | os.PathLike], suffixes: Sequence[str]
) -> Found:
  """The files of a list, in its order; folders stand for what is in them.

  Args:
    names: paths; empty ones are skipped.
    suffixes: of files in folders; what is named itself may have any.

  Raises:
    InputError: one is not there.
  """
  files, ignored = [], collections.Counter()
  for name in names:
    if not os.fspath(name):
      continue
    path = pathlib.Path(name).expanduser()
    if path.is_dir():
      found = folders.find(path, suffixes)
      files += found.files
      ignored.update(found.ignored)
    elif path.is_file():
      files.append(path)
    else:
      raise errors.InputError(f"{path}, of the list of paths, is not there")
  return Found(files, dict(ignored))


def _members(path: pathlib.Path, suffixes: Sequence[str]) -> Found:
  archive = folders.archive(path)  # Read until the last picture is.
  return _of_suffix(
    [Member(archive, name) for name in folders.members(archive)], suffixes
  )


def _of_suffix(files, suffixes: Sequence[str]) -> Found:
  """Of the files, those of images; the others by suffix."""
  kept, ignored = [], collections.Counter()
  for file in files:
    named = file.name if isinstance(file, Member) else file
    suffix = pathlib.PurePath(named).suffix.lower()
    if suffix in suffixes:
      kept.append(file)
    else:
      ignored[suffix] += 1
  return Found(kept, dict(ignored))
