"""The adjusted Rand index, how well slots agree with objects."""

import chex
import jax
import numpy as np
from jax import numpy as jnp


def adjusted_rand_index(contingency: np.ndarray) -> np.ndarray:
  """Hubert and Arabie's index of two clusterings, 1 where they agree.

  With pairs of points that are together in both (r), in the one (a), in the
  other (b), and all (t):

      ARI = (r - a b / t) / ((a + b) / 2 - a b / t).

  On the host: pairs of a picture's pixels, of 256x256 on, are more than an
  int32 holds.

  Args:
    contingency: `[..., rows, columns]`, how many points are in both; whole
      numbers.

  Returns:
    float64 `[...]`; 1 where both have one cluster or no points at all, or only
    clusters of one point, as in scikit-learn; 0 where one of the two has a
    single cluster, and the other more.
  """
  n = np.asarray(contingency).astype(np.int64)
  pairs = lambda counts: counts * (counts - 1) // 2
  r, t = pairs(n).sum((-2, -1)), pairs(n.sum((-2, -1)))
  a, b = pairs(n.sum(-1)).sum(-1), pairs(n.sum(-2)).sum(-1)
  expected = a * (b / np.maximum(t, 1))
  most = (a + b) / 2 - expected
  return np.where(most > 0, (r - expected) / np.where(most > 0, most, 1.0), 1.0)


def foreground_contingency(masks: jax.Array, predicted: jax.Array) -> jax.Array:
  """How many pixels of each object each slot has, by the greatest mask; jitted.

  The index of it is the foreground ARI: with no foreground at all, or with one
  object that one slot has, 1; with one object in several slots, 0. Predicted
  background is not left out: it is a cluster like the others.

  Args:
    masks: `[1 + objects, h, w]` of 0 and 1, the background first; masks of
      absent objects are all 0.
    predicted: `[k, h, w]`, the slots' masks before or after their softmax.

  Returns:
    float32 `[objects, k]`, exact up to 2^24 pixels.
  """
  chex.assert_equal_shape_suffix([masks, predicted], 2)
  k = predicted.shape[0]
  slots = jax.nn.one_hot(jnp.argmax(predicted, axis=0), k)  # [h, w, k]
  return jnp.einsum("ohw,hwk->ok", masks[1:], slots)
