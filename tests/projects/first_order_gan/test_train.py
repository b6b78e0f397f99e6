"""Runs, their resumption, samples, populations, scores and bad input."""

import argparse
import importlib

import jax
import numpy as np
import pytest

from common import checkpoint, keys
from common.data import text
from common.errors import InputError
from common.stats import ngrams
from common.tables import image_table
from common.tables import reproduce as tables
from projects.first_order_gan import (
  data,
  pictures,
  reproduce,
  sample,
  schema,
  seeds,
)
from projects.first_order_gan import train as trainer

pytestmark = pytest.mark.slow

WORDS = ("the cat", "a dog", "my bird", "one fish")


def config_of(name="language", variant="smoke", **changes):
  module = importlib.import_module(f"configs.first_order_gan.{name}")
  config = module.get_config(variant).unlock()
  config.update(changes)
  return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """A run on a text of one's own: config, folder, last state and scores."""
  folder = tmp_path_factory.mktemp("text")
  lines = (f"{a} {b} {i}" for a in WORDS for b in WORDS for i in range(20))
  (folder / "own.txt").write_text("".join(f"{line}\n" for line in lines))
  source = str(folder / "own.txt")
  config = config_of(dataset="text", data_dir=source, seed=1)
  copy = config.copy_and_resolve_references()
  state, scores = trainer.train(copy, str(folder / "run"))
  return config, folder, state, scores


@pytest.fixture(scope="module")
def cell(finished):
  """Two seeds of that run's config, as a table has them."""
  return seeds.cell(finished[0], 2, "")


def test_a_run_on_your_own_text_resumes_bit_for_bit(finished):
  config, folder, state, scores = finished
  config = config.copy_and_resolve_references()
  config.total_steps = 2
  trainer.train(config.copy_and_resolve_references(), str(folder / "parts"))
  config.total_steps = 4
  parts, again = trainer.train(config, str(folder / "parts"))
  assert checkpoint.digest(parts) == checkpoint.digest(state)
  assert again == scores
  assert (folder / "run" / "jsd.png").exists()
  lines = (folder / "run" / "samples.txt").read_text().splitlines()
  assert len(lines) == config.picture_samples
  (folder / "other.txt").write_text("another text\nof two lines\n")
  config.data_dir = str(folder / "other.txt")
  with pytest.raises(InputError, match="holds a run on other data"):
    trainer.train(config, str(folder / "parts"))


def test_scores_are_the_divergences_of_what_is_drawn(finished):
  config, _, state, scores = finished
  key = keys.named(jax.random.key(config.seed), "eval")
  ids = trainer.make_draw(config)(state, key, config.eval_samples)
  assert ids.shape == (20, 8)
  few = trainer.make_draw(config)(state, key, 10)
  np.testing.assert_array_equal(few, ids[:10])
  vocabulary = len(data.text_of(config).characters)
  reference = ngrams.count(data.split(config, "train"), vocabulary)
  for count in (10, 20):
    found = ngrams.divergences(reference, ids[:count])
    assert [scores[f"jsd{n}_{count}"] for n in range(1, 7)] == found.tolist()


def test_more_samples_than_one_draw_are_not_the_same_again(
  finished, monkeypatch
):
  config, _, state, _ = finished
  monkeypatch.setattr(trainer, "_DRAWN", 8)
  ids = trainer.make_draw(config)(state, jax.random.key(0), 12)
  assert ids.shape == (12, 8) and (ids[:4] != ids[8:]).any()


def test_lines_that_are_held_out_are_not_trained_on(finished):
  config, *_ = finished
  test, every = data.split(config, "test"), data.text_of(config).ids
  np.testing.assert_array_equal(test, every[::10])
  assert len(data.split(config, "train")) + len(test) == len(every) == 320
  assert len(np.unique(data.split(config, "train"), axis=0)) <= 288
  floor = data.floor(config, 20)
  assert floor.shape == (6,) and 0 < floor[3] < 1


def test_samples_of_a_run(finished, tmp_path):
  config, folder, _, _ = finished
  path = sample.write_samples(folder / "run", tmp_path, 7, 0)
  assert path.name == "samples_00000004_0.txt"
  lines = path.read_text().split("\n")
  assert len(lines) == 8 and max(map(len, lines)) <= config.length
  known = set(data.text_of(config).characters)
  assert {c for line in lines for c in line} <= known


def test_a_member_of_a_population_is_the_single_run(finished, cell):
  *_, scores = finished
  assert cell["finite"] and cell["seeds"] == 2
  curve = cell["curves"][1]  # Of seed 1, as the run is.
  assert curve["step"] == [2, 4]
  got = [curve["20"][str(n)][-1] for n in range(1, 7)]
  expected = [scores[f"jsd{n}_20"] for n in range(1, 7)]
  np.testing.assert_allclose(got, expected, atol=0.05)
  assert cell["best"]["jsd4_10"]["median"] <= cell["last"]["jsd4_10"]["median"]


def test_the_tables_of_the_language(cell, tmp_path, monkeypatch):
  monkeypatch.setattr(seeds, "cell", lambda *_: dict(cell))
  monkeypatch.setattr(reproduce.pictures, "divergences", lambda *_, **__: 0)
  out = f"--out={tmp_path}"
  reproduce.main(["--table=language", "--quick", "--seeds=2", out])
  assert len(list(tmp_path.glob("language_*.json"))) == 3


def test_the_table_of_two_rates_and_one(cell, tmp_path, monkeypatch, capsys):
  asked, drawn = [], []
  columns = ("jsd4_10", "jsd6_10", "jsd4_20", "jsd6_20")
  best = {name: {"values": [0.1 * i]} for i, name in enumerate(columns)}
  cell = {**cell, "best": best}
  monkeypatch.setattr(
    seeds, "cell", lambda config, *_: asked.append(config) or dict(cell)
  )
  monkeypatch.setattr(
    reproduce.pictures, "divergences", lambda *a, **k: drawn.append(k)
  )
  reproduce.main(["--table=rates", "--quick", f"--out={tmp_path}"])
  two, one = asked
  assert two.method == one.method == "wgan_gp"
  assert two.generator_norm == one.generator_norm == "none"
  assert two.critic_learning_rate > two.generator_learning_rate
  assert one.critic_learning_rate == one.generator_learning_rate
  assert (two.critic_steps, one.critic_steps) == (1, 10)
  assert drawn == [{"updates": {"ttur": 2, "one_rate": 2}}]  # Of `cell`'s own.
  rows = capsys.readouterr().out.splitlines()
  expected = "| WGAN-GP, two rates | 0.000 | 0.100 | 0.200 | 0.300 | 4 | 2 |"
  assert rows[2].startswith(expected)
  # Columns of 10 and 20 lines, of which the paper has none.
  assert rows[5] == (
    "| the paper's WGAN-GP, two rates, other text | - | - | - | - "
    "| minutes, not steps | 10, the best | - |"
  )
  whole = [
    config_of(variant=f"wgan_gp,ttur{one},small") for one in ("", ",one_rate")
  ]
  updates = [c.total_steps * (1 + c.critic_steps) for c in whole]
  assert abs(updates[0] / updates[1] - 1) < 0.02


def test_images_train_and_are_scored(tmp_path):
  config = config_of("fashion_mnist")
  _, scores = trainer.train(config, str(tmp_path))
  assert scores.keys() == {"frechet_8x8"} and scores["frechet_8x8"] > 0
  assert (tmp_path / "samples.png").exists()
  path = sample.write_samples(tmp_path, tmp_path, 3, 1)
  assert np.load(path)["images"].shape == (3, 16, 16, 1)


def test_images_shrink_by_means():
  x = np.arange(2 * 16 * 16, dtype=np.float64).reshape(2, 16, 16, 1)
  got = trainer.small(x)
  assert got.shape == (2, 64)
  np.testing.assert_allclose(got[1, 0], x[1, :2, :2].mean())


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (dict(method="first_ordr"), "did you mean 'first_order'"),
    (dict(generator_norm="positon"), "did you mean 'position'"),
    (dict(critic_learning_rate=0.0), "above 0"),
    (dict(generator_learning_rate=-1e-3), "above 0"),
    (dict(few_samples=21), "can be at most config.eval_samples = 20"),
    (dict(length=5), "from 6 to"),
  ],
)
def test_a_wrong_value_is_one_sentence(changes, says):
  with pytest.raises(InputError, match=says):
    trainer.make_train_step(config_of(**changes))


def test_data_that_does_not_do_is_one_sentence(tmp_path):
  config = config_of(dataset="text", data_dir=str(tmp_path / "none.txt"))
  with pytest.raises(InputError, match=r"none\.txt' does not exist"):
    data.batches(config, jax.random.key(0))
  (tmp_path / "few.txt").write_text("one line\nanother\nthird one\n")
  config.data_dir = str(tmp_path / "few.txt")
  with pytest.raises(InputError, match="number of examples, 2, but takes 8"):
    data.batches(config, jax.random.key(0))
  says = "1 lines are held out, and 20 .* config.held_out_every = 10 to fewer"
  with pytest.raises(InputError, match=says):
    data.floor(config, 20)
  with pytest.raises(InputError, match=says):
    data.test(config, jax.random.key(0))  # Before any training.
  config.held_out_every = 2
  (tmp_path / "one.txt").write_text("one line\n")
  config.data_dir = str(tmp_path / "one.txt")
  with pytest.raises(InputError, match="none is left to train on"):
    data.split(config, "train")
  images = config_of("fashion_mnist", image_size=48)
  with pytest.raises(InputError, match="a power of two from 16 on"):
    trainer.make_train_step(images)


def test_real_text(shared):
  source = str(shared / "data" / "text" / "1b_benchmark*.xz")
  config = config_of("language", "", data_dir=source)
  found = data.text_of(config)
  assert found.ids.shape[1] == 32 and len(found.ids) > 20_000
  assert found.unknown == 0 and len(found.characters) < 128
  line = text.decode(found.ids[:1], found.characters)[0]
  assert line == "But now , it 's looking like the"


def test_curves_are_drawn_with_bands(tmp_path):
  one = {str(n): [0.9, 0.5] for n in range(1, 7)}
  other = {str(n): [0.8, 0.6] for n in range(1, 7)}
  curves = {"first_order": [{"step": [1, 2], "10": o} for o in (one, other)]}
  pictures.divergences(tmp_path / "a.png", curves, {10: np.full(6, 0.1)})
  assert (tmp_path / "a.png").stat().st_size > 5_000


def test_wgan_gp_mixes_no_real_samples_in():
  schema.check(config_of(variant="wgan_gp,smoke"))
  with pytest.raises(InputError, match=r"interpolation is 0\.01: WGAN-GP's"):
    schema.check(config_of(method="wgan_gp"))


def test_the_images_table_refuses_another_config(capsys):
  with pytest.raises(SystemExit):
    reproduce.main(["--table=images", "--images=language"])
  assert "language" in capsys.readouterr().err


def test_tables_of_other_images_do_not_stand_for_fashion_mnists(
  tmp_path, monkeypatch, capsys
):
  cell = {"scores": {"frechet_8x8": 2.5}, "steps": 7, "minutes": 1.0}
  monkeypatch.setattr(image_table, "cell", lambda *arguments: cell)
  flags = {"data_dir": "", "features": None, "runs": "runs"}

  def found(images):
    asked = argparse.Namespace(images=images, **flags)
    out = tmp_path / images
    out.mkdir()
    context = tables.Context("first_order_gan", out, False, False, asked)
    return reproduce.images(context)

  table = found("fashion_mnist")
  assert table.count("| 7 | 2.5 |") == 3
  assert not capsys.readouterr().out
  assert found("cifar10") == {}
  assert capsys.readouterr().out.count("| 7 | 2.5 |") == 3


# As run_fogan.sh has them; rates of images by the name of a checkpoint.
NUMBERS = dict(
  method="first_order",
  batch_size=64,
  slope_weight=1.0,
  calculate_slope=True,
  pairs="matched",
  interpolation=0.01,
  gradient_penalty=10.0,
  critic_steps=1,
  generator_learning_rate=1e-4,
  adam_b1=0.5,
  norm_epsilon=1e-5,
  norm_momentum=0.9,
)
OF_TEXT = NUMBERS | dict(
  lipschitz_weight=0.1,
  critic_learning_rate=3e-4,
  adam_b2=0.9,
  update_order="generator_first",
  total_steps=500_000,
  eval_every=2_000,
  eval_samples=6_400,
  few_samples=640,
  length=32,
  vocabulary=2_048,
  latent_dim=128,
  generator_features=512,
  critic_features=512,
  blocks=5,
  generator_norm="position",
  noise_norm=True,
  critic_activation="relu",
)
OF_IMAGES = NUMBERS | dict(
  lipschitz_weight=0.5,
  critic_learning_rate=1e-4,
  adam_b2=0.999,
  update_order="critic_first",
  eval_every=5_000,
  latent_dim=100,
  generator_features=512,
  critic_features=64,
)
# TTUR's pair is of the same code, and its single rate.
TTUR = dict(generator_norm="none", noise_norm=False)
ONE = dict(critic_learning_rate=1e-4, critic_steps=10)
WGAN_GP = dict(method="wgan_gp", interpolation=0.0)


@pytest.mark.parametrize(
  ("name", "variant", "numbers"),
  [
    ("language", "paper", OF_TEXT),
    ("language_billion_words", "", OF_TEXT),
    ("language_billion_words", "wgan_gp", OF_TEXT | WGAN_GP),
    ("language", "paper,wgan_gp,ttur", OF_TEXT | WGAN_GP | TTUR),
    (
      "language",
      "paper,wgan_gp,ttur,one_rate",
      OF_TEXT | WGAN_GP | TTUR | ONE,
    ),
    ("celeba64", "", OF_IMAGES | dict(image_size=64)),
    ("celeba64", "small", dict(generator_features=128, critic_features=16)),
    # Smaller already: "small" makes nothing larger.
    ("fashion_mnist", "small", dict(generator_features=64, critic_features=8)),
    ("lsun64", "", OF_IMAGES | dict(image_size=64)),
    ("cifar10", "", OF_IMAGES | dict(image_size=32)),
    ("cifar10", "wgan_gp", OF_IMAGES | WGAN_GP),
  ],
)
def test_numbers_are_the_codes(name, variant, numbers):
  config = config_of(name, variant)
  assert {key: config[key] for key in numbers} == numbers


def test_images_are_judged_by_those_that_are_not_trained_on(monkeypatch):
  rng = np.random.default_rng(0)
  shape = (16, 16, 1)
  splits = {
    "ours": np.full((12, *shape), 255, np.uint8),
    "others": rng.integers(0, 255, (9, *shape), np.uint8),
  }
  read = lambda config, split: splits[split]
  monkeypatch.setattr(data.image_data, "image_array", read)
  config = config_of("fashion_mnist", dataset="folder", eval_samples=8)
  config.update(train_split="ours", test_split="others")
  got = data.test(config, jax.random.key(0))
  want = splits["others"][:8] / 127.5 - 1
  np.testing.assert_allclose(got, want, atol=1e-6)
  assert np.all(data.batches(config, jax.random.key(0))(0)["real"] == 1)


@pytest.mark.parametrize(
  ("name", "images", "epochs"),
  [
    ("celeba64", 202_599, 81),
    ("lsun64", 3_033_042, 9),
    ("cifar10", 50_000, 500),
  ],
)
def test_steps_are_the_codes_epochs_to_the_last_score(name, images, epochs):
  config = config_of(name, "")
  steps = epochs * (images // config.batch_size)
  assert config.total_steps == steps - steps % config.eval_every


def test_bedrooms_are_judged_by_the_300_of_the_split_that_there_is():
  config = config_of("lsun64", "")
  assert (config.train_split, config.test_split) == ("train", "validation")
  assert config.eval_samples <= 300
