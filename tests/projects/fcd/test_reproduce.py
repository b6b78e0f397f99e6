"""The studies' files, tables and pictures, from results made up."""

import lzma

import ml_collections
import numpy as np
import pytest

from common.errors import InputError
from common.metrics import feature_distance
from common.stats import frechet
from projects.fcd import disturbances, model, pictures, reproduce, score

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
  (tmp_path / "pool.smi").touch()
  assert reproduce.find(tmp_path, "pool") == tmp_path / "pool.smi"
  (tmp_path / "pool.csv").touch()
  with pytest.raises(InputError, match=r"has pool.csv and pool.smi: leave"):
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
    "levels": levels,
    "scores": scores,
    "rank_correlation": correlation,
  }
  lines = reproduce.disturbances_table(results).splitlines()
  assert len(lines) == 2 + len(disturbances.FAULTS)
  assert "(+0.9" in lines[2] or "(+1.0" in lines[2]
  first, _, last = np.median(scores[disturbances.FAULTS[0]]["FCD"], axis=0)
  assert lines[2].split("|")[2].startswith(f" {first:.2g} to {last:.2g} (")
  pictures.disturbances_plot(tmp_path / "d.png", results)
  assert (tmp_path / "d.png").stat().st_size > 10_000


def test_moses_has_a_table_and_a_picture(tmp_path):
  line = {"value": 0.4}
  test = {
    "published": 0.5,
    "fcd": 0.6,
    "standard_error": 0.01,
    "at_infinity": line,
  }
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


def test_a_set_is_judged_by_molecules_that_its_reference_has_not(monkeypatch):
  pool = ["C" * n + tail for n in range(1, 11) for tail in "CNOF"]
  features = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
  monkeypatch.setattr(model, "released", lambda _: (None, "digest"))
  monkeypatch.setattr(reproduce, "activations", lambda *_: iter([features]))
  activity = lambda bits, *_: bits.sum(1)
  monkeypatch.setattr(disturbances, "predicted_activity", activity)
  seen, drawn = [], disturbances.disturbed

  def disturbed(rest, faulty, *others):
    judged = drawn(rest, faulty, *others)
    seen.append((rest, faulty, judged))
    return judged

  monkeypatch.setattr(disturbances, "disturbed", disturbed)
  config = ml_collections.ConfigDict(
    {
      "n": 20,
      "bits": 64,
      "processes": 1,
      "repetitions": 2,
      "share": 0.2,
      "levels": (0.0, 1.0),
      "seed": 0,
      "batch_size": 8,
    }
  )
  active = np.array([True, False])
  found = reproduce.study_disturbances(config, pool, ["C", "N"], active)
  assert len(seen) == len(disturbances.FAULTS) * 2 * 2
  for i, (rest, faulty, judged) in enumerate(seen):
    reference = np.setdiff1d(np.arange(40), rest)
    assert len(rest) == 20 and set(faulty) <= set(rest) and len(judged) == 20
    assert set(judged) <= set(faulty if i % 2 else rest)
    fault = disturbances.FAULTS[i // 4]
    distance = frechet.distance_from_features(
      *(features[rows] for rows in (reference, judged))
    )
    got = found["scores"][fault]["FCD"][i // 2 % 2][i % 2]
    assert got == pytest.approx(float(distance), rel=1e-5)


def test_models_are_judged_by_the_tokens_of_moses(tmp_path, monkeypatch):
  folder = tmp_path / "moses_samples"
  folder.mkdir()
  (folder / "metrics.csv").write_text(
    "model,FCD/Test,FCD/TestSF\none,1.0,2.0\ntwo,3.0,4.0\n"
  )
  for path, texts in (
    (tmp_path / "test.smi.xz", ["C", "OC", "CCC", "CCCC"]),
    (tmp_path / "scaffolds.smi.xz", ["CC", "CCC", "CCCC", "CCCCCCC"]),
    (folder / "one_1.csv.xz", ["SMILES", "C", "C1CC", "OC", "CCC", "CCCC"]),
    (folder / "two_1.csv.xz", ["SMILES", "CCCCC", "CCCCCC", "CCCCCCC"]),
  ):
    with lzma.open(path, "wt") as file:
      file.write("\n".join(texts))
  rules = []

  def samples(smiles, rule, **_):
    rules.append(rule)
    rows = np.array([[len(text), text.count("O")] for text in smiles])
    return feature_distance.collect("x", [rows], {"score": "FCD"}, {})

  monkeypatch.setattr(score, "samples", samples)
  config = ml_collections.ConfigDict(
    {
      "moses_n": 4,
      "processes": 1,
      "batch_size": 8,
      "moses_test": "test",
      "moses_scaffolds": "scaffolds",
      "moses_models": ("one", "two"),
    }
  )
  found = reproduce.study_moses(config, tmp_path)
  assert set(rules) == {"1.1"} and len(rules) == 4
  one, two = (found["models"][name] for name in ("one", "two"))
  assert (one["n"], one["sampled"], one["invalid"]) == (4, 5, 1)
  assert one["Test"]["fcd"] == pytest.approx(0, abs=1e-9)
  assert two["Test"]["fcd"] > 1 and two["TestSF"]["published"] == 4.0
  assert found["rank_correlation"] == pytest.approx({"Test": 1, "TestSF": 1})
