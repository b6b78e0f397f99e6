"""Whole runs, small: resumed to the same bits, judged, and as a population."""

import argparse
import importlib
import itertools

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from common.metrics import while_training
from common.tables import cells
from common.tables import reproduce as table_frame
from configs.ttur import dcgan_fashion_mnist, gaussian_grid
from projects.ttur import (
  data,
  rates,
  rates_table,
  reproduce,
  sample,
  schema,
  scores,
  train,
)

pytestmark = pytest.mark.slow


def config_of(name, variant="smoke", **changes):
  module = importlib.import_module(f"configs.ttur.{name}")
  config = module.get_config(variant).unlock()
  config.update(changes)
  return config


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """A run of images, whole and in two pieces: states, scores and folders."""
  folder = tmp_path_factory.mktemp("runs")
  config = config_of("dcgan_fashion_mnist", width=2, batch_size=4)
  whole = train.train(config, str(folder / "whole"))
  config.total_steps = 2
  train.train(config, str(folder / "pieces"))
  config.total_steps = 4
  pieces = train.train(config, str(folder / "pieces"))
  return whole, pieces, folder


def test_a_resumed_run_is_the_same_to_the_bit(runs):
  (whole, found), (pieces, other), _ = runs
  assert int(whole.step) == 4 and found == other
  for one, two in zip(
    jax.tree.leaves(whole.replace(key=0)),
    jax.tree.leaves(pieces.replace(key=0)),
    strict=True,
  ):
    np.testing.assert_array_equal(one, two)


def test_samples_are_drawn_from_a_run(runs):
  (state, _), _, folder = runs
  path = sample.write_samples(folder / "whole", folder / "out", 20, 3)
  with np.load(path) as file:
    images = file["images"]
  assert images.shape == (20, 32, 32, 1) and images.dtype == np.uint8
  assert path.with_suffix(".png").exists()
  again = sample.write_samples(folder / "whole", folder / "few", 5, 3)
  with np.load(again) as file:
    np.testing.assert_array_equal(file["images"], images[:5])
  # By moving averages: they have moved, and are finite.
  averages = jax.tree.leaves(state.averages)
  assert averages and all(np.isfinite(leaf).all() for leaf in averages)


def test_a_score_is_called_what_it_is(runs):
  (_, found), _, _ = runs
  assert set(found) == {"pixel_distance"}
  assert while_training.name_of({"score": "FID"}) == "fid"
  name = while_training.name_of({"score": "SqueezeNet distance (not FID)"})
  assert name == "squeezenet_distance"
  other = "Fréchet distance, NOT OF FID'S NETWORK"
  assert while_training.name_of({"score": other}) == "frechet_distance"


def test_the_score_of_real_images_is_small_and_grows_with_a_fault():
  config = config_of("dcgan_fashion_mnist", game="began", network="began")
  real = data.reference(config, jax.random.key(0))
  other = np.asarray(data.reference(config, jax.random.key(1)))

  def judged(images):
    config.eval_samples = len(images)
    draw = lambda *_: iter([images])
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(scores, "sampled", lambda _: draw)
      evaluate = train.make_evaluate(config, real)
      return evaluate(None, jax.random.key(0))["pixel_distance"]

  near, far = judged(other), judged(np.zeros_like(other) + other[:1])
  assert 0 <= near < far


def test_each_game_makes_pixels_of_its_own():
  x = np.array([-1.2, -1.0, 0.0, 0.999, 1.1]).reshape(1, 1, 5, 1)
  pixels = {g: scores.as_pixels(x, g)[0, 0] for g in schema.GAMES}
  assert pixels["dcgan"].shape == (5, 1)
  plain = np.float32([-25.5, 0, 127.5, 254.8725, 267.75])
  np.testing.assert_allclose(pixels["dcgan"][:, 0], plain, rtol=1e-4)
  np.testing.assert_array_equal(pixels["wgan_gp"][1:4, 0], [0, 127, 254])
  np.testing.assert_allclose(
    pixels["began"][:, 0], np.clip(plain, 0, 255), rtol=1e-4
  )


def test_fid_without_weights_is_one_sentence(tmp_path, monkeypatch):
  for name in ("HOME", "XDG_CACHE_HOME"):
    monkeypatch.setenv(name, str(tmp_path))
  config = config_of("dcgan_fashion_mnist", features="inception")
  with pytest.raises(InputError, match="weights"):
    train.make_evaluate(config, np.zeros((4, 32, 32, 1), np.uint8))


def test_fewer_images_than_a_step_takes(monkeypatch):
  config = config_of("wgan_gp_cifar10", "original,smoke", dataset="cifar10")
  few = np.zeros((39, 32, 32, 3), np.uint8)
  monkeypatch.setattr(data.image_data, "image_array", lambda *_: few)
  with pytest.raises(InputError, match=r"has 39 images .* fewer than the 40"):
    data.batches(config, jax.random.key(0))


def test_latents_are_of_their_kind_and_the_generators_own():
  config = config_of("wgan_gp_cifar10", "original,smoke")
  batch = data.batches(config, jax.random.key(0))(0)
  n = config.batch_size
  assert batch["real"].shape == (5 * n, 32, 32, 3)
  assert batch["latent"].shape == (6 * n, 128)
  assert jnp.max(jnp.abs(batch["latent"])) > 2  # Normal ...
  config = config_of("dcgan_fashion_mnist")
  batch = data.batches(config, jax.random.key(0))(0)
  assert batch["latent"].shape == (n, 100)
  assert 0.9 < jnp.max(jnp.abs(batch["latent"])) <= 1  # ... or uniform.


def test_a_member_of_the_grid_is_the_run_with_its_rates(tmp_path, capsys):
  config = gaussian_grid.get_config("smoke")
  cell = rates.sweep(config, tmp_path / "grid")
  found = np.array(cell["scores"]["mode_distance"])
  assert found.shape == (2, 2, 2, 2)
  single = config.copy_and_resolve_references().unlock()
  single.discriminator_rate, single.generator_rate = 1e-3, 1e-2
  single.seed = 1
  _, judged = train.train(single, str(tmp_path / "run"))
  np.testing.assert_allclose(
    found[0, 1, 1, -1], judged["mode_distance"], atol=0.011
  )
  # It goes on from its journal, which holds all pieces: nothing is trained.
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(rates.population, "run", None)
    assert rates.sweep(config, tmp_path / "grid")["scores"] == cell["scores"]
  # The table of what is there: nothing is trained for it.
  cells.save(tmp_path / "rates_gaussian_grid.json", cell)
  reproduce.main(["--table=rates", f"--out={tmp_path}"])
  text = capsys.readouterr().out
  assert (
    "| 25 Gaussians, mode_distance | two rates, as few tried | 2 at" in text
  )
  assert "| CIFAR-10 | - |" in text
  assert (tmp_path / "rates_gaussian_grid.png").stat().st_size > 10_000
  reproduce.main(["--table=training", f"--out={tmp_path}"])
  text = capsys.readouterr().out
  assert "| wgan_gp_lsun64 | two rates | 0.0003 | 0.0001 | 9.5 |" in text
  with pytest.raises(SystemExit):
    reproduce.main(["--table=rates", "--grid=cifar", f"--out={tmp_path}"])
  assert "--grid=cifar is none of" in capsys.readouterr().err


def test_statistics_of_a_grid_by_hand():
  values = np.full((2, 2, 3, 2), 0.9)
  values[0, 1] = [[0.5, 0.6], [0.2, 0.8], [0.7, 0.7]]
  values[1, 1] = [[0.4, 0.5], [0.3, 0.9], [0.6, 0.4]]
  cell = {
    "scores": {"s": values.tolist()},
    "discriminator_rates": [1.0, 2.0],
    "generator_rates": [1.0, 2.0],
  }
  found = rates.statistics(cell, "s")
  one, two = found["one rate"], found["two rates"]
  assert (one["minimum"], one["pair"]) == (0.3, [2.0, 2.0])
  assert (two["minimum"], two["pair"]) == (0.2, [1.0, 2.0])
  assert (one["median"], one["final"]) == (0.4, 0.5)
  assert (two["median"], two["median_pair"]) == (0.4, [2.0, 2.0])
  assert one["held_out"] == pytest.approx((0.4 + 0.3 + 0.4) / 3)
  # Two pairs: what the first two seeds choose is bad for the third.
  pairs = np.array([[[0.1, 0.2, 0.9], [0.45, 0.45, 0.45]]])
  got = rates.held_out(pairs, np.ones((1, 2), bool))
  assert got == pytest.approx((0.45 + 0.45 + 0.9) / 3)
  assert found["fair"]["tried"] == 2
  # Medians are .9, .5, .9, .4: of the six pairs, three have .4 and two .5.
  assert found["fair"]["median"] == pytest.approx((3 * 0.4 + 2 * 0.5 + 0.9) / 6)


def test_the_expected_minimum_is_that_of_all_draws():
  values = np.random.default_rng(0).normal(size=7)
  for count in (1, 3, 7):
    drawn = [min(c) for c in itertools.combinations(values, count)]
    got = rates.expected_minimum(values, count)
    np.testing.assert_allclose(got, np.mean(drawn))


@pytest.mark.parametrize("name", ["dcgan_fashion_mnist", "dcgan_cifar10"])
def test_a_grid_of_images_has_each_run_at_its_place(
  name, monkeypatch, tmp_path
):
  """Scores are [discriminator's rate, generator's rate, seed, evaluation]."""
  made = {}

  def trained(_, config, workdir):
    rates_ = config.discriminator_rate, config.generator_rate
    made[workdir] = [*rates_, config.seed]
    assert config.width == 16 and config.features == "pixels"
    assert config.total_steps == 1_000
    return None, {"scores": {"pixel_distance": 0.0}, "minutes": 0.5}

  monkeypatch.setattr(rates_table.cells, "trained", trained)
  monkeypatch.setattr(rates_table, "curve", lambda workdir, _: made[workdir])
  arguments = argparse.Namespace(runs=tmp_path, data_dir="", seeds=3)
  context = table_frame.Context("ttur", tmp_path, False, False, arguments)
  cell = rates_table.measure(context, name)
  found = np.array(cell["scores"]["pixel_distance"])
  of_d, of_g = cell["discriminator_rates"], cell["generator_rates"]
  assert found.shape == (5, 5, 3, 3) and len(made) == 75
  for d, g, seed in itertools.product(range(5), range(5), range(3)):
    np.testing.assert_allclose(
      found[d, g, seed], [of_d[d], of_g[g], seed], rtol=1e-6
    )
  assert cell["minutes"] == 75 / 2


def test_a_grid_of_one_rate_is_refused():
  config = gaussian_grid.get_config("smoke").unlock()
  config.sweep_generator_rates = (1e-3,)
  with pytest.raises(InputError, match=r"has one rate, 0\.001; a grid"):
    rates.members_of(config)


def test_every_config_has_the_papers_pair_and_one_rate():
  assert dcgan_fashion_mnist.get_config().features == "pixels"
  for name, pair, one in (
    ("dcgan_celeba64", (1e-5, 5e-4), 5e-4),
    ("dcgan_cifar10", (1e-4, 5e-4), 1e-4),
    ("dcgan_svhn", (1e-5, 1e-4), 5e-5),
    ("dcgan_lsun64", (1e-5, 1e-4), 5e-5),
    ("wgan_gp_cifar10", (3e-4, 1e-4), 1e-4),
    ("wgan_gp_lsun64", (3e-4, 1e-4), 5e-4),
    ("began_celeba64", (6e-5, 4e-5), 5e-5),
  ):
    config, original = config_of(name, ""), config_of(name, "original")
    both = lambda c: (c.discriminator_rate, c.generator_rate)
    assert both(config) == pair and both(original) == (one, one), name
    for variant in (config, original, config_of(name)):
      schema.check(variant)


DCGAN = dict(
  game="dcgan",
  batch_size=64,
  width=64,
  latent_dim=100,
  latent="uniform",
  adam_b1=0.5,
  adam_b2=0.999,
  critic_steps=1,
  halve_every=0,
  eval_every=5_000,
  eval_samples=50_000,
  fid_reference=0,
)
WGAN_GP = DCGAN | dict(
  game="wgan_gp",
  latent_dim=128,
  latent="normal",
  adam_b1=0.0,
  adam_b2=0.9,
  gradient_penalty=10.0,
  eval_every=1_000,
  total_steps=100_000,
)
BEGAN = DCGAN | dict(
  game="began",
  batch_size=16,
  width=128,
  latent_dim=64,
  adam_b1=0.9,
  halve_every=100_000,
  balance_rate=1e-3,
  diversity=0.5,
  eval_every=1_000,
  total_steps=500_000,
)
ONE = dict(critic_steps=5, eval_every=333, total_steps=33_300)


@pytest.mark.parametrize(
  ("name", "variant", "numbers"),
  [
    *(
      (f"dcgan_{name}", variant, DCGAN | dict(image_size=size))
      for name, size in (
        ("celeba64", 64),
        ("lsun64", 64),
        ("cifar10", 32),
        ("svhn", 32),
      )
      for variant in ("", "original")
    ),
    ("wgan_gp_lsun64", "", WGAN_GP | dict(four_samples_as_one=False)),
    ("wgan_gp_lsun64", "original", WGAN_GP | ONE),
    ("wgan_gp_cifar10", "", WGAN_GP | dict(width=32, four_samples_as_one=True)),
    ("wgan_gp_cifar10", "original", WGAN_GP | ONE | dict(width=32)),
    ("began_celeba64", "", BEGAN),
    ("began_celeba64", "original", BEGAN),
  ],
)
def test_numbers_are_the_codes(name, variant, numbers):
  config = config_of(name, variant)
  assert {key: config[key] for key in numbers} == numbers


@pytest.mark.parametrize("count", [0, 5])
def test_what_the_network_sees_of_the_reference(count, monkeypatch):
  rng = np.random.default_rng(0)
  splits = {
    name: rng.integers(0, 256, (n, 32, 32, 3), np.uint8)
    for name, n in (("ours", 7), ("others", 9))
  }
  read = lambda config, split: splits[split]
  monkeypatch.setattr(data.image_data, "image_array", read)
  seen = []

  def make_distance(net, real, batch_size, seed):
    seen.extend(real)

  monkeypatch.setattr(scores.while_training, "make_distance", make_distance)
  config = config_of("dcgan_cifar10", dataset="folder", fid_reference=count)
  config.update(train_split="ours", test_split="others", feature_batch=4)
  scores.image_scores(config, data.reference(config, jax.random.key(0)))
  # The pixels that are trained on, 0..255, as they are.
  assert max(map(len, seen)) <= 4
  np.testing.assert_array_equal(
    np.concatenate(seen), splits["ours"][: count or 7]
  )
  # Generated ones come in [-1, 1].
  seen.clear()
  scores.image_scores(config, splits["ours"].astype(np.float32) / 127.5 - 1)
  np.testing.assert_allclose(np.concatenate(seen), splits["ours"], atol=1e-4)


@pytest.mark.parametrize(
  ("name", "images", "epochs"),
  [("dcgan_celeba64", 202_599, 81), ("dcgan_lsun64", 3_033_042, 9)],
)
def test_steps_are_the_codes_epochs_to_the_last_fid(name, images, epochs):
  config = config_of(name, "")
  steps = epochs * (images // config.batch_size)
  assert config.total_steps == steps - steps % config.eval_every


@pytest.mark.parametrize(
  "data_set", ["celeba64", "cifar10", "svhn", "lsun64", "fashion_mnist"]
)
def test_one_rate_has_the_budget_of_two(data_set):
  two, one = (config_of(f"dcgan_{data_set}", v) for v in ("", "original"))
  rates_ = ("discriminator_rate", "generator_rate")
  other = {key for key in two if two[key] != one[key]}
  assert other and other <= set(rates_)
