"""Each method's layers: a forward pass in NumPy, and the first weights."""

import dataclasses

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from common.nn import initializers
from configs.snn import uci
from projects.snn import model, train

NETWORKS = {
  method: model.Network(method, (6, 6), 3, 0.5) for method in model.METHODS
}
NETWORKS["of three layers"] = dataclasses.replace(
  NETWORKS["resnet"], block_layers=3
)
NETWORKS["rectangular"] = dataclasses.replace(
  NETWORKS["resnet"], bottleneck=1.0
)


def relu(x):
  return np.maximum(x, 0)


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def forward(name, params, stats, x):
  """Logits of two hidden layers in float64; `stats` None: of the batch."""

  def dense(name, x):
    return x @ params[name]["kernel"] + params[name]["bias"]

  def norm(name, x, axis, epsilon):
    """Of rows (axis 1), or of the batch, or by its running averages."""
    mean, var = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
    if stats is not None and axis == 0:
      mean, var = stats[name]["mean"], stats[name]["var"]
    layer = params[name]
    return layer["scale"] * (x - mean) / np.sqrt(var + epsilon) + layer["bias"]

  batch_norm = lambda name, x: norm(name, x, 0, 1e-5)

  def block(i, h, inner):
    """x + f(x), of the dense layers in `inner` and one more."""
    x = h
    for at in inner:
      h = relu(batch_norm(f"in_norm_{at}", dense(f"in_{at}", h)))
    return relu(x + batch_norm(f"out_norm_{i}", dense(f"out_{i}", h)))

  layer = lambda i, x: dense(f"dense_{i}", x)
  if "in_0" in params:
    x = relu(batch_norm("norm_0", layer(0, x)))
  for i in (0, 1):
    match name:
      case "selu":
        z = layer(i, x)
        negative = initializers.ALPHA * np.expm1(z)
        x = initializers.LAMBDA * np.where(z > 0, z, negative)
      case "msra_init":
        x = relu(layer(i, x))
      case "batch_norm":
        x = relu(batch_norm(f"norm_{i}", layer(i, x)))
      case "layer_norm":
        x = relu(norm(f"norm_{i}", layer(i, x), 1, 1e-6))
      case "weight_norm":
        part = params[f"dense_{i}"]
        lengths = np.linalg.norm(part["kernel"], axis=0)
        x = relu(x @ (part["length"] * part["kernel"] / lengths) + part["bias"])
      case "highway" if i == 0:
        x = relu(layer(i, x))
      case "highway":
        gate = sigmoid(dense(f"gate_{i}", x))
        x = gate * relu(layer(i, x)) + (1 - gate) * x
      case "of three layers":
        x = block(i, x, (f"{i}", f"{i}_2"))
      case _:
        x = block(i, x, (f"{i}",))
  return dense("out", x)


@pytest.fixture(scope="module")
def passes():
  """name -> random parameters and statistics, and logits of both kinds."""
  x = jax.random.normal(jax.random.key(0), (9, 4))

  def shapes(net):
    return jax.eval_shape(
      lambda: model.init(net, jax.random.key(0), jnp.ones(4, bool))
    )

  random = np.random.default_rng(0)
  draw = lambda leaf: (
    random.uniform(0.3, 1.2, leaf.shape) * random.choice([-1, 1], leaf.shape)
  )
  known = {}
  for name, net in NETWORKS.items():
    params, stats = shapes(net)
    # Variances are above 0.
    stats = jax.tree.map(lambda leaf: np.abs(draw(leaf)), stats)
    known[name] = jax.tree.map(draw, params), stats

  @jax.jit  # All of them as one program.
  def logits(known):
    key = jax.random.key(0)
    return {
      name: (
        model.apply(net, *known[name], x),
        model.apply_train(net, *known[name], x, None, key)[0],
      )
      for name, net in NETWORKS.items()
    }

  single = jax.tree.map(jnp.float32, known)
  return np.asarray(x, np.float64), known, logits(single)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_forward_pass_is_numpys(name, passes):
  x, known, logits = passes
  params, stats = known[name]
  for got, by in zip(logits[name], (stats, None), strict=True):
    want = forward(name, params, by, x)
    assert np.abs(want).max() > 0.1
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)


HE = dict.fromkeys(("dense_0", "dense_1"), 2.0)
BLOCK = {"in_0": 2.0, "out_0": 2.0, "in_1": 2.0, "out_1": 2.0}
# Times 1 / inputs; the last layer's is 1 in all.
VARIANCES = {
  "selu": {"dense_0": 1.0, "dense_1": 1.0},
  "msra_init": HE,
  "batch_norm": HE,
  "layer_norm": HE,
  "weight_norm": {"dense_0": 1.0, "dense_1": 1.0},
  "highway": HE | {"gate_1": 1.0},
  "resnet": {"dense_0": 2.0} | BLOCK,
  "of three layers": {"dense_0": 2.0, "in_0_2": 2.0, "in_1_2": 2.0} | BLOCK,
}


def test_the_first_weights_of_each_layer():
  nets = {
    name: dataclasses.replace(NETWORKS[name], widths=(100, 100), outputs=100)
    for name in VARIANCES
  }
  present = jnp.ones(100, bool)
  first = jax.jit(
    lambda: {
      name: model.init(net, jax.random.key(0), present)[0]
      for name, net in nets.items()
    }
  )()
  for name, params in first.items():
    kernels = {n: p["kernel"] for n, p in params.items() if "kernel" in p}
    found = {n: float(np.var(k) * len(k)) for n, k in kernels.items()}
    want = VARIANCES[name] | {"out": 1.0}
    assert found == pytest.approx(want, rel=0.08), name
    for layer, leaves in params.items():
      bias = -1.0 if layer.startswith("gate") else 0.0
      np.testing.assert_array_equal(leaves["bias"], bias)
  for i in (0, 1):
    lengths = first["weight_norm"][f"dense_{i}"]["length"]
    np.testing.assert_allclose(lengths, np.sqrt(2), rtol=1e-6)


def test_blocks_are_as_narrow_as_the_bottleneck_says():
  params, _ = jax.eval_shape(
    lambda: model.init(
      model.Network("resnet", (8, 8), 3, 0.25, 3),
      jax.random.key(0),
      jnp.ones(4, bool),
    )
  )
  shape = lambda name: params[name]["kernel"].shape
  layers = [shape(name) for name in ("in_1", "in_1_2", "out_1")]
  assert layers == [(8, 2), (2, 2), (2, 8)]


@pytest.mark.parametrize("method", model.ONE_WIDTH)
def test_layers_of_one_width_refuse_the_conic_form(method):
  config = uci.get_config("smoke").unlock()
  config.update(method=method, form="conic")
  with pytest.raises(InputError, match=f"layers of {method} have one width"):
    train.network(config)
