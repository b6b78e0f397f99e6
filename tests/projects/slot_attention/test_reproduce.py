"""The tables: from cells to Markdown, in order; and one quick run."""

import argparse
import pathlib
import re

import numpy as np
import pytest

from common.errors import InputError
from common.tables import cells
from common.tables.reproduce import Context
from projects.slot_attention import pictures, reproduce, train

from .test_model import config_of

pytestmark = pytest.mark.slow


def asked_for(out, quick=False):
  runs = str(out.parent / "runs")
  flags = argparse.Namespace(only="", steps=0, runs=runs, seeds=1)
  return Context("slot_attention", out, quick, False, flags)


def fake(out, name, ari, minutes=3.0, at=(1, 2), **scores):
  scores = scores or {"foreground_ari": ari, "test_loss": 0.01}
  cells.save(
    out / f"{name}.json",
    {
      "scores": scores,
      "curve": [{"step": s, **scores} for s in at],
      "steps": at[-1],
      "variations": {"slots 5": ari / 2},
      "minutes": minutes,
    },
  )


def test_tables_show_the_cells_that_are_there(tmp_path):
  for seed, ari in enumerate((0.9, 0.8)):
    fake(tmp_path, f"discovery_main_{seed}", ari)
  fake(tmp_path, "discovery_slot_mlp_0", 0.25, minutes=None)
  tables = reproduce.discovery_tables(tmp_path)
  lines = tables["discovery"].splitlines()
  assert len(lines) == 4
  assert "| 85.0 ± 7.1 |" in lines[2] and lines[2].startswith(
    "| Slot Attention"
  )
  assert "| 25.0 |" in lines[3] and "in pieces" in lines[3]
  assert "| slots 5 | 42.5 ± 3.5 |" in tables["generalisation"]
  assert (tmp_path / "discovery.png").exists()


def test_trainings_of_other_lengths_are_rows_of_their_own(tmp_path):
  fake(tmp_path, "discovery_main_0", 0.9, at=(2, 4, 6))
  fake(tmp_path, "discovery_main_1", 0.5, at=(2, 4, 5))
  fake(tmp_path, "discovery_main_2", 0.8, at=(2, 4, 6))
  tables = reproduce.discovery_tables(tmp_path)
  head, _, *rows = (
    [cell.strip() for cell in line.split("|")]
    for line in tables["discovery"].splitlines()
  )
  what = [head.index(name) for name in ("ours, last", "seeds", "steps")]
  assert "at step 4" in head  # The last at which all were judged.
  assert [[row[i] for i in what] for row in rows] == [
    ["85.0 ± 7.1", "2", "6"],
    ["50.0", "1", "5"],
  ]
  assert "| slots 5 | 42.5 ± 3.5 |" in tables["generalisation"]
  fake(tmp_path, "discovery_main_1", 0.5, at=(3,))
  line = reproduce.discovery_tables(tmp_path)["discovery"].splitlines()[3]
  assert "| 50.0 | 50.0 | - |" in line


def test_precisions_stand_under_their_distance(tmp_path):
  distances = ("inf", "1", "0.5", "0.25", "0.125")
  scores = {f"ap_{d}": 0.9 - i / 10 for i, d in enumerate(distances)}
  fake(tmp_path, "set_prediction_main_0", 0, **scores)
  lines = reproduce.set_tables(tmp_path)["set_prediction"].splitlines()
  head, _, row = ([c.strip() for c in line.split("|")] for line in lines)
  assert row[head.index("ours, AP inf")] == "90.0"
  assert row[head.index("ours, AP 0.125")] == "50.0"


def test_every_row_of_the_tables_has_a_config():
  for table, rows in reproduce.ROWS.items():
    for variant in rows:
      context = asked_for(pathlib.Path(), quick=True)
      config = reproduce.config_of(context, table, variant, 1)
      assert config.seed == 1
      assert config.task == table


def test_the_readme_has_a_place_for_every_table():
  text = pathlib.Path(reproduce.__file__).with_name("README.md").read_text()
  for name in ("discovery", "generalisation", "set_prediction"):
    assert re.search(rf"<!-- {name} -->.*<!-- /{name} -->", text, re.DOTALL)


def test_a_cell_trains_varies_and_is_kept(tmp_path, monkeypatch):
  config = config_of("tetrominoes_small")
  small = lambda *_: config.copy_and_resolve_references().unlock() or config
  monkeypatch.setattr(reproduce, "config_of", small)
  monkeypatch.setattr(
    reproduce, "generalisation", lambda config, state: {"slots 5": 0.5}
  )
  out = tmp_path / "out"
  out.mkdir()
  arguments = (asked_for(out), "discovery", [("main", 0)])
  reproduce.compute(*arguments)
  path = out / "discovery_main_0.json"
  cell = cells.load(path)
  assert cell["steps"] == 4 and [r["step"] for r in cell["curve"]] == [2, 4]
  assert cell["variations"] == {"slots 5": 0.5}
  assert "data_dir" not in cell["config"]
  assert (out / "discovery_main_0_slots.png").exists()
  # Kept, not computed again.
  monkeypatch.setattr(train, "train", None)
  reproduce.compute(*arguments)
  assert reproduce.discovery_tables(out)["discovery"].count("\n") == 3


def test_generalisation_judges_with_other_numbers(monkeypatch):
  asked = []

  def make_evaluate(config, test):
    asked.append(
      (config.eval_slots, config.eval_iterations, test["masks"].shape[1])
    )
    return lambda state, key: {"foreground_ari": 0.5}

  monkeypatch.setattr(train, "make_evaluate", make_evaluate)
  config = config_of("tetrominoes_small")
  monkeypatch.setattr(
    reproduce.data,
    "test",
    lambda config, key: {"masks": np.zeros((1, 1 + config.eval_max_objects))},
  )
  found = reproduce.generalisation(config, None)
  assert len(found) == len(asked) == 9
  assert found["max_objects 4, slots 5"] == 0.5
  assert asked[0] == (4, 1, 4) and asked[-1] == (6, 3, 6)


def test_spread():
  assert reproduce.spread([90.0]) == "90.0"
  assert reproduce.spread([90.0, 80.0]) == "85.0 ± 7.1"
  values = reproduce.spread([float("nan"), 1.0])
  assert values == "nan ± nan"


def test_a_wrong_row_is_one_sentence():
  with pytest.raises(InputError, match="--only=slot_mpl is none of main, "):
    reproduce.asked("discovery", ["slot_mpl"], 3, quick=False)
  both = ["main", "no_gru"]
  asked = reproduce.asked("discovery", both, 2, quick=False)
  assert asked == [("main", 0), ("main", 1), ("no_gru", 0), ("no_gru", 1)]
  asked = reproduce.asked("discovery", both, 2, quick=True)
  assert asked == [("main", 0), ("no_gru", 0)]


def test_the_contact_sheet_has_two_rows_a_set():
  rng = np.random.default_rng(0)
  draw = lambda n, size: (
    rng.uniform(-1, 1, (n, size, size, 3)),
    rng.random((n, 4, size, size)),
  )
  sheet = pictures.contact_sheet([draw(3, 20), draw(3, 64)], height=64)
  assert sheet.shape == (4 * 68, 3 * 68, 3)
  assert (sheet[0, 0] == 128).all()  # Three times 20 leaves a frame of 2.
  images, _ = draw(1, 64)
  large = pictures.contact_sheet([(images, np.ones((1, 1, 64, 64)))], 64)
  np.testing.assert_array_equal(large[:64, :64], pictures.to_pixels(images[0]))
