"""The tool for people's own molecules, and what it does with bad ones."""

import csv
import html.parser
import json
import re
import sys
import xml.etree.ElementTree

import jax
import numpy as np
import pytest
from rdkit import Chem

from common.chem import canonical
from common.errors import InputError
from projects.interpretable_drugs import datasets, explain, generated, pictures


def call(run, out, *arguments):
  explain.main([f"--workdir={run}", f"--out={out}", *map(str, arguments)])


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
  assert [row["name"] for row in rows] == ["", "first", "", ""]
  assert all(0 < float(row["has Cl"]) < 1 for row in rows)
  atoms = table(tmp_path / "out/atoms.csv")
  assert [row["name"] for row in atoms] == [""] * 6 + ["first"] * 4 + [""] * 5
  assert len(atoms) == 6 + 4 + 4 + 1
  assert {row["element"] for row in atoms} == {"C", "O", "N", "Cl"}
  page = (tmp_path / "out/explained.html").read_text()
  assert page.count("<svg") == 4 and "line 2" in page
  chances = [row["has Cl"] for row in rows]
  order = np.argsort([-float(chance) for chance in chances], kind="stable")
  places = [page.index(f" {rows[i]['smiles']}<") for i in order]
  assert places == sorted(places)  # The highest first.
  assert (tmp_path / "out/molecule_4.png").read_bytes()[:4] == b"\x89PNG"


def test_a_run_without_an_evaluation_explains_nothing(runs, monkeypatch):
  """Its best parameters are the random ones that it began with."""
  monkeypatch.setattr(
    explain, "saved_state", lambda workdir, init: init(jax.random.key(0))
  )
  with pytest.raises(InputError, match="stopped at step 0, before its first"):
    explain.load_run(runs["selu"])


class Page(html.parser.HTMLParser):
  """The tags of a page as they nest, and what stands in captions."""

  def __init__(self, text):
    super().__init__()
    self.open, self.nested, self.captions, self.texts = [], set(), [], {}
    self.feed(text)
    self.close()

  def handle_starttag(self, tag, attrs):
    if tag == "figcaption":
      self.captions.append("")
    if tag != "meta":  # It has no end.
      self.nested.add((*self.open, tag))
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.nested.add((*self.open, tag))

  def handle_endtag(self, tag):
    assert self.open.pop() == tag  # Each ends in the one that it began in.

  def handle_data(self, data):
    if "figcaption" in self.open:
      self.captions[-1] += data
    elif self.open:
      self.texts.setdefault(self.open[-1], []).append(data)


def test_the_page_is_sound(tmp_path, monkeypatch):
  smiles = ["CCO", "[NH4+].[Cl-]", "c1ccccc1"]
  molecules = [Chem.MolFromSmiles(text) for text in smiles]
  chances = np.array([[0.1, 0.9], [0.3, 0.1], [0.2, 0.5]])
  scores = [np.ones(m.GetNumAtoms()) for m in molecules]
  scores[0] *= -2.0
  found = explain.Explained(chances, scores)
  given = explain.Molecules(molecules, smiles, ["", "<b>&", "benzene"])
  note = "a < b & c"
  page = explain.write(tmp_path, given, found, ["one", "<two>"], 1, [note])
  text = page.read_text()
  read = Page(text)
  assert not read.open
  assert read.captions == [
    "0.900 CCO",
    "0.500 benzene c1ccccc1",
    "0.100 <b>& [NH4+].[Cl-]",
  ]
  assert ("html", "main", "figure", "svg") in read.nested
  assert read.texts["title"] == read.texts["h1"] == ["<two>"]
  assert note in read.texts["p"]
  # Full colour is that of the largest score on the page, of whichever sign.
  svgs = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
  assert len(svgs) == 3
  with monkeypatch.context() as patch, pytest.raises(InputError) as caught:
    patch.setitem(sys.modules, "rdkit.Chem.Draw", None)
    pictures.molecule(molecules[0], scores[0])
  assert "RDKit cannot draw here" in str(caught.value)
  full = pictures.molecule(molecules[0], scores[0], 2.0, svg=True)
  half = pictures.molecule(molecules[2], scores[2], 2.0, svg=True)
  for svg, whole in zip(svgs, (full, half), strict=False):
    assert svg in whole
  for svg in svgs:
    root = xml.etree.ElementTree.fromstring(svg)
    assert root.attrib["width"] == "320px" and len(root) > 3
  for i, svg in zip((1, 3, 2), svgs, strict=True):
    assert svg in (tmp_path / f"molecule_{i}.svg").read_text()
  # All that it shows is on the page itself.
  assert not re.search(r"(src|href)=", text)


def test_lines_are_those_of_the_file(tmp_path, monkeypatch):
  path = tmp_path / "mine.csv"
  path.write_text("name,smiles\na,CC\nb,C(C\n\nc,\nd,C1.C1\ne,[Na+].[Cl-]\n")
  read, once = canonical.molecule, []
  monkeypatch.setattr(
    canonical, "molecule", lambda text: once.append(text) or read(text)
  )
  found, notes = explain.read([str(path), "CO"])
  assert found.smiles == ["CC", "C1.C1", "[Na+].[Cl-]", "CO"]
  assert found.names == ["a", "d", "e", ""]
  assert [m.GetNumAtoms() for m in found.molecules] == [2, 2, 2, 2]
  assert "2 SMILES are left out: line 3 'C(C', line 5 (empty)" in notes[0]
  assert notes[1:] == [
    f"{path}: 1 of several fragments, as salts are; all of them count"
  ]
  assert once == ["CC", "C(C", "", "C1.C1", "[Na+].[Cl-]", "CO"]


def test_a_files_name_is_no_smiles(tmp_path):
  for name in ("no.smi.gz", "no.SMILES", "no.csv.xz"):
    with pytest.raises(InputError, match=f"{name} cannot be read"):
      explain.read([str(tmp_path / name)])
  with pytest.raises(InputError, match=r"mols\.sdf: molecules are read from"):
    explain.read(["mols.sdf"])
  found, _ = explain.read(["[Na+].[Cl-]", "CC.O", "C.Cl"])
  assert found.smiles == ["[Na+].[Cl-]", "CC.O", "C.Cl"]


def test_outputs_are_called_as_the_data_call_them(runs, tmp_path, capsys):
  for name in ("config.json", "checkpoints"):
    (tmp_path / name).symlink_to(runs["selu"] / name)
  given = ["CC", "--method=gradient_times_input"]
  call(tmp_path, tmp_path / "old", *given)  # Without a record.
  named = [f"has {group}" for group in generated.GROUPS]
  assert json.loads((runs["selu"] / "tasks.json").read_text()) == named
  (tmp_path / "tasks.json").write_text(json.dumps(named[::-1]))
  call(tmp_path, tmp_path / "new", *given, "--assay=has C=C")
  (old,), (new,) = (
    table(tmp_path / f"{run}/predictions.csv") for run in ("old", "new")
  )
  assert list(old)[3:] == named and list(new)[3:] == named[::-1]
  assert list(old.values()) == list(new.values())
  (tmp_path / "mine.csv").write_text("id,structure\na,CC\n")
  call(tmp_path, tmp_path / "new", tmp_path / "mine.csv", "--column=structure")
  assert table(tmp_path / "new/predictions.csv")[0]["smiles"] == "CC"


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


def test_bad_input_is_one_sentence(runs, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(explain, "explain", lambda *_: pytest.fail("it began"))
  for arguments, said in (
    (["C(C"], "no molecule is left to explain; the command line: 1 SMILES"),
    ([""], "no molecule is left"),
    ([tmp_path / "no.smi"], "no.smi cannot be read"),
    (["CC", tmp_path], "is a folder; give the files in it"),
    (["CC", "--assay=has Clo"], "no column 'has Clo'; did you mean 'has Cl'"),
    (["CC", "--method=occlusoin"], "did you mean 'occlusion'"),
    (["CC", "--method=neighbourhood"], "=neighbourhood is none of integrated_"),
    (["CC", f"--out={__file__}"], "cannot be written (File exists): name an"),
  ):
    with pytest.raises(SystemExit) as stop:
      call(runs["selu"], tmp_path / "out", *arguments)
    assert stop.value.code == (2 if "--method" in str(arguments[-1]) else 1)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error
    assert error.count("\n") == 1
  (tmp_path / "config.json").write_text('{"slots": 4}')
  with pytest.raises(InputError, match="is a run of another project") as told:
    explain.load_run(tmp_path)
  assert "slots" not in str(told.value)  # Nor all the keys that it might have.


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
