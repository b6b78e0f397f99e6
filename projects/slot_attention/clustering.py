"""The adjusted Rand index, how well slots agree with objects; jitted."""

import chex
import jax
from jax import numpy as jnp

# Pairs are counted in int32: exactly, while the sum of two counts fits.
MAX_PIXELS = 46_341


def adjusted_rand_index(contingency: jax.Array) -> jax.Array:
  """Hubert and Arabie's index of two clusterings, 1 where they agree.

  With pairs of points that are together in both (r), in the one (a), in the
  other (b), and all (t):

      ARI = (r - a b / t) / ((a + b) / 2 - a b / t).

  Where a + b > t the same is computed of the pairs that are apart, in which
  nothing cancels: float32 then suffices for 1e-6.

  Args:
    contingency: `[rows, columns]`, how many points are in both; whole numbers,
      MAX_PIXELS points at most.

  Returns:
    A float32 number; 1 where both have one cluster or no points at all, or only
    clusters of one point, as in scikit-learn; 0 where one of the two has a
    single cluster, and the other more.
  """
  n = contingency.astype(jnp.int32)
  pairs = lambda counts: jnp.sum(counts * (counts - 1) // 2)
  r, t = pairs(n), pairs(jnp.sum(n))
  a, b = pairs(jnp.sum(n, axis=1)), pairs(jnp.sum(n, axis=0))
  apart = (t - a, t - b)
  few = a + b <= t
  excess = jnp.where(few, r, apart[0] + apart[1] - (t - r))
  a, b = jnp.where(few, a, apart[0]), jnp.where(few, b, apart[1])
  a, b, excess = (jnp.asarray(x, jnp.float32) for x in (a, b, excess))
  expected = a * b / jnp.maximum(t, 1)
  most = (a + b) / 2 - expected
  return jnp.where(
    most > 0, (excess - expected) / jnp.where(most > 0, most, 1.0), 1.0
  )


def foreground_ari(masks: jax.Array, predicted: jax.Array) -> jax.Array:
  """The index over the pixels of objects, slots by the greatest mask.

  Predicted background is not left out: it is a cluster like the others.

  Args:
    masks: `[1 + objects, h, w]` of 0 and 1, the background first; masks of
      absent objects are all 0.
    predicted: `[k, h, w]`, the slots' masks before or after their softmax.

  Returns:
    A float32 number. With no foreground at all, or with one object that one
    slot has, 1; with one object in several slots, 0.
  """
  chex.assert_equal_shape_suffix([masks, predicted], 2)
  k = predicted.shape[0]
  slots = jax.nn.one_hot(jnp.argmax(predicted, axis=0), k)  # [h, w, k]
  return adjusted_rand_index(jnp.einsum("ohw,hwk->ok", masks[1:], slots))
