"""TFRecord files and the tf.train.Examples in them, without TensorFlow.

A file is records of (length, CRC of the length, bytes, CRC of the bytes), here
compressed by gzip as a whole. An Example is the protocol buffer
Example{1: Features{1: map of name -> Feature}}, and a Feature one list: of
bytes (1), float32 (2) or int64 (3).
"""

import functools
import gzip
import pathlib
import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from common.errors import InputError

_LANES = 2048  # parts of a record whose CRCs are computed together
_MOST = 2**30  # bytes of a record: beyond, the length must be wrong


def _table() -> np.ndarray:
  """CRC-32C (Castagnoli, reflected) of every byte, uint32 [256]."""
  values = np.arange(256, dtype=np.uint32)
  for _ in range(8):
    values = (values >> 1) ^ np.where(values & 1, np.uint32(0x82F63B78), 0)
  return values


_TABLE = _table()
_BITS = np.uint32(1) << np.arange(32, dtype=np.uint32)


def _apply(columns: np.ndarray, states: np.ndarray) -> np.ndarray:
  """A linear map over bits, given by what it makes of each, for many states."""
  chosen = np.where(states[:, None] & _BITS, columns, np.uint32(0))
  return np.bitwise_xor.reduce(chosen, axis=1)


@functools.cache
def _maps(length: int) -> list[np.ndarray]:
  """The maps of `length` zero bytes, of 2 `length`, and so on up to all."""
  zero = _TABLE[_BITS & 255] ^ (_BITS >> 8)  # Of one zero byte.
  columns = _BITS
  for digit in f"{length:b}":
    columns = _apply(columns, columns)
    columns = _apply(zero, columns) if digit == "1" else columns
  maps = [columns]
  while len(maps) < _LANES.bit_length() - 1:
    maps.append(_apply(maps[-1], maps[-1]))
  return maps


def crc32c(data: bytes) -> int:
  """CRC-32C of `data`.

  A CRC is linear: lanes of equal length are done side by side, and two of them
  joined by the map that the second one's bytes, if zero, would be.
  """
  if len(data) < 64:
    crc = 0xFFFFFFFF
    for byte in data:
      crc = int(_TABLE[(crc ^ byte) & 255]) ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF
  length = -(-len(data) // _LANES)
  padded = np.zeros(length * _LANES, np.uint8)  # Zeros in front change nothing.
  start = len(padded) - len(data)
  padded[start:] = np.frombuffer(data, np.uint8)
  padded[start : start + 4] ^= 255  # The register begins as all ones.
  states = np.zeros(_LANES, np.uint32)
  for column in padded.reshape(_LANES, length).T:
    states = _TABLE[(states ^ column) & 255] ^ (states >> 8)
  for columns in _maps(length):
    states = _apply(columns, states[::2]) ^ states[1::2]
  return int(states[0]) ^ 0xFFFFFFFF


def masked(crc: int) -> int:
  """TensorFlow stores a CRC turned by 15 bits, plus a constant."""
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read(path: pathlib.Path) -> Iterator[bytes]:
  """Yields the records of a gzipped TFRecord file.

  Raises:
    InputError: the file is missing, no TFRecord file, truncated or damaged.
  """
  count = 0
  try:
    with gzip.open(path) as file:
      while head := file.read(12):
        length, crc = struct.unpack("<QI", head)
        if crc != masked(crc32c(head[:8])) or length > _MOST:
          raise InputError(
            f"{path} is damaged at record {count}, or is no TFRecord file"
          )
        data, tail = file.read(length), file.read(4)
        if len(data) < length or len(tail) < 4:
          raise EOFError
        if struct.unpack("<I", tail)[0] != masked(crc32c(data)):
          raise InputError(
            f"record {count} of {path} is damaged (its CRC differs): get the "
            "file again"
          )
        yield data
        count += 1
  except FileNotFoundError as error:
    raise InputError(f"there is no file {path}") from error
  except (EOFError, struct.error) as error:
    raise InputError(
      f"{path} is truncated after {count} records: get the file again"
    ) from error
  except (OSError, zlib.error) as error:
    raise InputError(
      f"{path} cannot be read as gzip, which published files are ({error})"
    ) from error


def _varint(data: memoryview, at: int) -> tuple[int, int]:
  value = shift = 0
  while True:
    byte = data[at]
    value |= (byte & 127) << shift
    at, shift = at + 1, shift + 7
    if byte < 128:
      return value, at


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
  """Yields (number, content) of a message's fields."""
  at = 0
  while at < len(data):
    tag, at = _varint(data, at)
    kind = tag & 7
    if kind == 0:
      value, at = _varint(data, at)
    else:
      size = {1: 8, 5: 4}.get(kind, 0)
      if kind == 2:
        size, at = _varint(data, at)
      value, at = data[at : at + size], at + size
      if kind not in (1, 2, 5) or at > len(data):
        raise ValueError("no protocol buffer")
    yield tag >> 3, value


def example(record: bytes) -> dict[str, np.ndarray]:
  """Returns the features of a serialised tf.train.Example, flat.

  Lists of bytes come as uint8, joined: published images are lists of single
  bytes, or one string, and both become the same.

  Raises:
    ValueError: the record is no Example.
  """
  found = {}
  try:
    for _, features in _fields(memoryview(record)):
      for _, entry in _fields(features):
        pair = dict(_fields(entry))
        ((kind, values),) = _fields(pair[2])
        found[bytes(pair[1]).decode()] = _list(kind, values)
  except (IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
    raise ValueError("the record is no tf.train.Example") from error
  return found


def _list(kind: int, data: memoryview) -> np.ndarray:
  if kind == 1:
    flat = np.frombuffer(data, np.uint8)
    if len(flat) % 3 == 0:  # Tag, length 1 and one byte, again and again.
      triples = flat.reshape(-1, 3)
      if (triples[:, 0] == 10).all() and (triples[:, 1] == 1).all():
        return triples[:, 2]
    return np.frombuffer(b"".join(v for _, v in _fields(data)), np.uint8)
  if kind == 2:  # Packed or one by one.
    return np.frombuffer(b"".join(v for _, v in _fields(data)), "<f4")
  integers = []
  for _, value in _fields(data):
    at = 0
    if isinstance(value, int):
      integers.append(value)
      continue
    while at < len(value):
      integer, at = _varint(value, at)
      integers.append(integer)
  return np.array(integers, np.uint64).astype(np.int64)


def checked(
  features: Mapping[str, np.ndarray],
  sizes: Mapping[str, int],
  where: str,
) -> None:
  """Raises InputError unless `features` has what `sizes` asks, so long."""
  for name, size in sizes.items():
    if name not in features:
      raise InputError(
        f"{where} has no feature {name!r}, but {', '.join(sorted(features))}: "
        "it is of another data set"
      )
    if len(features[name]) != size:
      raise InputError(
        f"{where} has {len(features[name])} values of {name!r}, not {size}: it "
        "is of another data set"
      )
