"""Lines of text as rows of character numbers of one length.

    found = text.load("news.txt", length=32, vocabulary=2048)
    found.ids                           # uint8 or uint16 [lines, 32]
    text.decode(found.ids[:3], found.characters)       # back to strings

Lines are cut to the length, and filled up with a character that seldom occurs.
A line with fewer than two characters (white space around it not counted) has
nothing to learn from, and a line that is there twice would be in training and
test: both are left out, the second as One Billion Word does; `short` and
`repeated` say how many there were.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from common.data import sources, table_files
from common.errors import InputError

UNKNOWN = 0  # The number of all characters that are not in the list.
_SHOWN = "?"  # What an unknown character is shown as.


class Text(NamedTuple):
  """A text, read.

  Attributes:
    ids: character numbers, uint8 (or uint16, of more than 256 characters)
      `[lines, length]`.
    characters: the character of each number; the first stands for all others.
    short: lines that were left out, since they have fewer than two characters.
    repeated: those that were left out, since they had been there before.
    unknown: how many characters of `ids` are not in the list.
  """

  ids: np.ndarray
  characters: str
  short: int
  repeated: int
  unknown: int


def load(source: str, length: int, vocabulary: int, padding: str = "`") -> Text:
  """Reads a text: a file, those of a folder or a zip archive, or of a pattern.

  Files are UTF-8 or UTF-16, and may be packed (.gz, .xz, .bz2). Folders are
  read with their subfolders; names that begin with a dot are not.

  Args:
    source: "news.txt", "folder" or "folder/*.txt.xz".
    length: of the rows.
    vocabulary: at most that many numbers: one for all rare characters, the
      padding, and the most frequent ones, sorted.
    padding: what short lines are filled up with.

  Raises:
    InputError: nothing is there; a file is no such text, or cannot be read; no
      line has two characters; all characters are the same one.
  """
  paths = files(source)
  lines: dict[str, None] = {}  # A set that keeps the order.
  short = repeated = 0
  for path in paths:
    for line in table_files.text(path).splitlines():
      line = line.strip()
      if len(line) < 2:
        short += 1
      elif line in lines:
        repeated += 1
      else:
        lines[line] = None
  if not lines:
    raise InputError(
      f"{source} has no line of two characters or more ({short} lines are "
      "empty or shorter): give a text with a sentence a line"
    )
  return of_lines(list(lines), length, vocabulary, padding, source)._replace(
    short=short, repeated=repeated
  )


def of_lines(
  lines: list[str],
  length: int,
  vocabulary: int,
  padding: str = "`",
  source: str = "the text",
) -> Text:
  """The same of lines that are there already; none of them is left out."""
  points = code_points(lines, length, padding)
  characters = charmap(points, vocabulary, padding, source)
  ids = encode(points, characters)
  return Text(ids, characters, 0, 0, int((ids == UNKNOWN).sum()))


def files(source: str) -> list[pathlib.Path]:
  """The files that a name stands for, as `common.data.sources` has it, sorted.

  Raises:
    InputError: there are none, or a folder may not be read.
  """
  found = sources.find(source, None)
  if found is None or not found.files:
    empty = "has no files" if found else "does not exist"
    raise InputError(
      f"{source!r} {empty}; give a text file, a folder of them, or a pattern "
      "as 'folder/*.txt' (for a config, --config.data_dir=...)"
    )
  return sorted(pathlib.Path(str(path)) for path in found.files)


def code_points(lines: list[str], length: int, padding: str) -> np.ndarray:
  """Lines cut and filled up, as Unicode code points, uint32 `[n, length]`."""
  # NumPy cuts strings to the length, and fills them up with zeros.
  array = np.array(lines, dtype=f"<U{length}")
  points = array.view("<u4").reshape(len(lines), length)
  return np.where(points == 0, np.uint32(ord(padding)), points)


def charmap(
  points: np.ndarray, vocabulary: int, padding: str, source: str
) -> str:
  """The characters by number: one for the unknown, then the others, sorted.

  Args:
    points: `[n, length]` code points.
    vocabulary: at most that many, with the unknown and the padding.
    padding: in the list, whether it occurs or not.
    source: what errors call the text.

  Raises:
    InputError: fewer than two characters.
  """
  unique, counts = np.unique(points, return_counts=True)
  own = unique != ord(padding)
  unique, counts = unique[own], counts[own]
  if len(unique) < 2 or vocabulary < 4:
    raise InputError(
      f"{source} has {len(unique)} different characters and the vocabulary "
      f"room for {vocabulary - 2}: there is nothing to learn from fewer than "
      "two; give another text"
    )
  # Of equally frequent ones the first in Unicode's order.
  frequent = np.argsort(-counts, kind="stable")[: vocabulary - 2]
  kept = sorted([*map(chr, unique[frequent]), padding])
  return "".join([_SHOWN, *kept])


def encode(points: np.ndarray, characters: str) -> np.ndarray:
  """Code points as numbers, of `characters` as `charmap` gives them."""
  known = np.array([ord(c) for c in characters[1:]], np.uint32)
  where = np.minimum(np.searchsorted(known, points), len(known) - 1)
  ids = np.where(known[where] == points, where + 1, UNKNOWN)
  return ids.astype(np.uint8 if len(characters) <= 256 else np.uint16)


def decode(ids: np.ndarray, characters: str, padding: str = "`") -> list[str]:
  """Rows of numbers `[n, length]` as strings, without the padding at the end.

  Unknown characters become question marks.
  """
  points = np.array([ord(c) for c in characters], np.uint32)[np.asarray(ids)]
  points = np.ascontiguousarray(points)
  rows = points.view(f"<U{points.shape[1]}")[:, 0]
  return [row.rstrip(padding) for row in rows.tolist()]
