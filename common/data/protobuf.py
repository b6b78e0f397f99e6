"""The wire format of protocol buffers, without a schema."""

from collections.abc import Iterator
from typing import Any


def varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
  """Reads a number at `at`; returns it and where it ends.

  Raises:
    ValueError: it has no end.
  """
  value = shift = 0
  while at < len(data) and shift < 64:
    byte = data[at]
    at += 1
    value |= (byte & 0x7F) << shift
    if byte < 0x80:
      return value, at
    shift += 7
  raise ValueError("a number without an end")


def field(number: int, value: bytes | int) -> bytes:
  """A field as it stands in a message: of bytes, or a varint."""
  if isinstance(value, int):
    return _as_varint(number * 8) + _as_varint(value)
  return _as_varint(number * 8 + 2) + _as_varint(len(value)) + value


def _as_varint(value):
  found = bytearray()
  while value > 0x7F:
    found.append(value & 0x7F | 0x80)
    value >>= 7
  return bytes([*found, value])


def fields(message: memoryview) -> Iterator[tuple[int, Any]]:
  """Yields (number, value) of a message's fields, in their order.

  The value is an int for varints, bytes (a memoryview) for all else.

  Raises:
    ValueError: it is no message, or ends early.
  """
  at = 0
  while at < len(message):
    tag, at = varint(message, at)
    number, kind = divmod(tag, 8)
    if kind == 0:
      value, at = varint(message, at)
      yield number, value
      continue
    if kind not in (1, 2, 5):
      raise ValueError(f"a field of the unknown kind {kind}")
    size = 8 if kind == 1 else 4
    if kind == 2:
      size, at = varint(message, at)
    if at + size > len(message):
      raise ValueError("it ends early")
    yield number, message[at : at + size]
    at += size
