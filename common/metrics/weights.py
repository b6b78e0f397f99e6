"""Files of published weights: where they are kept, and that they are right.

    CHEMNET = weights.File(
      name="ChemNet_v0.13_pretrained.pt",
      sha256="c22e9776...",
      advice="get it from the wheel of fcd 1.2.2 and give --weights=FILE",
      wheel="fcd==1.2.2",
    )
    path = weights.fetch(CHEMNET, named)  # `named`: the user's, or None

A file is looked for where the user says, then in the cache (`folder()`), and
then, if it is part of a published wheel, there: by pip, which knows the user's
index and mirrors. No file is used whose SHA-256 is another.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from typing import BinaryIO, NamedTuple

from common.data import atomic, foreign
from common.errors import InputError

Path = str | os.PathLike

_PIP_SECONDS = 600


class File(NamedTuple):
  """A published file.

  Attributes:
    name: of the file, in its wheel and in the cache.
    sha256: in hexadecimal digits; its first 8 or more where not all are known.
    advice: how a user can get it; the end of a sentence.
    wheel: the pip requirement of a wheel that holds it, or "" for none.
  """

  name: str
  sha256: str
  advice: str
  wheel: str = ""


def folder() -> pathlib.Path:
  """Where weights are: `$XDG_CACHE_HOME/weights`, or `~/.cache/weights`."""
  base = os.environ.get("XDG_CACHE_HOME", "")
  # The specification says that a relative path is to be ignored.
  if not os.path.isabs(base):
    base = pathlib.Path.home() / ".cache"
  return pathlib.Path(base) / "weights"


def sha256(path: Path) -> str:
  """The SHA-256 of a file, as 64 hexadecimal digits.

  Raises:
    InputError: it cannot be read.
  """
  try:
    with open(path, "rb") as file:
      return hashlib.file_digest(file, "sha256").hexdigest()
  except OSError as error:
    raise InputError(
      f"{os.fspath(path)} cannot be read ({error.strerror}): give the path of "
      "the weights' file"
    ) from error


def cached(file: File) -> pathlib.Path | None:
  """The file in the cache; None if it is absent or not what it should be."""
  path = folder() / file.name
  return path if path.is_file() and _right(path, file) else None


def fetch(file: File, named: Path | None = None) -> pathlib.Path:
  """The path of a published file, checked; from the web at most once.

  Args:
    file: which one.
    named: where the user says that it is: the file itself, or a zip archive (a
      wheel is one) that holds it under its name. None is the cache, and then
      the wheel.

  Raises:
    InputError: it is not there, cannot be had, or is another file.
  """
  if named is not None:
    return _named(pathlib.Path(named).expanduser(), file)
  found = cached(file)
  if found is not None:
    return found
  path = folder() / file.name
  absent = (
    f"{path} is damaged (its SHA-256 is not {file.sha256[:8]}...)"
    if path.is_file()
    else f"{file.name} is not in {folder()}"
  )
  if not file.wheel:
    raise InputError(f"{absent}: {file.advice}")
  with tempfile.TemporaryDirectory() as temporary:
    wheel = _download(file, absent, pathlib.Path(temporary))
    return _unpacked(wheel, file)


def store(file: File, source: BinaryIO) -> pathlib.Path:
  """Puts a file into the cache, whole or not at all, and returns its path.

  Args:
    file: which one.
    source: its bytes, open for reading.

  Raises:
    InputError: it is another file, or the cache cannot be written.
  """
  path = folder() / file.name
  try:
    with atomic.replacing(path) as part:
      with part.open("wb") as target:
        shutil.copyfileobj(source, target)
      if not _right(part, file):
        raise InputError(_other(getattr(source, "name", "the source"), file))
  except OSError as error:
    raise InputError(
      f"{path} cannot be written ({error.strerror}): free some space, or set "
      "XDG_CACHE_HOME to a folder that can be"
    ) from error
  return path


def _right(path: pathlib.Path, file: File) -> bool:
  return sha256(path).startswith(file.sha256)


def _other(path: object, file: File) -> str:
  return (
    f"{path} is not the published {file.name} (its SHA-256 does not begin with "
    f"{file.sha256[:8]}; truncated, or another file): {file.advice}"
  )


def _named(path: pathlib.Path, file: File) -> pathlib.Path:
  if _right(path, file):
    return path
  if zipfile.is_zipfile(path):
    return _unpacked(path, file)
  raise InputError(_other(path, file))


def _unpacked(path: pathlib.Path, file: File) -> pathlib.Path:
  """Takes the file out of a zip archive, into the cache."""
  try:
    with zipfile.ZipFile(path) as archive:
      for member in archive.namelist():
        if pathlib.PurePosixPath(member).name == file.name:
          with archive.open(member) as source:
            return store(file, source)
  except InputError:
    raise
  except foreign.BROKEN as error:
    raise InputError(f"{path} is damaged ({error}): {file.advice}") from error
  raise InputError(_other(path, file))


def _download(file: File, absent: str, target: pathlib.Path) -> pathlib.Path:
  options = "--no-deps --quiet --disable-pip-version-check --no-input"
  options += " --retries 1 --only-binary :all: --dest"
  command = [sys.executable, "-m", "pip", "download", *options.split()]
  command += [str(target), file.wheel]
  try:
    done = subprocess.run(
      command, capture_output=True, text=True, timeout=_PIP_SECONDS
    )
    said = done.stderr.strip().splitlines()
    wheels = list(target.glob("*.whl"))
  except (OSError, subprocess.TimeoutExpired) as error:
    said, wheels = [str(error)], []
  if wheels:
    return wheels[0]
  reason = said[-1] if said else "it said nothing"
  raise InputError(
    f"{absent}, and pip could not download {file.wheel} ({reason}): "
    f"{file.advice}"
  )
