"""What the two networks drop while they are trained, and how they begin."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from rdkit import Chem

from common.nn import initializers, regularizers
from configs.interpretable_drugs import ames, tox21
from projects.interpretable_drugs import graphs, inputs, model

RATE, WIDTH, DEPTH = 0.3, 48, 3


def shared(masks, rate):
  """Whether masks have the rate, and agree no more than by chance."""
  chance = rate**2 + (1 - rate) ** 2
  near = lambda found, wanted: (
    abs(found - wanted) < 5 * np.sqrt(0.25 / masks[0].size)
  )
  return all(near(np.mean(mask), rate) for mask in masks) and all(
    near(np.mean(one == other), chance)
    for i, one in enumerate(masks)
    for other in masks[:i]
  )


def test_each_hidden_layer_of_the_selu_network_is_dropped():
  """Alpha dropout behind each, by a mask of its own; none before the first."""
  config = tox21.get_config("smoke").unlock()
  config.update(width=WIDTH, depth=DEPTH, bits=WIDTH, tasks=WIDTH, dropout=RATE)
  network = model.network(config)
  params = network.init(jax.random.key(0), model.example(config))["params"]
  # What goes into a layer comes out of it.
  alike = lambda leaf: jnp.eye(WIDTH) if leaf.ndim == 2 else leaf
  params = jax.tree.map(alike, params)
  x = jax.random.normal(jax.random.key(1), (300, WIDTH))
  (logits, hidden), kept = jax.jit(
    lambda key: network.apply(
      {"params": params},
      x,
      train=True,
      rngs={"dropout": key},
      mutable=["intermediates"],
      capture_intermediates=True,
    )
  )(jax.random.key(2))
  given = [
    kept["intermediates"][f"dense_{i}"]["__call__"][0] for i in range(DEPTH)
  ]
  np.testing.assert_array_equal(given[0], x)
  a, b = regularizers.affine(RATE)
  low = float(a * initializers.SATURATION + b)
  masks = []
  for before, after in zip(hidden, [*given[1:], logits], strict=True):
    dropped = np.abs(after - low) < 1e-4
    whole = np.where(dropped, low, a * before + b)
    np.testing.assert_allclose(after, whole, rtol=1e-4, atol=1e-4)
    masks.append(dropped)
  assert shared(masks, RATE)
  # Without training there is nothing of it.
  logits, hidden = network.apply({"params": params}, x)
  np.testing.assert_allclose(logits, hidden[-1], rtol=1e-6)


def test_the_dense_layer_of_the_graph_network_is_dropped():
  """Plain dropout behind it; none of atoms, nor of a molecule's vector."""
  config = ames.get_config("smoke").unlock()
  config.update(tasks=WIDTH, dropout=RATE)
  config.graph.hidden = WIDTH
  network = model.network(config)
  params = network.init(jax.random.key(0), model.example(config))["params"]
  bias = jnp.full(WIDTH, 1.0)  # Above 0, so that what is 0 was dropped.
  params["dense"]["bias"] = bias
  params["out"] = {"kernel": jnp.eye(WIDTH), "bias": 0 * bias}
  found = [Chem.MolFromSmiles("C" * n + "O") for n in range(1, 150)]
  batch = graphs.pack(inputs.of_molecules(found, config))
  apply = jax.jit(network.apply, static_argnames="train")
  plain, atoms = apply({"params": params}, batch)
  assert (np.asarray(plain) > 0).all()
  masks = []
  for i in range(2):
    rngs = {"dropout": jax.random.key(i)}
    logits, dropped = apply({"params": params}, batch, train=True, rngs=rngs)
    jax.tree.map(np.testing.assert_array_equal, atoms, dropped)
    zero = np.asarray(logits) == 0
    np.testing.assert_allclose(
      logits, np.where(zero, 0, plain / (1 - RATE)), rtol=1e-5
    )
    masks.append(zero)
  assert shared(masks, RATE)


@pytest.mark.parametrize("module", [tox21, ames])
def test_the_rate_is_the_configs_and_what_is_trained_has_it(module):
  config = module.get_config("smoke")
  assert model.network(config).rate == config.dropout > 0


@pytest.mark.parametrize(
  "module, gains",
  [
    # LeCun's of SELU (arXiv:1706.02515): a variance of 1 / inputs.
    (tox21, {f"dense_{i}": 1.0 for i in range(4)} | {"out": 1.0}),
    # He's before ReLU, of the authors' code: 2 / inputs, a neighbour's and the
    # centre's; LeCun's of the output.
    (
      ames,
      {f"convolution_{i}": 2.0 for i in range(3)} | {"dense": 2.0, "out": 1.0},
    ),
  ],
)
def test_the_variance_of_first_weights(module, gains):
  config = module.get_config()
  network, example = model.network(config), model.example(config)
  params = jax.jit(network.init)(jax.random.key(0), example)["params"]
  assert set(params) == set(gains)
  for name, gain in gains.items():
    layer = params[name]
    if not isinstance(layer, dict):
      layer = {"kernel": layer}
    kernel = np.asarray(layer["kernel"])
    deviation = np.sqrt(gain / kernel.shape[0])
    few = 5 / np.sqrt(kernel.size)
    assert kernel.std() == pytest.approx(deviation, rel=few), name
    assert abs(kernel.mean()) < few * deviation, name
    # Of a normal distribution that ends at two standard deviations.
    most = 2 * deviation / 0.8796
    assert 0.9 * most < np.abs(kernel).max() <= 1.001 * most, name
    assert not np.any(layer.get("bias", 0)), name
