"""How far a redistributed reward is trusted, and its share in a policy's move.

    q = quality(prediction, episode_return, mean_return, threshold)
    a = advantage_mix(advantage, redistributed, q, share)

Of arXiv:1806.07857 for policy gradients, after the authors' Atari code.
"""

import chex
import jax
from jax import numpy as jnp


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
