"""What tells the networks of a zoo apart: independent draws, one a network."""

from typing import Any

import flax.struct
import jax
import ml_collections
from jax import numpy as jnp

from common import keys


@flax.struct.dataclass
class Hyperparameters:
  """Of one network: scalars, all traced, so that one program fits all.

  Choices are places in the config's lists.
  """

  optimizer: jax.Array  # int32, in config.optimizers
  activation: jax.Array  # int32, in config.activations
  initializer: jax.Array  # int32, in config.initializers
  fraction: jax.Array  # int32, in config.fractions
  learning_rate: jax.Array
  l2: jax.Array  # factor of the kernels' sum of squares
  dropout: jax.Array  # rate after each activation
  init_std: jax.Array  # of the two initialisers that have one


def sample(
  key: jax.Array, config: ml_collections.ConfigDict
) -> Hyperparameters:
  """Draws one network's hyperparameters, a function of (config, key)."""

  def choice(name, options):
    return jax.random.randint(keys.named(key, name), (), 0, len(options))

  def uniform(name, low, high):
    return jax.random.uniform(
      keys.named(key, name), (), minval=low, maxval=high
    )

  def log_uniform(name, low, high):
    return jnp.exp(uniform(name, jnp.log(low), jnp.log(high)))

  return Hyperparameters(
    optimizer=choice("optimizer", config.optimizers),
    activation=choice("activation", config.activations),
    initializer=choice("initializer", config.initializers),
    fraction=choice("fraction", config.fractions),
    learning_rate=log_uniform("learning_rate", *tuple(config.learning_rate)),
    l2=log_uniform("l2", *tuple(config.l2)),
    dropout=uniform("dropout", *tuple(config.dropout)),
    init_std=log_uniform("init_std", *tuple(config.init_std)),
  )


def described(
  drawn: Hyperparameters, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """One network's draws under the released table's names, as plain values."""
  return {
    "config.activation": tuple(config.activations)[int(drawn.activation)],
    "config.dropout": float(drawn.dropout),
    "config.init_std": float(drawn.init_std),
    "config.l2reg": float(drawn.l2),
    "config.learning_rate": float(drawn.learning_rate),
    "config.optimizer": tuple(config.optimizers)[int(drawn.optimizer)],
    "config.train_fraction": tuple(config.fractions)[int(drawn.fraction)],
    "config.w_init": tuple(config.initializers)[int(drawn.initializer)],
  }
