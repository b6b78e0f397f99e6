"""Tox21's tables: choices, references beside the networks, fingerprints."""

import gzip
import json

import numpy as np
import pytest

from configs.snn import tox21
from projects.snn import baselines, reproduce, sweep, tox21_tables
from projects.snn.datasets import loading, padded


def test_tox21_chooses_a_setting_for_all_repetitions_of_a_depth():
  def member(rate, repetition, validation, test, diverged=False):
    return {
      "learning_rate": rate,
      "dropout": 0.05,
      "weight_decay": 0.0,
      "repetition": repetition,
      "diverged": diverged,
      "validation": validation,
      "test": test,
    }

  group = sweep.Group("selu", "rectangular", 128, 8, 1.0)
  members = [
    # The best single one, but not in the mean.
    *(member(0.1, 0, 0.9, 0.7), member(0.1, 1, 0.5, 0.7)),
    *(member(0.05, 0, 0.8, 0.84), member(0.05, 1, 0.8, 0.86)),
    *(member(1.0, 0, 0.99, 0.5), member(1.0, 1, 0.99, 0.5, diverged=True)),
  ]
  record = {**group._asdict(), "members": members, "seconds": 360.0}
  # Of 32 layers each setting diverged.
  deeper = {**record, "depth": 32, "members": members[-1:]}
  results = tox21_tables.auc_results([record, deeper])
  at_8 = results["auc"]["selu"]["8"]
  assert at_8["learning_rate"] == 0.05 and at_8["values"] == [0.84, 0.86]
  table = tox21_tables.auc_table(results)
  assert "| layers (ResNet: blocks) | 8 | 32 |" in table
  assert "| SNN, paper | 84.5 ± 0.2 | 82.5 ± 0.7 |" in table
  assert "| ours | 85.0 ± 1.4 | - |" in table
  # Of two widths the better one is shown, whichever comes first.
  worse = {**record, "width": 8, "members": members[:2]}
  for records in ([record, worse], [worse, record]):
    found = tox21_tables.fingerprint_results(
      [{**one, "task": "ecfp", "features": 5} for one in records]
    )
    assert found["auc"]["ecfp"]["selu"]["test"] == pytest.approx(0.85)


def made_up_assays():
  """Two assays of 90 molecules, with gaps; the second is measured for half."""
  random = np.random.default_rng(0)
  x = 4 * random.normal(size=(90, 5)).astype(np.float32)
  y = (x[:, :2] + 4 * random.normal(size=(90, 2)) > 0).astype(np.float32)
  y[::2, 1] = np.nan
  y[60:75, 0] = 0.0  # One outcome among those to choose by: it does not count.
  split = np.arange(60), np.arange(60, 75), np.arange(75, 90)
  return loading.Dataset("tox21", x, y, split, 2, {})


def test_references_leave_out_what_cannot_be_learnt():
  config = tox21.get_config()
  config.unlock()
  config.references.update(trees=5, svm_rows=59)
  dataset = made_up_assays()
  assert not baselines.record(config, padded.pad(dataset), "svm")["best"]
  # An assay of one outcome among the rows trained on has no model.
  first = baselines.record(config, padded.pad(dataset), "random_forest")
  y = np.column_stack([dataset.y, dataset.y[:, 0]])
  y[:60, 2] = 1.0
  more = dataset._replace(y=y, classes=3)
  again = baselines.record(config, padded.pad(more), "random_forest")
  assert again["best"] == first["best"]


@pytest.mark.parametrize("method", ["random_forest", "svm"])
def test_references_have_a_model_of_each_assay_and_one_setting(method):
  config = tox21.get_config()
  config.unlock()
  config.references.update(
    trees=20,
    max_features=("sqrt", 1.0),
    svm_c=(30.0, 0.1),
    svm_gamma=("scale", 0.003, 0.3),
  )
  dataset = made_up_assays()
  x, y, (train, validation, test) = dataset.x, dataset.y, dataset.split
  expected = []
  for setting, model_ in baselines.models(config, method, len(train)):
    scores = {"validation": [], "test": []}
    for task in range(2):
      rows = train[~np.isnan(y[train, task])]
      model_.fit(x[rows], y[rows, task])
      for name, part in {"validation": validation, "test": test}.items():
        known = part[~np.isnan(y[part, task])]
        if len(set(y[known, task])) == 2:
          given = (x[known], y[known, task], "auc")
          scores[name].append(baselines.score(model_, *given))
    assert [len(found) for found in scores.values()] == [1, 2]
    means = {name: np.mean(found) for name, found in scores.items()}
    # scikit-learn takes "scale" of each assay's rows, ours of all.
    if setting.get("gamma") != "scale":
      expected.append({**setting, **means})
  best = max(expected, key=lambda found: found["validation"])
  if method == "svm":
    config.references.svm_gamma = (0.003, 0.3)
  found = baselines.record(config, padded.pad(dataset), method)
  assert found["features"] == 5 and found["best"].keys() == best.keys()
  for name, value in best.items():
    if isinstance(value, str):
      assert found["best"][name] == value
    else:
      assert found["best"][name] == pytest.approx(value, abs=1e-6)
  if method == "svm":
    config.references.update(svm_c=(0.3,), svm_gamma=("scale",))
    scaled = baselines.record(config, padded.pad(dataset), method)["best"]
    config.references.svm_gamma = (float(1 / (5 * x[train].var())),)
    plain = baselines.record(config, padded.pad(dataset), method)["best"]
    assert scaled["test"] == plain["test"]


def test_fingerprints_are_chosen_by_the_leaderboard():
  member = {"learning_rate": 0.1, "dropout": 0.05, "weight_decay": 0.0}
  group = sweep.Group("selu", "rectangular", 64, 8, 1.0)._asdict()

  def records(task, features, network, forest):
    (validation, *tests), common = network, {"features": features}
    members = [
      {**member, "diverged": False, "validation": validation, "test": test}
      for test in tests
    ]
    ours = {"task": task, **group, "members": members, "seconds": 1800.0}
    best = dict(zip(("validation", "test"), forest, strict=True))
    other = {"task": task, "method": "random_forest", "best": best}
    return {**ours, **common}, {**other, **common, "seconds": 1800.0}

  results = tox21_tables.fingerprint_results(
    [
      *records("ecfp in 2.5%", 360, (0.75, 0.80, 0.82), (0.76, 0.790)),
      # Better at the test, and not chosen by the network.
      *records("ecfp in 0.5%", 1_041, (0.74, 0.90, 0.92), (0.77, 0.785)),
    ]
  )
  assert results["chosen"] == {
    "selu": "ecfp in 2.5%",
    "random_forest": "ecfp in 0.5%",
  }
  table = tox21_tables.fingerprint_table(results)
  assert "| ecfp in 2.5% | 360 | 75.0* | 81.0 ± 1.4 | 76.0 | 79.0 |" in table
  assert "| ecfp in 0.5% | 1,041 | 74.0 | 91.0 ± 1.4 | 77.0* | 78.5 |" in table
  assert "SNN: leaderboard | test | random forest: leaderboard" in table
  assert "2.0 core hours" in table


@pytest.mark.slow
def test_each_set_of_fingerprints_is_read_anew(shared, tmp_path, monkeypatch):
  folder, cut = shared / "data" / "tox21", tmp_path / "data"
  cut.mkdir()
  for part, rows in {"train": 150, "leaderboard": 60, "test": 60}.items():
    name = f"tox21_challenge_{part}.csv"
    text = gzip.decompress((folder / f"{name}.gz").read_bytes()).decode()
    (cut / name).write_text("".join(text.splitlines(True)[: rows + 1]))
  whole = tox21.get_config

  def small(variant):
    config = whole(variant)
    config.unlock()
    config.references.update(trees=5, svm_c=(1.0,), svm_gamma=("scale",))
    config.grid.fingerprints = ("ecfp", "ecfp + maccs")
    return config

  monkeypatch.setattr(tox21, "get_config", small)
  command = ["--table=fingerprints", f"--data_dir={cut}", f"--out={tmp_path}"]
  reproduce.main(
    [*command, "--methods=random_forest,svm", f"--cache_dir={tmp_path / 'c'}"]
  )
  found = json.loads((tmp_path / "fingerprints.json").read_text())["auc"]
  size = lambda name: found[name]["random_forest"]["features"]
  assert len(found) == 4
  assert size("ecfp in 2.5%") < size("ecfp + maccs in 2.5%")
  assert size("ecfp + maccs in 2.5%") < size("ecfp in 0.5%")
  assert size("ecfp in 0.5%") < size("ecfp + maccs in 0.5%")
  assert all(0.3 < one["svm"]["test"] < 1 for one in found.values())
  first = json.loads(
    (tmp_path / "fingerprints.jsonl").read_text().split("\n")[0]
  )
  assert first["settings"]["data.fingerprint_share"] == 0.025
