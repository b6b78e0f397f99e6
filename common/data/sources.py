"""What a user names as one set: files, of one source or of several.

folder/          with its subfolders, links followed
archive.zip      its members
file.png         itself
'run*/x?.png'    a pattern, quoted, so that the shell leaves it; ** too
-                such names on standard input, one a line
["a/", "b.zip"]  several, of a program; of a command by --more-a, --more-b

A `~` in front is the user's folder. Members of an archive are `zipfile.Path`,
which opens as a `pathlib.Path` does.
"""

import collections
import os
import pathlib
import sys
import weakref
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from common import errors

from . import folders, foreign

Name = str | os.PathLike
File = pathlib.Path | zipfile.Path

_NAMED = 20  # Sources that a score names, each with its share of n.


class Found(NamedTuple):
  """Files in a fixed order, and how many others, by suffix."""

  files: Sequence[File]
  ignored: dict[str, int]


def are_names(source: Any) -> bool:
  """Whether a source is a path, or a list of them, and not arrays or such."""
  if isinstance(source, list | tuple):
    return bool(source) and all(isinstance(s, Name) for s in source)
  return isinstance(source, Name)


def names(source: Name | Sequence[Name]) -> list[str]:
  """The names that a source is; "-" stands for the lines of standard input."""
  several = isinstance(source, list | tuple)
  found: list[str] = []
  for name in map(os.fspath, source if several else [source]):
    if name == "-":
      found += [line for each in sys.stdin if (line := each.rstrip("\r\n"))]
    else:
      found.append(name)
  return found


def title(source: Name | Sequence[Name]) -> str:
  """What one side is called in messages and results."""
  if not isinstance(source, list | tuple):
    return os.fspath(source)
  first, *rest = map(os.fspath, source)
  if len(rest) > 2:
    return f"{first} and {len(rest)} more"
  return " + ".join([first, *rest])


def labels(names: Sequence[str]) -> list[str]:
  """What the samples of each source are counted as beside a score.

  "" of one source alone, whose name the side has; many are not named each.
  """
  if len(names) == 1:
    return [""]
  if len(names) > _NAMED:
    return [f"from {len(names)} sources"] * len(names)
  return [f"from {name}" for name in names]


def find(
  name: Name,
  suffixes: Sequence[str] | None,
  alone: Sequence[str] = (),
  packed: Sequence[str] = (),
) -> Found | None:
  """The files that a name stands for; None where nothing is there.

  Args:
    name: as at the head of this file, but "-" and lists, which `names` knows.
    suffixes: of files in folders and archives, in lower case, with the dot;
      None takes every file.
    alone: further ones, of files that are named, or that a pattern finds.
    packed: suffixes that may stand behind these, as ".gz".

  Raises:
    InputError: a folder or archive that cannot be read, a named pipe, or an
      empty name.
  """
  if not os.fspath(name):  # It would be the working directory.
    raise errors.InputError(
      "a name is empty, as that of a shell's variable that is not set: name a "
      "file or a folder"
    )
  path = pathlib.Path(name).expanduser()
  if path.is_dir():
    return Found(*folders.find(path, suffixes, packed))
  if path.suffix.lower() == ".zip" and path.is_file():
    return _members(path, suffixes, packed)
  if path.exists():
    foreign.refuse_pipe(path)
    return Found([path], {})
  # As a shell would have it; below "**" a folder's files are found themselves.
  matches = folders.pattern(path, with_folders="**" not in str(path))
  if not matches:
    return None
  files: list[File] = []
  ignored: collections.Counter[str] = collections.Counter()
  for match in matches:
    suffix = folders.suffix(match, packed)
    if match.is_dir() or suffix == ".zip":
      found = find(match, suffixes, alone, packed) or Found([], {})
      files += found.files
      ignored.update(found.ignored)
    elif match.is_file() and (
      suffix in alone or folders.wanted(suffix, suffixes)
    ):
      files.append(match)
    else:
      ignored[suffix] += 1
  return Found(files, dict(ignored))


def _members(
  path: pathlib.Path, suffixes: Sequence[str] | None, packed: Sequence[str]
) -> Found:
  archive = folders.archive(path)  # Open as long as one of its files is known.
  weakref.finalize(archive, archive.fp.close)
  found = [(folders.suffix(n, packed), n) for n in folders.members(archive)]
  taken = [(folders.wanted(end, suffixes), end, name) for end, name in found]
  ignored = collections.Counter(end for taken, end, _ in taken if not taken)
  return Found(
    [zipfile.Path(archive, name) for taken, _, name in taken if taken],
    dict(ignored),
  )
