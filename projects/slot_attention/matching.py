"""Sets against sets: pairwise Huber costs and their cheapest matching.

A set has no order, so the loss of a predicted set is that of its best pairing
with the true one. Missing objects are all-zero rows, paired like any other:
their last number, the flag, is what teaches a slot to say "nothing here".
"""

import chex
import jax
import optax
from jax import numpy as jnp


def pairwise_huber(targets: jax.Array, predictions: jax.Array) -> jax.Array:
  """Returns Huber costs (delta 1) of all pairs, averaged over properties.

  The average, not the sum, is the authors' scale (they call Keras' loss).

  Args:
    targets: float32 `[..., n, d]`.
    predictions: float32 `[..., m, d]`.

  Returns:
    float32 `[..., n, m]`.
  """
  chex.assert_equal_shape_suffix([targets, predictions], 1)
  errors = predictions[..., None, :, :] - targets[..., :, None, :]
  return jnp.mean(optax.losses.huber_loss(errors, delta=1.0), axis=-1)


def assignment(costs: jax.Array) -> tuple[jax.Array, jax.Array]:
  """The exact cheapest one-to-one assignment of each matrix of a batch.

  Inside of jit: no call back to the host. No gradient passes.

  Args:
    costs: float32 `[batch, n, m]`, finite.

  Returns:
    rows and columns of the min(n, m) pairs, int32 `[batch, min(n, m)]` each, in
    an order of no meaning.
  """
  chex.assert_rank(costs, 3)
  return jax.vmap(optax.assignment.hungarian_algorithm)(
    jax.lax.stop_gradient(costs)
  )


def matched_loss(targets: jax.Array, predictions: jax.Array) -> jax.Array:
  """Sum over matched pairs of the Huber cost, averaged over the batch.

  The set prediction loss of arXiv:2006.15055 (appendix): differentiable in the
  costs, constant in the assignment.

  Args:
    targets: float32 `[batch, n, d]`.
    predictions: float32 `[batch, m, d]`. With m > n the true sets are filled
      with missing objects. With m < n, which are more objects than slots, n - m
      true objects go unmatched and cost nothing.

  Returns:
    float32 scalar.
  """
  missing = max(predictions.shape[1] - targets.shape[1], 0)
  targets = jnp.pad(targets, ((0, 0), (0, missing), (0, 0)))
  costs = pairwise_huber(targets, predictions)
  rows, columns = assignment(costs)
  images = jnp.arange(len(costs))[:, None]
  return jnp.mean(jnp.sum(costs[images, rows, columns], axis=1))
