"""Each term of a step and of a score."""

import importlib
import json

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.nn import initializers
from projects.snn import losses, model, train
from projects.snn.datasets import loading, padded

SELU = initializers.LAMBDA, initializers.ALPHA

# Compiled whole: op by op, every shape would be compiled in dozens of pieces.
init_model = jax.jit(model.init, static_argnums=0)
apply_train = jax.jit(model.apply_train, static_argnums=0)


def config_of(**changes):
  config = importlib.import_module("configs.snn.uci").get_config("smoke")
  config.unlock()
  config.update_from_flattened_dict(changes)
  return config


def begin(config):
  return jax.jit(lambda key: train.init(key, config))(jax.random.key(0))


def numpy_step(params, x, y, classes, rate, decay):
  """A step of SGD on one hidden layer of SELU, in float64.

  Returns the new parameters, and the loss without the penalty.
  """
  scale, alpha = SELU
  first, last = (
    {k: np.asarray(v, np.float64) for k, v in params[name].items()}
    for name in ("dense_0", "out")
  )
  z = x @ first["kernel"] + first["bias"]
  h = scale * np.where(z > 0, z, alpha * np.expm1(z))
  slope = scale * np.where(z > 0, 1, alpha * np.exp(z))
  logits = h @ last["kernel"] + last["bias"]
  logits[:, classes:] = -np.inf
  p = np.exp(logits - logits.max(1, keepdims=True))
  p /= p.sum(1, keepdims=True)
  value = -np.mean(np.log(p[np.arange(len(y)), y]))
  d_logits = (p - np.eye(p.shape[1])[y]) / len(y)
  d_z = d_logits @ last["kernel"].T * slope
  moved = {}
  for name, layer, inputs, d in (
    ("dense_0", first, x, d_z),
    ("out", last, h, d_logits),
  ):
    d_kernel = inputs.T @ d + decay * layer["kernel"]  # No decay of biases.
    moved[name] = {
      "kernel": layer["kernel"] - rate * d_kernel,
      "bias": layer["bias"] - rate * d.sum(0),
    }
  return moved, value


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_a_step_is_numpys(decay):
  config = config_of(depth=1, dropout=0.0, weight_decay=decay)
  state = begin(config)
  random = np.random.default_rng(0)
  state = state.replace(
    params=jax.tree.map(
      lambda p: jnp.asarray(random.normal(size=p.shape), jnp.float32),
      state.params,
    )
  )
  x = random.normal(size=(2, 4)).astype(np.float32)
  batch = {"x": jnp.asarray(x), "y": jnp.array([2, 0])}
  after, metrics = jax.jit(train.make_train_step(config))(state, batch)
  want, value = numpy_step(
    state.params, x, np.array([2, 0]), 3, config.learning_rate, decay
  )
  assert float(metrics["loss"]) == pytest.approx(value, rel=1e-5)
  assert int(after.step) == 1
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    dict(after.params),
    want,
  )


def test_a_step_drops_units_anew_at_each_step():
  config = config_of(depth=1, dropout=0.5)
  state = begin(config)
  batch = {"x": jnp.ones((2, 4)), "y": jnp.array([2, 0])}
  step = jax.jit(train.make_train_step(config))
  loss = lambda state: float(step(state, batch)[1]["loss"])
  assert loss(state) == loss(state) != loss(state.replace(step=jnp.int32(1)))
  # Alpha dropout of the hidden layer, with the key of the step.
  net = train.network(config)
  logits, _ = apply_train(
    net, state.params, {}, batch["x"], 0.5, jax.random.fold_in(state.key, 0)
  )
  want = losses.cross_entropy(logits, batch["y"], 3)
  assert loss(state) == pytest.approx(float(want))


def test_each_part_is_scored_by_its_own_rows():
  config = config_of(**{"data.classes": 2, "data.outputs": 4, "depth": 1})
  # The score is the share of positive x here, as the labels are all 1.
  shares = {"train": 0.75, "validation": 0.5, "test": 0.25}
  x = np.zeros((12, 4), np.float32)
  split = tuple(np.arange(4) + 4 * i for i in range(3))
  for rows, share in zip(split, shares.values(), strict=True):
    x[rows, 0] = np.where(np.arange(4) < 4 * share, 1, -1)
  dataset = padded.pad(
    loading.Dataset("made", x, np.ones(12, np.int32), split, 2, {})
  )
  config = padded.with_sizes(config, dataset)
  state = begin(config)
  zero = jax.tree.map(jnp.zeros_like, state.params)
  first = zero["dense_0"]["kernel"].at[0, 0].set(1.0)
  last = zero["out"]["kernel"].at[0, 1].set(1.0)
  params = {
    "dense_0": {**zero["dense_0"], "kernel": first},
    "out": {**zero["out"], "kernel": last},
  }
  scores = train.make_evaluate(config, dataset.parts)(
    state.replace(params=params), jax.random.key(0)
  )
  assert scores == {f"{name}_accuracy": s for name, s in shares.items()}
  # What trains is the part "train" and nothing else.
  batch = train.batches(dataset.parts["train"], 4, jax.random.key(1))(0)
  np.testing.assert_array_equal(np.sort(batch["x"][:, 0]), [-1, 1, 1, 1])


def test_a_run_keeps_its_notes_and_draws_its_curve(tmp_path, capsys):
  _, scores = train.train(config_of(epochs=2), str(tmp_path))
  assert set(scores) == {
    f"{part}_accuracy" for part in ("train", "validation", "test")
  }
  assert (tmp_path / "learning_curve.png").stat().st_size > 10_000
  kept = json.loads((tmp_path / "table.json").read_text())
  assert kept["table"] == "blobs" and "blobs: " in capsys.readouterr().out
