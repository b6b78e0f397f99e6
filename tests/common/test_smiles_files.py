"""Files of molecules: what is read, counted and refused."""

import gzip
import lzma

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
  (tmp_path / "one.csv").write_text("CCO\nCN\n")
  assert smiles_files.read(tmp_path / "one.csv") == ([1, 2], ["CCO", "CN"])


def test_invalid_ones_are_counted_with_their_lines(tmp_path):
  path = tmp_path / "a.smi"
  path.write_text("OCC\nC1CC\n[Na+].[Cl-]\nxx\n")
  found = smiles_files.load(path)
  assert found.smiles == ["CCO", "[Cl-].[Na+]"]
  assert found.invalid == [(2, "C1CC"), (4, "xx")] and found.fragments == 1
  assert found.notes()["invalid SMILES left out"] == 2
  said = smiles_files.complaint("a.smi", found)
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
