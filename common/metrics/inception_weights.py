"""The published weights of Inception-2015, read without torch or TensorFlow.

    pt_inception-2015-12-05-6726825d.pth       of pytorch-fid
    weights-inception-2015-12-05-6726825d.pth  of torch-fidelity: the same bytes
    classify_image_graph_def.pb                the graph itself, which TTUR's
                                               code runs (inception-2015-12-05)

All hold the same numbers, which are known by one fingerprint here.
"""

import hashlib
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from common.checkpoint import warn
from common.data import torch_files
from common.data.protobuf import fields
from common.errors import InputError

from . import inception, weights

_ADVICE = (
  "take pt_inception-2015-12-05-6726825d.pth from the release fid_weights of "
  "github.com/mseitzer/pytorch-fid (or classify_image_graph_def.pb from "
  "download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz), "
  "and put it there or give --weights=FILE"
)
_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
PUBLISHED = (
  weights.File("pt_inception-2015-12-05-6726825d.pth", _SHA256, _ADVICE),
  weights.File("weights-inception-2015-12-05-6726825d.pth", _SHA256, _ADVICE),
)
GRAPH = "classify_image_graph_def.pb"


class Weights(NamedTuple):
  """Attributes:

  parameters: of `inception.Inception`.
  fingerprint: SHA-256 of the arrays, the same for each form of file.
  published: whether this is the network of FID: the file's SHA-256 is that of
    the published torch port, or it is a TensorFlow graph (whose SHA-256 is not
    known here) whose gammas are all 1, as the published graph's are.
  file: name and SHA-256 of the file.
  """

  parameters: dict[str, Any]
  fingerprint: str
  published: bool
  file: str


def load(path: str | os.PathLike | None = None) -> Weights:
  """Reads the weights.

  Args:
    path: of one of the files above, or of one like them with other numbers;
      None looks into the cache (`weights.folder()`) and where torch keeps what
      pytorch-fid and torch-fidelity download.

  Raises:
    InputError: there is none, it is cut short, or it holds another network.
  """
  found = _find() if path is None else pathlib.Path(path).expanduser()
  digest = weights.sha256(found)
  name = found.name
  for file in PUBLISHED:
    if name == file.name and digest != file.sha256:
      raise InputError(
        f"{found} is not the published {name} (its SHA-256 begins with "
        f"{digest[:8]}; truncated, or changed): {_ADVICE}"
      )
  is_graph = found.suffix == ".pb"
  arrays = read_graph(found) if is_graph else torch_files.read(found)
  arrays = _checked(arrays, found)
  gammas = [a for n, a in arrays.items() if n.endswith(".bn.weight")]
  published = digest == _SHA256
  if is_graph:
    published = all((gamma == 1).all() for gamma in gammas)
    if published:
      warn(
        f"{found} is taken for the published graph by its layers; that its "
        "numbers are the published ones could not be checked"
      )
  return Weights(
    inception.fold(arrays), fingerprint(arrays), published, f"{name} {digest}"
  )


def _find() -> pathlib.Path:
  home = os.environ.get("TORCH_HOME") or weights.folder().parent / "torch"
  for file in PUBLISHED:
    if (found := weights.cached(file)) is not None:
      return found
    downloaded = pathlib.Path(home) / "hub/checkpoints" / file.name
    if downloaded.is_file():
      return downloaded
  graph = weights.folder() / GRAPH
  if graph.is_file():
    return graph
  return weights.fetch(PUBLISHED[0])  # Says what is wrong, and the advice.


def _checked(
  arrays: Mapping[str, np.ndarray], path: pathlib.Path
) -> dict[str, np.ndarray]:
  """The arrays of the network, float32; other arrays are left out."""
  checked = {}
  for name, shape in inception.shapes().items():
    if name not in arrays:
      raise InputError(
        f"{path} has no array {name!r}: it is not Inception-2015; {_ADVICE}"
      )
    array = arrays[name]
    if array.shape != shape:
      raise InputError(
        f"{path} has {name!r} of shape {array.shape}, not {shape}: it is "
        f"another network (Inception v3 of torchvision?); {_ADVICE}"
      )
    if not np.isfinite(array).all():
      raise InputError(f"{path}: {name!r} has values that are not finite")
    checked[name] = array.astype(np.float32)
  return checked


def fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
  """SHA-256 over name and float32 bytes of the arrays, by name."""
  digest = hashlib.sha256()
  for name in sorted(arrays):
    digest.update(name.encode())
    digest.update(np.ascontiguousarray(arrays[name], "<f4").tobytes())
  return digest.hexdigest()


_STEM = ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")
_MIXED = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
_TOWERS = {
  "branch3x3": 0,
  "branch5x5": 0,
  "branch7x7": 0,
  "branch3x3dbl": 1,
  "branch7x7dbl": 1,
  "branch7x7x3": 1,
  "branch_pool": 2,
}
_PARTS = {
  "conv.weight": "conv2d_params",
  "bn.weight": "batchnorm/gamma",
  "bn.bias": "batchnorm/beta",
  "bn.running_mean": "batchnorm/moving_mean",
  "bn.running_var": "batchnorm/moving_variance",
}


def graph_names() -> dict[str, str]:
  """From the torch port's names of the 472 arrays to those of the graph.

  The graph counts: `mixed_4/tower_1/conv_2` is the third convolution of the
  second tower of the fifth mixed block.
  """
  names = {"fc.weight": "softmax/weights", "fc.bias": "softmax/biases"}
  for name in inception.shapes():
    if name in names:
      continue
    layer, kind, part = name.rsplit(".", 2)
    names[name] = f"{_graph_layer(layer)}/{_PARTS[f'{kind}.{part}']}"
  return names


def _graph_layer(layer: str) -> str:
  if layer.startswith("Conv2d_"):
    return _counted("conv", _STEM.index(layer.removeprefix("Conv2d_")))
  block, _, branch = layer.removeprefix("Mixed_").partition(".")
  path = [_counted("mixed", _MIXED.index(block))]
  # A branch, then which of its convolutions it is, and which half of a pair.
  branch, number, half = re.fullmatch(
    r"(.+?)(?:_(\d)([ab]?))?", branch
  ).groups()
  if number or branch == "branch_pool":
    # The first branch of 6a is no tower, so its second is the first tower.
    path.append(_counted("tower", _TOWERS[branch] - (block == "6a")))
  if half:
    path += ["mixed", _counted("conv", "ab".index(half))]
  else:
    path.append(_counted("conv", int(number or 1) - 1))
  return "/".join(path)


def _counted(word: str, index: int) -> str:
  return f"{word}_{index}" if index else word


def read_graph(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads the network's constants from a TensorFlow GraphDef.

  Only names and float32 constants are looked at; nothing is executed.

  Args:
    path: of `classify_image_graph_def.pb`.

  Returns:
    Arrays by the torch port's names and in its layout; those that the graph
    lacks are left out.

  Raises:
    InputError: the file is missing, cut short, or no GraphDef.
  """
  try:
    whole = memoryview(pathlib.Path(path).read_bytes())
  except OSError as error:
    raise InputError(
      f"{path} cannot be read ({error.strerror}): give the path of {GRAPH}"
    ) from error
  wanted = {graph: name for name, graph in graph_names().items()}
  found = {}
  try:
    for field, node in fields(whole):
      if field != 1:  # GraphDef.node
        continue
      parts = dict(fields(node))  # Of repeated fields the last, none matters.
      name = wanted.get(bytes(parts.get(1, b"")).decode())
      if name and bytes(parts.get(2, b"")) == b"Const":
        array = _constant(node)
        if array.ndim == 4:  # height, width, in, out
          array = array.transpose(3, 2, 0, 1)
        found[name] = array.T if name == "fc.weight" else array
  except (ArithmeticError, LookupError, TypeError, ValueError) as error:
    raise InputError(
      f"{path} is not a whole TensorFlow graph ({error}): {_ADVICE}"
    ) from error
  return found


def _constant(node: memoryview) -> np.ndarray:
  """The float32 tensor of a Const node."""
  for field, entry in fields(node):
    pair = dict(fields(entry)) if field == 5 else {}  # NodeDef.attr, a map.
    if bytes(pair.get(1, b"")) != b"value":
      continue
    tensor = dict(fields(pair[2]))[8]  # AttrValue.tensor
    parts = dict(fields(tensor))
    if parts[1] != 1:  # TensorProto.dtype, DT_FLOAT
      raise ValueError("a constant that is not float32")
    shape = [
      dict(fields(dim)).get(1, 0)  # Dim.size
      for number, dim in fields(parts.get(2, memoryview(b"")))
      if number == 2  # TensorShapeProto.dim
    ]
    if 4 in parts:  # tensor_content
      values = np.frombuffer(parts[4], "<f4")
    else:  # float_val, in one piece or number by number
      pieces = [bytes(v) for number, v in fields(tensor) if number == 5]
      values = np.frombuffer(b"".join(pieces), "<f4")
    if values.size == 1:
      values = np.broadcast_to(values, int(np.prod(shape)))
    return values.reshape(shape)
  raise ValueError("a constant without a value")
