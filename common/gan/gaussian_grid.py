"""Gaussians on a square grid in the plane, and how well points cover them.

The functions read of a config: grid_side, mode_std, weight_ratio,
mode_found_share.
"""

import itertools
import math

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys

from .distances import squared_distances


def mode_centres(config: ml_collections.ConfigDict) -> jax.Array:
  """The grid's modes: `[grid_side^2, 2]`, unit spacing, around the origin."""
  ticks = np.arange(config.grid_side) - (config.grid_side - 1) / 2
  return jnp.asarray(list(itertools.product(ticks, ticks)), jnp.float32)


def mode_weights(config: ml_collections.ConfigDict) -> jax.Array:
  """The modes' probabilities `[grid_side^2]`.

  Geometric from 1 to `weight_ratio`, dealt out so that heavy and light modes
  are neighbours; a ratio of 1 is the even grid.
  """
  n = config.grid_side**2
  # Without a common factor every rank comes once.
  stride = next(k for k in itertools.count(7) if math.gcd(k, n) == 1)
  rank = (np.arange(n) * stride) % n
  weights = config.weight_ratio ** (rank / max(n - 1, 1))
  return jnp.asarray(weights / weights.sum(), jnp.float32)


def gaussian_grid(
  key: jax.Array, n: int, config: ml_collections.ConfigDict
) -> jax.Array:
  """Draws `[n, 2]` points from Gaussians of `mode_std` on a square grid."""
  which = jax.random.categorical(
    keys.named(key, "mode"), jnp.log(mode_weights(config)), shape=(n,)
  )
  noise = jax.random.normal(keys.named(key, "noise"), (n, 2))
  return mode_centres(config)[which] + config.mode_std * noise


def mode_scores(
  x: jax.Array, config: ml_collections.ConfigDict
) -> dict[str, jax.Array]:
  """How well points `[n, 2]` cover the modes of the grid.

  Returns:
    modes: how many modes hold, within 3 standard deviations of their centre, at
      least `mode_found_share` of the points that are due to them.
    within_3_std: share of points within 3 standard deviations of a centre (of
      the target's own samples: 0.989).
    weight_tv: total variation between the modes' weights and the shares of
      points nearest to each.
  """
  r2 = squared_distances(x, mode_centres(config))
  nearest = jax.nn.one_hot(jnp.argmin(r2, axis=1), r2.shape[1])
  within = jnp.min(r2, axis=1) <= (3 * config.mode_std) ** 2
  weights = mode_weights(config)
  shares = jnp.mean(nearest, axis=0)
  inside = jnp.mean(nearest * within[:, None], axis=0)
  return {
    "modes": jnp.sum(inside >= config.mode_found_share * weights),
    "within_3_std": jnp.mean(within),
    "weight_tv": 0.5 * jnp.sum(jnp.abs(shares - weights)),
  }


def mode_spread(
  x: jax.Array, config: ml_collections.ConfigDict
) -> dict[str, jax.Array]:
  """How wide the points `[n, 2]` lie inside of modes: a mode's own covariance.

  Of the points within 3 standard deviations of each centre, about their own
  mean; averaged over the modes with at least three of them. Cut off there, the
  target's own points have a little less than `mode_std`: 0.97 of it.

  Returns:
    within_mode_std: square root of the mean variance of both axes; 0 where all
      of a mode's points are one.
    within_mode_min, within_mode_max: along the axis on which a mode is
      narrowest, and widest: square roots of the covariance's eigenvalues.
  """
  r2 = squared_distances(x, mode_centres(config))
  near = r2 <= (3 * config.mode_std) ** 2  # Of at most one centre.
  inside = near.astype(x.dtype)
  count = jnp.sum(inside, axis=0)
  mean = inside.T @ x / jnp.maximum(count, 1)[:, None]
  apart = jnp.where(near[..., None], x[:, None] - mean[None], 0.0)
  free = jnp.maximum(count - 1, 1)
  xx, yy = (jnp.sum(apart[..., i] ** 2, axis=0) / free for i in range(2))
  xy = jnp.sum(apart[..., 0] * apart[..., 1], axis=0) / free
  middle, half = (xx + yy) / 2, jnp.hypot((xx - yy) / 2, xy)
  found = count >= 3
  average = lambda variance: (
    jnp.sum(jnp.where(found, jnp.sqrt(jnp.maximum(variance, 0.0)), 0.0))
    / jnp.maximum(jnp.sum(found), 1)
  )
  return {
    "within_mode_std": average(middle),
    "within_mode_min": average(middle - half),
    "within_mode_max": average(middle + half),
  }


def mode_distance(x: jax.Array, config: ml_collections.ConfigDict) -> jax.Array:
  """One number that is to be small: 0 is perfect, 1 the worst.

  Total variation between the modes' weights and the shares of points `[n, 2]`
  within 3 standard deviations of each; points elsewhere are of no mode. The
  target's own points, of which 1.1% lie elsewhere, have 0.011.
  """
  r2 = squared_distances(x, mode_centres(config))
  inside = jnp.mean(r2 <= (3 * config.mode_std) ** 2, axis=0)
  missed = jnp.sum(jnp.abs(inside - mode_weights(config)))
  return 0.5 * (missed + 1 - jnp.sum(inside))
