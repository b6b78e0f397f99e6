"""The losses of the zoo and of its predictors; logits are `[classes, n]`."""

import jax
from jax import numpy as jnp


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """-log softmax at the label, of each example: `[classes, n], [n] -> [n]`."""
  chosen = jnp.arange(len(logits))[:, None] == labels[None]
  log_probabilities = jax.nn.log_softmax(logits, axis=0)
  return -jnp.sum(jnp.where(chosen, log_probabilities, 0.0), axis=0)


def penalty(weights: jax.Array, mask: jax.Array, l2: jax.Array) -> jax.Array:
  """Keras's `l2(l2)` of the kernels: l2 times the sum of their squares."""
  return l2 * jnp.sum(mask * weights**2)


def correct(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Whether the largest logit is the label's, the first of equals: bool [n]."""
  return jnp.argmax(logits, axis=0) == labels


def squared_error(predicted: jax.Array, accuracy: jax.Array) -> jax.Array:
  """The predictors' loss: the mean of (predicted - accuracy)^2, `[n], [n]`."""
  return jnp.mean((predicted - accuracy) ** 2)
