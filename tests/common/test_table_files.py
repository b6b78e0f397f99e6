"""Tables in text files: rows with their lines, and numbers."""

import bz2
import gzip
import io
import os
import pathlib
import random
import sys
import zipfile

import numpy as np
import pytest

from common.data import image_files, sources, table_files
from common.errors import InputError


def test_rows_have_the_line_on_which_they_begin():
  text = 'a\tb\n\n1 \t"two\n\nlines"\n \t\n3\t\n'
  rows = list(table_files.rows(text, "t.tsv", "\t"))
  assert rows == [
    (1, ["a", "b"]),
    (3, ["1", "two\n\nlines"]),
    (7, ["3", ""]),
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


def test_what_only_python_reads_as_a_number_is_none():
  assert table_files.number("1_1") is table_files.number("\u0661") is None
  assert table_files.number(" -1.5e3 ") == -1500


def test_numbers_are_finite():
  lines, found = table_files.numbers("a b\n1 2\n3 4\n", "t", " ", header=True)
  np.testing.assert_array_equal(lines, [2, 3])
  np.testing.assert_array_equal(found, [[1, 2], [3, 4]])
  with pytest.raises(InputError, match=r"t, line 3, column 2 \(b\): 'inf'"):
    table_files.numbers("a b\n1 2\n3 inf\n", "t", " ", header=True)
  with pytest.raises(InputError, match="t, line 2: 3 cells, not 2"):
    table_files.numbers("a b\n1 2 3\n4 5 6\n", "t", " ", header=True)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", ["", " \t ", ",", " , "])
def test_blank_lines_are_no_rows_and_are_counted(end, blank, tmp_path):
  path = tmp_path / "t.csv"
  text = ["", "", blank, "a,b", blank, '1,"2', '"', blank, "3,4", blank]

  def read(*more):
    path.write_text(end.join([*text, *more]), "utf-8-sig", newline="")
    return table_files.table(path)

  rows = [["1", "2"], ["3", "4"]]
  assert read() == (["a", "b"], [6, 9], rows)
  with pytest.raises(InputError, match=r"t\.csv, line 11: 1 cells under"):
    read("5")
  with pytest.raises(InputError, match=r"t\.csv, line 11: a quote is not"):
    read('5,"6')
  text[3] = "a,a"
  with pytest.raises(InputError, match=r"line 4, names the column 'a' more"):
    read()
  text[3:] = ["a;b", "1;2"]
  with pytest.raises(InputError, match="line 4: a semicolon separates"):
    read()
  text[3:] = [blank]
  with pytest.raises(InputError, match=r"has no rows|is empty"):
    read()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", ["", "  ", "\t", " \t"])
@pytest.mark.parametrize("header", [False, True])
def test_blank_lines_in_a_table_of_numbers(end, blank, header):
  text = ["", blank, "a\tb" if header else "0\t0", blank, "1\t2", blank, "3\t4"]

  def read(*more):
    found = end.join([*text, *more, ""])
    return table_files.numbers(found, "t", "\t", header)

  lines, found = read(blank)
  first = 0 if header else 1
  np.testing.assert_array_equal(lines, [3, 5, 7][1 - first :])
  np.testing.assert_array_equal(found[first:], [[1, 2], [3, 4]])
  with pytest.raises(InputError, match=r"t, line 8, column 2.*: 'x' is not"):
    read("5\tx")
  with pytest.raises(InputError, match="t, line 9: 3 cells, not 2"):
    read(blank, "5\t6\t7")
  with pytest.raises(InputError, match=r"line 8, column 1.*: '' is not a fin"):
    read("\t6")
  text[2:] = ["a\tb"] * header
  with pytest.raises(InputError, match=r"t has no rows|t is empty"):
    read(blank)


@pytest.mark.parametrize("strict", [False, True])
def test_a_quote_that_stays_open_is_an_error_on_its_line(strict):
  # The rest of the file would be one cell.
  text = 'smiles,name\nCCO,a\nCCN,b\nCCC,"c\nCCCC,d\nCCCl,e\n'
  with pytest.raises(
    InputError, match=r"t\.csv, line 4: a quote is not closed"
  ):
    list(table_files.rows(text, "t.csv", strict=strict))
  # Another quote, lines below, does not close it.
  with pytest.raises(InputError, match="line 2"):
    list(table_files.rows('a,b\n1,"c\n2,d"e\n3,f\n', "t", strict=strict))
  # Within a line nothing is lost.
  assert list(table_files.rows('1,"c" d\n2,5" e\n', "t")) == [
    (1, ["1", "c d"]),
    (2, ["2", '5" e']),
  ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
  "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_a_text_is_the_same_by_any_line_ends_and_encoding(
  end, encoding, tmp_path
):
  path = tmp_path / "t.csv.GZ"
  lines = ["smiles,näme", "CCO,a", "", "CCN,b"]
  path.write_bytes(gzip.compress((end.join(lines) + "\n").encode(encoding)))
  assert table_files.text(path) == "\n".join(lines) + "\n"
  assert table_files.table(path)[1:] == ([2, 4], [["CCO", "a"], ["CCN", "b"]])
  assert table_files.uncompressed(path).name == "t.csv"


def test_mixed_line_ends_separate_as_well(tmp_path):
  path = tmp_path / "t.csv"
  path.write_bytes(b"a,b\r1,2\n3,4\r\n5,6\r\r7,8")
  lines, rows = table_files.table(path)[1:]
  assert lines == [2, 3, 4, 6]
  assert rows == [["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]]


def test_what_is_no_table_is_one_sentence(tmp_path, monkeypatch):
  path = tmp_path / "t.csv"
  for raw, said in (
    (b"a,b\n1,2\n3,\0\n", "line 3: there is a NUL"),
    (b"a;b\n1;2\n", "line 1: a semicolon separates .* a comma should"),
    (b"a\tb\n1\t2\n", "line 1: a tab separates"),
    (b"a,b\n1,\xe9\n", "no text in UTF-8 or UTF-16"),
    ("a,b".encode("utf-32"), "NUL"),
  ):
    path.write_bytes(raw)
    with pytest.raises(InputError, match=said) as error:
      table_files.table(path)
    assert "t.csv" in str(error.value) and "\n" not in str(error.value)
  pipe = tmp_path / "pipe.csv"
  os.mkfifo(pipe)  # Without a writer, opening it would wait for ever.
  with pytest.raises(InputError, match="named pipe"):
    table_files.text(pipe)
  with pytest.raises(InputError, match="named pipe"):
    sources.find(pipe, (".csv",))  # Of every metric.
  with pytest.raises(InputError, match="named pipe"):
    image_files.decode(pipe, 3)
  monkeypatch.setenv("HOME", str(tmp_path))
  path.write_text("a\n1\n")
  assert table_files.text("~/t.csv") == "a\n1\n"


def test_pipes_of_the_shell_and_standard_input_are_read(monkeypatch):
  reading, writing = os.pipe()
  os.write(writing, b"a\r1\r")
  os.close(writing)
  try:
    assert table_files.text(f"/dev/fd/{reading}") == "a\n1\n"
  finally:
    os.close(reading)
  given = io.TextIOWrapper(io.BytesIO(b"CCO\rCCN"))
  monkeypatch.setattr(sys, "stdin", given)
  assert table_files.text("-") == "CCO\nCCN"


def zipped(raw: bytes) -> bytes:
  """An archive with one member."""
  packed = io.BytesIO()
  with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("in/a.csv", raw)
  return packed.getvalue()


def members(path):
  """What a reader of tables is asked for of an archive."""
  found = sources.find(path, (".csv",))
  return [pathlib.Path(str(file)) for file in found.files]


def test_members_of_an_archive_are_read(tmp_path):
  path = tmp_path / "t.ZIP"
  raw = zipped(b"a,b\r1,2\r")
  path.write_bytes(raw)
  (member,) = members(path)
  assert member == path / "in" / "a.csv"
  assert table_files.table(member) == (["a", "b"], [2], [["1", "2"]])
  # A bit that says encrypted, and a way of packing that is unknown.
  for at, value in ((8, 1), (10, 99)):
    broken, directory = bytearray(raw), raw.index(b"PK\1\2")
    broken[directory + at] = broken[at - 2] = value
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"a\.csv cannot be read"):
      table_files.table(member)


def mutated(raw: bytes, draw: random.Random) -> bytes:
  """The bytes with one to three pieces cut, doubled, exchanged or changed."""
  out = bytearray(raw)
  for _ in range(draw.randint(1, 3)):
    start = draw.randrange(len(out) + 1)
    end = min(len(out), start + draw.choice((1, 1, 2, 9, 60)))
    piece = out[start:end]
    out[start:end] = draw.choice(
      (
        b"",
        piece * 2,
        piece[::-1],
        draw.randbytes(len(piece)),
        draw.choice((b'"', b"\0", b"\r", b";", b"\t", b"\f", b"\xff\xfe")),
      )
    )
  return bytes(out)


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".zip"])
def test_mutated_tables_are_read_or_refused_in_a_sentence(ending, tmp_path):
  text = "id,smiles,y\r\n" + "".join(
    f'{i},"C{"C" * (i % 7)}O",{i}.5\n' for i in range(30)
  )
  pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".zip": zipped}
  pack = pack[ending]
  raw, draw = pack(text.encode()), random.Random(0)
  path = tmp_path / f"t.csv{ending}"
  read = 0
  for _ in range(150):
    path.write_bytes(mutated(raw, draw))
    try:
      one = members(path)[:1] if ending == ".zip" else [path]
      header, lines, rows = table_files.table(*one) if one else ([], [], [])
    except InputError as error:
      assert str(path) in str(error)
    else:
      read += 1
      assert len(lines) == len(rows) and all(
        len(r) == len(header) for r in rows
      )
  assert read > 20 or ending


@pytest.mark.parametrize(
  ("row", "said"), [("a;b", "say --sep=';'$"), ("a\tb", "say --sep=tab$")]
)
def test_an_option_says_what_separates(row, said):
  with pytest.raises(InputError, match=said):
    table_files.check_separator("x.csv", 1, [row], ",", "--sep")
