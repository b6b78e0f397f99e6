"""One way to open files that somebody else wrote: arrays, archives, images.

What their readers raise on malformed bytes is no fixed set: NumPy evaluates an
.npy header as Python text, a zip member may be encrypted, Pillow refuses
pictures that would fill the memory. `BROKEN` is all of it, for readers that
have a sentence of their own.
"""

import lzma
import os
import pathlib
import struct
import tokenize
import zipfile
import zlib
from typing import IO

import numpy as np
from PIL import Image

from common.errors import InputError

BROKEN = (
  OSError,
  EOFError,
  ArithmeticError,
  AttributeError,
  LookupError,
  MemoryError,  # A header that asks for more than there is.
  TypeError,
  ValueError,
  SyntaxError,  # An .npy header; a PNG's chunks.
  tokenize.TokenError,  # An .npy header whose brackets stay open.
  RuntimeError,  # An encrypted zip member; a newer zip version; recursion.
  struct.error,
  lzma.LZMAError,  # A damaged member of a zip archive that packs by it.
  zlib.error,
  zipfile.BadZipFile,
  Image.DecompressionBombError,
)


def refuse_pipe(path: str | os.PathLike) -> None:
  """Raises InputError of a pipe that has a name: opening it may never end.

  One of the shell, `<(command)`, has its writer already, and passes.
  """
  path = pathlib.Path(path)
  if path.is_fifo() and path.parts[:2] != ("/", "dev"):
    raise InputError(
      f"{path} is a named pipe, and may never have a writer: give a file, or, "
      "where - is taken, the text on standard input"
    )


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
  """Reads the header of an .npy stream: shape, Fortran order, dtype.

  Raises:
    ValueError: it is malformed, in whichever way.
  """
  try:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
      found = np.lib.format.read_array_header_1_0(file)
    else:  # 3.0 differs in the names of fields alone, which no array here has.
      found = np.lib.format.read_array_header_2_0(file)
  except BROKEN as error:
    raise ValueError(f"its header cannot be read: {error}") from error
  if any(n < 0 for n in found[0]):
    raise ValueError(f"its header says the shape {found[0]}")
  return found
