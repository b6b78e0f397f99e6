"""From a prediction of the return to rewards without delay (arXiv:1806.07857).

Notation as in losses.py: `[time]` arrays of one episode, `mask[t]` True for its
steps; vmap over episodes. gamma is 1. The redistributed reward at t is the
contribution of (s_t, a_t): it belongs to that step, not to the next.

    x = delta_states(states)                      what the model sees
    h = differences(g(x), mask)                   what each step changed
    r = compensate(h, episode_return, mask)       sums to the return
    q(s_t, a_t) <- r_t                            direct_targets, ...
"""

from collections.abc import Callable

import chex
import jax
from jax import numpy as jnp

from . import losses


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
  baseline: jax.Array | None = None,
) -> jax.Array:
  """h_t = sum_i (x - b)_ti  integral_0^1 dg/dx_ti(b + u (x - b)) du.

  Version 1's contribution analysis (arXiv:1703.01365). Complete: the sum over
  time is predict(x) - predict(b), up to the error of the sum over `points`,
  which the midpoint rule makes of the order of points^-2.

  Args:
    predict: `[time, ...]` inputs to a scalar.
    x: `[time, ...]` float32.
    points: how many gradients. The authors' code takes 500, both ends included.
    baseline: as `x`; zeros by default.

  Returns:
    `[time]`.
  """
  baseline = jnp.zeros_like(x) if baseline is None else baseline
  chex.assert_equal_shape([x, baseline])

  def add(total, u):
    return total + jax.grad(predict)(baseline + u * (x - baseline)), None

  places = (jnp.arange(points) + 0.5) / points
  total, _ = jax.lax.scan(add, jnp.zeros_like(x), places)
  attribution = (x - baseline) * total / points
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


def quality(
  prediction: jax.Array,
  episode_return: jax.Array,
  mean_return: jax.Array,
  threshold: chex.Numeric,
) -> jax.Array:
  """1 - err where err = (R - g_T)^2 / (R^2 + eps) < threshold, else 0.

  How far a redistribution may be trusted. eps = sqrt(max(|mean R|, 1e-5)) keeps
  the relative error finite; the authors' code has threshold 0.2.

  Args:
    prediction: g_T, a scalar.
    episode_return: R, a scalar.
    mean_return: running mean of returns, a scalar.
    threshold: from which relative error on nothing is redistributed.
  """
  eps = jnp.sqrt(jnp.maximum(jnp.abs(mean_return), 1e-5))
  error = (episode_return - prediction) ** 2 / (episode_return**2 + eps)
  return jnp.where(error < threshold, 1.0 - error, 0.0)


def trust(
  redistributed: jax.Array, reward: jax.Array, quality: jax.Array
) -> jax.Array:
  """q * redistributed + (1 - q) * original reward: keeps the return, too."""
  chex.assert_equal_shape([redistributed, reward])
  return quality * redistributed + (1.0 - quality) * reward


def smooth_backward(reward: jax.Array, trace: chex.Numeric) -> jax.Array:
  """r_t + trace * r_{t+1} + trace^2 * r_{t+2} + ..., `[time]`.

  An eligibility trace for rewards that are put down a few steps late.
  """

  def step(later, r):
    total = r + trace * later
    return total, total

  _, smooth = jax.lax.scan(step, jnp.zeros(()), reward, reverse=True)
  return smooth


def advantage_mix(
  advantage: jax.Array,
  redistributed: jax.Array,
  quality: jax.Array,
  share: chex.Numeric,
) -> jax.Array:
  """(1 - share) A + share (q RR + (1 - q) A), what moves the policy.

  Args:
    advantage: A of the original reward, any shape.
    redistributed: RR, the redistributed reward in place of its own advantage.
    quality: q, of the redistribution's episode; broadcasts.
    share: of RUDDER in the mix; 0.5 in the authors' code.
  """
  return trust(trust(redistributed, advantage, quality), advantage, share)


def direct_targets(reward: jax.Array) -> jax.Array:
  """q(s_t, a_t) = E[r_{t+1}]: an optimal redistribution leaves no future."""
  return reward


def corrected_targets(reward: jax.Array, kappa: jax.Array) -> jax.Array:
  """q(s_t, a_t) = r_{t+1} + kappa_t, where some future reward was left.

  Args:
    reward: redistributed, `[time]`.
    kappa: `[time]` the estimate for (s_t, a_t) of the later rewards' sum,
      learnt from `kappa_targets`.
  """
  chex.assert_equal_shape([reward, kappa])
  return reward + kappa


def kappa_targets(
  reward: jax.Array, kappa: jax.Array, mask: jax.Array, trace: chex.Numeric
) -> jax.Array:
  """y_t = r_{t+2} + (1 - trace) kappa_{t+1} + trace y_{t+1}; y_T = 0.

  kappa(s_t, a_t) is the expected sum of the rewards after the next one. trace 0
  bootstraps, trace 1 sums what came; between them it is an eligibility trace.

  Args:
    reward: redistributed, `[time]`; `reward[t]` is the paper's r_{t+1}.
    kappa: `[time]` estimates for (s_t, a_t).
    mask: `[time]` bool.
    trace: lambda.

  Returns:
    `[time]` targets for kappa.
  """
  chex.assert_equal_shape([reward, kappa, mask])
  inside = jnp.where(mask, 1.0, 0.0)

  def step(carry, now):
    r_next, kappa_next, y_next, there = carry
    y = there * (r_next + (1 - trace) * kappa_next + trace * y_next)
    r, k, m = now
    return (r, k, y, m), y

  zero = jnp.zeros(())
  start = (zero, zero, zero, zero)
  _, targets = jax.lax.scan(step, start, (reward, kappa, inside), reverse=True)
  return targets


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


def corrected_as_in_atari(
  contributions: jax.Array,
  episode_return: jax.Array,
  prediction: jax.Array,
  zero_prediction: jax.Array,
  mean_return: jax.Array,
  mask: jax.Array,
) -> jax.Array:
  """The authors' Atari correction, which keeps the return only roughly.

  The prediction for zero input, then what is left to g_T, are spread evenly;
  then all is scaled by clip(R / (g_T +- sqrt(eps) / 5), 1e-5, 1.5), the sign
  that of g_T.

  Args:
    contributions: `[time]`, of integrated gradients.
    episode_return: R, a scalar.
    prediction: g_T, a scalar.
    zero_prediction: g_T of an input of zeros, a scalar.
    mean_return: running mean of returns, a scalar; eps as in `quality`.
    mask: `[time]` bool.
  """
  steps = jnp.maximum(jnp.sum(mask), 1)
  spread = jnp.where(mask, contributions + zero_prediction / steps, 0.0)
  whole = compensate(spread, prediction, mask)
  eps = jnp.sqrt(jnp.maximum(jnp.abs(mean_return), 1e-5))
  sign = jnp.where(prediction < 0, -1.0, 1.0)
  scale = episode_return / (prediction + sign * jnp.sqrt(eps) / 5)
  return whole * jnp.clip(scale, 1e-5, 1.5)


def delayed_share(rewards: jax.Array, mask: jax.Array) -> jax.Array:
  """|r_T| / sum_t |r_t|: how much of the reward is paid at the last step.

  1 for a reward that is all delayed; 0 for one that never is, or is zero.

  Args:
    rewards: `[time]`.
    mask: `[time]` bool.
  """
  total = jnp.sum(jnp.where(mask, jnp.abs(rewards), 0.0))
  paid = jnp.abs(losses.last(rewards, mask))
  return jnp.where(total > 0, paid / jnp.where(total > 0, total, 1.0), 0.0)
