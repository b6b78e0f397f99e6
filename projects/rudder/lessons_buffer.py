"""The lessons buffer: a fixed number of episodes worth learning from again.

Arrays only, so that it lives inside of `jit` and under `vmap`. An episode is a
pytree of arrays `[time, ...]` and scalars; what it is made of is the caller's.

    buffer = lessons_buffer.create(64, episode)
    buffer = lessons_buffer.insert(buffer, episode, loss)  # or `push`
    which = lessons_buffer.sample(buffer, key, 8, temperature=1.0)
    batch = lessons_buffer.take(buffer, which)
"""

from typing import Any

import chex
import flax.struct
import jax
from jax import numpy as jnp


@flax.struct.dataclass
class Lessons:
  """`capacity` places, of which the first `count` hold an episode."""

  episodes: Any  # leaves [capacity, ...]
  loss: jax.Array  # [capacity] float32
  count: jax.Array  # int32, how many are filled
  pushed: jax.Array  # int32, how many were ever put in by `push`


def create(capacity: int, episode: Any) -> Lessons:
  """An empty buffer for episodes shaped as `episode` (arrays or shapes)."""
  if capacity < 1:
    raise ValueError(f"a lessons buffer holds 1 or more, not {capacity}")
  blank = lambda leaf: jnp.zeros((capacity, *leaf.shape), leaf.dtype)
  return Lessons(
    episodes=jax.tree.map(blank, episode),
    loss=jnp.zeros(capacity),
    count=jnp.int32(0),
    pushed=jnp.int32(0),
  )


def _put(buffer: Lessons, place: jax.Array, episode: Any, loss) -> Lessons:
  write = lambda all_, one: all_.at[place].set(one)
  return buffer.replace(
    episodes=jax.tree.map(write, buffer.episodes, episode),
    loss=buffer.loss.at[place].set(loss),
    count=jnp.minimum(buffer.count + 1, len(buffer.loss)),
  )


def push(buffer: Lessons, episode: Any) -> Lessons:
  """Puts an episode in; when full, in the place of the oldest."""
  place = buffer.pushed % len(buffer.loss)
  return _put(buffer, place, episode, 0.0).replace(pushed=buffer.pushed + 1)


def insert(buffer: Lessons, episode: Any, loss: chex.Numeric) -> Lessons:
  """Puts an episode in; when full, in place of the least loss, if that is less.

  What the model predicts worst is what it has to learn.
  """
  capacity = len(buffer.loss)
  full = buffer.count == capacity
  place = jnp.where(full, jnp.argmin(buffer.loss), buffer.count)
  # Out of range is nowhere: JAX drops such a write.
  place = jnp.where(full & (loss <= jnp.min(buffer.loss)), capacity, place)
  return _put(buffer, place, episode, loss)


def sample(
  buffer: Lessons,
  key: jax.Array,
  n: int,
  temperature: chex.Numeric | None = None,
) -> jax.Array:
  """Draws places with probability softmax(loss / temperature), with return.

  Args:
    buffer: with one episode at least.
    key: typed key.
    n: how many.
    temperature: None for a uniform draw; 1 in the authors' Atari code.

  Returns:
    `[n]` int32.
  """
  if temperature is None:
    return jax.random.randint(key, (n,), 0, buffer.count)
  filled = jnp.arange(len(buffer.loss)) < buffer.count
  logits = jnp.where(filled, buffer.loss / temperature, -jnp.inf)
  return jax.random.categorical(key, logits, shape=(n,))


def take(buffer: Lessons, which: jax.Array) -> Any:
  """The episodes at `which`: leaves `[n, ...]`."""
  return jax.tree.map(lambda leaf: leaf[which], buffer.episodes)


def relearnt(buffer: Lessons, which: jax.Array, loss: jax.Array) -> Lessons:
  """Notes the new losses `[n]` of the episodes at `which` `[n]`."""
  return buffer.replace(loss=buffer.loss.at[which].set(loss))
