"""Figure 1: its settings, its trainings, and its picture."""

import argparse
import json

import pytest

from common.tables.reproduce import Context
from configs.snn import figure1 as figure1_config
from projects.snn import figure1, reproduce


def test_figure_1_is_of_real_trainings(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(figure1, "DEPTHS", (1,))
  out = tmp_path / "out"
  argv = ["--table=figure1", "--quick", f"--out={out}"]
  reproduce.main(argv)
  for method in figure1.METHODS:
    cell = json.loads((out / f"figure1_{method}_1.json").read_text())
    assert cell["step"] == [5, 10, 15] and len(cell["loss"]) == 3
    assert cell["config"]["method"] == method
    assert cell["config"]["norm_behind"] and not cell["config"]["dropout"]
  assert (out / "figure1.png").stat().st_size > 10_000
  # One method's curves do not replace the README's picture.
  monkeypatch.setattr(figure1, "training", lambda *_: cell)
  asked = argparse.Namespace(
    only=[], paper=False, methods=["selu"], data_dir="", cache_dir="", out=None
  )
  there = tmp_path / "results"
  figure1.figure1(Context("snn", there, False, False, asked))
  assert [path.name for path in there.iterdir()] == ["figure1_selu_1.json"]


def test_the_last_epochs_losses_are_those_of_figure_1s_table():
  cell = {"steps": 30, "config": {"epochs": 3}}
  cell |= {"step": [5, 10, 15, 20, 25, 30], "loss": [6, 5, 4, 3, 2, 1]}
  assert figure1.last_epoch(cell).tolist() == [2, 1]


def test_figure_1_has_the_papers_settings():
  for variant, width in (("paper", 784), ("cifar10,paper", 3_072)):
    config = figure1_config.get_config(variant)
    assert config.learning_rate == pytest.approx(1e-5 * config.batch_size)
    assert (config.width, config.epochs, config.batch_size) == (
      width,
      2000,
      128,
    )
  assert figure1.DEPTHS == (8, 16, 32)
