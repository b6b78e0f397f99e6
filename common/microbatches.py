"""A gradient over a batch, a few samples at a time.

What a network computes for 16 to 32 pictures stays in a core's cache; what it
computes for a whole batch goes to memory and back at every layer. The sum over
microbatches is that of the batch, in another order: a few units of rounding.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import numpy as jnp


def count(batch_size: int, size: int) -> int:
  """How many microbatches of `size` a batch is cut into: 1 but on CPUs.

  Other devices want all samples at once, and so does a `size` of 0.
  """
  if not size or jax.default_backend() != "cpu":
    return 1
  return batch_size // size


def interleaved(a: jax.Array, count: int) -> jax.Array:
  """`[count * n, ...] -> [n, count, ...]`: sub-batch i is rows i::count.

  Not cut in blocks: a batch that is split over devices stays where it is.
  """
  return a.reshape(len(a) // count, count, *a.shape[1:])


def mean(
  function: Callable[[Any], tuple[Any, Any]], data: Any, count: int
) -> tuple[Any, Any]:
  """Maps over microbatches, one after another.

  Args:
    function: of a microbatch, to what is averaged over all of them, and what
      there is of each sample, `[count, ...]` leaves.
    data: leaves `[batch, ...]`; `count` divides batch.
    count: of microbatches.

  Returns:
    The mean of the first, and the second for all samples, `[batch, ...]`.
  """
  if count == 1:
    return function(data)
  pieces = jax.tree.map(lambda a: interleaved(a, count).swapaxes(0, 1), data)
  shapes, _ = jax.eval_shape(function, jax.tree.map(lambda a: a[0], pieces))
  zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

  def add(total, piece):
    averaged, samples = function(piece)
    return jax.tree.map(jnp.add, total, averaged), samples

  total, samples = jax.lax.scan(add, zeros, pieces)
  whole = lambda a: a.swapaxes(0, 1).reshape(-1, *a.shape[2:])
  return (
    jax.tree.map(lambda a: a / count, total),
    jax.tree.map(whole, samples),
  )
