"""Episodes that follow each other in a rollout: `[time, batch]` arrays.

What `redistribution` does for one episode, for all of a rollout at once, where
`end` marks their last steps and the last of them may be unfinished.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import numpy as jnp

from .. import mixing, redistribution


def inputs(
  observation: jax.Array,
  action: jax.Array,
  start: jax.Array,
  actions: int,
  scale: float,
) -> jax.Array:
  """What the model sees of a step: Delta s_t and a_t.

  Args:
    observation: `[time, batch, features]`.
    action: `[time, batch]`.
    start: `[time, batch]` bool, an episode's first step: s_{-1} is 0.
    actions: how many there are.
    scale: on the differences.

  Returns:
    `[time, batch, features + actions]`.
  """
  delta = redistribution.changes(observation, start)
  return jnp.concatenate(
    [scale * delta, jax.nn.one_hot(action, actions)], axis=-1
  )


def predict(
  apply: Callable[[jax.Array, Any], tuple[Any, jax.Array]],
  x: jax.Array,
  start: jax.Array,
  features: int,
) -> jax.Array:
  """g_t along sequences in which episodes follow each other, `[time, batch]`.

  Args:
    apply: the return model, on inputs `[1, batch, inputs]` and a carry.
    x: `[time, batch, inputs]`.
    start: `[time, batch]` bool: the memory is empty there.
    features: of the memory.
  """

  def once(carry, now):
    x, start = now
    carry = jax.tree.map(lambda c: jnp.where(start[:, None], 0.0, c), carry)
    carry, g = apply(x[None], carry)
    return carry, g[0]

  zeros = jnp.zeros((x.shape[1], features))
  return jax.lax.scan(once, (zeros, zeros), (x, start))[1]


def starts(end: jax.Array) -> jax.Array:
  """Where episodes begin, given where they end: `[time, batch]` bool."""
  first = jnp.ones_like(end[:1])
  return jnp.concatenate([first, end[:-1]])


def running(values: jax.Array, start: jax.Array) -> jax.Array:
  """Sums of `values` from each episode's start to here, `[time, batch]`."""

  def once(total, now):
    value, start = now
    total = value + jnp.where(start, 0.0, total)
    return total, total

  return jax.lax.scan(once, jnp.zeros_like(values[0]), (values, start))[1]


def spread(values: jax.Array, end: jax.Array) -> jax.Array:
  """Tells every step what `values` is at its episode's end: `[time, batch]`.

  0 where the end is not within.
  """

  def once(later, now):
    value, end = now
    here = jnp.where(end, value, later)
    return here, here

  blank = jnp.zeros_like(values[0])
  return jax.lax.scan(once, blank, (values, end), reverse=True)[1]


def redistribute(
  prediction: jax.Array,
  reward: jax.Array,
  end: jax.Array,
  mean_return: jax.Array,
  threshold: float,
  scale: float = 1.0,
  baseline: jax.Array | float = 0.0,
) -> tuple[jax.Array, jax.Array]:
  """Differences of predictions, compensated, in a whole rollout.

  Args:
    prediction: g_t.
    reward: as it was paid.
    end: bool, last steps of episodes.
    mean_return: running mean of returns, a scalar.
    threshold: see `mixing.quality`.
    scale: of the rewards; the quality is told of them without it.
    baseline: g_{-1}. 0 keeps the return; what is expected of any episode gives
      the first step its own part only.

  Returns:
    The redistributed reward, and each episode's quality at its steps; both are
    0 in an episode that the rollout does not see end.
  """
  start = starts(end)
  contribution = redistribution.changes(prediction, start, baseline)
  total = running(reward, start)
  steps = running(jnp.ones_like(reward), start)
  finished = spread(jnp.ones_like(reward), end)
  error = spread((total - prediction) / steps, end)
  quality = mixing.quality(
    prediction / scale, total / scale, mean_return / scale, threshold
  )
  return finished * (contribution + error), spread(quality, end)
