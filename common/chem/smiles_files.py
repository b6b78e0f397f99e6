"""Molecules of a file or a list, with their line numbers, as SMILES."""

import glob
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from common.data import folders, sources, table_files
from common.errors import InputError

from . import canonical, lists

Path = str | os.PathLike

_SHOWN = 10  # Lines that a warning names.
_TABLES = {".csv": ",", ".tsv": "\t"}
_LISTS = (".smi", ".smiles", ".txt", "")


class Molecules(NamedTuple):
  """What is left of a file or a list.

  Attributes:
    smiles: `[n]`, in the order in which they came.
    invalid: those that RDKit rejects, left out: (line, text).
    empty: lines without a SMILES in a table, left out.
    fragments: how many of those that are left have more than one (salts,
      mixtures).
    named: how many entries go on behind their first word, which alone is read.
    column: the name of the table's column that was read.
    joined: how many rows of a table have a cell of several lines, which may be
      a quote where none was meant.
  """

  smiles: list[str]
  invalid: list[tuple[int, str]]
  empty: list[int]
  fragments: int
  named: int = 0
  column: str | None = None
  joined: int = 0

  def notes(self) -> dict[str, int]:
    """The counts, by what they are called beside a score."""
    where = (
      {}
      if self.column is None
      else {f"read from the column {self.column!r}": len(self.smiles)}
    )
    return where | {
      "invalid SMILES left out": len(self.invalid),
      "empty cells left out": len(self.empty),
      "of several fragments": self.fragments,
      "followed by a name": self.named,
      "rows of several lines": self.joined,
    }


def load(
  source: Path | Iterable[str],
  column: str | None = None,
  canonicalise: bool = True,
  strict: bool = False,
  processes: int = 1,
  progress: Callable[[int], object] = lambda done: None,
) -> Molecules:
  """Molecules of a file, or of a list, in the form that is to be scored.

  Args:
    source: path of a file for `read`, or SMILES, whose lines count from 1: a
      list, a generator, an array or a column of pandas, in which None and NaN
      are empty lines.
    column: of a table; see `read`.
    canonicalise: False takes the SMILES as they are written, without asking
      RDKit whether they are any.
    strict: makes the first SMILES that is invalid or empty, or of several
      fragments, an error.
    processes: see `canonical.canonicalise`.
    progress: called with the number of molecules, as they are done.

  Raises:
    InputError: `read`'s, or `strict`'s, or what is listed is no text.
  """
  if isinstance(source, str | os.PathLike):
    name = os.fspath(source)
    lines, entries, _, column, joined = _entries(pathlib.Path(source), column)
  else:
    name, entries, column = "the list", lists.texts(source), None
    joined = 0
    lines = list(range(1, len(entries) + 1))
  found = [_first_word(entry) for entry in entries]
  named = sum(
    len(entry.strip()) > len(text)
    for entry, text in zip(entries, found, strict=True)
  )
  empty = [line for line, text in zip(lines, found, strict=True) if not text]
  pairs = [
    (line, text) for line, text in zip(lines, found, strict=True) if text
  ]
  texts: list[str | None] = [text for _, text in pairs]
  if canonicalise:
    texts = canonical.canonicalise(
      [text for _, text in pairs], processes, progress
    )
  invalid = [p for p, text in zip(pairs, texts, strict=True) if text is None]
  if strict and (empty or invalid):
    line, text = min([*invalid, *((line, "") for line in empty)])
    raise InputError(
      f"{name}, line {line}: "
      + (f"RDKit rejects {text[:80]!r}" if text else "no SMILES")
      + "; correct it, or leave out --strict"
    )
  left = [text for text in texts if text is not None]
  mixtures = [p for p, t in zip(pairs, texts, strict=True) if t and "." in t]
  if strict and mixtures:
    line, text = mixtures[0]
    raise InputError(
      f"{name}, line {line}: {text[:80]!r} has several fragments; take one of "
      "them, or leave out --strict"
    )
  return Molecules(left, invalid, empty, len(mixtures), named, column, joined)


class Part(NamedTuple):
  """What `load` is to be asked for, for a part of one side.

  Attributes:
    source: a path, or SMILES.
    label: what its molecules are counted as, if there are several sources.
    ignored: counts of files of other kinds beside it.
  """

  source: Any
  label: str = ""
  ignored: Mapping[str, int] = {}


def parts(source: Path | Iterable[object]) -> list[Part]:
  """The files of a source, one after the other.

  Args:
    source: what `common.data.sources` finds by a name: a file, a folder, a zip
      archive or a pattern; a list of `pathlib.Path`, each of them one of these;
      "-" for SMILES on standard input; or SMILES, which stay as they are.

  Raises:
    InputError: there is no such file, or none of molecules.
  """
  if not isinstance(source, str | os.PathLike):
    # A generator is not begun here.
    several = isinstance(source, list | tuple) and any(
      isinstance(path, os.PathLike) for path in source
    )
    if not several:
      return [Part(source)]
  many = isinstance(source, list | tuple)
  names = [os.fspath(name) for name in (source if many else [source])]
  found = []
  for name, label in zip(names, sources.labels(names), strict=True):
    kinds = (*_TABLES, *_LISTS)
    here = sources.find(name, kinds, (), table_files.PACKED)
    if here is None and glob.has_magic(name):
      raise InputError(f"no file has a name like {name}")
    if here is None:
      here = sources.Found([pathlib.Path(name)], {})
    if not here.files:
      raise InputError(f"{name} has no file of molecules (.smi, .txt, .csv)")
    others = folders.described(here.ignored)
    for file in here.files:
      found.append(Part(pathlib.Path(str(file)), label, others))
      others = {}
  return found


def complaint(
  name: str, invalid: Sequence[tuple[int, str]], empty: Sequence[int]
) -> str:
  """One sentence on what was left out, with line numbers; "" for nothing."""
  wrong = [f"line {line} {text[:40]!r}" for line, text in invalid]
  wrong += [f"line {line} (empty)" for line in empty]
  if not wrong:
    return ""
  return (
    f"{name}: {len(wrong)} SMILES are left out: {', '.join(wrong[:_SHOWN])}"
    + f", and {len(wrong) - _SHOWN} more" * (len(wrong) > _SHOWN)
  )


def read(path: Path, column: str | None = None) -> tuple[list[int], list[str]]:
  """Line numbers (from 1) and SMILES of a file, as they are written.

  A name may end in .gz, .xz or .bz2. `.smi`, `.smiles`, `.txt`: one SMILES a
  line; blank lines do not count; a first line whose first word is a name of
  SMILES (see below) is a header. `.csv`, `.tsv`: a table. Its first row is a
  header if a cell of it is `column` or, in lower case, ends with "smiles"; that
  column is read. A table of one column needs no header; any other does. Of a
  line or a cell, the first word is read: a name may follow.

  Args:
    path: of the file, or "-", a list on standard input.
    column: the name of a table's column; a list has none, and ignores it.

  Raises:
    InputError: the file is missing, damaged, no text, of another kind, or has
      no such column, or several that are called SMILES, or no SMILES.
  """
  lines, smiles, _ = read_named(path, column)
  return lines, smiles


def read_named(
  path: Path, column: str | None = None
) -> tuple[list[int], list[str], list[str]]:
  """`read`, and the molecules' names, "" for none.

  A name is what follows the SMILES, in the line or the cell; else, of a table
  with a header, what the first column called "name" (or "Name") has.
  """
  lines, entries, names, *_ = _entries(pathlib.Path(path), column)
  smiles = [_first_word(entry) for entry in entries]
  behind = [
    entry.strip()[len(word) :].strip() or name.strip()
    for entry, word, name in zip(entries, smiles, names, strict=True)
  ]
  return lines, smiles, behind


def _entries(
  path: pathlib.Path, column: str | None
) -> tuple[list[int], list[str], list[str], str | None, int]:
  """Line numbers, lines or cells, names, the column's, rows of several lines.

  The names are those of a table's column; the others follow the SMILES.
  """
  kind = table_files.uncompressed(path).suffix.lower()
  if kind == ".npz":
    raise InputError(
      f"{path} is no whole file of statistics (mu, sigma): check the path, or "
      "make it again"
    )
  if kind not in (*_TABLES, *_LISTS):
    raise InputError(
      f"{path}: molecules are read from .smi, .txt, .csv and .tsv files (and "
      "those with .gz, .xz or .bz2 behind), statistics from .npz"
    )
  text = table_files.text(path)
  if kind in _TABLES:
    table = _table(path, text, _TABLES[kind], column)
    lines, found, names, column, joined = table
  else:
    (lines, found), column, joined = _list(path, text), None, 0
    names = [""] * len(found)
  if not found:
    raise InputError(f"{path} holds no SMILES: give a file that does")
  return lines, found, names, column, joined


def _first_word(entry: str) -> str:
  words = entry.split(maxsplit=1)
  return words[0] if words else ""


def _is_name(cell: str) -> bool:
  return cell.lower().endswith("smiles")


def _list(path: pathlib.Path, text: str) -> tuple[list[int], list[str]]:
  lines, found = [], []
  # A form feed ends an entry, too, so that no molecule is lost behind it, but
  # no line, as editors count them.
  for number, line in enumerate(text.split("\n"), 1):
    for entry in line.splitlines():
      word = _first_word(entry)
      if not found and word:
        table_files.check_separator(path, number, [word], " ")
        if _is_name(word):
          continue
      if word:
        lines.append(number)
        found.append(entry)
  return lines, found


def _table(path, text, delimiter, column):
  lines, found, names, at, name, joined = [], [], [], None, None, 0
  named = None
  for line, row in table_files.rows(text, path, delimiter):
    if at is None:
      table_files.check_separator(path, line, row, delimiter)
      at = _column(path, line, row, column)
      if column is not None or _is_name(row[at]):
        name = row[at]
        called = [cell.strip().lower() for cell in row]
        named = called.index("name") if "name" in called else None
        continue
    if len(row) <= at:
      raise InputError(
        f"{path}, line {line}: {len(row)} cell(s), and the SMILES are in "
        f"column {at + 1}; complete the row"
      )
    lines.append(line)
    found.append(row[at])
    names.append(row[named] if named is not None and named < len(row) else "")
    joined += any("\n" in cell for cell in row)
  return lines, found, names, name, joined


def _column(path, line, names, column) -> int:
  """Which column is read, by a table's first row."""
  if column is not None:
    table_files.column_index(path, names, column)
    likely = [i for i, name in enumerate(names) if name == column]
  else:
    likely = [i for i, name in enumerate(names) if _is_name(name)]
  if len(likely) > 1:
    raise InputError(
      f"{path}, line {line}, has {len(likely)} columns of SMILES: "
      f"{', '.join(repr(names[i]) for i in likely)}; name one by "
      "--column=NAME, or leave one"
    )
  if not likely and len(names) > 1:
    raise InputError(
      f"{path}, line {line}, is {names}: none of them is called SMILES; name "
      "the column by --column=NAME, or put a line of names above"
    )
  return likely[0] if likely else 0
