"""From a prediction of the return to rewards without delay (arXiv:1806.07857).

Notation as in losses.py: `[time]` arrays of one episode, `mask[t]` True for its
steps; vmap over episodes. gamma is 1. The redistributed reward at t is the
contribution of (s_t, a_t): it belongs to that step, not to the next.

    x = delta_states(states)                      what the model sees
    h = differences(g(x), mask)                   what each step changed
    r = compensate(h, episode_return, mask)       sums to the return
    q(s_t, a_t) <- r_t                            tabular/rudder.py
"""

from collections.abc import Callable

import chex
import jax
from jax import numpy as jnp

_POINTS_AT_ONCE = 50  # of a path; more is no faster on a CPU


def previous(
  values: jax.Array,
  start: jax.Array | None = None,
  first: chex.Numeric = 0.0,
) -> jax.Array:
  """x_{t-1} along the first axis, 0 before the first.

  Args:
    values: x `[time, ...]`.
    start: `[time]` or `[time, batch]` bool, where episodes begin, if several
      follow each other; None for one.
    first: x_{-1} of each of these.
  """
  before = jnp.concatenate([jnp.zeros_like(values[:1]), values[:-1]])
  if start is None:
    return before
  start = start.reshape(*start.shape, *(1,) * (values.ndim - start.ndim))
  return jnp.where(start, first, before)


def changes(
  values: jax.Array,
  start: jax.Array | None = None,
  first: chex.Numeric = 0.0,
) -> jax.Array:
  """x_t - x_{t-1}: of predictions it is the redistributed reward.

  See `previous` for the arguments.
  """
  return values - previous(values, start, first)


def delta_states(states: jax.Array) -> jax.Array:
  """s_t - s_{t-1}, with s_{-1} = 0: `[time, ...]` to the same shape.

  Differences, so that the last state cannot explain the whole return away from
  the steps that have earned it.
  """
  return changes(jnp.asarray(states, jnp.float32))


def differences(prediction: jax.Array, mask: jax.Array) -> jax.Array:
  """h_t = g_t - g_{t-1}, g_{-1} = 0: by how much step t changed the prediction.

  The default contribution analysis of version 3.

  Args:
    prediction: g `[time]`.
    mask: `[time]` bool.

  Returns:
    h `[time]`, zero on padding; its sum is g_T.
  """
  chex.assert_equal_shape([prediction, mask])
  return jnp.where(mask, changes(prediction), 0.0)


def integrated_gradients(
  predict: Callable[[jax.Array], jax.Array],
  x: jax.Array,
  points: int,
) -> jax.Array:
  """h_t = sum_i x_ti  integral_0^1 dg/dx_ti(u x) du.

  Version 1's contribution analysis (arXiv:1703.01365), from zeros. Complete:
  the sum over time is predict(x) - predict(0), up to the error of the sum over
  `points`, which the midpoint rule makes of the order of points^-2.

  Args:
    predict: `[time, ...]` inputs to a scalar.
    x: `[time, ...]` float32.
    points: how many gradients. The authors' code takes 500, both ends included.

  Returns:
    `[time]`.
  """
  slope = lambda u: jax.grad(predict)(u * x)
  places = (jnp.arange(points) + 0.5) / points
  # Some at once: a scan of the LSTM is a chain of small products for each.
  whole = points - points % _POINTS_AT_ONCE
  together = places[:whole].reshape(-1, _POINTS_AT_ONCE)
  add = lambda total, us: (total + jax.vmap(slope)(us).sum(0), None)
  total, _ = jax.lax.scan(add, jnp.zeros_like(x), together)
  if points > whole:
    total, _ = add(total, places[whole:])
  attribution = x * total / points
  return jnp.sum(attribution.reshape(len(x), -1), axis=1)


def compensate(
  contributions: jax.Array, episode_return: jax.Array, mask: jax.Array
) -> jax.Array:
  """h_t + (R - sum h) / (T + 1): the return is kept, whatever was predicted.

  Args:
    contributions: h `[time]`, zero on padding.
    episode_return: the realised return, a scalar.
    mask: `[time]` bool.

  Returns:
    The redistributed reward `[time]`: sums to the return, zero on padding.
  """
  chex.assert_equal_shape([contributions, mask])
  steps = jnp.maximum(jnp.sum(mask), 1)
  for _ in range(2):  # The second time takes away the rounding of the first.
    error = episode_return - jnp.sum(contributions)
    contributions = jnp.where(mask, contributions + error / steps, 0.0)
  return contributions


def redistribute(
  prediction: jax.Array, episode_return: jax.Array, mask: jax.Array
) -> jax.Array:
  """Differences of predictions, compensated: the whole way, `[time]`.

  Args:
    prediction: g `[time]`.
    episode_return: the realised return, a scalar.
    mask: `[time]` bool.
  """
  return compensate(differences(prediction, mask), episode_return, mask)
