"""Arrays that are decoded once from slow files, and mapped from then on.

Decoding (0.14 ms for a 28x28 PNG, 0.6 ms for a 178x218 JPEG) would be paid in
every run; mapping what was decoded takes milliseconds.
"""

import json
import logging
import math
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from common import errors
from common.data import foreign

# create(name, shape, dtype) -> a writable memory map of zeros.
Create = Callable[[str, tuple[int, ...], Any], np.ndarray]


def mapped(
  folder: str | os.PathLike,
  stem: str,
  facts: Mapping[str, Any],
  build: Callable[[Create], None],
) -> dict[str, np.ndarray]:
  """Maps the arrays `stem` in `folder`, after building them if need be.

  Built under names of this process, then renamed, the record of the facts last:
  an interrupted build leaves nothing, and of two processes at the same work
  each writes the same bytes, and whoever is last wins. Arrays that are damaged,
  or were made from other facts, are built again.

  Args:
    folder: the cache; made if missing.
    stem: begins the names of the files.
    facts: what the arrays depend on, plain data: name and version of the source
      (`fingerprint` of its files), sizes, modes.
    build: `build(create)` makes each array by `create` and fills it.

  Returns:
    Name -> memory-mapped array, read-only.

  Raises:
    InputError: `folder` has too little space for the arrays.
  """
  folder = pathlib.Path(folder).expanduser()
  facts = json.loads(json.dumps(dict(facts)))
  record = folder / f"{stem}.json"
  place = lambda name: folder / f"{stem}.{name}.npy"

  def load():
    kept = json.loads(record.read_text())
    if kept.get("facts") != facts:
      raise ValueError(f"{record} describes other data")
    found = {}
    for name, (shape, dtype) in kept["arrays"].items():
      found[name] = np.load(place(name), mmap_mode="r")
      if (list(found[name].shape), str(found[name].dtype)) != (shape, dtype):
        raise ValueError(f"{place(name)} has shape {found[name].shape}")
    return found

  if record.exists():
    try:
      return load()
    except foreign.BROKEN as error:
      logging.getLogger(__name__).warning("Decoding again, as %s.", error)
  folder.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(dir=folder, prefix=".decoding-") as scratch:
    made: dict[str, Any] = {}

    def create(name, shape, dtype):
      need = math.prod(shape) * np.dtype(dtype).itemsize
      free = shutil.disk_usage(folder).free
      if need > free:  # Writing to a map on a full disk kills the process.
        raise errors.InputError(
          f"{stem} takes {need / 1e9:.1f} GB decoded but {folder} has "
          f"{free / 1e9:.1f} GB free: give another cache_dir."
        )
      made[name] = np.lib.format.open_memmap(
        f"{scratch}/{name}", mode="w+", dtype=dtype, shape=shape
      )
      return made[name]

    build(create)
    for name, array in made.items():
      array.flush()
      os.replace(f"{scratch}/{name}", place(name))
    arrays = {name: [a.shape, str(a.dtype)] for name, a in made.items()}
    text = json.dumps({"facts": facts, "arrays": arrays}, indent=1)
    pathlib.Path(scratch, "record").write_text(text)
    os.replace(f"{scratch}/record", record)
  return load()


def fingerprint(
  files: list[pathlib.Path], root: pathlib.Path
) -> list[list[Any]]:
  """Path below `root`, size and time of change of each file: plain data."""
  stats = [(str(path.relative_to(root)), path.stat()) for path in files]
  return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
