"""The training: schedule, batches, evaluation, resuming, set prediction."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import checkpoint
from common.errors import InputError
from projects.slot_attention import data, pictures, train

from .test_model import config_of

pytestmark = pytest.mark.slow


def test_the_schedule_is_the_authors():
  config = config_of("tetrominoes", "")
  rate = train.learning_rate(config)
  assert rate(0) == 0
  expected = 4e-4 * 0.5 * 0.5 ** (5_000 / 100_000)
  np.testing.assert_allclose(rate(5_000), expected, rtol=1e-6)
  expected = 4e-4 * 0.5**3
  np.testing.assert_allclose(rate(jnp.int32(300_000)), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["tetrominoes_small", "multi_dsprites"])
def test_batches_are_functions_of_key_and_step(name):
  config = config_of(name)
  make = jax.jit(data.batches(config, jax.random.key(0)))
  one, again, other = (make(jnp.int32(t)) for t in (3, 3, 4))
  assert one["image"].shape == (4, config.image_size, config.image_size, 3)
  np.testing.assert_array_equal(one["image"], again["image"])
  assert not jnp.array_equal(one["image"], other["image"])


@pytest.fixture(scope="module")
def start():
  config = config_of("tetrominoes_small", learning_rate=3e-3, warmup_steps=5)
  return jax.jit(lambda key: train.init(key, config))(jax.random.key(0))


def test_training_lowers_the_loss(start):
  config = config_of("tetrominoes_small", learning_rate=3e-3, warmup_steps=5)
  step = jax.jit(train.make_train_step(config))
  batch = jax.jit(data.batches(config, jax.random.key(1)))(0)
  state, losses = start, []
  for _ in range(30):
    state, metrics = step(state, batch)
    losses.append(float(metrics["loss"]))
  assert int(state.step) == 30
  assert losses[1] == pytest.approx(losses[0], rel=0.5)  # Rate 0 at first.
  assert np.mean(losses[-3:]) < 0.8 * losses[0]
  assert step._cache_size() == 1


def test_evaluation_drops_no_images(start):
  config = config_of("tetrominoes_small")
  size = config.image_size
  masks = np.zeros((5, 4, size, size), np.float32)
  masks[:, 1] = 1
  image = np.zeros((5, size, size, 3), np.float32)
  image[4] = 100  # In the last batch, which is not full.
  evaluate = train.make_evaluate(config, {"image": image, "masks": masks})
  scores = evaluate(start, jax.random.key(2))
  assert scores.keys() == {"foreground_ari", "test_loss"}
  assert scores["test_loss"] == pytest.approx(100**2 / 5, rel=0.3)


def test_evaluation_with_more_slots_and_objects(start):
  config = config_of("tetrominoes_small")
  config.update(eval_slots=6, eval_max_objects=4, eval_iterations=5)
  test = data.test(config, jax.random.key(1))
  assert test["masks"].shape[1] == 5
  scores = train.make_evaluate(config, test)(start, jax.random.key(2))
  assert -1 <= scores["foreground_ari"] <= 1
  config.eval_slots = 3
  with pytest.raises(InputError, match="3 slots cannot hold up to 4 objects"):
    train.make_evaluate(config, test)


def test_training_resumes_bitwise_in_process(tmp_path):
  config = config_of("tetrominoes_small")
  copy = config.copy_and_resolve_references
  whole, scores = train.train(copy(), str(tmp_path / "a"))
  config.total_steps = 2
  train.train(copy(), str(tmp_path / "b"))
  config.total_steps = 4
  parts, again = train.train(config, str(tmp_path / "b"))
  assert checkpoint.digest(whole) == checkpoint.digest(parts)
  assert scores == again
  for name in ("slots.png", "attention.png", "metrics.jsonl"):
    assert (tmp_path / "a" / name).exists()


def test_set_prediction_learns_a_set_and_is_judged_by_precision():
  """One picture of two objects, by heart: the whole path, without scenes."""
  config = config_of(
    "tetrominoes_small",
    task="set_prediction",
    max_objects=3,
    slots=3,
    learning_rate=3e-3,
    warmup_steps=0,
    decay_steps=10_000,
    eval_slots=3,
  )
  vector = np.zeros((4, 3, 19), np.float32)
  for row, (place, kind) in enumerate([(0.2, 0), (0.8, 1)]):
    vector[:, row, :3], vector[:, row, 18] = place, 1
    vector[:, row, [3 + kind, 5 + kind, 7 + kind, 10 + kind]] = 1
  image = np.random.default_rng(0).normal(size=(4, 10, 10, 3)).astype("f")
  batch = {"image": jnp.asarray(image), "vector": jnp.asarray(vector)}
  state = jax.jit(lambda key: train.init(key, config))(jax.random.key(0))
  step = jax.jit(train.make_train_step(config))
  # How soon hangs on the last bits: ten seeds took 190 to 675 steps.
  for _ in range(2_000):
    state, metrics = step(state, batch)
    if metrics["loss"] < 0.01:
      break
  assert float(metrics["loss"]) < 0.01
  test = {**batch, "masks": jnp.zeros((4, 1, 10, 10))}
  scores = train.make_evaluate(config, test)(state, jax.random.key(1))
  assert scores.keys() == {"ap_inf", "ap_1", "ap_0.5", "ap_0.25", "ap_0.125"}
  assert scores["ap_inf"] > 0.5  # Untrained: 0.


@pytest.mark.parametrize("name", ["max_objects", "eval_max_objects"])
def test_fewer_objects_than_the_fewest_are_refused(name):
  config = config_of("multi_dsprites", **{name: 1})
  for read in (data.batches, data.test):
    with pytest.raises(InputError, match=f"config.{name} is 1; .* = 2"):
      read(config, jax.random.key(0))


def test_attention_is_shown_where_strides_do_not_divide_the_picture():
  attention = np.zeros((1, 1, 16, 2), np.float32)
  attention[0, 0, 5, 0] = 1  # Row and column 1 of 4x4 places.
  sheet = pictures.attention_sheet(np.zeros((1, 10, 10, 3)), attention)
  column = sheet[14:][: 10 * 7, 10 * 7 + 4 :][:, : 10 * 7]  # Of slot 0.
  seen = column.reshape(10, 7, 10, 7, 3).mean((1, 3, 4))
  rows = np.arange(10) * 4 // 10 == 1
  np.testing.assert_array_equal(seen, 255 * np.outer(rows, rows))


def test_a_wrong_data_set_is_one_sentence():
  config = config_of("tetrominoes_small", dataset="tetrominos")
  with pytest.raises(InputError, match="did you mean 'tetrominoes'"):
    train.make_train_step(config)
  config = config_of("tetrominoes_small", task="set_prediction")
  with pytest.raises(InputError, match="has no property vectors"):
    data.test(config, jax.random.key(0))
