"""Reads a network's weights from a file, whoever wrote it; no pickle is run.

`.npz` and `.npy` of NumPy, `.safetensors`, and torch state dicts. A layer is a
kernel and a bias whose names differ in that word alone. Layers find their
places by their shapes, and among equal ones by the numbers in their names. A
kernel may lie as Keras has it (height, width, in, out) or as torch does: a
tensor's statistics do not depend on it, and nothing is turned around.
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
  each, as a zoo's `weights.npy`. A vector or a row is in the order of
  `layout.csv`: of each layer the bias before the kernel. Of several networks
  some may have diverged: their rows have NaN.

  Raises:
    InputError: it cannot be read, is another architecture, has no networks, or
      none that is finite.
  """
  path = pathlib.Path(path).expanduser()
  tensors = _tensors(path)
  size = layout[-1].end
  only = next(iter(tensors.values())) if len(tensors) == 1 else None
  if only is not None and only.ndim in (1, 2) and only.shape[-1] == size:
    found = np.asarray(only, np.float64).reshape(-1, size)
  else:
    found = _placed(path, tensors, layout)[None]
  if not len(found):
    raise InputError(f"{path} has no networks: its array is {only.shape}")
  if not np.isfinite(found).all(axis=1).any():
    raise InputError(f"{path} has weights that are not finite: NaN or infinity")
  return found


def described(shapes: Sequence[tuple[int, ...]]) -> str:
  """Shapes as "(16,), (3, 3, 1, 16)"."""
  return ", ".join(map(str, shapes)) or "no tensors"


def _tensors(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The named arrays of numbers in a file."""
  foreign.refuse_pipe(path)
  kind = path.suffix.lower()
  readers = {".npz": _npz, ".npy": _npy, ".safetensors": _safetensors}
  if kind not in readers:
    found = torch_files.read(path)
  else:
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
  with path.open("rb") as file:  # `np.load` opens an archive, too.
    return {path.stem: np.lib.format.read_array(file, allow_pickle=False)}


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


_ROLE = re.compile(
  r"kernel|weights?|bias(es)?|(?<![a-z])[wb](?![a-z])|:0$", re.IGNORECASE
)


def _layer(name: str) -> str:
  """A tensor's name without what it is: "conv1" of "conv1.bias"."""
  return _ROLE.sub("", name).strip("./_-")


def _grouped(names: Mapping[str, str]) -> dict[str, list[str]]:
  """From the names of layers to those of their tensors."""
  found: dict[str, list[str]] = {}
  for tensor, layer in names.items():
    found.setdefault(layer, []).append(tensor)
  return found


def _placed(
  path: pathlib.Path,
  tensors: Mapping[str, np.ndarray],
  layout: Sequence[model.Tensor],
) -> np.ndarray:
  """The vector with each tensor at its place.

  Raises:
    InputError: another architecture, or names that leave an order open.
  """
  wanted = {t.name: t for t in layout}
  pairs = _grouped({name: _layer(name) for name in tensors})
  places = _grouped({name: _layer(name) for name in wanted})
  if any(len(names) != 2 for names in pairs.values()):
    # Such as arr_0, arr_1, ...: each tensor for itself.
    pairs, places = ({n: [n] for n in names} for names in (tensors, wanted))
  shapes = lambda arrays, names: tuple(
    sorted(tuple(sorted(arrays[name].shape)) for name in names)
  )
  ours = _grouped({layer: shapes(tensors, pairs[layer]) for layer in pairs})
  theirs = _grouped({layer: shapes(wanted, places[layer]) for layer in places})
  counts = lambda of: {shape: len(layers) for shape, layers in of.items()}
  if counts(ours) != counts(theirs):
    raise InputError(
      f"{path} is of another architecture, with tensors "
      f"{described([a.shape for a in tensors.values()])}; the zoo's networks "
      f"have {described([t.shape for t in layout])}"
    )
  vector = np.full(layout[-1].end, np.nan)
  for kind, layers in ours.items():
    layers = sorted(layers, key=_natural)
    if len({re.sub(r"\d+", "", name).strip("./_-") for name in layers}) > 1:
      raise InputError(
        f"{path}: {', '.join(layers)} have equal shapes, and their names do "
        "not say which comes first: number them, as conv1, conv2"
      )
    for layer, place in zip(layers, theirs[kind], strict=True):
      by_shape = {tuple(sorted(tensors[n].shape)): n for n in pairs[layer]}
      for name in places[place]:
        tensor = wanted[name]
        array = tensors[by_shape[tuple(sorted(tensor.shape))]]
        vector[tensor.start : tensor.end] = array.ravel()
  return vector
