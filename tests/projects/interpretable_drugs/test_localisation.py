"""The alcohol task: its rule, its atoms, its draw; how marks are counted."""

import gzip

import numpy as np
import pytest
from rdkit import Chem

from common.errors import InputError
from projects.interpretable_drugs import alcohols, localisation


@pytest.mark.parametrize(
  "smiles, kind",
  [
    ("CCO", "alcohol"),
    ("OC1CCCCC1", "alcohol"),
    ("CCN", "oxygen-free"),
    ("CC(=O)O", "acid"),
    ("c1ccccc1C(=O)O", "acid"),
    ("OCC(=O)O", None),  # Both.
    ("Oc1ccccc1", None),  # A phenol: no saturated carbon.
    ("C=CO", None),
    ("COC", None),
    ("CC=O", None),
    ("CC(=O)OC", None),
    ("C[O-]", None),
  ],
)
def test_the_rule(smiles, kind):
  assert alcohols.kind(Chem.MolFromSmiles(smiles)) == kind


def test_which_atoms_matter():
  molecule = Chem.MolFromSmiles("OCC(O)CC(=O)O")
  assert np.flatnonzero(alcohols.hydroxyls(molecule)).tolist() == [0, 3]
  assert np.flatnonzero(alcohols.acid_hydroxyls(molecule)).tolist() == [7]


def test_shares_of_marked_atoms():
  smiles = ("CCO", "OCC", "CCC", "CC(=O)O")
  kinds = ("alcohol", "alcohol", "oxygen-free", "acid")
  scores = [[-1, 2, 3], [1, 2, -1], [0, 0, 4], [-1, -1, 5, 6]]
  found = localisation.of_alcohols(
    [Chem.MolFromSmiles(text) for text in smiles],
    kinds,
    [np.array(one, float) for one in scores],
  )
  assert found["hydroxyl"] == 1 and found["first"] == 0.5
  assert found["other"] == 0.5
  assert found["oxygen_free"] == pytest.approx(1 / 3)
  assert found["acid_hydroxyl"] == 1
  assert found["acid_other"] == pytest.approx(1 / 3)
  # Oxygens 3 and 1 against -1, 2, 2, -1; then without the carbons beside them.
  assert found["auc"] == pytest.approx((4 + 2) / 8)
  assert found["auc_near"] == 1


def test_nothing_of_a_kind_is_no_number():
  found = localisation.of_alcohols(
    [Chem.MolFromSmiles("CC")], ("oxygen-free",), [np.zeros(2)]
  )
  assert found["oxygen_free"] == 0 and np.isnan(found["hydroxyl"])


def test_drawing_from_lists(tmp_path):
  (tmp_path / "a.smi").write_text("CCO x\nOCC\nCCN\n\nnonsense\nCOC\nCCCN\n")
  (tmp_path / "qm9.csv").write_text("id,smiles\n1,CC(=O)O\n2,CCC\n")
  (tmp_path / "notes.txt").write_text("CCCCO\n")
  wanted = {"alcohol": 1, "oxygen-free": 3, "acid": 1}
  molecules, kinds, sources = alcohols.draw(tmp_path, wanted, 0)
  assert sorted(kinds) == sorted(["alcohol", *["oxygen-free"] * 3, "acid"])
  assert [alcohols.kind(molecule) for molecule in molecules] == kinds
  # The list of no drugs gives only what the other lacks.
  assert sources["oxygen-free from qm9"] == 1
  again, _, _ = alcohols.draw(tmp_path, wanted, 0)
  write = lambda found: [Chem.MolToSmiles(molecule) for molecule in found]
  assert write(molecules) == write(again)
  with pytest.raises(InputError, match="missing are 1 of kind alcohol; add"):
    # CCO and OCC are one molecule.
    alcohols.draw(tmp_path, {**wanted, "alcohol": 2}, 0)


def test_lists_are_read_as_those_of_other_commands(tmp_path, capsys):
  """Names behind SMILES, headers, comments, any line ends and columns."""
  lists = {
    "a.SMI": b"\xef\xbb\xbfsmiles name\r\n\r\n# some\r\nCCO x\r\nC1CC y\r\n",
    "b.csv": b"\n,,\nid,Canonical_SMILES\n1,CCN n\n2,nonsense\n3,\n\n4,xx\n",
    "c.tsv.gz": gzip.compress(b"smiles\ty\nCC(=O)O\t1\n"),
  }
  for name, raw in lists.items():
    (tmp_path / name).write_bytes(raw)
  wanted = {"alcohol": 1, "oxygen-free": 1, "acid": 2}
  more = {**wanted, "oxygen-free": 2}
  with pytest.raises(InputError, match="1 of kind oxygen-free, 1 of kind acid"):
    alcohols.draw(tmp_path, more, 0)
  said = capsys.readouterr().err
  assert "a.SMI: 2 SMILES are left out: line 3 '#', line 5 'C1CC'\n" in said
  left_out = "line 5 'nonsense', line 8 'xx', line 6 (empty)\n"
  assert f"b.csv: 3 SMILES are left out: {left_out}" in said
  # What stands behind the last that is wanted is not looked at.
  _, kinds, sources = alcohols.draw(tmp_path, {**wanted, "acid": 1}, 0)
  assert sorted(kinds) == ["acid", "alcohol", "oxygen-free"]
  assert sorted(sources) == [
    "acid from c",
    "alcohol from a",
    "oxygen-free from b",
  ]
  (tmp_path / "b.csv").write_text("\nid,smiles,SMILES\n")
  with pytest.raises(InputError, match=r"b\.csv, line 2, has 2 columns of SM"):
    alcohols.draw(tmp_path, wanted, 0)
  with pytest.raises(InputError, match="empty has no lists of SMILES"):
    alcohols.draw(tmp_path / "empty", wanted, 0)
