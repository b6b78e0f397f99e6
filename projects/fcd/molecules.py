"""Reads molecules from files and brings them to canonical form, by RDKit.

Run as a program, it is what `canonical` starts once a core: a line of JSON, a
list of SMILES, comes in, and one goes out.
"""

import bz2
import concurrent.futures
import contextlib
import csv
import gzip
import io
import json
import lzma
import os
import pathlib
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rdkit import Chem, rdBase

from common.errors import InputError, nearest

Path = str | os.PathLike

_CHUNK = 256  # Molecules that a process answers at a time.
_WORTH = 2_000  # From so many on, processes repay their start.
_SHOWN = 10  # Lines that a warning names.
_OPEN = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error)
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
    processes: see `canonical`.
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
    texts = canonical([text for _, text in pairs], processes, progress)
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
  plain = path.with_suffix("") if path.suffix in _OPEN else path
  kind = plain.suffix.lower()
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
  try:
    with _OPEN.get(path.suffix, open)(path, "rb") as file:
      text = file.read().decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise InputError(f"{path} is no text in UTF-8 ({error})") from error
  except _BROKEN as error:
    reason = getattr(error, "strerror", None) or error
    raise InputError(
      f"{path} cannot be read ({reason}): check the path, or get it again"
    ) from error
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
  return cell.strip().lower().endswith("smiles")


def _list(text: str) -> tuple[list[int], list[str]]:
  lines, found = [], []
  for number, line in enumerate(text.split("\n"), 1):
    words = line.split(maxsplit=1)
    if words and (found or not _is_name(words[0])):
      lines.append(number)
      found.append(words[0])
  return lines, found


def _table(path, text, delimiter, column) -> tuple[list[int], list[str]]:
  reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
  lines, found, at = [], [], None
  try:
    for row in reader:
      if not any(cell.strip() for cell in row) and len(row) < 2:
        continue
      if at is None:
        names = [cell.strip() for cell in row]
        at = _column(path, names, column)
        if column is not None or _is_name(names[at]):
          continue
      if len(row) <= at:
        raise InputError(
          f"{path}, line {reader.line_num}: {len(row)} cell(s), and the SMILES "
          f"are in column {at + 1}; complete the row"
        )
      lines.append(reader.line_num)
      found.append(row[at].strip())
  except csv.Error as error:
    raise InputError(f"{path}, line {reader.line_num}: {error}") from error
  return lines, found


def _column(path, names, column) -> int:
  """Which column is read, by a table's first row."""
  if column is not None:
    if column not in names:
      close = nearest(column, names)
      raise InputError(
        f"{path} has no column {column!r}"
        + (f"; did you mean {close!r}?" if close else f"; it has {names}")
      )
    return names.index(column)
  likely = [i for i, name in enumerate(names) if _is_name(name)]
  if not likely and len(names) > 1:
    raise InputError(
      f"{path}, line 1, is {names}: none of them is called SMILES; name the "
      "column by --column=NAME"
    )
  return likely[0] if likely else 0


def canonical(
  smiles: Sequence[str],
  processes: int = 1,
  progress: Callable[[int], object] = lambda done: None,
) -> list[str | None]:
  """RDKit's canonical SMILES, in order; None for what it rejects.

  The result does not depend on `processes`. An empty text is a molecule to
  RDKit, of no atoms, and stays one.

  Args:
    smiles: `[n]`.
    processes: 1 works in this one, and so does any number for few molecules.
    progress: called with the number of molecules, as they are done.

  Raises:
    InputError: `processes` below 1.
  """
  if processes < 1:
    raise InputError(f"processes = {processes}: it takes 1 or more")
  chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
  found: list[list[str | None]] = [[] for _ in chunks]
  todo = iter(range(len(chunks)))  # Shared by the threads: next() is atomic.

  def here():
    for i in todo:
      found[i] = _canonical(chunks[i])
      progress(len(chunks[i]))

  def elsewhere():
    with _start() as process:
      assert process.stdin and process.stdout
      for i in todo:
        with contextlib.suppress(BrokenPipeError):
          process.stdin.write(json.dumps(chunks[i]).encode() + b"\n")
          process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
          raise InputError(
            f"one of {processes} processes that canonicalise has died, perhaps "
            "for want of memory; ask for --processes=1"
          )
        found[i] = json.loads(answer)
        progress(len(chunks[i]))

  if processes == 1 or len(smiles) < _WORTH:
    here()
  else:
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
      for future in [pool.submit(elsewhere) for _ in range(processes)]:
        future.result()
  return [text for chunk in found for text in chunk]


def _start() -> subprocess.Popen:
  # Not multiprocessing: its processes import the command, and with it JAX, for
  # longer than the molecules take.
  root = pathlib.Path(__file__).parents[2]
  return subprocess.Popen(
    [sys.executable, "-m", __name__],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    env={**os.environ, "PYTHONPATH": str(root)},
  )


def _canonical(smiles: Sequence[str]) -> list[str | None]:
  found: list[str | None] = []
  with rdBase.BlockLogs():  # It reports each; the caller does, with the line.
    for text in smiles:
      molecule = Chem.MolFromSmiles(text)
      found.append(None if molecule is None else Chem.MolToSmiles(molecule))
  return found


def _answer(lines: Iterator[str]) -> None:
  for line in lines:
    print(json.dumps(_canonical(json.loads(line))), flush=True)


if __name__ == "__main__":
  _answer(iter(sys.stdin.readline, ""))
