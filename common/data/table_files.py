"""Tables in text files: CSV, TSV and numbers alone; says where one is wrong."""

import bz2
import codecs
import csv
import errno
import gzip
import io
import lzma
import os
import pathlib
import sys
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np

from common.errors import InputError, nearest

from . import foreign

Path = str | os.PathLike

MISSING = frozenset(("", "?", "na", "n/a", "nan", "null"))  # In lower case.
_OPEN = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
PACKED = tuple(_OPEN)
_SEPARATORS = {";": "semicolon", "\t": "tab", ",": "comma", " ": "space"}


def uncompressed(path: Path) -> pathlib.Path:
  """The path without a last .gz, .xz or .bz2, in capitals or not."""
  path = pathlib.Path(path)
  return path.with_suffix("") if path.suffix.lower() in _OPEN else path


def text(path: Path) -> str:
  """The text of a file, with "\\n" behind each line, whatever was there.

  It is UTF-8, or UTF-16 with or without its mark; unpacked if the name ends in
  .gz, .xz or .bz2; "-" is standard input; "a.zip/b.csv" is a member of an
  archive. A pipe of the shell, `<(command)`, is read once; a pipe that has a
  name, and may have no writer, is refused.

  Raises:
    InputError: it cannot be read, or is no text.
  """
  path = pathlib.Path(path).expanduser()
  try:
    return _plain(_bytes(path), path)
  except InputError:  # Which is a ValueError, as what is broken may raise.
    raise
  except UnicodeDecodeError as error:
    raise InputError(
      f"{path} cannot be read: it is no text in UTF-8 or UTF-16 ({error}); "
      "save it as UTF-8"
    ) from error
  except foreign.BROKEN as error:
    reason = getattr(error, "strerror", None) or error
    raise InputError(
      f"{path} cannot be read ({reason}): check the path, or get it again"
    ) from error


def _bytes(path: pathlib.Path) -> bytes:
  if str(path) == "-":
    return sys.stdin.buffer.read()
  foreign.refuse_pipe(path)
  unpack = _OPEN.get(path.suffix.lower(), open)
  for folder in path.parents:
    if folder.suffix.lower() == ".zip" and folder.is_file():
      member = path.relative_to(folder).as_posix()
      with zipfile.ZipFile(folder) as archive:
        if member not in archive.namelist():
          raise FileNotFoundError(errno.ENOENT, f"no such member of {folder}")
        packed = io.BytesIO(archive.read(member))
      return packed.read() if unpack is open else unpack(packed, "rb").read()
  with unpack(path, "rb") as file:
    return file.read()


def _plain(raw: bytes, path: pathlib.Path) -> str:
  """Decodes, and makes every line's end a newline."""
  encoding = "utf-8-sig"
  if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
    encoding = "utf-16"
  else:  # Without a mark: of ASCII, every second byte of UTF-16 is NUL.
    even, odd = raw[::2].count(0), raw[1::2].count(0)
    if 4 * max(even, odd) > len(raw) and not min(even, odd):
      encoding = "utf-16-le" if odd else "utf-16-be"
  found = raw.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
  if "\0" in found:
    line = found.count("\n", 0, found.index("\0")) + 1
    raise InputError(
      f"{path}, line {line}: there is a NUL character, and no text has any: it "
      "is damaged, or of another kind; get it again"
    )
  return found


def filled(found: str, where: str) -> str:
  """Returns the text, or raises InputError if there is none."""
  if not found.strip():
    raise InputError(f"{where} is empty: get the file again")
  return found


def number(cell: str) -> float | None:
  """The finite number that a cell holds, or None.

  Of what Python reads as numbers, 1_000 and digits of other scripts are none.
  """
  if "_" in cell or not cell.isascii():
    return None
  try:
    value = float(cell)
  except ValueError:
    return None
  return value if np.isfinite(value) else None


def numbers(
  found: str,
  where: str,
  delimiter: str,
  header: bool,
  columns: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
  """Parses a table of finite numbers only.

  Lines that are blank, or have delimiters alone, are no rows.

  Args:
    found: the text.
    where: the file's name, for errors.
    delimiter: between cells.
    header: whether the first row has names.
    columns: their number; None takes that of the first row.

  Returns:
    Each row's line, from 1, and float64 `[rows, columns]`.

  Raises:
    InputError: a row of another length, a cell that is no number, no row.
  """
  kept = [
    (i, line)
    for i, line in enumerate(_lines(filled(found, where)), 1)
    if line.replace(delimiter, "").strip()
  ]
  columns = columns or len(kept[0][1].split(delimiter)) if kept else 0
  body = kept[int(header) :]
  if not body:
    raise InputError(f"{where} has no rows: get the file again")
  try:
    array = np.loadtxt(
      [line for _, line in body], delimiter=delimiter, comments=None, ndmin=2
    )
    if array.shape[1] == columns and np.isfinite(array).all():
      return np.array([line for line, _ in body]), array
  except ValueError:
    pass
  names = kept[0][1].split(delimiter) if header else []
  raise InputError(_wrong_cell(body, where, delimiter, names, columns))


def _lines(found: str) -> list[str]:
  """The lines of a text, with whatever sign they end, as an editor counts."""
  return [line.rstrip("\n") for line in io.StringIO(found, newline=None)]


def _wrong_cell(body, where, delimiter, names, columns) -> str:
  """Finds what is wrong with a table of numbers, slowly."""
  for i, line in body:
    cells = line.split(delimiter)
    if len(cells) != columns:
      return f"{where}, line {i}: {len(cells)} cells, not {columns}"
    for j, cell in enumerate(cells):
      if number(cell) is None:
        name = f" ({names[j].strip()})" if j < len(names) else ""
        return (
          f"{where}, line {i}, column {j + 1}{name}: {cell.strip()!r} is not a "
          "finite number; correct it, or get the file again"
        )
  return f"{where} is no table of numbers: get the file again"


def rows(
  found: str, where: Path, delimiter: str = ",", strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
  """Yields (line number from 1, stripped cells) of a CSV or TSV text.

  Lines that are blank, or have delimiters alone, as programs write below a
  table, are left out, and counted; a row of several lines has the first's
  number.

  Args:
    found: the text.
    where: the file's name, for errors.
    delimiter: between cells.
    strict: whether quotes that no program writes are errors. Those that make
      one row of several lines always are: all rows behind a quote that is not
      closed would be one cell.

  Raises:
    InputError: wrong quotes, with the line on which their row begins.
  """
  lines = list(io.StringIO(found, newline=None))
  read = lambda lines, strict: csv.reader(
    lines, delimiter=delimiter, strict=strict
  )
  reader, first = read(lines, strict), 1
  try:
    for row in reader:
      if reader.line_num > first:
        list(read(lines[first - 1 : reader.line_num], True))
      line, first = first, reader.line_num + 1
      row = [cell.strip() for cell in row]
      if any(row):
        yield line, row
  except csv.Error as error:
    raise InputError(
      f"{where}, line {first}: a quote is not closed, or not followed by the "
      f"next cell ({error}); correct it, or write it twice"
    ) from error


def check_separator(
  where: Path,
  line: int,
  row: Sequence[str],
  delimiter: str = ",",
  option: str = "",
) -> None:
  """Raises InputError if a row is one cell, since something else separates.

  Args:
    where: the file's name.
    line: of the row.
    row: its cells.
    delimiter: what was to separate them.
    option: of the command, by which a user can say what separates.
  """
  if len(row) != 1:
    return
  mend = "save it so, or by the name of its kind: .csv has commas, .tsv tabs"
  for sign, name in _SEPARATORS.items():
    if sign in row[0] and sign not in (" ", delimiter):
      if option:
        mend = f"say {option}={name if sign.isspace() else repr(sign)}"
      raise InputError(
        f"{where}, line {line}: a {name} separates its cells, and a "
        f"{_SEPARATORS.get(delimiter, repr(delimiter))} should; {mend}"
      )


def column_index(where: Path, names: Sequence[str], name: str) -> int:
  """Where `name` is among a table's columns; InputError if it is not."""
  if name not in names:
    close = nearest(name, names)
    raise InputError(
      f"{where} has no column {name!r}"
      + (f"; did you mean {close!r}?" if close else f": {', '.join(names)}")
    )
  return names.index(name)


def table(
  path: Path, delimiter: str = ",", named: bool = True, option: str = ""
) -> tuple[list[str], list[int], list[list[str]]]:
  """Reads a file of rows under a header.

  Args:
    path: the file.
    delimiter: between cells.
    named: whether the first row is a header; if not, the columns are called
      "1", "2", and so on.
    option: see `check_separator`.

  Returns:
    The names, each row's line number (from 1), each row's cells, stripped.

  Raises:
    InputError: it cannot be read, is empty, or a row is longer or shorter.
  """
  header: list[str] = []
  lines, kept = [], []
  found = filled(text(path), str(path))
  for line, row in rows(found, path, delimiter, strict=True):
    if not header:
      check_separator(path, line, row, delimiter, option)
      header = row if named else [str(i + 1) for i in range(len(row))]
      twice = {name for name in header if header.count(name) > 1}
      if twice:
        raise InputError(
          f"{path}, line {line}, names the column {min(twice)!r} more than once"
        )
      if named:
        continue
    if len(row) != len(header):
      raise InputError(
        f"{path}, line {line}: {len(row)} cells under a header of {len(header)}"
      )
    lines.append(line)
    kept.append(row)
  if not kept:
    raise InputError(f"{path} has {'a header but ' * bool(header)}no rows")
  return header, lines, kept
