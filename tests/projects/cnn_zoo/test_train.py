"""A zoo: its files, and how it goes on where it was interrupted."""

import runpy
import shutil
import sys

import jax
import numpy as np
import pytest

from common import cli, population, xla_options
from common.errors import InputError
from configs.cnn_zoo import mnist
from projects.cnn_zoo import files, model, programs, train

# Fully connected, of few choices: its programs compile faster. The README's
# commands, which tests run, train the CNN.
CONFIG = mnist.get_config("dense,smoke").unlock()
CONFIG.activations = ("tanh",)
CONFIG.initializers = ("he_normal", "RandomNormal")
CONFIG.lock()


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
  """The smoke zoo, trained once."""
  folder = tmp_path_factory.mktemp("zoo")
  _, scores = train.train(CONFIG, str(folder))
  assert scores["networks"] == 6
  return folder


def test_its_programs_have_the_processors_widest_vectors(monkeypatch):
  asked, wide = [], {"xla_cpu_prefer_vector_width": "512"}
  monkeypatch.setattr(xla_options, "wide_vectors", lambda: wide)
  monkeypatch.setattr(
    jax, "jit", lambda _, compiler_options: asked.append(compiler_options)
  )
  programs.compiled(lambda *_: None, lambda *_: None, CONFIG)
  assert asked == [wide, wide]


def test_the_command_makes_a_device_of_each_core_before_it_trains(monkeypatch):
  """On one device a zoo takes up to 1.7 times as long."""
  called = []
  use_all_cores = lambda: called.append("use_all_cores")
  monkeypatch.setattr(population, "use_all_cores", use_all_cores)
  monkeypatch.setattr(cli, "main", lambda train: called.append(train.__name__))
  monkeypatch.delitem(sys.modules, "projects.cnn_zoo.train")
  runpy.run_module("projects.cnn_zoo.train", run_name="__main__")
  assert called == ["use_all_cores", "train"]


@pytest.mark.slow
def test_a_cut_shard_is_redone_to_the_same_bits(zoo, tmp_path):
  shutil.copytree(zoo, tmp_path / "zoo")
  before = files.read(tmp_path / "zoo")
  first, second = files.shards(tmp_path / "zoo")
  path = second / files.WEIGHTS
  path.write_bytes(path.read_bytes()[:-100])
  with pytest.raises(InputError, match="cannot be read"):
    files.read(tmp_path / "zoo")
  train.train(CONFIG, str(tmp_path / "zoo"))
  after = files.read(tmp_path / "zoo")
  np.testing.assert_array_equal(before.weights, after.weights)
  assert before.rows == after.rows
  assert first.name == "000000-000003"


@pytest.mark.slow
def test_rows_are_by_network_then_epoch_and_learn(zoo):
  found = files.read(zoo)
  assert len(found.rows) == len(found.weights) == 6 * 3
  assert [int(r["step"]) for r in found.rows] == [0, 1, 2] * 6
  names = [r["modeldir"] for r in found.rows]
  assert names == sorted(names) and len(set(names)) == 6
  assert np.isfinite(found.weights).all()
  # Nobody stands still, and on the whole the training loss falls.
  losses = np.asarray([float(r["train_loss"]) for r in found.rows])
  losses = losses.reshape(6, 3)
  assert np.all(losses[:, 0] != losses[:, 2])
  assert np.median(losses[:, 2] - losses[:, 0]) < 0


def test_the_released_layout_round_trips(tmp_path):
  rng = np.random.default_rng(0)
  weights = rng.normal(size=(4, 4970)).astype(np.float32)
  names = ("a", "a", "b", "b")
  rows = [{"modeldir": n, "step": i} for i, n in enumerate(names)]
  files.write_layout(tmp_path, model.layout((16, 16, 16), 10))
  files.write(tmp_path, weights, rows)
  found = files.read(tmp_path)
  np.testing.assert_array_equal(found.weights, weights)
  assert [r["modeldir"] for r in found.rows] == list(names)
  assert found.layout == model.layout((16, 16, 16), 10)
  np.save(tmp_path / files.WEIGHTS, weights[:3])
  with pytest.raises(InputError, match=r"has 4 rows, and weights\.npy .* 3"):
    files.read(tmp_path)
  np.save(tmp_path / files.WEIGHTS, weights[:, :9])
  with pytest.raises(InputError, match=r"9 columns, and .* describes 4970"):
    files.read(tmp_path)


def test_no_zoo_is_one_sentence(tmp_path):
  with pytest.raises(InputError, match="is no zoo"):
    files.read(tmp_path)


def test_a_batch_that_is_no_multiple_is_one_sentence(tmp_path):
  config = mnist.get_config("smoke").unlock()
  config.microbatch = 5
  with pytest.raises(InputError, match=r"a multiple of config\.microbatch = 5"):
    train.train(config, str(tmp_path))
