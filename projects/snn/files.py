"""Reads tables from text files and archives, and says where one is wrong."""

import csv
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from common.errors import InputError

Path = str | os.PathLike

MISSING = frozenset(("", "?", "na", "n/a", "nan", "null"))  # In lower case.
_FORMAT = 1  # Of the cache; another number makes another cache.
_BROKEN = (OSError, EOFError, tarfile.TarError, lzma.LZMAError, zlib.error)


def text(path: Path) -> str:
  """The text of a file in UTF-8, through gzip if its name ends in .gz.

  Raises:
    InputError: it cannot be read, or is empty.
  """
  path = pathlib.Path(path)
  try:
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    found = raw.decode("utf-8-sig")
  except (*_BROKEN, UnicodeDecodeError) as error:
    reason = getattr(error, "strerror", None) or error
    raise InputError(f"{path} cannot be read: {reason}") from error
  return filled(found, str(path))


def filled(found: str, where: str) -> str:
  """Returns the text, or raises InputError if there is none."""
  if not found.strip():
    raise InputError(f"{where} is empty: get the file again")
  return found


def number(cell: str) -> float | None:
  """The finite number that a cell holds, or None."""
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
) -> np.ndarray:
  """Parses a table of finite numbers only: float64 `[rows, columns]`.

  Args:
    found: the text.
    where: the file's name, for errors.
    delimiter: between cells.
    header: whether the first line has names.
    columns: their number; None takes that of the first line.

  Raises:
    InputError: a row of another length, a cell that is no number, no row.
  """
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # That there are no rows: an error below.
      array = np.loadtxt(
        io.StringIO(filled(found, where)),
        delimiter=delimiter,
        skiprows=int(header),
        comments=None,
        ndmin=2,
      )
    columns = columns or len(found.split("\n", 1)[0].split(delimiter))
    if (
      array.shape[0] and array.shape[1] == columns and np.isfinite(array).all()
    ):
      return array
  except (
    ValueError,
    UserWarning,
  ):  # The latter: no rows, where warnings raise.
    pass
  raise InputError(_wrong_cell(found, where, delimiter, header, columns))


def _wrong_cell(found, where, delimiter, header, columns) -> str:
  """Finds what is wrong with a table of numbers, slowly."""
  lines = [line.rstrip("\r") for line in found.split("\n")]
  names = lines[0].split(delimiter)
  columns = columns or len(names)
  for i, line in enumerate(lines[int(header) :], 1 + int(header)):
    if not line.strip():
      continue
    cells = line.split(delimiter)
    if len(cells) != columns:
      return f"{where}, line {i}: {len(cells)} cells, not {columns}"
    for j, cell in enumerate(cells):
      if number(cell) is None:
        name = f" ({names[j].strip()})" if header else ""
        return (
          f"{where}, line {i}, column {j + 1}{name}: {cell.strip()!r} is not a "
          "finite number; correct it, or get the file again"
        )
  return f"{where} has no rows: get the file again"


def labels(column: np.ndarray, where: str, first_line: int) -> np.ndarray:
  """Class ids, int32 `[rows]`, of a column of numbers.

  Raises:
    InputError: one is not a whole number from 0 on.
  """
  wrong = (column != np.floor(column)) | (column < 0) | (column >= 2**31)
  if wrong.any():
    at = int(np.argmax(wrong))
    raise InputError(
      f"{where}, line {first_line + at}, last column: class {column[at]:g} is "
      "not a whole number from 0 on; correct it, or get the file again"
    )
  return column.astype(np.int32)


def folds(
  found: str, where: str, rows: int
) -> list[tuple[np.ndarray, np.ndarray]]:
  """Parses lines of row numbers from 0, training and test rows in turn.

  Returns:
    Pairs (train, test), int64, ascending.

  Raises:
    InputError: a word that is no row number of a table of `rows` rows, a row
      twice in one pair, an empty or an odd line.
  """
  lines = filled(found, where).rstrip().split("\n")
  if len(lines) % 2:
    raise InputError(
      f"{where} has {len(lines)} lines: training and test rows come in turn"
    )
  parsed = []
  for i, line in enumerate(lines, 1):
    words = line.split()
    if not words:
      raise InputError(f"{where}, line {i}, names no row")
    for j, word in enumerate(words, 1):
      if not (word.isascii() and word.isdigit() and int(word) < rows):
        raise InputError(
          f"{where}, line {i}, word {j}: {word[:20]!r} is not a row of the "
          f"table, which are 0 to {rows - 1}; is it the file of another table?"
        )
    parsed.append(np.sort(np.array(words, np.int64)))
  pairs = list(zip(parsed[::2], parsed[1::2], strict=True))
  for i, (train, test) in enumerate(pairs):
    together, counts = np.unique(
      np.concatenate([train, test]), return_counts=True
    )
    if (counts > 1).any():
      row = together[np.argmax(counts > 1)]
      both = row in train and row in test
      raise InputError(
        f"{where}, lines {2 * i + 1} and {2 * i + 2}: row {row} is "
        + ("in training and test" if both else "there twice")
        + "; it may be in one of them, once"
      )
  return pairs


def cells(path: Path) -> tuple[list[str], list[int], list[list[str]]]:
  """Reads a comma-separated file with a header.

  Returns:
    The names, each row's line number (from 1), each row's cells, stripped.

  Raises:
    InputError: it cannot be read, is empty, or a row is longer or shorter.
  """
  reader = csv.reader(io.StringIO(text(path), newline=""), strict=True)
  header: list[str] = []
  lines, rows = [], []
  try:
    for row in reader:
      row = [cell.strip() for cell in row]
      if not any(row):
        continue
      if not header:
        header = row
        continue
      if len(row) != len(header):
        raise InputError(
          f"{path}, line {reader.line_num}: {len(row)} cells under a header "
          f"of {len(header)}"
        )
      lines.append(reader.line_num)
      rows.append(row)
  except csv.Error as error:
    raise InputError(f"{path}, line {reader.line_num}: {error}") from error
  twice = {name for name in header if header.count(name) > 1}
  if twice:
    raise InputError(
      f"{path}, line 1, names the column {min(twice)!r} more than once"
    )
  if not rows:
    raise InputError(f"{path} has a header but no rows")
  return header, lines, rows


def sources(data_dir: Path) -> list[pathlib.Path]:
  """What can hold UCI tasks: the folder itself, then its archives.

  Raises:
    InputError: `data_dir` does not exist.
  """
  path = pathlib.Path(data_dir).expanduser()
  if path.is_file():
    return [path]
  if not path.is_dir():
    raise InputError(f"{path} does not exist: config.data_dir is its folder")
  found = [*path.glob("*.tar"), *path.glob("*.tar.*"), *path.glob("*.tgz")]
  return [path, *sorted(p for p in found if p.is_file())]


def unpacked(folder: pathlib.Path) -> list[str]:
  """The tasks that lie unpacked in a folder."""
  return [p.name for p in folder.iterdir() if any(p.glob("*_R.dat"))]


def contents(
  source: pathlib.Path, name: str | None = None
) -> dict[str, dict[str, bytes]]:
  """The files of a folder's or archive's tasks, by task and file name.

  Args:
    source: one of `sources`.
    name: of the only task that is asked for; None is all.

  Raises:
    InputError: it cannot be read.
  """
  found: dict[str, dict[str, bytes]] = {}

  def add(parts: tuple[str, ...], read):
    if (
      len(parts) < 2
      or parts[-1].startswith(".")
      or name not in (None, parts[-2])
    ):
      return
    if parts[-1].endswith(("_R.dat", "conxuntos_kfold.dat")):
      found.setdefault(parts[-2], {})[parts[-1]] = read()

  try:
    if source.is_dir():
      for path in source.glob(f"{name or '*'}/*.dat"):
        add(path.parts, path.read_bytes)
    else:
      with tarfile.open(source) as tar:
        for member in tar:
          if member.isfile():
            parts = pathlib.PurePosixPath(member.name).parts
            add(parts, lambda: tar.extractfile(member).read())
  except _BROKEN as error:
    raise InputError(
      f"{source} cannot be read ({error}): get the file again"
    ) from error
  return {
    task: files
    for task, files in found.items()
    if any(file.endswith("_R.dat") for file in files)
  }


def digest(source: pathlib.Path, name: str) -> str:
  """Changes when the archive, or the task's files in a folder, change."""
  paths = sorted(source.glob(f"{name}/*.dat")) if source.is_dir() else [source]
  facts = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
  return hashlib.sha256(json.dumps([_FORMAT, facts]).encode()).hexdigest()[:12]


def save(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes an .npz at once: whole, or not at all.

  Raises:
    InputError: it cannot be written.
  """
  part = path.with_name(f".{path.name}.{os.getpid()}")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as file:
      np.savez(file, allow_pickle=False, **arrays)
    os.replace(part, path)
  except OSError as error:
    raise InputError(
      f"{path} cannot be written ({error.strerror}): give another cache_dir"
    ) from error
  finally:
    part.unlink(missing_ok=True)


def load(path: pathlib.Path) -> dict[str, np.ndarray] | None:
  """What `save` wrote; None if it is not there, or damaged."""
  try:
    # Opened here, since NumPy leaves a damaged file open.
    with path.open("rb") as file, np.load(file) as kept:
      return {name: kept[name] for name in kept}
  except (*_BROKEN, KeyError, ValueError, zipfile.BadZipFile):
    return None
