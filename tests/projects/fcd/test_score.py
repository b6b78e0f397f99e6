"""The score from end to end, with the released weights."""

import contextlib
import gzip
import io
import json
import lzma
import os
import pathlib
import shlex
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from common.errors import InputError
from projects.fcd import model, score

A = [
  "COc1cccc(NC(=O)Cc2coc3ccc(OC)cc23)c1",
  "Cc1noc(C)c1CN(C)C(=O)Nc1cc(F)cc(F)c1",
]
B = ["Oc1ccccc1-c1cccc2cnccc12", "Cc1noc(C)c1CN(C)C(=O)Nc1cc(F)cc(F)c1"]


@pytest.fixture
def unloaded(monkeypatch):
  """Weights are there at once, and no feature may be computed."""
  monkeypatch.setattr(model, "released", lambda _: ({}, "small"))
  fail = lambda *_: pytest.fail("features are begun")
  monkeypatch.setattr(score, "activations", fail)


@pytest.mark.slow
def test_the_packages_own_value(chemnet):
  found = score.score(A, B, weights=chemnet)
  assert found["distance"] == pytest.approx(47.7736, abs=1e-3)
  assert found["n"] == [2, 2] and found["protocol"]["tokens"] == "of fcd 1.2"
  # Rows and processes are the same, whatever the order.
  again = score.score(B[::-1], A, weights=chemnet, distance_only=True)
  assert again["distance"] == pytest.approx(found["distance"], rel=1e-6)


@pytest.mark.slow
def test_two_sets_of_one_molecule_are_equal(chemnet):
  found = score.score(["CCO"] * 5, ["OCC"] * 9, weights=chemnet)
  assert found["distance"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
  "few, said",
  [
    (["CCO", "C1CC"], r"2 SMILES: 1 .* at least 2 \(1 invalid SMILES left"),
    (["nonsense"], "1 SMILES: 0 sample"),
    ([], "0 SMILES: 0 sample"),
  ],
)
def test_too_few_are_found_before_the_features_of_a(few, said, unloaded):
  with pytest.raises(InputError, match=said):
    score.score(A, few)


def test_wrong_weights_are_found_before_smiles_are_read(
  tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(score, "listed", lambda *_: pytest.fail("it read"))
  (tmp_path / "w.pt").write_bytes(b"other")
  (tmp_path / "a.smi").write_text("\n".join(A))
  given, wrong = str(tmp_path / "a.smi"), str(tmp_path / "w.pt")
  with pytest.raises(InputError, match=r"w\.pt"):
    score.score(A, B, weights=wrong)
  with pytest.raises(InputError, match=r"w\.pt"):
    score.samples(A, weights=wrong)
  words = ["score", given, given, f"--weights={wrong}"]
  monkeypatch.setattr(sys, "argv", words)
  with pytest.raises(SystemExit):
    score.main()
  assert "w.pt" in capsys.readouterr().err


def test_what_is_handled_is_counted_or_under_strict_an_error(unloaded, capsys):
  odd = [*A, "CC(=O)[O-].[Na+]", "C" * 2000, "OCC", "C(C)O"]
  for rule, unit, said in (
    ("1.2", "characters", "padded further"),
    ("1.1", "symbols", "is cut off"),
  ):
    side = score.listed(odd, rule, None, True, False, 1)
    assert len(side.smiles) == 6
    assert {key: count for key, count in side.notes.items() if count} == {
      "of several fragments": 1,
      f"of 350 {unit} or more": 1,
      "duplicates": 1,  # In the form that is scored.
    }
    assert said in capsys.readouterr().err
  for bad, match in (
    (odd[:3], "line 3: .* several fragments"),
    ([*A, odd[3]], "350 characters or more.*remove them"),
    ([*A, ""], "line 3: no SMILES"),
    ([*A, "C1CC"], "line 3: RDKit rejects"),
  ):
    with pytest.raises(InputError, match=match):
      score.samples(bad, strict=True)


@pytest.mark.slow
@pytest.mark.processes
def test_the_command(chemnet, tmp_path, root, monkeypatch, capsys):
  a, b = tmp_path / "a.smi", tmp_path / "b.smi"
  a.write_text("\n".join(A * 3) + "\n")
  b.write_text("\n".join([*B * 3, "C1CC"]) + "\n")
  kept, weights = tmp_path / "a.npz", f"--weights={chemnet}"
  words = [str(a), str(b), weights, f"--save-stats={kept}", "--json"]
  done = subprocess.run(
    [sys.executable, "-m", "projects.fcd.score", *words],
    cwd=root,
    capture_output=True,
    text=True,
    env=os.environ,
  )
  assert done.returncode == 0, done.stderr
  assert "line 7 'C1CC'" in done.stderr
  found = json.loads(done.stdout)
  assert found["notes"]["b"] == {"invalid SMILES left out": 1, "duplicates": 4}

  def run(*arguments):
    words = ["score", str(kept), str(b), weights, *arguments]
    monkeypatch.setattr(sys, "argv", words)
    score.main()
    return capsys.readouterr().out

  name, value, *_ = run().split()
  assert name == "FCD:"
  assert float(value) == pytest.approx(found["distance"], rel=1e-4)
  for argument, match in (
    ("--strict", "line 7"),
    ("--tokens=1.1", "tokens is 'of fcd 1.2' of A and 'of fcd 1.1' of B"),
  ):
    with pytest.raises(SystemExit):
      run(argument)
    assert match in capsys.readouterr().err


def read(source, column=None):
  """What `score` reads of one side, without the network."""
  return score.listed(source, "1.2", column, True, False, 1)


def test_several_files_are_one_side(tmp_path):
  (tmp_path / "g1.smi").write_text("OCC\n")
  (tmp_path / "g2.csv").write_text("smiles,n\nOCCC,1\nC1CC,2\n")
  with zipfile.ZipFile(tmp_path / "g.zip", "w") as archive:
    archive.write(tmp_path / "g1.smi", "in/a.smi")
    archive.writestr("in/b.csv.xz", lzma.compress(b"smiles\nNCC\n"))
    archive.writestr("__MACOSX/._a.smi", b"\0")
    archive.writestr("readme.pdf", b"")
    archive.writestr("x", b"")
    archive.infolist()[-1].filename = ""  # As in a damaged one.
  (tmp_path / "none.zip").write_bytes((tmp_path / "g.zip").read_bytes()[:99])
  pattern = str(tmp_path / "g[12].*")
  found = read(pattern)
  assert found.name == pattern and found.smiles == ["CCO", "CCCO"]
  assert found.notes["invalid SMILES left out"] == 1
  assert found.notes["read from the column 'smiles'"] == 1
  paths = [tmp_path / "g1.smi", tmp_path / "g.zip"]
  found = read(paths)
  assert found.smiles == ["CCO", "CCO", "CCN"]
  assert found.name == f"{paths[0]} + {paths[1]}"
  counted = {key: found.notes.get(f"from {key}") for key in paths}
  assert counted == {paths[0]: 1, paths[1]: 2}
  assert found.notes["files .pdf ignored"] == 1
  (tmp_path / "folder").mkdir()
  (tmp_path / "g1.smi").rename(tmp_path / "folder" / "g1.SMI")
  (tmp_path / "folder" / "g2.smi").write_text("OC\n")
  (tmp_path / "folder" / "list.png").touch()
  found = read(tmp_path / "folder")
  assert (
    found.smiles == ["CCO", "CO"] and found.notes["files .png ignored"] == 1
  )
  for wrong, said in (
    (tmp_path / "h*.smi", "no file has a name like"),
    (tmp_path / "none.zip", "none.zip cannot be read"),
    (tmp_path / "g.zip" / "absent.smi", "absent.smi cannot be read"),
  ):
    with pytest.raises(InputError, match=said):
      read(wrong)


def test_long_ones_are_counted_from_350_characters_on(capsys):
  found = read(["C" * 349, "C" * 350, "C" * 351])
  assert found.notes["of 350 characters or more"] == 2
  assert "2 SMILES of 350 characters or more" in capsys.readouterr().err


def test_each_side_has_its_column(tmp_path, unloaded, monkeypatch):
  table = tmp_path / "t.csv"
  table.write_text("mine,theirs\nOCC,NCC\nOC,NC\n")
  plain = tmp_path / "a.smi"
  plain.write_text("C\nCC\n")
  written = tmp_path / "w.smi"
  written.write_text("OCC\nOC\n")
  seen = []

  def features(found, *_):
    seen.append(found)
    return score.feature_distance.collect(
      found.name, [np.eye(2)], {"score": "FCD"}, found.notes
    )

  monkeypatch.setattr(score, "features", features)
  score.score(table, table, column=("mine", "theirs"), distance_only=True)
  score.score(table, plain, column="mine", distance_only=True)
  for words in (
    [table, table, "--column-a=mine", "--column-b=theirs"],
    [table, plain, "--column=mine"],
    [written, plain, "--as-written"],
    [written, plain, "--more-a", plain, "--more-b", table, "--column=theirs"],
  ):
    monkeypatch.setattr(sys, "argv", ["score", *map(str, words)])
    score.main()
  sides = [found.smiles for found in seen]
  both = [["CCO", "CO"], ["CCN", "CN"], ["CCO", "CO"], ["C", "CC"]]
  assert sides[:4] == sides[4:8] == both
  assert sides[8:10] == [["OCC", "OC"], ["C", "CC"]]
  assert sides[10:] == [["CCO", "CO", "C", "CC"], ["C", "CC", "CCN", "CN"]]
  assert seen[-1].notes[f"from {table}"] == 2
  with pytest.raises(InputError, match="no column 'other'"):
    score.score(table, plain, column="other")


def test_b_is_read_before_the_features_of_a(
  tmp_path, unloaded, monkeypatch, capsys
):
  absent = tmp_path / "absent.smi"
  with pytest.raises(InputError, match=r"absent.smi cannot be read"):
    score.score(A, absent)
  given = tmp_path / "a.smi"
  given.write_text("\n".join(A))
  monkeypatch.setattr(sys, "argv", ["score", str(given), str(absent)])
  with pytest.raises(SystemExit):
    score.main()
  assert "absent.smi cannot be read" in capsys.readouterr().err
  with pytest.raises(InputError, match=r"rule '1.3' of tokens"):
    score.score(A, B, rule="1.3")


def test_statistics_are_no_file_of_molecules(tmp_path):
  np.savez(tmp_path / "a.npz", mu=np.zeros(2), sigma=np.eye(2))
  for side in ([tmp_path / "a.npz", tmp_path / "b"], str(tmp_path / "a.np?")):
    with pytest.raises(InputError, match=r"a\.npz holds statistics.*alone"):
      score.score(A, side)


def test_statistics_are_found_behind_a_tilde(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  np.savez(tmp_path / "a.npz", mu=np.zeros(2), sigma=np.eye(2))
  np.savez(tmp_path / "b.npz", mu=np.ones(2), sigma=np.eye(2))
  found = score.score("~/a.npz", pathlib.Path("~/b.npz"), distance_only=True)
  assert found["distance"] == pytest.approx(2)
  (tmp_path / "a.smi").write_text("OCC\nOC")
  assert read("~/a.smi").smiles == read([pathlib.Path("~/a.smi")]).smiles
  with pytest.raises(InputError, match=f"{tmp_path}/none.pt"):
    model.released("~/none.pt")


def test_the_commands_of_the_readme(tmp_path, monkeypatch, capsys):
  counts = lambda smiles, *_: iter([np.array([[len(s), 1] for s in smiles])])
  monkeypatch.setattr(model, "released", lambda _: (None, "small"))
  monkeypatch.setattr(score, "activations", counts)
  monkeypatch.chdir(tmp_path)
  texts = "\n".join(A + B) + "\n"
  pathlib.Path("reference.smi").write_text(texts)
  pathlib.Path("generated.smi").write_text("\n".join(B))
  for text, opened, name in (
    (
      "id,smiles\n" + "".join(f"x,{a}\n" for a in A),
      gzip.open,
      "reference.csv.gz",
    ),
    (texts, lzma.open, "generated.smi.xz"),
  ):
    with opened(name, "wt") as file:
      file.write(text)
  readme = pathlib.Path(score.__file__).with_name("README.md").read_text()
  shell, python = (
    readme.split(f"```{kind}\n", 1)[1].split("```", 1)[0]
    for kind in ("sh", "python")
  )
  said = []
  for line in shell.splitlines():
    start, module, name, *words = shlex.split(line)
    assert [start, module, name] == ["python", "-m", "projects.fcd.score"]
    monkeypatch.setattr(sys, "argv", ["score", *words])
    score.main()
    said.append(capsys.readouterr().out)
  assert len(said) >= 5 and "FCD: " in said[0] and said[3] == ""
  assert "reference.csv.gz: 2 read from the column 'smiles'" in said[1]
  json.loads(said[4])
  exec(python, {})


@pytest.mark.parametrize("words", [["--help"], ["a.npz", "b.npz"]])
def test_a_terminal_of_ascii_is_no_error(words, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  np.savez("a.npz", mu=np.zeros(2), sigma=np.eye(2))
  np.savez("b.npz", mu=np.ones(2), sigma=np.eye(2))
  terminal = io.BytesIO()
  monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(terminal, "ascii"))
  monkeypatch.setattr(sys, "argv", ["score", *words])
  with contextlib.suppress(SystemExit):
    score.main()
  sys.stdout.flush()
  assert rb"Fr\xe9chet" in terminal.getvalue()  # The é of the name.


def test_pipes_do_not_hang(tmp_path, unloaded, monkeypatch, capsys):
  pipe = tmp_path / "pipe.smi"
  os.mkfifo(pipe)
  with pytest.raises(InputError, match="named pipe"):
    score.score(A, pipe)
  for words, said in (([pipe, pipe], "named pipe"), (["-", "-"], "both be")):
    monkeypatch.setattr(sys, "argv", ["score", *map(str, words)])
    with pytest.raises(SystemExit):
      score.main()
    assert said in capsys.readouterr().err
  reading, writing = os.pipe()  # As the shell's <(command) gives.
  os.write(writing, b"OCC name\rNCC")
  os.close(writing)
  assert read(f"/dev/fd/{reading}").smiles == ["CCO", "CCN"]
  os.close(reading)
