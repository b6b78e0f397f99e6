"""Steps, updates, populations, data and scores of the project."""

import importlib
import pathlib
from unittest import mock

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import keys
from common.errors import InputError
from common.gan import gaussian_grid
from common.metrics import while_training
from common.stats import frechet
from projects.coulomb_gan import data, pictures, reproduce, train

pytestmark = pytest.mark.slow


def config_of(name, variant="smoke", **changes):
  module = importlib.import_module(f"configs.coulomb_gan.{name}")
  config = module.get_config(variant).unlock()
  config.update(changes)
  return config


@jax.jit  # Compiled whole: op by op, this takes longer than all steps.
def draw(batches, step):
  return batches(step)


def begin(config):
  init = jax.jit(lambda key: train.init(key, config))
  batches = data.batches(config, keys.named(jax.random.key(0), "data"))
  return init(keys.named(jax.random.key(0), "init")), draw(batches, 0)


def test_smoothing_draws_around_the_samples_and_none_leaves_them():
  x = jnp.zeros((4000, 2))
  y = jnp.ones((4000, 2))
  a_x, a_y = train.smoothed(x, y, 0.2, jax.random.key(0))
  np.testing.assert_allclose(jnp.std(a_x), 0.2, rtol=0.05)
  np.testing.assert_allclose(jnp.mean(a_y), 1.0, atol=0.02)
  assert not jnp.array_equal(a_x, a_y - 1)
  same_x, same_y = train.smoothed(x, y, 0.0, jax.random.key(0))
  assert same_x is x
  assert same_y is y


def test_l2_is_on_all_convolutions_coupled_and_the_generators_is_twice():
  config = config_of("celeba64", l2_penalty=1e3, image_size=16)
  state, batch = begin(config)
  free = config_of("celeba64", l2_penalty=0.0, image_size=16)
  decayed, _ = jax.jit(train.make_train_step(config))(state, batch)
  plain, _ = jax.jit(train.make_train_step(free))(state, batch)
  # Beside 4 L_D and 2 L_G the code has one penalty, w^2 / 2 of every kernel.
  for player, factor in (("discriminator", 1e3), ("generator", 2e3)):
    # What Adam was given in its first step.
    slopes = [
      jax.tree.leaves(getattr(s, f"{player}_opt")[0].mu)
      for s in (decayed, plain)
    ]
    weights = jax.tree.leaves(getattr(state, player))
    for w, slope, without in zip(weights, *slopes, strict=True):
      got = (slope - without) / (1 - config.adam_b1)
      want = factor * w if w.ndim == 4 else np.zeros_like(w)
      np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)
    assert sum(w.ndim == 4 for w in weights) == 2


def test_mode_scores_of_known_points():
  config = config_of("gaussian_grid")
  centres = gaussian_grid.mode_centres(config)
  assert centres.shape == (25, 2)
  mode_scores = jax.jit(lambda x: train.mode_scores(x, config))
  perfect = mode_scores(jnp.tile(centres, (4, 1)))
  assert float(perfect["modes"]) == 25
  assert float(perfect["within_3_std"]) == 1
  np.testing.assert_allclose(perfect["weight_tv"], 0, atol=1e-6)
  one = mode_scores(jnp.tile(centres[:1], (100, 1)))
  assert float(one["modes"]) == 1
  np.testing.assert_allclose(one["weight_tv"], 0.96, atol=1e-6)
  lost = mode_scores(centres + 0.5)
  assert float(lost["modes"]) == 0
  assert float(lost["within_3_std"]) == 0


def test_the_distance_of_known_points():
  config = config_of("gaussian_grid")
  centres = gaussian_grid.mode_centres(config)
  distance = jax.jit(lambda x: gaussian_grid.mode_distance(x, config))
  half = jnp.concatenate([centres, centres + 0.5])
  one = jnp.tile(centres[:1], (50, 1))
  for x, wanted in ((jnp.tile(centres, (2, 1)), 0), (one, 0.96), (half, 0.5)):
    np.testing.assert_allclose(distance(x), wanted, atol=1e-6)
  np.testing.assert_allclose(distance(half + 0.25), 1, atol=1e-6)


def test_spread_of_known_points():
  config = config_of("gaussian_grid")
  centres = np.asarray(gaussian_grid.mode_centres(config))
  rng = np.random.default_rng(0)
  # Narrow along one diagonal, wide along the other; more of one mode.
  turn = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
  rows = {0: 40, 7: 12, 24: 3}
  clouds = {
    i: centres[i] + 0.02 + rng.normal(size=(n, 2)) * [0.01, 0.03] @ turn
    for i, n in rows.items()
  }
  lost = centres[3] + [[0.2, 0.0], [-0.3, 0.1], [0.0, 0.4]]
  few = centres[5] + rng.normal(size=(2, 2)) * 0.01
  x = np.concatenate([*clouds.values(), lost, few]).astype(np.float32)
  mode_spread = jax.jit(lambda x: gaussian_grid.mode_spread(x, config))
  found = mode_spread(x)
  values = [np.linalg.eigvalsh(np.cov(c.T)) for c in clouds.values()]
  low, high = np.sqrt(values).mean(axis=0)
  middle = np.mean([np.sqrt(v.mean()) for v in values])
  np.testing.assert_allclose(found["within_mode_min"], low, rtol=1e-3)
  np.testing.assert_allclose(found["within_mode_max"], high, rtol=1e-3)
  np.testing.assert_allclose(found["within_mode_std"], middle, rtol=1e-3)
  one = mode_spread(jnp.tile(centres[:1], (9, 1)))
  np.testing.assert_allclose(list(one.values()), 0, atol=1e-6)


def test_the_target_scores_itself_as_the_goal_says():
  for name, ratio in (("gaussian_grid", 1.0), ("gaussian_grid_uneven", 10.0)):
    config = config_of(name)
    weights = gaussian_grid.mode_weights(config)
    np.testing.assert_allclose(jnp.sum(weights), 1, rtol=1e-6)
    np.testing.assert_allclose(weights.max() / weights.min(), ratio, rtol=1e-4)

    @jax.jit
    def judged(key, config=config):
      x = data.gaussian_grid(key, 20_000, config)
      spread = gaussian_grid.mode_spread(x, config)
      return train.mode_scores(x, config), spread

    scores, spread = judged(jax.random.key(0))
    assert float(scores["modes"]) == 25
    # 1 - exp(-9 / 2), the mass of a Gaussian in the plane within 3 std.
    np.testing.assert_allclose(scores["within_3_std"], 0.98889, atol=0.003)
    assert float(scores["weight_tv"]) < 0.02
    # Cut off at 3 std: 1 - 4.5 exp(-4.5) / (1 - exp(-4.5)) of the variance.
    np.testing.assert_allclose(spread["within_mode_std"], 0.0487, rtol=0.01)
    assert spread["within_mode_min"] < spread["within_mode_std"]
    assert spread["within_mode_std"] < spread["within_mode_max"] < 0.052


def test_batches_are_functions_of_key_and_step():
  config = config_of("gaussian_grid")
  batches = data.batches(config, jax.random.key(0))
  one, again, other = batches(3), batches(jnp.int32(3)), batches(4)
  np.testing.assert_array_equal(one["real"], again["real"])
  assert not jnp.array_equal(one["real"], other["real"])
  assert not jnp.array_equal(one["latent"], other["latent"])


def test_discs_are_pictures():
  config = config_of("celeba64", image_size=64)
  x = jax.jit(lambda key: data.discs(key, 6, config))(jax.random.key(0))
  assert x.shape == (6, 64, 64, 3)
  assert float(x.min()) < -0.99
  assert float(x.max()) > 0.9


def test_the_flow_of_particles_lowers_the_energy_every_step():
  config = config_of("gaussian_grid")

  @jax.jit
  def flow(of_y, of_x):
    y = data.gaussian_grid(of_y, 100, config)
    x = jax.random.normal(of_x, y.shape)
    return x, *reproduce.particle_flow(x, y, config)

  x, end, energies = flow(jax.random.key(0), jax.random.key(1))
  assert energies.shape == (config.particle_steps + 1,)
  assert float(jnp.max(jnp.diff(energies))) <= 1e-6
  assert energies[-1] < 0.8 * energies[0]
  assert end.shape == x.shape


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (dict(method="colomb"), "did you mean 'coulomb'"),
    (dict(network="mpl"), "did you mean 'mlp'"),
    (dict(update_order="simultanous"), "did you mean 'simultaneous'"),
    (dict(critic_steps=3), "needs config.update_order='sequential'"),
    (dict(generator_activation="rleu"), "did you mean 'relu'"),
    (dict(energy_samples=201), "can be at most config.eval_samples = 200"),
    (dict(data_dim=3), "data_dim is 3; the Gaussian grid lies in the plane"),
    (dict(total_steps=50), "at least config.total_steps = 50"),
    (dict(decay_steps=10, total_steps=10), "than config.warmup_steps = 10 and"),
    (dict(batch_size=1), "config.batch_size is 1, and"),
  ],
)
def test_a_wrong_choice_is_one_sentence(changes, says):
  config = config_of("gaussian_grid", **changes)
  with pytest.raises(InputError, match=says):
    train.make_train_step(config)


def test_a_depth_of_a_small_batch_is_one_sentence():
  changes = dict(discriminator_depth="batch_size", batch_size=4)
  with pytest.raises(InputError, match="batch_size is 4; config"):
    train.make_train_step(config_of("celeba64", **changes))


def test_a_wrong_data_set_is_one_sentence(tmp_path):
  config = config_of("fashion_mnist", dataset="fasion_mnist")
  with pytest.raises(InputError, match="did you mean 'fashion_mnist'"):
    train.make_train_step(config)
  config.dataset, config.data_dir = "folder", str(tmp_path)
  config.cache_dir = str(tmp_path / "cache")
  with pytest.raises(InputError, match=str(tmp_path)):
    data.batches(config, jax.random.key(0))


def test_your_own_points(tmp_path):
  config = config_of("gaussian_grid", dataset="points", data_dir=str(tmp_path))
  with pytest.raises(InputError, match=r"train\.npy cannot be read"):
    data.batches(config, jax.random.key(0))
  rows = np.random.default_rng(0).normal(size=(300, 2))
  np.save(tmp_path / "train.npy", rows[:, :1])
  with pytest.raises(InputError, match=r"has shape \(300, 1\); .* \(n, 2\)"):
    data.batches(config, jax.random.key(0))
  broken = rows.copy()
  broken[17, 1] = np.nan
  np.save(tmp_path / "train.npy", broken)
  with pytest.raises(InputError, match=r"row 17 of .*train\.npy holds NaN"):
    data.batches(config, jax.random.key(0))
  for split in ("train", "test"):
    np.save(tmp_path / f"{split}.npy", rows)
  state, scores = train.train(config, str(tmp_path / "run"))
  assert int(state.step) == 40
  assert scores.keys() == {"energy", "energy_u"}
  assert (tmp_path / "run" / "potential.png").exists()
  # Another folder of the same data may go on; other data may not.
  (tmp_path / "moved").mkdir()
  config.data_dir = str(tmp_path / "moved")
  for split in ("train", "test"):
    np.save(tmp_path / "moved" / f"{split}.npy", rows)
  again, _ = train.train(config, str(tmp_path / "run"))
  assert int(again.step) == 40
  np.save(tmp_path / "moved" / "test.npy", rows[::-1])
  with pytest.raises(InputError, match=r"holds a run on other data: .*moved"):
    train.train(config, str(tmp_path / "run"))
  np.save(tmp_path / "moved" / "test.npy", rows[:199])
  with pytest.raises(InputError, match=r"has 199 samples to test on.*= 200;"):
    train.train(config, str(tmp_path / "new"))
  assert not list((tmp_path / "new" / "checkpoints").glob("*"))
  np.save(tmp_path / "moved" / "test.npy", rows)
  np.save(tmp_path / "moved" / "train.npy", rows[:60])
  with pytest.raises(InputError, match="number of examples, 60, but takes 64"):
    train.train(config, str(tmp_path / "new"))


def test_points_of_three_axes_and_a_run_that_lost_its_metrics(tmp_path):
  changes = dict(dataset="points", data_dim=3, data_dir=str(tmp_path))
  config = config_of("gaussian_grid", **changes)
  for split in ("train", "test"):
    rows = np.random.default_rng(0).normal(size=(300, 3))
    np.save(tmp_path / f"{split}.npy", rows)
  run = tmp_path / "run"
  train.train(config, str(run))
  left = {"samples.png", "energy.png", "samples.gif"}
  assert left == {p.name for p in run.iterdir() if p.suffix in (".png", ".gif")}
  (run / "metrics.jsonl").unlink()
  for name in left:
    (run / name).unlink()
  train.train(config, str(run))
  assert left - {"energy.png"} == left & {p.name for p in run.iterdir()}
  line = rows[:, :1]
  pictures.sample_plot(tmp_path / "line.png", line, line, {})
  assert (tmp_path / "line.png").exists()


def test_a_frame_of_the_film_is_written_whole_or_not(tmp_path, monkeypatch):
  run = mock.Mock(config=config_of("gaussian_grid"), workdir=tmp_path)
  sampler = lambda config, n: lambda params, key: np.zeros((n, 2))
  monkeypatch.setattr(pictures, "sampler", sampler)
  snapshot = pictures.make_snapshot(run)
  snapshot(mock.Mock(), 1)
  assert np.load(tmp_path / "film" / "00000001.npy").shape == (1000, 2)

  def cut(file, array):
    pathlib.Path(getattr(file, "name", file)).write_bytes(b"half")
    raise OSError("disk full")

  monkeypatch.setattr(pictures.np, "save", cut)
  with pytest.raises(OSError, match="disk full"):
    snapshot(mock.Mock(), 2)
  assert [p.name for p in (tmp_path / "film").iterdir()] == ["00000001.npy"]


def test_generated_images_are_judged_by_means_of_blocks():
  rng = np.random.default_rng(0)
  real, other = rng.integers(0, 256, (2, 64, 8, 8, 1), dtype=np.uint8)
  net = while_training.network("pixels", "", 8)
  distance = while_training.make_distance(net, [real[:40], real[40:]], 16, 0)
  judged = lambda x: distance([x])["pixel_distance"]
  # Block means of every channel, of which there are three alike.
  blocks = lambda x: np.repeat(
    (x / 255).reshape(64, 4, 2, 4, 2, 1).mean((2, 4)).reshape(64, -1), 3, 1
  )
  expected = frechet.distance_from_features(blocks(real), blocks(other))
  np.testing.assert_allclose(judged(other), float(expected), rtol=1e-3)
  assert judged(real) < 1e-6 < judged(other) < judged(other // 2)


def test_potentials_are_drawn_on_one_scale():
  large, small = np.linspace(-8, 8, 100), np.linspace(-1, 1, 100)
  one, other = pictures.color_limits([large, small], comparable=True)
  assert one == other == pytest.approx(8, rel=0.02)
  logit, potential = pictures.color_limits([large, small], comparable=False)
  assert (logit, potential) == pytest.approx((8, 1), rel=0.02)


def test_wgan_gp_refuses_batch_norm():
  config = config_of("fashion_mnist", "wgan_gp,smoke")
  config.discriminator_norm = "batch"
  with pytest.raises(InputError, match="'layer' or 'none'"):
    train.make_train_step(config)


def test_fashion_mnist_is_read_padded_and_held_out(shared, tmp_path):
  config = config_of("fashion_mnist", "")
  config.data_dir = str(shared / "tfds")
  config.cache_dir = str(tmp_path)
  config.train_split = "test"  # 10,000 images decode in two seconds.
  batch = data.batches(config, jax.random.key(0))(0)
  assert batch["real"].shape == (128, 32, 32, 1)
  assert float(batch["real"].min()) == -1
  np.testing.assert_array_equal(batch["real"][:, :2], -1)  # The padding.
  config.image_channels = 3
  with pytest.raises(InputError, match="1 channels"):
    data.batches(config, jax.random.key(0))


def test_bedrooms_are_judged_by_the_300_of_the_split_that_there_is():
  config = config_of("lsun64", "")
  assert (config.train_split, config.test_split) == ("train", "validation")
  assert config.eval_samples <= 300
