"""Reads the tensors of torch files, without torch and without running a pickle.

A torch file is a pickle and raw numbers, in a zip archive or, before torch 1.6,
one after the other. A pickle is a program, and to load one is to run whatever
its author wished. Here its opcodes are read by an interpreter that knows
containers, strings, numbers and tensors; all else that a pickle may ask for, it
refuses.
"""

import io
import math
import os
import pathlib
import pickletools
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from common.data import foreign
from common.errors import InputError

_DTYPES = {
  "DoubleStorage": np.float64,
  "FloatStorage": np.float32,
  "HalfStorage": np.float16,
  "LongStorage": np.int64,
  "IntStorage": np.int32,
  "ShortStorage": np.int16,
  "CharStorage": np.int8,
  "ByteStorage": np.uint8,
  "BoolStorage": np.bool_,
}
_MAGIC = 0x1950A86A20F9469CFC6C  # Opens a file of the time before zip archives.


class _Refused(Exception):
  """A pickle asks for something that no file of weights needs."""


class _Name(NamedTuple):
  """A global name that occurs in a pickle; only ever compared."""

  module: str
  name: str


class _Storage(NamedTuple):
  key: str
  dtype: np.dtype
  size: int


class _Tensor(NamedTuple):
  storage: _Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


class _Mark:
  """Where a pickle begins to collect items."""


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Returns the tensors of a torch file by their names.

  Args:
    path: of a .pt or .pth file, as `torch.save` wrote it.

  Returns:
    Contiguous arrays of the file's dtypes. Keys of dictionaries inside each
    other, and positions (from 0) in lists and tuples, are joined by dots: a
    state dict's names come out as they are. What is no tensor is left out.

  Raises:
    InputError: the file is missing, truncated, no torch file, or holds anything
      that is not a container, a string, a number or a dense CPU tensor.
  """
  path = pathlib.Path(path)
  try:
    with path.open("rb") as file:
      whole = file.read()
  except OSError as error:
    raise InputError(
      f"{path} cannot be read ({error.strerror}): give the path of a torch file"
    ) from error
  try:
    zipped = whole.startswith(b"PK")  # Also where its directory is cut off.
    return (_read_zip if zipped else _read_old)(whole)
  except _Refused as error:
    raise InputError(
      f"{path} holds {error}, which is not read, and nothing of it was run: "
      "save a plain state dict of the tensors"
    ) from error
  except foreign.BROKEN as error:
    raise InputError(
      f"{path} is not a whole torch file ({error or type(error).__name__}): "
      "get it again"
    ) from error


def _read_zip(whole: bytes) -> dict[str, np.ndarray]:
  with zipfile.ZipFile(io.BytesIO(whole)) as archive:
    pickles = [
      name
      for name in archive.namelist()
      if name == "data.pkl" or name.endswith("/data.pkl")
    ]
    if len(pickles) != 1:
      raise ValueError("a zip archive without one data.pkl")
    folder = pickles[0].removesuffix("data.pkl")
    order = "little"
    if f"{folder}byteorder" in archive.namelist():
      order = archive.read(f"{folder}byteorder").decode()
    tree = _interpret(io.BytesIO(archive.read(pickles[0])))

    def load(storage: _Storage) -> np.ndarray:
      name = f"{folder}data/{storage.key}"
      # Before it is unpacked, so that a false size cannot fill the memory.
      if archive.getinfo(name).file_size != storage.size * _bytes(storage):
        raise ValueError(f"{name} is not of the size that its tensors need")
      return _numbers(archive.read(name), storage, order)

    return _tensors(tree, load)


def _read_old(whole: bytes) -> dict[str, np.ndarray]:
  file = io.BytesIO(whole)
  if _interpret(file) != _MAGIC:
    raise ValueError("it does not begin as one")
  if _interpret(file) != 1001:
    raise ValueError("a version of the format that is not known")
  order = "little" if _interpret(file)["little_endian"] else "big"
  tree = _interpret(file)
  keys = _interpret(file)
  starts = {}
  for key in keys:
    size = int.from_bytes(file.read(8), order)
    starts[key] = (file.tell(), size)
    # How wide a number is, only the tensors say; all use one storage alike.
    file.seek(size * _bytes(_find(tree, key)), os.SEEK_CUR)

  def load(storage: _Storage) -> np.ndarray:
    start, size = starts[storage.key]
    raw = whole[start : start + size * _bytes(storage)]
    return _numbers(raw, storage, order)

  return _tensors(tree, load)


def _find(tree: Any, key: str) -> _Storage:
  for _, tensor in _leaves(tree, ""):
    if tensor.storage.key == key:
      return tensor.storage
  raise ValueError(f"no tensor uses the numbers {key!r}")


def _bytes(storage: _Storage) -> int:
  return storage.dtype.itemsize


def _numbers(raw: bytes, storage: _Storage, order: str) -> np.ndarray:
  array = np.frombuffer(raw, storage.dtype)
  if len(array) != storage.size:
    raise ValueError(f"numbers {storage.key!r} end early")
  return array if order == sys.byteorder else array.byteswap()


def _tensors(
  tree: Any, load: Callable[[_Storage], np.ndarray]
) -> dict[str, np.ndarray]:
  loaded: dict[str, np.ndarray] = {}
  found = {}
  for name, (storage, offset, shape, strides) in _leaves(tree, ""):
    if storage.key not in loaded:
      loaded[storage.key] = load(storage)
    count = math.prod(shape)
    reach = sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if (
      min((offset, *shape, *strides)) < 0
      or count > storage.size
      or (count and offset + reach >= storage.size)
    ):
      raise ValueError(f"{name!r} reaches beyond its numbers")
    array = loaded[storage.key][offset:]
    view = np.lib.stride_tricks.as_strided(
      array, shape, [s * array.itemsize for s in strides], writeable=False
    )
    if name in found:
      raise ValueError(f"two tensors are called {name!r}")
    found[name] = view.copy()
  return found


def _leaves(tree: Any, name: str) -> Iterator[tuple[str, _Tensor]]:
  if isinstance(tree, _Tensor):
    yield name, tree
    return
  items = ()
  if isinstance(tree, dict):
    items = tree.items()
  elif isinstance(tree, list) or type(tree) is tuple:
    items = enumerate(tree)
  for key, value in items:
    yield from _leaves(value, f"{name}.{key}" if name else str(key))


def _storage(persistent: Any) -> _Storage:
  """The storage that a persistent id names: ("storage", type, key, ...)."""
  if persistent[0] != "storage":
    raise _Refused(f"a persistent id of the kind {persistent[0]!r}")
  _, cls, key, _, size, *view = persistent
  if any(v is not None for v in view):
    raise _Refused("numbers that are a part of others")
  if cls.module != "torch" or cls.name not in _DTYPES:
    raise _Refused(f"numbers of the type {cls.module}.{cls.name}")
  if type(size) is not int or size < 0:
    raise ValueError("a storage's size is no number")
  return _Storage(str(key), np.dtype(_DTYPES[cls.name]), size)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any):
  del rest  # requires_grad and hooks, which do not concern the numbers.
  tensor = _Tensor(storage, offset, tuple(shape), tuple(strides))
  numbers = (offset, *tensor.shape, *tensor.strides)
  if type(storage) is not _Storage or any(type(n) is not int for n in numbers):
    raise ValueError("a tensor's shape is not made of numbers")
  return tensor


def _parameter(data: Any, *rest: Any):
  del rest
  return data


def _dictionary(items: Any = ()):
  return dict(items)


# What a pickle may call: names for functions of this file, and for no others.
_CALLS = {
  _Name("collections", "OrderedDict"): _dictionary,
  _Name("torch._utils", "_rebuild_tensor"): _tensor,
  _Name("torch._utils", "_rebuild_tensor_v2"): _tensor,
  _Name("torch._utils", "_rebuild_parameter"): _parameter,
  _Name("torch", "Size"): tuple,
}
_LITERALS = {
  "EMPTY_LIST": list,
  "EMPTY_DICT": dict,
  "EMPTY_TUPLE": tuple,
  "NONE": lambda: None,
  "NEWTRUE": lambda: True,
  "NEWFALSE": lambda: False,
  "MARK": _Mark,
}
_CONSTANTS = frozenset(
  "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT UNICODE "
  "BINUNICODE SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING "
  "SHORT_BINSTRING".split()
)


def _interpret(file: BinaryIO) -> Any:
  """What one pickle describes, leaving `file` behind its end."""
  stack: list[Any] = []
  memo: dict[int, Any] = {}

  def collected() -> list[Any]:
    items = []
    while not isinstance(item := stack.pop(), _Mark):
      items.append(item)
    return items[::-1]

  for opcode, argument, _ in pickletools.genops(file):
    op = opcode.name
    if op in _LITERALS:
      stack.append(_LITERALS[op]())
    elif op in _CONSTANTS:
      stack.append(argument)
    elif op in ("PROTO", "FRAME"):
      pass
    elif op in ("PUT", "BINPUT", "LONG_BINPUT"):
      memo[int(argument)] = stack[-1]
    elif op == "MEMOIZE":
      memo[len(memo)] = stack[-1]
    elif op in ("GET", "BINGET", "LONG_BINGET"):
      stack.append(memo[int(argument)])
    elif op in ("TUPLE1", "TUPLE2", "TUPLE3"):
      items = [stack.pop() for _ in range(int(op[-1]))]
      stack.append(tuple(items[::-1]))
    elif op == "TUPLE":
      stack.append(tuple(collected()))
    elif op == "LIST":
      stack.append(collected())
    elif op == "DICT":
      items = collected()
      stack.append(dict(zip(items[::2], items[1::2], strict=True)))
    elif op == "APPEND":
      item = stack.pop()
      stack[-1].append(item)
    elif op == "APPENDS":
      items = collected()
      stack[-1].extend(items)
    elif op == "SETITEM":
      value, key = stack.pop(), stack.pop()
      stack[-1][key] = value
    elif op == "SETITEMS":
      items = collected()
      stack[-1].update(zip(items[::2], items[1::2], strict=True))
    elif op == "GLOBAL":
      stack.append(_Name(*argument.split(" ", 1)))
    elif op == "STACK_GLOBAL":
      name, module = stack.pop(), stack.pop()
      stack.append(_Name(module, name))
    elif op == "REDUCE":
      arguments, name = stack.pop(), stack.pop()
      if not isinstance(name, _Name) or name not in _CALLS:
        called = ".".join(name) if isinstance(name, _Name) else "a value"
        raise _Refused(f"a call of {called}")
      stack.append(_CALLS[name](*arguments))
    elif op == "BUILD":
      # A state dict's _metadata: attributes, which no number depends on.
      stack.pop()
      if not isinstance(stack[-1], dict):
        raise _Refused("an object with attributes")
    elif op == "BINPERSID":
      stack.append(_storage(stack.pop()))
    elif op == "STOP":
      return stack.pop()
    else:
      raise _Refused(f"the pickle opcode {op}")
  raise EOFError("the pickle ends early")
