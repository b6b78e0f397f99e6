"""Text files as character numbers: what is kept, and what is said."""

import lzma
import zipfile

import numpy as np
import pytest

from common.data import text
from common.errors import InputError


def write(path, content, encoding="utf-8"):
  path.write_bytes(content.encode(encoding))
  return str(path)


def test_lines_are_cut_filled_up_and_come_back(tmp_path):
  source = write(tmp_path / "a.txt", "hello there\r\nabc\n\n x \nhello\nabc\n")
  found = text.load(source, length=8, vocabulary=64)
  assert found.ids.shape == (3, 8) and found.ids.dtype == np.uint8
  assert found.short == 2  # An empty line, and one of a character.
  assert found.repeated == 1 and found.unknown == 0
  assert text.decode(found.ids, found.characters) == [
    "hello th",
    "abc",
    "hello",
  ]
  assert found.characters == "? `abcehlot"  # `r` was cut off.
  padding = found.characters.index("`", 1)
  np.testing.assert_array_equal(found.ids[1, 3:], padding)


def test_rare_characters_share_a_number(tmp_path):
  source = write(tmp_path / "a.txt", "aaaabbbc\naaaabbbd\n")
  found = text.load(source, length=8, vocabulary=4)
  assert found.characters == "?`ab"
  assert found.unknown == 2
  assert text.decode(found.ids, found.characters) == ["aaaabbb?", "aaaabbb?"]


def test_folders_patterns_and_packed_files(tmp_path):
  write(tmp_path / "b.txt", "second\n")
  write(tmp_path / ".hidden", "not this\n")
  with lzma.open(tmp_path / "a.txt.xz", "wt") as file:
    file.write("first\n")
  read = lambda source: text.decode(
    *(found := text.load(source, 8, 64))[:1], found.characters
  )
  assert read(str(tmp_path)) == ["first", "second"]
  assert read(str(tmp_path / "*.xz")) == ["first"]
  # Subfolders are read, whichever way they are reached; a loop ends, and what
  # lies above a set is no part of it.
  (tmp_path / "c").mkdir()
  write(tmp_path / "c" / "d.txt", "third\n")
  (tmp_path / "c" / "up").symlink_to(tmp_path)
  assert read(str(tmp_path)) == ["first", "second", "third"]
  assert read(str(tmp_path / "[cx]")) == ["third"]
  with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
    archive.write(tmp_path / "b.txt", "in/b.txt")
  assert read(str(tmp_path / "all.zip")) == ["second"]


def test_utf_16_and_characters_beyond_ascii(tmp_path):
  source = write(tmp_path / "a.txt", "\u00fcber\n\u4e2d\u6587\n", "utf-16")
  found = text.load(source, 4, 64)
  assert text.decode(found.ids, found.characters) == [
    "\u00fcber",
    "\u4e2d\u6587",
  ]


def test_more_than_256_characters(tmp_path):
  every = "".join(chr(0x4E00 + i) for i in range(300))
  source = write(tmp_path / "a.txt", f"{every}\n")
  found = text.load(source, 300, 2048)
  assert found.ids.dtype == np.uint16
  assert text.decode(found.ids, found.characters) == [every]


@pytest.mark.parametrize(
  "content, encoding, said",
  [
    ("caf\u00e9 et th\u00e9\n", "latin-1", "save it as UTF-8"),
    ("\n\na\n", "utf-8", r"no line of two characters or more \(3 lines"),
    ("", "utf-8", "no line of two characters"),
    ("aaaa\naa\n", "utf-8", "1 different characters"),
    ("ab\0c\n", "utf-8", "NUL character"),
  ],
)
def test_bad_texts(tmp_path, content, encoding, said):
  source = write(tmp_path / "a.txt", content, encoding)
  with pytest.raises(InputError, match=said):
    text.load(source, 8, 64)


def test_nothing_there(tmp_path):
  with pytest.raises(InputError, match="does not exist"):
    text.load(str(tmp_path / "none.txt"), 8, 64)
  with pytest.raises(InputError, match="has no files"):
    text.load(str(tmp_path), 8, 64)
