"""Mean and variance of activations through an untrained network."""

import jax
import numpy as np
from jax import numpy as jnp

from .. import model


def moments_by_layer(method: str, depth: int = 32) -> np.ndarray:
  """Mean and variance of activations after each layer, `[depth, 2]`.

  Of an untrained network of 256 units a layer, on normal inputs; batch norm by
  the statistics of the batch, as in training.
  """
  width, batch = 256, 1024
  x = jax.random.normal(jax.random.key(1), (batch, width))
  whole = model.Network(method, (width,) * depth, width)
  present = jnp.ones(width, bool)
  params, stats = model.init(whole, jax.random.key(0), present)
  # The last layer hands on what it is given; shorter networks share the rest.
  params["out"] = {"kernel": jnp.eye(width), "bias": jnp.zeros(width)}
  out = []
  for layers in range(1, depth + 1):
    net = model.Network(method, (width,) * layers, width)
    hidden, _ = model.apply_train(net, params, stats, x, 0.0, jax.random.key(2))
    out.append((jnp.mean(hidden), jnp.var(hidden)))
  return np.asarray(out, np.float64)
