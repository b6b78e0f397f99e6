"""The networks: moments, padding, forms, traced rates."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from projects.snn import model

pytestmark = pytest.mark.slow

# Compiled whole: op by op, every shape would be compiled in dozens of pieces.
init = jax.jit(model.init, static_argnums=0)
apply = jax.jit(model.apply, static_argnums=0)
apply_train = jax.jit(model.apply_train, static_argnums=0)


def network(method, width=24, depth=3, outputs=4):
  return model.Network(method, (width,) * depth, outputs, 0.5)


def test_a_deep_selu_network_keeps_mean_and_variance():
  net = model.Network("selu", (512,) * 32, 512)
  x = jax.random.normal(jax.random.key(0), (256, 512))
  params, stats = model.init(net, jax.random.key(1), jnp.ones(512, bool))
  logits = model.apply(net, params, stats, x)
  # The last, linear layer has LeCun weights: variance 1 again.
  assert abs(float(jnp.mean(logits))) < 0.1
  assert 0.7 < float(jnp.var(logits)) < 1.4
  relu = model.Network("msra_init", (512,) * 32, 512)
  params, stats = model.init(relu, jax.random.key(1), jnp.ones(512, bool))
  per_unit = jnp.mean(model.apply(relu, params, stats, x), axis=0)
  # ReLU's samples have become alike, which SELU's have not.
  assert float(jnp.var(per_unit)) > 3 * float(jnp.var(jnp.mean(logits, axis=0)))


@pytest.mark.parametrize("method", model.METHODS)
def test_padding_changes_nothing_but_the_random_numbers(method):
  """Weights of padding are 0, and the first layer has its true scale."""
  net = network(method, width=256)
  present = jnp.arange(64) < 10
  params, stats = init(net, jax.random.key(0), present)
  kernel = params["dense_0"]["kernel"]
  assert not np.any(kernel[10:])
  gain = 1.0 if method in ("selu", "weight_norm") else 2.0
  assert np.var(kernel[:10]) == pytest.approx(gain / 10, rel=0.1)
  x = jax.random.normal(jax.random.key(1), (8, 64)) * present[None]
  full = apply(net, params, stats, x)
  cut = {
    **params,
    "dense_0": {**params["dense_0"], "kernel": kernel[:10]},
  }
  np.testing.assert_allclose(
    apply(net, cut, stats, x[:, :10]), full, rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize("method", model.METHODS)
def test_gradients_of_padding_are_zero(method):
  net = network(method)
  present = jnp.arange(16) < 10
  params, stats = init(net, jax.random.key(0), present)
  x = jax.random.normal(jax.random.key(1), (8, 16)) * present[None]

  def loss(params):
    key = jax.random.key(2)
    logits, _ = apply_train(net, params, stats, x, 0.1, key)
    return jnp.sum(logits**2)

  grads = jax.grad(loss)(params)
  assert not np.any(grads["dense_0"]["kernel"][10:])
  assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))
  moved = [bool(np.any(g)) for g in jax.tree.leaves(grads)]
  assert sum(moved) > len(moved) // 2


@pytest.mark.parametrize("method", model.METHODS)
def test_dropout_rates_are_traced_and_zero_is_none(method):
  net = network(method, depth=1, width=4096)
  params, stats = init(net, jax.random.key(0), jnp.ones(8, bool))
  x = jax.random.normal(jax.random.key(1), (64, 8))
  out = jax.jit(
    lambda rate: apply_train(net, params, stats, x, rate, jax.random.key(2))[0]
  )
  plain, _ = apply_train(net, params, stats, x, None, jax.random.key(2))
  np.testing.assert_allclose(out(0.0), plain, rtol=1e-5, atol=1e-5)
  assert float(jnp.max(jnp.abs(out(0.3) - plain))) > 0.01


def test_dropout_keeps_the_mean():
  x = jnp.ones(100_000)
  out = model.dropout(jax.random.key(0), x, 0.4)
  assert float(jnp.mean(out == 0)) == pytest.approx(0.4, abs=0.01)
  assert float(jnp.mean(out)) == pytest.approx(1.0, abs=0.02)


def test_batch_norm_keeps_running_statistics_and_uses_them():
  net = network("batch_norm")
  params, stats = init(net, jax.random.key(0), jnp.ones(8, bool))
  x = 3 + jax.random.normal(jax.random.key(1), (128, 8))
  for _ in range(100):
    trained, stats = apply_train(net, params, stats, x, 0.0, jax.random.key(2))
  np.testing.assert_allclose(
    apply(net, params, stats, x), trained, rtol=2e-2, atol=2e-2
  )


def test_forms():
  assert model.widths("rectangular", 64, 3, 2) == (64, 64, 64)
  assert model.widths("conic", 64, 3, 1) == (64, 16, 4)
  assert model.widths("conic", 1024, 2, 4) == (1024, 64)
  with pytest.raises(InputError, match="0 hidden layers"):
    model.widths("conic", 64, 0, 2)


@pytest.mark.parametrize("method", ["batch_norm", "layer_norm"])
def test_a_norm_stands_before_or_behind_the_relu(method):
  x = np.asarray(jax.random.normal(jax.random.key(0), (64, 6)), np.float64)
  axis = 0 if method == "batch_norm" else 1
  for behind in (False, True):
    net = model.Network(method, (24,), 4, norm_behind=behind)
    params, stats = init(net, jax.random.key(1), jnp.ones(6, bool))
    logits, _ = apply_train(
      net, params, stats, jnp.float32(x), None, jax.random.key(2)
    )
    h = x @ np.asarray(params["dense_0"]["kernel"], np.float64)
    h = np.maximum(h, 0) if behind else h
    epsilon = {"batch_norm": 1e-5, "layer_norm": 1e-6}[method]
    spread = np.sqrt(h.var(axis, keepdims=True) + epsilon)
    h = (h - h.mean(axis, keepdims=True)) / spread
    h = h if behind else np.maximum(h, 0)
    want = h @ np.asarray(params["out"]["kernel"], np.float64)
    np.testing.assert_allclose(logits, want, rtol=1e-4, atol=1e-5)
