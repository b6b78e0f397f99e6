"""The tool for people's own molecules, and what it does with bad ones."""

import csv

import numpy as np
import pytest
from rdkit import Chem

from common.errors import InputError
from projects.interpretable_drugs import datasets, explain, pictures


def call(run, out, *arguments):
  explain.main([*map(str, arguments), f"--workdir={run}", f"--out={out}"])


def table(path):
  with path.open() as file:
    return list(csv.DictReader(file))


def test_a_page_of_molecules(runs, tmp_path, capsys):
  smiles = tmp_path / "mine.smi"
  smiles.write_text("CC(C)O first\nC(C broken\nCC[NH3+].[Cl-]\nC\n")
  call(
    runs["selu"],
    tmp_path / "out",
    "CC/C=C/CO",
    smiles,
    "--assay=has Cl",
    "--method=occlusion",
  )
  said = capsys.readouterr().out
  assert "mine.smi: 1 SMILES are left out: line 2 'C(C'" in said
  assert "1 of several fragments" in said
  rows = table(tmp_path / "out/predictions.csv")
  assert [row["smiles"] for row in rows] == [
    "CC/C=C/CO",
    "CC(C)O",
    "CC[NH3+].[Cl-]",
    "C",
  ]
  assert all(0 < float(row["has Cl"]) < 1 for row in rows)
  atoms = table(tmp_path / "out/atoms.csv")
  assert len(atoms) == 6 + 4 + 4 + 1
  assert {row["element"] for row in atoms} == {"C", "O", "N", "Cl"}
  page = (tmp_path / "out/explained.html").read_text()
  assert page.count("<svg") == 4 and "line 2" in page
  chances = [row["has Cl"] for row in rows]
  order = np.argsort([-float(chance) for chance in chances], kind="stable")
  places = [page.index(f"</b> {rows[i]['smiles']}<") for i in order]
  assert places == sorted(places)  # The highest first.
  assert (tmp_path / "out/molecule_4.png").read_bytes()[:4] == b"\x89PNG"


def test_atoms_of_a_graph_network(runs, tmp_path, capsys):
  long = "C" * 400
  call(runs["graph_conv"], tmp_path, long, "CS(F)(F)(F)F", "[U]", "C")
  said = capsys.readouterr().out
  assert "1 molecule(s) with more atoms than slots" in said
  assert "1 molecule(s) with more neighbours than slots" in said
  assert "with elements outside the vocabulary" in said
  atoms = table(tmp_path / "atoms.csv")
  first = [float(row["has O"]) for row in atoms if row["molecule"] == "1"]
  assert len(first) == 400 and first[150:] == [0] * 250


def test_the_scores_are_the_attribution(runs):
  config, params = explain.load_run(runs["selu"])
  molecules = [Chem.MolFromSmiles(text) for text in ("CCO", "CCCl")]
  found = explain.explain(config, params, molecules, 0, "gradient_times_input")
  other = explain.explain(config, params, molecules, 3, "gradient_times_input")
  alone = explain.explain(
    config, params, molecules[1:], 0, "gradient_times_input"
  )
  np.testing.assert_allclose(found.scores[1], alone.scores[0], atol=1e-6)
  np.testing.assert_allclose(
    found.probabilities, other.probabilities, atol=1e-6
  )
  assert np.abs(found.scores[0] - other.scores[0]).max() > 1e-6


def test_bad_input_is_one_sentence(runs, tmp_path, capsys):
  for arguments, said in (
    (["C(C"], "no molecule is left to explain; the command line: 1 SMILES"),
    ([""], "no molecule is left"),
    ([tmp_path / "no.smi"], "no.smi cannot be read"),
    (["CC", "--assay=has Clo"], "no column 'has Clo'; did you mean 'has Cl'"),
    (["CC", "--method=occlusoin"], "did you mean occlusion"),
    (["CC", "--method=neighbourhood"], "this run's network has integrated_g"),
  ):
    with pytest.raises(SystemExit) as stop:
      call(runs["selu"], tmp_path / "out", *arguments)
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error
    assert error.count("\n") == 1
  (tmp_path / "config.json").write_text('{"slots": 4}')
  with pytest.raises(InputError, match="holds no run of this project"):
    explain.load_run(tmp_path)


def test_colours_tell_the_sign():
  molecule = Chem.MolFromSmiles("CCO")
  svg = lambda scores: str(
    pictures.molecule(molecule, np.array(scores), svg=True)
  )
  red, blue = "#E54742", "#4477D8"
  assert red in svg([0, 0, 2.0]) and blue not in svg([0, 0, 2.0])
  assert blue in svg([-2.0, 0, 0]) and red not in svg([-2.0, 0, 0])
  assert red not in svg([0, 0, 0]) and blue not in svg([0, 0, 0])


def test_the_names_of_assays_are_the_datas(shared):
  from configs.interpretable_drugs import tox21

  config = tox21.get_config().unlock()
  config.data_dir = str(shared / "data/tox21")
  header = datasets.tox21._read(config.data_dir)[2]
  assert list(header) == explain.TASKS["tox21"]
