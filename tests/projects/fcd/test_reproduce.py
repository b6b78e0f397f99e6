"""The studies' files, tables and pictures, from results made up."""

import numpy as np
import pytest

from common.errors import InputError
from projects.fcd import disturbances, pictures, reproduce

pytestmark = pytest.mark.slow


def test_an_assay_is_read_where_it_was_done(tmp_path):
  path = tmp_path / "train.csv"
  path.write_text("id,SMILES,A,B\na,OC,1,\nb,CCO,,0\nc,C(C)O,0,1\nd,XX,1,1\n")
  smiles, active = reproduce.assay(str(path), "A")
  assert smiles == ["CO", "CCO"] and active.tolist() == [True, False]
  with pytest.raises(InputError, match=r"did you mean|no column"):
    reproduce.assay(str(path), "C")
  with pytest.raises(InputError, match="give the training part"):
    reproduce.assay("", "A")
  with pytest.raises(InputError, match=r"has no list pool.smi"):
    reproduce.find(tmp_path, "pool")


def test_disturbances_have_a_table_and_a_picture(tmp_path):
  random = np.random.default_rng(0)
  levels = [0.0, 0.5, 1.0]
  rising = lambda: (random.random((2, 3)) + np.arange(3)).tolist()
  scores = {
    fault: {name: rising() for name in ("FCD", *disturbances.SCORES)}
    for fault in disturbances.FAULTS
  }
  correlation = {
    fault: {n: reproduce._rank_correlation(levels, c) for n, c in by.items()}
    for fault, by in scores.items()
  }
  results = {
    "levels": levels, "scores": scores, "rank_correlation": correlation
  }  # fmt: skip
  lines = reproduce.disturbances_table(results).splitlines()
  assert len(lines) == 2 + len(disturbances.FAULTS)
  assert "(+0.9" in lines[2] or "(+1.0" in lines[2]
  pictures.disturbances_plot(tmp_path / "d.png", results)
  assert (tmp_path / "d.png").stat().st_size > 10_000


def test_moses_has_a_table_and_a_picture(tmp_path):
  line = {"value": 0.4}
  test = {
    "published": 0.5, "fcd": 0.6, "standard_error": 0.01, "at_infinity": line
  }  # fmt: skip
  one = {"n": 10_000, "Test": test, "TestSF": {**test, "at_infinity": None}}
  results = {
    "models": {"vae": one, "hmm": {**one, "n": 900}},
    "rank_correlation": {"Test": 1.0, "TestSF": 0.5},
  }
  table = reproduce.moses_table(results)
  assert "| vae | 10,000 | 0.500 | 0.600 ± 0.010 | 0.400 | 0.500 |" in table
  assert "| 900 |" in table and "1.00 and 0.50" in table
  pictures.moses_plot(tmp_path / "m.png", results)
  assert (tmp_path / "m.png").stat().st_size > 10_000
