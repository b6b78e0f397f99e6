"""A zoo: its files, and how it goes on where it was interrupted."""

import runpy
import shutil
import sys

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import cli, keys, population, xla_options
from common.errors import InputError
from configs.cnn_zoo import mnist
from projects.cnn_zoo import data, files, model, networks, programs, train

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


def test_a_finished_zoo_says_so(zoo, capsys):
  train.train(CONFIG, str(zoo))
  said = f"{zoo} is already finished, at step 6: to go on, give a larger "
  assert capsys.readouterr().out.startswith(said)


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
def test_a_larger_zoo_adds_networks_and_trains_none_again(zoo, tmp_path):
  copy, config = tmp_path / "zoo", CONFIG.copy_and_resolve_references()
  shutil.copytree(zoo, copy)
  # A damaged shard of other numbers goes when its networks are there again.
  (copy / "shards/000008-000008").mkdir()
  config.unlock()
  config.total_steps = 10
  _, scores = train.train(config, str(copy))
  assert scores["networks"] == 10
  names = ["000000-000003", "000004-000005", "000006-000007", "000008-000009"]
  assert [shard.name for shard in files.shards(copy)] == names
  before, after = files.read(zoo), files.read(copy)
  assert after.rows[: len(before.rows)] == before.rows
  each = [(row["modeldir"], row["step"]) for row in after.rows]
  assert len(set(each)) == len(each) == 30
  config.steps_per_call = 8  # Chunks of another length find all there.
  train.train(config, str(copy))
  assert [shard.name for shard in files.shards(copy)] == names


def test_broken_weights_are_one_sentence_and_missing(tmp_path):
  files.write_layout(tmp_path, model.layout((4,), 3))
  width = model.layout((4,), 3)[-1].end
  place = tmp_path / "shards/000000-000000"
  row = {"modeldir": "a", "step": 1, "test_accuracy": 0}
  files.write(place, np.zeros((1, width), np.float32), [row])
  path, sound = place / files.WEIGHTS, (place / files.WEIGHTS).read_bytes()
  assert files.missing(tmp_path, range(1)) == []
  with path.open("wb") as file:
    np.savez(file, weights=np.zeros((1, width)))
  archive = path.read_bytes()
  open_bracket = sound.replace(b"}", b"(", 1)
  for broken in (archive, archive[:40], open_bracket, sound[:-1], b""):
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"weights\.npy cannot be read"):
      files.read(tmp_path)
    assert files.missing(tmp_path, range(1)) == [range(1)]


def test_networks_that_no_sound_shard_has_are_missing(tmp_path):
  write = lambda first, last, n: files.write(
    tmp_path / f"shards/{first:06d}-{last:06d}",
    np.zeros((n, 3), np.float32),
    [{"modeldir": str(i), "step": 1, "test_accuracy": 0} for i in range(n)],
  )
  assert files.missing(tmp_path, range(2, 9)) == [range(2, 9)]
  write(3, 4, 2)
  write(7, 20, 14)
  write(5, 6, 1)  # A network too few.
  (tmp_path / "shards/notes-and-more").mkdir()
  assert files.missing(tmp_path, range(9)) == [range(3), range(5, 7)]
  assert files.missing(tmp_path, range(9, 13)) == []
  # A damaged shard goes with the first of its networks that is there again,
  # whatever the length of a chunk is now; a sound one stays.
  (tmp_path / f"shards/000007-000020/{files.METRICS}").unlink()
  files.write_layout(tmp_path, model.layout((4,), 3))
  with pytest.raises(InputError, match=r"has weights\.npy and no metrics"):
    files.read(tmp_path)
  for first, last in ((2, 3), (8, 9)):
    row = {"modeldir": "a", "step": 1, "test_accuracy": 0}
    rows = [row | {"modeldir": name} for name in "ab"]
    weights = np.zeros((2, 3), np.float32)
    files.write_shard(tmp_path, range(first, last + 1), weights, rows)
  names = ["000002-000003", "000003-000004", "000005-000006", "000008-000009"]
  assert [shard.name for shard in files.shards(tmp_path)] == names


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


def trained_alone(i, train_set, test_set, step, evaluate):
  """Network i by single steps: at each epoch (weights, accuracy, loss).

  Scores of the test pictures, then of the epoch's training pictures.
  """
  state = train.init(train.network_key(CONFIG, jnp.int32(i)), CONFIG)
  key = keys.named(jax.random.key(CONFIG.seed), "data")
  fraction = CONFIG.fractions[int(state.drawn.fraction)]
  size = int(fraction * len(train_set.labels))
  many, found = size // CONFIG.batch_size, []
  seen = many * CONFIG.batch_size
  learned = train_set._replace(
    pixels=train_set.pixels[:seen], labels=train_set.labels[:seen]
  )
  for epoch in range(CONFIG.checkpoints[-1] + 1):
    for t in range(many if epoch else 0):
      rows = data.order(key, epoch - 1, size, many, CONFIG.batch_size)[t]
      batch = data.gather(train_set, rows, CONFIG)
      at = jnp.int32((epoch - 1) * many + t)
      batch["noise"] = data.noise(key, at, CONFIG)
      state, _ = step(state, batch)
    judged = [evaluate(CONFIG, of)(state, key) for of in (test_set, learned)]
    scores = [s[name] for s in judged for name in ("accuracy", "loss")]
    found.append((state.weights, scores))
  return fraction, found


@pytest.mark.slow
def test_a_network_of_the_zoo_is_the_one_trained_alone(zoo):
  """Its pictures, their order and its noise at each epoch, and its scores."""
  sets = [data.load(CONFIG, split) for split in ("train", "test")]
  step = jax.jit(train.make_train_step(CONFIG))
  kept, fractions = files.read(zoo), set()
  scores = ("test_accuracy", "test_loss", "train_accuracy", "train_loss")
  for i in (0, 2):
    fraction, found = trained_alone(i, *sets, step, train.make_evaluate)
    fractions.add(fraction)
    for epoch, (weights, wanted) in enumerate(found):
      row = kept.rows[3 * i + epoch]
      np.testing.assert_allclose(
        kept.weights[3 * i + epoch], weights, rtol=1e-4, atol=1e-6
      )
      got = [float(row[name]) for name in scores]
      np.testing.assert_allclose(got, wanted, rtol=1e-4)
      assert float(row["config.train_fraction"]) == fraction
      assert row["config.epochs_between_checkpoints"] == "1"
  assert len(fractions) == 2


@pytest.mark.parametrize(("variant", "name"), [("", "cnn"), ("dense", "fcn")])
def test_a_row_has_the_released_tables_words(variant, name):
  config = mnist.get_config(variant)
  state = train.init(jax.random.key(0), config)
  zoo = networks.Zoo(config, *[None] * 3)
  row = networks._row(zoo, state, 0, 0, {"train_loss": 1.0})
  assert row["config.epochs_between_checkpoints"] == 20
  assert row["config.dnn_architecture"] == name


def test_a_diverged_network_has_no_scores():
  config = mnist.get_config()
  state = train.init(jax.random.key(0), config)
  zoo = networks.Zoo(config, *[None] * 3)
  scores = {"test_accuracy": 0.1, "train_loss": 2.0}
  known = lambda state, scores: {
    name: networks._row(zoo, state, 0, 0, scores)[name] for name in scores
  }
  assert known(state, scores) == scores
  lost = state.replace(weights=state.weights.at[7].set(np.nan))
  for values in (
    known(lost, scores),
    known(state, scores | {"train_loss": np.inf}),
  ):
    assert np.isnan(list(values.values())).all()


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


def test_a_zoo_does_not_go_on_with_other_pictures(tmp_path, monkeypatch):
  config = CONFIG.copy_and_resolve_references().unlock()
  config.update(dict(dataset="mnist", data_dir="here", total_steps=1))
  shown = np.zeros((4, 2, 2), np.int16)
  labels, width = np.arange(4), model.layout_of(config)[-1].end

  def load(_, split):
    return data.Pictures(shown + (split == "test"), labels, np.float32(1))

  def trained(zoo, states, numbers):
    assert zoo.test.pixels.max() == zoo.train.pixels.max() + 1
    rows = [
      {"modeldir": str(i), "step": 1, "test_accuracy": 0} for i in numbers
    ]
    return states, np.zeros((len(rows), width), np.float32), rows

  monkeypatch.setattr(data, "load", load)
  monkeypatch.setattr(networks, "train", trained)
  monkeypatch.setattr(train, "_compiled", lambda _: (lambda i: i, None))
  train.train(config, str(tmp_path))
  config.update(dict(data_dir="moved", total_steps=2))
  train.train(config, str(tmp_path))
  before = {p: p.read_bytes() for p in tmp_path.glob("*.json")}
  shown, config.total_steps = shown + 1, 3
  with pytest.raises(InputError, match=r"holds a run on other data: .*moved"):
    train.train(config, str(tmp_path))
  assert {p: p.read_bytes() for p in tmp_path.glob("*.json")} == before
  assert len(list(files.shards(tmp_path))) == 2
  config.total_steps = 2  # Nothing is left to train, or to read.
  assert train.train(config, str(tmp_path))[1]["networks"] == 2
