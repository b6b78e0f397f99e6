"""One way to open files that somebody else wrote: arrays, archives, images.

What their readers raise on malformed bytes is no fixed set: NumPy evaluates an
.npy header as Python text, a zip member may be encrypted, Pillow refuses
pictures that would fill the memory. `BROKEN` is all of it, for readers that
have a sentence of their own.
"""

import lzma
import struct
import tokenize
import zipfile
import zlib
from typing import IO

import numpy as np
from PIL import Image

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
