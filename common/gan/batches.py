"""Batches of real samples and latents, as pure functions of (key, step)."""

from collections.abc import Callable
from typing import Any

import jax
from jax.tree_util import Partial

from common import keys


def generated(
  draw: Callable[[jax.Array], jax.Array], key: jax.Array
) -> Callable[[Any], jax.Array]:
  """Returns `t -> draw(key of t)`: real samples that no file holds."""
  return Partial(lambda key, t: draw(jax.random.fold_in(key, t)), key)


def interleaved(a: jax.Array, count: int) -> jax.Array:
  """`[count * n, ...] -> [count, n, ...]`: sub-batch i is rows i::count.

  Not cut in blocks: a batch that is split over devices stays where it is.
  """
  return a.reshape(len(a) // count, count, *a.shape[1:]).swapaxes(0, 1)


def with_latents(
  real: Callable[[Any], jax.Array],
  latent: Callable[[jax.Array], jax.Array],
  key: jax.Array,
) -> Callable[[Any], dict[str, jax.Array]]:
  """Returns `t -> {"real": real(t), "latent": latent(key of t)}`.

  A `jax.tree_util.Partial` if `real` is one, as `in_memory.batches` has it.

  Args:
    real: `t -> [n, ...]`.
    latent: `key -> [m, latent_dim]`.
    key: of the run's data.
  """

  def join(real, key, t):
    return {"real": real(t), "latent": latent(jax.random.fold_in(key, t))}

  key = keys.named(key, "latent")
  if isinstance(real, Partial):
    return Partial(join, real, key)
  return lambda t: join(real, key, t)
