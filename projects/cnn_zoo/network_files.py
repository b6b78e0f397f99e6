"""Reads a network's weights from a file, whoever wrote it; no pickle is run.

`.npz` and `.npy` of NumPy, `.safetensors`, and torch's state dicts. Tensors
find their places by shape, and among equal ones by their names' order. A kernel
may lie as Keras has it (height, width, in, out) or as torch does: a tensor's
statistics do not depend on it, and nothing is turned around.
"""

import json
import os
import pathlib
import re
import struct
from collections.abc import Mapping, Sequence

import numpy as np

from common.data import foreign, torch_files
from common.errors import InputError

from . import model

# Of safetensors: what is read, and how wide it is.
DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16}


def read(path: str | os.PathLike, layout: Sequence[model.Tensor]) -> np.ndarray:
  """Returns the file's networks as vectors of the layout: float64 [n, weights].

  One network, of a file of named tensors; several, where an array has a row
  each, as a zoo's `weights.npy`.

  Raises:
    InputError: it cannot be read, is another architecture, or has NaN.
  """
  path = pathlib.Path(path).expanduser()
  tensors = _tensors(path)
  size = layout[-1].end
  only = next(iter(tensors.values())) if len(tensors) == 1 else None
  if only is not None and only.ndim in (1, 2) and only.shape[-1] == size:
    found = np.asarray(only, np.float64).reshape(-1, size)
  else:
    found = _placed(path, tensors, layout)[None]
  if not np.isfinite(found).all():
    raise InputError(f"{path} has weights that are not finite: NaN or infinity")
  return found


def described(shapes: Sequence[tuple[int, ...]]) -> str:
  """Shapes as "(16,), (3, 3, 1, 16)"."""
  return ", ".join(map(str, shapes)) or "no tensors"


def _tensors(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The named arrays of numbers in a file."""
  foreign.refuse_pipe(path)
  kind = path.suffix.lower()
  if kind not in (".npz", ".npy", ".safetensors"):
    found = torch_files.read(path)
  else:
    readers = {".npz": _npz, ".npy": _npy, ".safetensors": _safetensors}
    try:
      found = readers[kind](path)
    except foreign.BROKEN as error:
      reason = getattr(error, "strerror", None) or error
      raise InputError(
        f"{path} cannot be read ({reason}): give an .npz, .npy, .safetensors "
        "or a torch state dict"
      ) from error
  return {
    name: array
    for name, array in found.items()
    if np.issubdtype(array.dtype, np.floating)
  }


def _npz(path):
  with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
    return {name: kept[name] for name in kept.files}


def _npy(path):
  return {path.stem: np.load(path, allow_pickle=False)}


def _safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
  """A length, a JSON header of that length, then numbers, little-endian."""
  whole = path.read_bytes()
  (length,) = struct.unpack_from("<Q", whole)
  header = json.loads(whole[8 : 8 + length])
  numbers, found = whole[8 + length :], {}
  for name, entry in header.items():
    if name == "__metadata__":
      continue
    if entry["dtype"] not in DTYPES:
      raise ValueError(f"{name} has the type {entry['dtype']}")
    dtype = np.dtype(DTYPES[entry["dtype"]]).newbyteorder("<")
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not 0 <= start <= end <= len(numbers):
      raise ValueError(f"{name} reaches beyond its numbers")
    found[name] = np.frombuffer(numbers[start:end], dtype).reshape(shape)
  return found


def _natural(name: str) -> list:
  """Sorts "conv2d", "conv2d_2", "conv2d_10" as people do."""
  parts = re.split(r"(\d+)", name)
  return [(p.isdigit(), int(p) if p.isdigit() else p) for p in parts]


def _placed(
  path: pathlib.Path,
  tensors: Mapping[str, np.ndarray],
  layout: Sequence[model.Tensor],
) -> np.ndarray:
  """Each tensor at the first place of its shape that is free."""
  vector = np.full(layout[-1].end, np.nan)
  free = list(layout)
  for name in sorted(tensors, key=_natural):
    array = tensors[name]
    fits = [t for t in free if sorted(t.shape) == sorted(array.shape)]
    if not fits:
      break
    vector[fits[0].start : fits[0].end] = array.ravel()
    free.remove(fits[0])
  else:
    if not free:
      return vector
  raise InputError(
    f"{path} is of another architecture, with tensors "
    f"{described([a.shape for a in tensors.values()])}; the zoo's networks "
    f"have {described([t.shape for t in layout])}"
  )
