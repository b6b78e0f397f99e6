"""What the reward model minimises (arXiv:1806.07857).

Notation: an episode has steps 0 .. T; `prediction[t]` is g_t, the return that
the model predicts after it has seen (s_0, a_0) .. (s_t, a_t); `mask[t]` is True
for the steps of the episode, which come first, and False for padding behind
them. Functions take one episode; vmap them over a batch.
"""

import chex
import jax
from jax import numpy as jnp


def last(values: jax.Array, mask: jax.Array) -> jax.Array:
  """values_T, at the episode's last step: `[time]` to a scalar."""
  chex.assert_equal_shape([values, mask])
  return values[jnp.sum(mask) - 1]


def main_loss(
  prediction: jax.Array, episode_return: jax.Array, mask: jax.Array
) -> jax.Array:
  """(g_T - R)^2: the return is predicted at the last step.

  Args:
    prediction: g `[time]` float32.
    episode_return: R, a scalar.
    mask: `[time]` bool, the steps of the episode.
  """
  return (last(prediction, mask) - episode_return) ** 2


def auxiliary_loss(
  prediction: jax.Array, episode_return: jax.Array, mask: jax.Array
) -> jax.Array:
  """mean_t (g_t - R)^2: the return, predicted at every step.

  It has the model say early what it knows early, and so puts the reward where
  the return is decided. The tutorial squares the mean error instead.
  """
  chex.assert_equal_shape([prediction, mask])
  return masked_mean((prediction - episode_return) ** 2, mask)


def return_loss(
  prediction: jax.Array,
  episode_return: jax.Array,
  mask: jax.Array,
  auxiliary_weight: chex.Numeric,
) -> jax.Array:
  """main + auxiliary_weight * auxiliary; the demonstration's weight is 0.5."""
  main = main_loss(prediction, episode_return, mask)
  return main + auxiliary_weight * auxiliary_loss(
    prediction, episode_return, mask
  )


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
  """The mean of `values` `[time]` where `mask` is True."""
  total = jnp.sum(jnp.where(mask, values, 0.0))
  return total / jnp.maximum(jnp.sum(mask), 1)
