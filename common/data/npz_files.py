"""Arrays kept in .npz files: written whole or not at all; None when damaged."""

import pathlib
from collections.abc import Mapping

import numpy as np

from common.data import atomic, foreign
from common.errors import InputError


def save(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes an .npz at once: whole, or not at all.

  Raises:
    InputError: it cannot be written.
  """
  try:
    with atomic.replacing(path) as part, part.open("wb") as file:
      np.savez(file, allow_pickle=False, **arrays)
  except OSError as error:
    raise InputError(
      f"{path} cannot be written ({error.strerror}): give another cache_dir"
    ) from error


def load(path: pathlib.Path) -> dict[str, np.ndarray] | None:
  """What `save` wrote; None if it is not there, or damaged."""
  try:
    # Opened here, since NumPy leaves a damaged file open.
    with path.open("rb") as file, np.load(file) as kept:
      return {name: kept[name] for name in kept}
  except foreign.BROKEN:
    return None
