"""The table of a GAN paper's images: cells, columns, and the judge."""

import collections
import json
import pathlib

import jax
import ml_collections
import numpy as np
import pytest

from common import cli, keys
from common.metrics import fid, while_training
from common.tables import figures, image_table, reproduce

SETS = ("fashion_mnist", "cifar10")
STATE = collections.namedtuple("STATE", "step shift")


def images(key, shift):
  return np.tanh(np.asarray(jax.random.normal(key, (40, 8, 8, 1))) + shift)


@pytest.fixture
def paper():
  def train(config, workdir):
    path = pathlib.Path(workdir)
    path.mkdir(parents=True)
    (path / "samples.png").write_bytes(config.method.encode())
    rows = {"step": 1, "loss": 2.0}, {"step": 1, "energy": 9.0, "loss": 3.0}
    (path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return STATE(1_234, 0.5), {"energy": 0.25 * config.seed}

  return image_table.Paper(
    train,
    real=lambda config, key: images(key, 0.0),
    draw=lambda config, state, key: images(key, state.shift),
  )


def test_a_cell_is_judged_between_held_out_and_drawn(paper, tmp_path):
  config = ml_collections.ConfigDict({"method": "gan", "seed": 3})
  network = while_training.network("pixels", "", 8)
  picture = tmp_path / "a.png"
  cell = image_table.cell(paper, config, tmp_path / "run", picture, network)
  assert picture.read_bytes() == b"gan"
  assert cell["steps"] == 1_234 and cell["scores"] == {"energy": 0.75}
  assert cell["curve"] == [{"step": 1, "energy": 9.0}]
  root = jax.random.key(3)
  real = images(keys.named(root, "test"), 0.0)
  made = images(keys.named(root, "fid"), 0.5)
  known = fid.record(*map(figures.to_pixels, (real, made)), network)
  assert cell["frechet"]["distance"] == known["distance"] > 0
  without = image_table.cell(paper, config, tmp_path / "b", picture, None)
  assert "frechet" not in without


def test_rows_are_the_methods_configs_and_scores(
  paper, tmp_path, monkeypatch, capsys
):
  parser = cli.Parser()
  image_table.add_arguments(parser, SETS, "where")
  asked = parser.parse_args([f"--runs={tmp_path}/runs", "--images=cifar10"])
  seen = []

  def config_of(context, *names):
    seen.append(tuple(filter(None, names)))
    return ml_collections.ConfigDict(
      {"method": names[-1] or "own", "seed": 3, "data_dir": "there"}
    )

  monkeypatch.setattr(reproduce, "config_of", config_of)

  def table(quick=False):
    context = reproduce.Context("x", tmp_path, quick, quick, asked, "images")
    methods = {"own": "Own", "gan": "GAN"}
    scores = {"energy F": ("energy", ".2e"), "pixels": ("pixels", ".3f")}
    return image_table.table(context, paper, methods, scores, "narrow")

  lines = table().splitlines()
  assert (tmp_path / "cifar10_curves.png").stat().st_size > 5_000
  assert seen == [("cifar10", "narrow"), ("cifar10", "narrow", "gan")]
  assert lines[0] == (
    "| method | steps | energy F | pixels | FID | minutes, device, commit |"
  )
  assert lines[2].startswith("| Own | 1,234 | 7.50e-01 | - | - | ")
  assert lines[3].startswith("| GAN | 1,234 | 7.50e-01 | - | - | ")
  assert (tmp_path / "runs/cifar10_gan").is_dir()
  assert (tmp_path / "cifar10_gan.png").read_bytes() == b"gan"
  # What is there is kept, and no training is asked for.
  kept = table()
  assert kept.splitlines() == lines
  assert capsys.readouterr().err.count("kept: ") == 2
  drawn = {}
  monkeypatch.setattr(
    image_table, "draw_curves", lambda path, *about: drawn.update({path: about})
  )
  table()
  curve = [{"step": 1, "energy": 9.0}]
  ((path, (curves, scores)),) = drawn.items()
  assert path == tmp_path / "cifar10_curves.png"
  assert curves == {"Own": curve, "GAN": curve}
  assert scores["energy F"] == ("energy", ".2e")
  # A quick one trains where its results are.
  assert table(quick=True).splitlines()[3].startswith("| GAN | 1,234 | ")
  assert (tmp_path / "quick_trainings" / "x_images" / "cifar10_gan").is_dir()
