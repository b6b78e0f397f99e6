"""Grids of rates in which some runs, or all of them, diverge."""

import argparse
import json

import matplotlib.figure
import numpy as np
import pytest

from common import experiment
from common.errors import InputError
from common.tables import cells, figures
from common.tables import reproduce as table_frame
from configs.ttur import dcgan_fashion_mnist
from projects.ttur import rates, rates_table, train, training_table

pytestmark = pytest.mark.slow


def test_a_run_that_diverges_says_so_and_not_that_an_image_is_wrong(tmp_path):
  config = dcgan_fashion_mnist.get_config("smoke").unlock()
  config.update(dict(width=2, batch_size=4, generator_rate=3e38))
  config.log_every = 4  # The evaluation, of step 2, comes first.
  with pytest.raises(experiment.NonFinite, match="try a lower learning rate"):
    train.train(config, str(tmp_path))


def test_pairs_that_diverge_are_recorded_and_the_others_trained(
  tmp_path, monkeypatch, capsys
):
  """(2e-4, 1e-4) has one evaluation before it diverges, (2e-4, 2e-4) none."""

  def trained(_, config, workdir):
    workdir.mkdir(parents=True)
    fast = config.discriminator_rate > 1e-4
    evaluations = 2 - fast * (1 + (config.generator_rate > 1e-4))
    record = json.dumps({"step": 1, "pixel_distance": 0.5}) + "\n"
    (workdir / "metrics.jsonl").write_text(record * evaluations)
    if fast:
      raise experiment.NonFinite("generator_loss became nan")
    return None, {"scores": {"pixel_distance": 0.5}, "minutes": 1.0}

  monkeypatch.setattr(rates_table.cells, "trained", trained)
  config = dcgan_fashion_mnist.get_config("smoke").unlock()
  config.sweep_discriminator_rates = (1e-4, 2e-4)
  config.sweep_generator_rates = (1e-4, 2e-4)
  cell = rates_table.image_grid(config, tmp_path)
  assert cell["scores"]["pixel_distance"] == [
    [[[0.5, 0.5]], [[0.5, 0.5]]],
    [[[0.5, None]], [[None, None]]],
  ]
  assert capsys.readouterr().err.count("diverged: generator_loss") == 2
  json.dumps(cell, allow_nan=False)
  config.sweep_discriminator_rates = (2e-4, 3e-4)
  with pytest.raises(InputError, match=r"all 4 runs in .* diverged: give low"):
    rates_table.image_grid(config, tmp_path / "other")


def test_a_seed_that_diverges_counts_until_then(tmp_path, monkeypatch):
  """The first of three diverges after an evaluation, the second before."""

  def trained(_, config, workdir):
    workdir.mkdir(parents=True)
    record = json.dumps({"step": 1, "distance": 0.5 - 0.1 * config.seed}) + "\n"
    (workdir / "metrics.jsonl").write_text(record * (config.seed != 1))
    if config.seed < 2:
      raise experiment.NonFinite("generator_loss became nan")
    return None, {"scores": {"distance": 0.3}, "steps": 8, "minutes": 1.0}

  monkeypatch.setattr(training_table.cells, "trained", trained)
  config = dcgan_fashion_mnist.get_config("smoke").unlock()
  picture = tmp_path / "picture.png"
  cell = training_table.measure(config, tmp_path / "runs", 3, picture)
  assert cell["curves"] == [[0.5], [], [0.3]] and cell["diverged"] == 2
  cells.save(tmp_path / "training_dcgan_fashion_mnist_ttur.json", cell)
  arguments = argparse.Namespace(name="", data_dir="", runs="", seeds=3)
  context = table_frame.Context("ttur", tmp_path, False, False, arguments)
  text = training_table.table(context)
  assert "| distance 0.3 | 0.5 | 3 of 8 steps, 2 diverged | 1.0, " in text
  with pytest.raises(InputError, match=r"all 2 runs in .* diverged: give low"):
    training_table.measure(config, tmp_path / "others", 2, picture)


def grid(values):
  """A cell of the rates 1 and 2, two seeds, two evaluations."""
  shape = (2, 2, 2, 2)
  return {
    "scores": {"s": rates.plain(np.reshape(np.float64(values), shape))},
    "discriminator_rates": [1.0, 2.0],
    "generator_rates": [1.0, 2.0],
  }


NAN = float("nan")
# (1, 1) diverges in both seeds, one of them late; (2, 2) in one seed, at once.
SOME = [
  *(0.1, NAN, NAN, NAN),
  *(0.5, 0.4, 0.6, 0.5),
  *(0.7, 0.8, 0.9, 0.6),
  *(NAN, NAN, 0.3, 0.2),
]


def test_what_diverged_is_the_worst_and_what_it_had_before_counts():
  found = rates.statistics(grid(SOME), "s")
  one, two = found["one rate"], found["two rates"]
  assert (one["minimum"], one["pair"]) == (0.1, [1.0, 1.0])
  assert (one["final"], one["final_pair"]) == (np.inf, None)
  assert two["median_pair"] == two["final_pair"] == [1.0, 2.0]
  # The first seed chooses (1, 1) for the second, which diverges there.
  assert two["held_out"] == one["held_out"] == np.inf
  # Nothing is left to choose, and what is not allowed is not taken.
  seeds = np.array([[[0.1, 0.1], [np.inf, np.inf]]])
  assert rates.held_out(seeds, np.array([[False, True]])) == np.inf
  rows = rates_table.rows_of("t", grid(SOME), found)
  assert rows[0] == [
    *("t", "one rate", "2", "0.1", "(1, 1)"),
    *("diverged", "-", "diverged", "diverged"),
  ]
  assert rows[1][5:7] == ["0.45", "(1, 2)"]
  # One seed has no others to choose by.
  assert rates_table.number(NAN) == "-"


def test_the_table_says_how_many_diverged(tmp_path, monkeypatch):
  monkeypatch.setattr(rates_table, "GRIDS", {"a": ("A", ""), "b": ("B", "")})
  cells.save(tmp_path / "rates_a.json", grid(SOME))
  cells.save(tmp_path / "rates_b.json", grid(np.linspace(0, 1, 16)))
  arguments = argparse.Namespace(grid="a", seeds=3)
  context = table_frame.Context("ttur", tmp_path, False, False, arguments)
  text = rates_table.table(context)
  assert text.endswith("\nDiverged: 3 of 8 runs on A.\n")
  assert "nan" not in text and "inf" not in text


@pytest.mark.parametrize("values", [SOME, [NAN] * 16])
def test_the_map_crosses_out_what_diverged(values, tmp_path, monkeypatch):
  saved: list[matplotlib.figure.Figure] = []
  monkeypatch.setattr(figures, "save", lambda made, path: saved.append(made))
  cell = grid(values)
  found = rates.statistics(cell, "s")
  rates_table.draw(tmp_path / "map.png", cell, "s", found)
  last = saved[0].axes[1]
  marks = {line.get_marker(): line for line in last.lines}
  lost = {tuple(p) for p in marks["x"].get_xydata().astype(int).tolist()}
  everywhere = {(0, 0), (0, 1), (1, 0), (1, 1)}
  if values is SOME:
    assert lost == {(0, 0), (1, 1)}
    assert marks["*"].get_xydata().tolist() == [[1, 0]]
    assert "s" not in marks  # There is no best single rate.
    assert "crosses: diverged" in last.get_title()
  else:
    assert lost == everywhere and set(marks) == {"x"}
  saved[0].savefig(tmp_path / "map.png")  # Without a warning.
