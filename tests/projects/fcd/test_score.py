"""The score from end to end, with the released weights."""

import json
import os
import subprocess
import sys

import pytest

from common.errors import InputError
from projects.fcd import score

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


@pytest.mark.processes
def test_the_command(chemnet, tmp_path, root):
  a, b = tmp_path / "a.smi", tmp_path / "b.smi"
  a.write_text("\n".join(A * 3) + "\n")
  b.write_text("\n".join([*B * 3, "C1CC"]) + "\n")
  kept = tmp_path / "a.npz"

  def run(*arguments):
    command = [sys.executable, "-m", "projects.fcd.score", *map(str, arguments)]
    return subprocess.run(
      [*command, f"--weights={chemnet}"],
      cwd=root, capture_output=True, text=True, env=os.environ,
    )  # fmt: skip

  done = run(a, b, f"--save-stats={kept}", "--json")
  assert done.returncode == 0, done.stderr
  assert "line 7 'C1CC'" in done.stderr
  found = json.loads(done.stdout)
  assert found["notes"]["b"] == {"invalid SMILES left out": 1}
  again = run(kept, b)
  assert again.stdout.startswith(f"FCD: {found['distance']:.6g}")
  strict = run(kept, b, "--strict")
  assert strict.returncode == 1 and "line 7" in strict.stderr
  other = run(kept, b, "--tokens=1.1")
  assert other.returncode == 1 and "were not made the same way" in other.stderr
