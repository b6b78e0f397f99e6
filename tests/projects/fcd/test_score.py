"""The score from end to end, with the released weights."""

import json
import os
import subprocess
import sys

import pytest

from common.errors import InputError
from projects.fcd import score

pytestmark = pytest.mark.slow

A = [
  "COc1cccc(NC(=O)Cc2coc3ccc(OC)cc23)c1",
  "Cc1noc(C)c1CN(C)C(=O)Nc1cc(F)cc(F)c1",
]
B = ["Oc1ccccc1-c1cccc2cnccc12", "Cc1noc(C)c1CN(C)C(=O)Nc1cc(F)cc(F)c1"]


def test_the_packages_own_value(chemnet):
  found = score.score(A, B, weights=chemnet)
  assert found["distance"] == pytest.approx(47.7736, abs=1e-3)
  assert found["n"] == [2, 2] and found["protocol"]["tokens"] == "of fcd 1.2"
  # Rows and processes are the same, whatever the order.
  again = score.score(B[::-1], A, weights=chemnet, distance_only=True)
  assert again["distance"] == pytest.approx(found["distance"], rel=1e-6)


def test_two_sets_of_one_molecule_are_equal(chemnet):
  found = score.score(["CCO"] * 5, ["OCC"] * 9, weights=chemnet)
  assert found["distance"] == pytest.approx(0, abs=1e-6)


def test_rules_refuse_each_other_and_too_few_are_one_sentence(chemnet):
  with pytest.raises(InputError, match=r"rule '1.3' of tokens"):
    score.score(A, B, rule="1.3", weights=chemnet)
  with pytest.raises(InputError, match=r"1 sample\(s\) were left"):
    score.score(A, ["CCO", "C1CC"], weights=chemnet)


def test_what_is_handled_is_counted_or_under_strict_an_error(chemnet, capsys):
  odd = [*A, "CC(=O)[O-].[Na+]", "C" * 2000]
  for rule, said in (("1.2", "padded further"), ("1.1", "is cut off")):
    side = score.samples(odd, rule=rule, weights=chemnet)
    assert side.n == 4
    assert side.notes == {
      "of several fragments": 1,
      "of 350 characters or more": 1,
    }
    assert said in capsys.readouterr().err
  for bad, match in (
    (odd[:3], "line 3: .* several fragments"),
    ([*A, odd[3]], "350 characters or more.*remove them"),
    ([*A, ""], "line 3: no SMILES"),
    ([*A, "C1CC"], "line 3: RDKit rejects"),
  ):
    with pytest.raises(InputError, match=match):
      score.samples(bad, weights=chemnet, strict=True)


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
  assert found["notes"]["b"] == {"invalid SMILES left out": 1}

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
