"""TFRecord files and the tf.train.Examples in them, without TensorFlow.

A file is records of (length, CRC of the length, bytes, CRC of the bytes), some
compressed by gzip as a whole. An Example is the protocol buffer
Example{1: Features{1: map of name -> Feature}}, and a Feature one list: of
bytes (1), float32 (2) or int64 (3).
"""

import gzip
import struct
import zlib
from collections.abc import Iterator, Mapping

import google_crc32c
import numpy as np

from common.data import protobuf, sources
from common.errors import InputError

_MOST = 2**30  # bytes of a record: beyond, the length must be wrong


def masked_crc(data: bytes) -> int:
  """CRC-32C as TensorFlow stores it: turned by 15 bits, plus a constant."""
  crc = google_crc32c.value(data)
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
  """A record as it stands in a file."""
  head = struct.pack("<Q", len(data))
  crc = lambda part: struct.pack("<I", masked_crc(part))
  return head + crc(head) + data + crc(data)


def read(path: sources.File, gzipped: bool = True) -> Iterator[bytes]:
  """Yields the records of a TFRecord file, gzipped or plain.

  Raises:
    InputError: the file is missing, no TFRecord file, truncated or damaged.
  """
  count = 0
  try:
    with path.open("rb") as raw, gzip.open(raw) if gzipped else raw as file:
      while head := file.read(12):
        length, crc = struct.unpack("<QI", head)
        if crc != masked_crc(head[:8]) or length > _MOST:
          raise InputError(
            f"{path} is damaged at record {count}, or is no TFRecord file"
          )
        data, tail = file.read(length), file.read(4)
        if len(data) < length or len(tail) < 4:
          raise EOFError
        if struct.unpack("<I", tail)[0] != masked_crc(data):
          raise InputError(
            f"record {count} of {path} is damaged (its CRC differs): get the "
            "file again"
          )
        yield data
        count += 1
  except FileNotFoundError as error:
    raise InputError(f"there is no file {path}") from error
  except (EOFError, struct.error) as error:
    other = "" if count else ", or no file of TFRecords"
    raise InputError(
      f"{path} is truncated after {count} records{other}: get the file again"
    ) from error
  except (OSError, zlib.error) as error:
    raise InputError(
      f"{path} cannot be read as gzip, which published files are ({error})"
    ) from error


def example(record: bytes) -> dict[str, np.ndarray]:
  """Returns the features of a serialised tf.train.Example, flat.

  Lists of bytes come as uint8, joined: published images are lists of single
  bytes, or one string, and both become the same.

  Raises:
    ValueError: the record is no Example.
  """
  found = {}
  try:
    for _, features in protobuf.fields(memoryview(record)):
      for name, feature in entries(features):
        ((kind, values),) = protobuf.fields(feature)
        found[name] = _list(kind, values)
  except (IndexError, KeyError, TypeError, ValueError) as error:
    raise ValueError("the record is no tf.train.Example") from error
  return found


def entries(message: memoryview) -> Iterator[tuple[str, memoryview]]:
  """Yields name and value of a message that is a map from strings."""
  for _, entry in protobuf.fields(message):
    pair = dict(protobuf.fields(entry))
    yield bytes(pair[1]).decode(), pair[2]


def _list(kind: int, data: memoryview) -> np.ndarray:
  if kind == 1:
    flat = np.frombuffer(data, np.uint8)
    if len(flat) % 3 == 0:  # Tag, length 1 and one byte, again and again.
      triples = flat.reshape(-1, 3)
      if (triples[:, 0] == 10).all() and (triples[:, 1] == 1).all():
        return triples[:, 2]
    return np.frombuffer(
      b"".join(v for _, v in protobuf.fields(data)), np.uint8
    )
  if kind == 2:  # Packed or one by one.
    return np.frombuffer(b"".join(v for _, v in protobuf.fields(data)), "<f4")
  integers = []
  for _, value in protobuf.fields(data):
    at = 0
    if isinstance(value, int):
      integers.append(value)
      continue
    while at < len(value):
      integer, at = protobuf.varint(value, at)
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
