"""The reader of protocol buffers, and the writer that tests make files with."""

import hypothesis
import pytest
from hypothesis import strategies as st

from common.data import protobuf


def varint(number):
  """A number of seven bits a byte, the lowest first."""
  out = bytearray()
  while number > 127:
    out.append(number & 127 | 128)
    number >>= 7
  return bytes([*out, number])


def field(number, value):
  """One field of a message: a number, or bytes."""
  if isinstance(value, int):
    return varint(number << 3) + varint(value)
  return varint(number << 3 | 2) + varint(len(value)) + value


VALUES = st.integers(0, 2**64 - 1) | st.binary(max_size=300)


@hypothesis.example([(1, 2**64 - 1), (2**29 - 1, b"")])
@hypothesis.given(st.lists(st.tuples(st.integers(1, 2**29 - 1), VALUES)))
def test_what_is_written_is_read(written):
  message = b"".join(field(number, value) for number, value in written)
  found = [
    (number, value if isinstance(value, int) else bytes(value))
    for number, value in protobuf.fields(memoryview(message))
  ]
  assert found == written


def test_numbers_of_fixed_width():
  message = varint(1 << 3 | 1) + b"eight..." + varint(2 << 3 | 5) + b"four"
  found = [(n, bytes(v)) for n, v in protobuf.fields(memoryview(message))]
  assert found == [(1, b"eight..."), (2, b"four")]


@pytest.mark.parametrize(
  ("message", "match"),
  [
    (field(1, b"cut")[:-1], "ends early"),
    (varint(1 << 3 | 5) + b"two", "ends early"),
    (varint(1 << 3) + b"\x80", "without an end"),
    (varint(1 << 3) + b"\x80" * 11, "without an end"),
    (varint(1 << 3 | 3), "unknown kind 3"),
  ],
)
def test_no_message(message, match):
  with pytest.raises(ValueError, match=match):
    list(protobuf.fields(memoryview(message)))
