"""Tables in text files: rows with their lines, and numbers."""

import bz2

import numpy as np
import pytest

from common.data import table_files
from common.errors import InputError


def test_rows_have_the_line_on_which_they_end():
  text = 'a\tb\n\n1 \t"two\nlines"\n3\t\n'
  rows = list(table_files.rows(text, "t.tsv", "\t"))
  assert rows == [
    (1, ["a", "b"]),
    (4, ["1", "two\nlines"]),
    (5, ["3", ""]),
  ]
  with pytest.raises(InputError, match=r"t\.csv, line 1"):
    list(table_files.rows('"a"b,c\n', "t.csv", strict=True))


def test_text_and_columns(tmp_path):
  path = tmp_path / "t.csv.bz2"
  path.write_bytes(bz2.compress("\ufeffa,b\n1,2\n".encode()))
  assert table_files.uncompressed(path).name == "t.csv"
  assert table_files.table(path) == (["a", "b"], [2], [["1", "2"]])
  assert table_files.column_index(path, ["one", "two"], "two") == 1
  with pytest.raises(InputError, match=r"no column 'tow'; did you mean 'two'"):
    table_files.column_index(path, ["one", "two"], "tow")


def test_numbers_are_finite():
  numbers = table_files.numbers("a b\n1 2\n3 4\n", "t", " ", header=True)
  np.testing.assert_array_equal(numbers, [[1, 2], [3, 4]])
  with pytest.raises(InputError, match=r"t, line 3, column 2 \(b\): 'inf'"):
    table_files.numbers("a b\n1 2\n3 inf\n", "t", " ", header=True)
