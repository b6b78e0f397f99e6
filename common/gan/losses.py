"""The two games that most papers play against each other, an equation each.

`x` are generated and `y` real samples, `d_x` and `d_y` what the discriminator
or critic says of them. All are pure and differentiable.
"""

from collections.abc import Callable

import jax
from jax import numpy as jnp


def gan_discriminator_loss(d_x: jax.Array, d_y: jax.Array) -> jax.Array:
  """-E[log s(D(y))] - E[log(1 - s(D(x)))] (arXiv:1406.2661, Eq. 1)."""
  real = -jnp.mean(jax.nn.log_sigmoid(d_y))
  fake = -jnp.mean(jax.nn.log_sigmoid(-d_x))
  return real + fake


def gan_generator_loss(d_x: jax.Array) -> jax.Array:
  """-E[log s(D(x))], the non-saturating loss (arXiv:1406.2661, section 3)."""
  return -jnp.mean(jax.nn.log_sigmoid(d_x))


def wgan_critic_loss(d_x: jax.Array, d_y: jax.Array) -> jax.Array:
  """E[D(x)] - E[D(y)], minus the Wasserstein estimate (arXiv:1701.07875)."""
  return jnp.mean(d_x) - jnp.mean(d_y)


def wgan_generator_loss(d_x: jax.Array) -> jax.Array:
  """-E[D(x)] (arXiv:1701.07875)."""
  return -jnp.mean(d_x)


def gradient_penalty(
  discriminator: Callable[[jax.Array], jax.Array],
  x: jax.Array,
  y: jax.Array,
  mixing: jax.Array,
) -> jax.Array:
  """E[(|grad D(t y + (1 - t) x)|_2 - 1)^2], t ~ U(0, 1) (arXiv:1704.00028).

  Args:
    discriminator: maps `[batch, ...]` to one number a sample, or to fewer: the
      slope is that of their sum. Samples must not interact in it (no batch
      normalisation), or the norm is not one sample's.
    x: `[batch, ...]` generated samples.
    y: `[batch, ...]` real samples.
    mixing: `[batch]` uniform numbers t.
  """
  t = mixing.reshape((-1,) + (1,) * (x.ndim - 1))
  between = t * y + (1 - t) * x
  slope = jax.grad(lambda a: jnp.sum(discriminator(a)))(between)
  # The square root has no derivative at zero, where a dead ReLU critic sits.
  norm = jnp.sqrt(jnp.sum(slope.reshape(len(slope), -1) ** 2, axis=1) + 1e-12)
  return jnp.mean((norm - 1.0) ** 2)
