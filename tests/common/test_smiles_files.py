"""Files of molecules: what is read, counted and refused."""

import gzip
import lzma
import random

import numpy as np
import pytest

from common.chem import canonical, smiles_files
from common.errors import InputError


def test_lists_and_tables_are_read_with_their_lines(tmp_path):
  text = "smiles name\nCCO ethanol\n\nC1CC\nc1ccccc1\n"
  for name, opened in (
    ("a.smi", open),
    ("b.smi.gz", gzip.open),
    ("c.txt.xz", lzma.open),
  ):
    with opened(tmp_path / name, "wt") as file:
      file.write(text)
    assert smiles_files.read(tmp_path / name) == (
      [2, 4, 5],
      ["CCO", "C1CC", "c1ccccc1"],
    )
  (tmp_path / "t.csv").write_text("id,Canonical_Smiles,y\na,CCO,1\nb,CN,0\n")
  assert smiles_files.read(tmp_path / "t.csv") == ([2, 3], ["CCO", "CN"])
  assert smiles_files.read(tmp_path / "t.csv", "id") == ([2, 3], ["a", "b"])
  # What follows the SMILES is its name; else a table's column.
  _, _, names = smiles_files.read_named(tmp_path / "b.smi.gz")
  assert names == ["ethanol", "", ""]
  (tmp_path / "n.tsv").write_text(
    "y\tsmiles\tName\n1\tCC  a b \tc\n0\tC\t d\n2\tO\n"
  )
  assert smiles_files.read_named(tmp_path / "n.tsv") == (
    [2, 3, 4],
    ["CC", "C", "O"],
    ["a b", "d", ""],
  )
  (tmp_path / "one.csv").write_text("CCO\nCN\n")
  assert smiles_files.read(tmp_path / "one.csv") == ([1, 2], ["CCO", "CN"])


def test_invalid_ones_are_counted_with_their_lines(tmp_path):
  path = tmp_path / "a.smi"
  path.write_text("OCC\nC1CC\n[Na+].[Cl-]\nxx\n")
  found = smiles_files.load(path)
  assert found.smiles == ["CCO", "[Cl-].[Na+]"]
  assert found.invalid == [(2, "C1CC"), (4, "xx")] and found.fragments == 1
  assert found.notes()["invalid SMILES left out"] == 2
  said = smiles_files.complaint("a.smi", found.invalid, found.empty)
  assert "2 SMILES are left out: line 2 'C1CC', line 4 'xx'" in said
  with pytest.raises(InputError, match="line 2"):
    smiles_files.load(path, strict=True)


def test_canonical_forms_and_processes(monkeypatch):
  assert canonical.canonicalise(
    ["O=C(OCC(=O)NC=1C=CC=C(OC)C1)COC=2C=CC=CC2C", "C1CC", ""]
  ) == ["COc1cccc(NC(=O)COC(=O)COc2ccccc2C)c1", None, ""]
  smiles = ["OCC", "C1CC", "C(C)N"] * 200
  alone = canonical.canonicalise(smiles)
  monkeypatch.setattr(canonical, "_MIN_FOR_PROCESSES", 1)
  assert canonical.canonicalise(smiles, processes=2) == alone


@pytest.mark.parametrize(
  ("name", "content", "message"),
  [
    ("a.smi", b"", "holds no SMILES"),
    ("a.pdf", b"CCO", "read from .smi, .txt, .csv"),
    ("a.smi", b"\xff\xfe\x00", "no text in UTF-8"),
    ("a.smi.gz", b"not gzip", "cannot be read"),
    ("a.csv", b"id,y\na,1\n", "column"),
    ("a.csv", b"id,smiles\na\n", "line 2"),
  ],
)
def test_bad_files_are_one_sentence(name, content, message, tmp_path):
  path = tmp_path / name
  path.write_bytes(content)
  with pytest.raises(InputError, match=message) as error:
    smiles_files.read(path)
  assert name in str(error.value)


def test_absent_files_and_columns_are_one_sentence(tmp_path):
  with pytest.raises(InputError, match="cannot be read"):
    smiles_files.read(tmp_path / "absent.smi")
  (tmp_path / "t.csv").write_text("id,smiles\na,C\n")
  with pytest.raises(InputError, match="did you mean 'smiles'"):
    smiles_files.read(tmp_path / "t.csv", "smile")


def test_lines_end_by_any_sign_and_names_are_counted(tmp_path):
  path = tmp_path / "a.smi"
  path.write_bytes(b"CCO a name\rCCN\r\nCCC b\n\nCCF\fCCCl\n\f c1ccccc1 x\r")
  found = smiles_files.load(path)
  assert found.smiles == ["CCO", "CCN", "CCC", "CCF", "CCCl", "c1ccccc1"]
  # A form feed is no line to an editor.
  assert smiles_files.read(path)[0] == [1, 2, 3, 5, 5, 6]
  assert found.named == 3 and not found.invalid
  assert found.notes()["followed by a name"] == 3
  # RDKit would drop what is behind a space or a line's end in a cell, unseen.
  table = tmp_path / "t.csv"
  table.write_text('smiles,n\nCCO ethanol,1\n"CCN\nCCC",2\nCO,3\n')
  for options in ({}, {"canonicalise": False}):
    found = smiles_files.load(table, **options)
    assert found.smiles == ["CCO", "CCN", "CO"] and found.named == 2
    assert found.notes()["rows of several lines"] == 1
  assert smiles_files.load(["CCO x", "CCN "]).named == 1
  path.write_text("smiles,name\nCCO,a\n")
  with pytest.raises(InputError, match=r"line 1: a comma separates.*\.csv"):
    smiles_files.load(path)
  table.write_text("\n,,\nid,smiles\n\n , \na,CCO\nb,\n,\n", newline="\r\n")
  assert smiles_files.read(table) == ([6, 7], ["CCO", ""])
  for header, said in (("a,b", "is"), ("smiles,SMILES", "has 2 columns of")):
    table.write_text(f"\n\n{header}\na,CCO\n")
    with pytest.raises(InputError, match=f"t.csv, line 3, {said}"):
      smiles_files.read(table)
  table.write_text("id;smiles\na;CCO\n")
  with pytest.raises(InputError, match="line 1: a semicolon separates"):
    smiles_files.load(table)


def test_a_column_is_a_tables_and_is_said(tmp_path):
  table, plain = tmp_path / "t.csv", tmp_path / "a.smi"
  table.write_text("smiles,rdkit_smiles,y\nCCO,CCN,1\nCC,CN,1\n")
  plain.write_text("CCO\n")
  found = smiles_files.load(table, "rdkit_smiles")
  assert found.smiles == ["CCN", "CN"] and found.column == "rdkit_smiles"
  assert found.notes()["read from the column 'rdkit_smiles'"] == 2
  assert smiles_files.load(plain, "rdkit_smiles").smiles == ["CCO"]
  with pytest.raises(InputError, match=r"2 columns .*'smiles', 'rdkit_smiles'"):
    smiles_files.load(table)
  table.write_text("smiles,smiles\nCCO,CCN\n")
  with pytest.raises(InputError, match="2 columns"):
    smiles_files.load(table, "smiles")


def test_what_ends_rdkit_or_is_no_character_is_invalid():
  # RDKit writes 20,000 atoms in a row by as deep a recursion, and dies of it.
  found = smiles_files.load(["C" * 20_000, "C\ud800", "C" * 5_000, "C\0N"])
  assert [line for line, _ in found.invalid] == [1, 2, 4]
  assert found.smiles == ["C" * 5_000]


def test_what_programs_hold_is_a_list():
  pd = pytest.importorskip("pandas")
  wanted = ["CCO", "CCN"]
  for given in (
    ("OCC", "NCC"),
    (text for text in ("OCC", "NCC")),
    np.array(["OCC", "NCC"]),
    np.array(["OCC", "NCC"], object),
    pd.Series(["OCC", "NCC"], index=[7, 3]),
    pd.Series(["OCC", "NCC"], dtype="string"),
  ):
    found = smiles_files.load(given)
    assert found.smiles == wanted and all(type(t) is str for t in found.smiles)
  gaps = ["CCO", None, float("nan"), np.float32("nan"), pd.NA, "", "CCN"]
  found = smiles_files.load(pd.Series(gaps, dtype=object))
  assert found.smiles == wanted and found.empty == [2, 3, 4, 5, 6]
  with pytest.raises(InputError, match="line 2: no SMILES"):
    smiles_files.load(gaps, strict=True)
  for wrong, said in (
    (["CCO", 5], "line 2: '5' is of type int, and a SMILES is a str"),
    (np.array([b"CCO"]), "line 1: .* type bytes_"),
    ([["CCO"]], "line 1: .* type list"),
    (pd.DataFrame({"smiles": ["CCO"]}), "DataFrame is no list of SMILES"),
    (5, "int is no list of SMILES"),
  ):
    with pytest.raises(InputError, match=said):
      smiles_files.load(wrong)


def test_mutated_files_are_read_or_refused_in_a_sentence(tmp_path):
  text = "smiles name\n" + "".join(
    f"C{'C' * (i % 9)}N x{i}\r\n" for i in range(12)
  )
  draw = random.Random(0)
  signs = (b"\r", b"\f", b"\0", b" ", b"\xff\xfe", b'"', b";", b"\n", b"\xc2")
  for kind in ("smi", "csv"):
    path = tmp_path / f"a.{kind}"
    read = 0
    for _ in range(150):
      raw = bytearray(text.encode())
      for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(raw))
        raw[at : at + draw.choice((0, 1, 30))] = draw.choice(signs)
      path.write_bytes(raw)
      try:
        found = smiles_files.load(path)
      except InputError as error:
        assert str(path) in str(error)
      else:
        read += 1
        assert all(word and not word[0].isspace() for word in found.smiles)
    assert read > 30
