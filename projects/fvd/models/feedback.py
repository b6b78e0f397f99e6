"""What a model sees at each step: the true frame, or its own last one.

Scheduled sampling: arXiv:1506.03099.

Inside the models a video is `[t, c, h, w, b]`, float32 in 0..1.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import numpy as jnp


def to_frames(video: jax.Array) -> jax.Array:
  """`[b, t, h, w, c]`, uint8 or float in 0..1 -> `[t, c, h, w, b]` float32."""
  if video.dtype == jnp.uint8:
    video = video.astype(jnp.float32) / 255
  return jnp.transpose(video, (1, 4, 2, 3, 0))


def to_video(frames: jax.Array) -> jax.Array:
  """`[t, c, h, w, b] -> [b, t, h, w, c]`."""
  return frames.transpose(4, 0, 2, 3, 1)


def true_share(step: jax.Array, k: float) -> jax.Array:
  """k / (k + exp(step / k)): the share of true frames after the context.

  A half at step k ln k. Where exp overflows, it is 0.
  """
  return k / (k + jnp.exp(jnp.asarray(step, jnp.float32) / k))


def true_count(step: jax.Array, k: float, batch: int) -> jax.Array:
  """How many clips of a batch see the true frame, an int32."""
  return jnp.round(batch * true_share(step, k)).astype(jnp.int32)


def exact(
  key: jax.Array, step: jax.Array, k: float, context: int, t: int, batch: int
) -> jax.Array:
  """Who sees the true frame, bool [t, b]: all in the context, then a subset.

  At each step after the context `true_count` clips of the batch do, drawn anew.
  """
  n = true_count(step, k, batch)
  order = jax.vmap(lambda k: jax.random.permutation(k, batch))(
    jax.random.split(key, t)
  )
  return (order < n) | (jnp.arange(t) < context)[:, None]


def independent(
  key: jax.Array, step: jax.Array, k: float, context: int, t: int, batch: int
) -> jax.Array:
  """The same, but each clip draws for itself; none once the share is < .001."""
  share = true_share(step, k)
  share = jnp.where(share < 0.001, 0.0, share)
  drawn = jax.random.bernoulli(key, share, (t, batch))
  return drawn | (jnp.arange(t) < context)[:, None]


def rollout(
  cell: Callable[[Any, jax.Array, Any], tuple[Any, jax.Array]],
  state: Any,
  frames: jax.Array,
  use: jax.Array,
  more: Any,
  remat: bool,
) -> jax.Array:
  """Predicts frame after frame: one `lax.scan` over time.

  Args:
    cell: `(state, frame [c, h, w, b], more) -> state, the next frame`.
    state: where it starts.
    frames: `[t, c, h, w, b]` the true ones; what `use` leaves out is not read.
    use: bool `[t, b]`: who sees the true frame, else its own last one.
    more: pytree of what else the cell sees, leaves `[t, ...]`.
    remat: computes the cells again for the gradient, in place of keeping them.

  Returns:
    `[t, c, h, w, b]`: the frames after each.
  """

  def move(carry, now):
    state, last = carry
    frame, true, more = now
    state, made = cell(state, jnp.where(true, frame, last), more)
    return (state, made), made

  if remat:
    move = jax.checkpoint(move, prevent_cse=False)
  start = state, jnp.zeros_like(frames[0])
  _, made = jax.lax.scan(move, start, (frames, use, more))
  return made


def extended(frames: jax.Array, steps: int) -> tuple[jax.Array, jax.Array]:
  """The context, and places for what is to come, for a `rollout`.

  Args:
    frames: `[t, c, h, w, b]` the context.
    steps: frames to predict after it.

  Returns:
    frames `[t + steps - 1, c, h, w, b]`, zeros after the context; and `use`.
  """
  t, b = len(frames), frames.shape[-1]
  nothing = jnp.zeros((steps - 1, *frames.shape[1:]))
  use = jnp.broadcast_to(
    (jnp.arange(t + steps - 1) < t)[:, None], (t + steps - 1, b)
  )
  return jnp.concatenate([frames, nothing]), use
