"""Molecules of a file or a list, with their line numbers, as SMILES."""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from common.data import table_files
from common.errors import InputError

from . import canonical

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
  """

  smiles: list[str]
  invalid: list[tuple[int, str]]
  empty: list[int]
  fragments: int

  def notes(self) -> dict[str, int]:
    """The counts, by what they are called beside a score."""
    return {
      "invalid SMILES left out": len(self.invalid),
      "empty cells left out": len(self.empty),
      "of several fragments": self.fragments,
    }


def load(
  source: Path | Sequence[str],
  column: str | None = None,
  canonicalise: bool = True,
  strict: bool = False,
  processes: int = 1,
  progress: Callable[[int], object] = lambda done: None,
) -> Molecules:
  """Molecules of a file, or of a list, in the form that is to be scored.

  Args:
    source: path of a file for `read`, or SMILES, whose lines count from 1.
    column: of a table; see `read`.
    canonicalise: False takes the SMILES as they are written, without asking
      RDKit whether they are any.
    strict: makes the first SMILES that is invalid or empty, or of several
      fragments, an error.
    processes: see `canonical.canonicalise`.
    progress: called with the number of molecules, as they are done.

  Raises:
    InputError: `read`'s, or `strict`'s.
  """
  if isinstance(source, str | os.PathLike):
    name = os.fspath(source)
    lines, found = read(source, column)
  else:
    name, found = "the list", [text.strip() for text in source]
    lines = list(range(1, len(found) + 1))
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
  return Molecules(left, invalid, empty, len(mixtures))


def complaint(name: str, molecules: Molecules) -> str:
  """One sentence on what was left out, with line numbers; "" for nothing."""
  wrong = [f"line {line} {text[:40]!r}" for line, text in molecules.invalid]
  wrong += [f"line {line} (empty)" for line in molecules.empty]
  if not wrong:
    return ""
  return (
    f"{name}: {len(wrong)} SMILES are left out: {', '.join(wrong[:_SHOWN])}"
    + f", and {len(wrong) - _SHOWN} more" * (len(wrong) > _SHOWN)
  )


def read(path: Path, column: str | None = None) -> tuple[list[int], list[str]]:
  """Line numbers (from 1) and SMILES of a file, as they are written.

  A name may end in .gz, .xz or .bz2. `.smi`, `.smiles`, `.txt`: one SMILES a
  line, the first of its words; blank lines do not count; a first line whose
  first word is a name of SMILES (see below) is a header. `.csv`, `.tsv`: a
  table. Its first row is a header if a cell of it is `column` or, in lower
  case, ends with "smiles"; the first such column is read. A table of one column
  needs no header; any other does.

  Args:
    path: of the file.
    column: the name of a table's column of SMILES.

  Raises:
    InputError: the file is missing, damaged, no text, of another kind, or has
      no such column or no SMILES.
  """
  path = pathlib.Path(path).expanduser()
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
    lines, found = _table(path, text, _TABLES[kind], column)
  elif column is not None:
    raise InputError(f"{path} has no columns; --column is for .csv and .tsv")
  else:
    lines, found = _list(text)
  if not found:
    raise InputError(f"{path} holds no SMILES: give a file that does")
  return lines, found


def _is_name(cell: str) -> bool:
  return cell.lower().endswith("smiles")


def _list(text: str) -> tuple[list[int], list[str]]:
  lines, found = [], []
  for number, line in enumerate(text.split("\n"), 1):
    words = line.split(maxsplit=1)
    if words and (found or not _is_name(words[0])):
      lines.append(number)
      found.append(words[0])
  return lines, found


def _table(path, text, delimiter, column) -> tuple[list[int], list[str]]:
  lines, found, at = [], [], None
  for line, row in table_files.rows(text, path, delimiter):
    if at is None:
      at = _column(path, row, column)
      if column is not None or _is_name(row[at]):
        continue
    if len(row) <= at:
      raise InputError(
        f"{path}, line {line}: {len(row)} cell(s), and the SMILES are in "
        f"column {at + 1}; complete the row"
      )
    lines.append(line)
    found.append(row[at])
  return lines, found


def _column(path, names, column) -> int:
  """Which column is read, by a table's first row."""
  if column is not None:
    return table_files.column_index(path, names, column)
  likely = [i for i, name in enumerate(names) if _is_name(name)]
  if not likely and len(names) > 1:
    raise InputError(
      f"{path}, line 1, is {names}: none of them is called SMILES; name the "
      "column by --column=NAME"
    )
  return likely[0] if likely else 0
