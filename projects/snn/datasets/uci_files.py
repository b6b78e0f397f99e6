"""The files of UCI tasks, in folders and archives."""

import hashlib
import json
import pathlib
import tarfile

from common.data import foreign
from common.data.table_files import Path
from common.errors import InputError

_FORMAT = 1  # Of the cache; another number makes another cache.


def sources(data_dir: Path) -> list[pathlib.Path]:
  """What can hold UCI tasks: the folder itself, then its archives.

  Raises:
    InputError: `data_dir` does not exist.
  """
  path = pathlib.Path(data_dir).expanduser()
  if path.is_file():
    return [path]
  if not path.is_dir():
    raise InputError(f"{path} does not exist: config.data_dir is its folder")
  found = [*path.glob("*.tar"), *path.glob("*.tar.*"), *path.glob("*.tgz")]
  return [path, *sorted(p for p in found if p.is_file())]


def unpacked(folder: pathlib.Path) -> list[str]:
  """The tasks that lie unpacked in a folder."""
  return [p.name for p in folder.iterdir() if any(p.glob("*_R.dat"))]


def contents(
  source: pathlib.Path, name: str | None = None
) -> dict[str, dict[str, bytes]]:
  """The files of a folder's or archive's tasks, by task and file name.

  Args:
    source: one of `sources`.
    name: of the only task that is asked for; None is all.

  Raises:
    InputError: it cannot be read.
  """
  found: dict[str, dict[str, bytes]] = {}

  def add(parts: tuple[str, ...], read):
    if (
      len(parts) < 2
      or parts[-1].startswith(".")
      or name not in (None, parts[-2])
    ):
      return
    if parts[-1].endswith(("_R.dat", "conxuntos_kfold.dat")):
      found.setdefault(parts[-2], {})[parts[-1]] = read()

  try:
    if source.is_dir():
      for path in source.glob(f"{name or '*'}/*.dat"):
        add(path.parts, path.read_bytes)
    else:
      with tarfile.open(source) as tar:
        for member in tar:
          if member.isfile():
            parts = pathlib.PurePosixPath(member.name).parts
            add(parts, lambda: tar.extractfile(member).read())
  except (*foreign.BROKEN, tarfile.TarError) as error:
    raise InputError(
      f"{source} cannot be read ({error}): get the file again"
    ) from error
  return {
    task: files
    for task, files in found.items()
    if any(file.endswith("_R.dat") for file in files)
  }


def digest(source: pathlib.Path, name: str) -> str:
  """Changes when the archive, or the task's files in a folder, change."""
  paths = sorted(source.glob(f"{name}/*.dat")) if source.is_dir() else [source]
  facts = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
  return hashlib.sha256(json.dumps([_FORMAT, facts]).encode()).hexdigest()[:12]
