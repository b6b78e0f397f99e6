"""The games that two rates are tried on, an equation each (arXiv:1706.08500).

`x` are generated and `y` real samples. BEGAN's equations; DCGAN's and WGAN-GP's
are `common.gan.losses`, which other papers play, too.
"""

import chex
import jax
from jax import numpy as jnp


def reconstruction(images: jax.Array, decoded: jax.Array) -> jax.Array:
  """L(v) = E|v - D(v)|, D an autoencoder: BEGAN's energy (arXiv:1703.10717).

  Args:
    images: `[batch, h, w, c]`.
    decoded: of the same shape.
  """
  chex.assert_equal_shape([images, decoded])
  return jnp.mean(jnp.abs(decoded - images))


def began_discriminator_loss(
  real: chex.Numeric, fake: chex.Numeric, k: chex.Numeric
) -> chex.Numeric:
  """L_D = L(y) - k L(x) (arXiv:1703.10717, section 3.4)."""
  return real - k * fake


def began_generator_loss(fake: chex.Numeric) -> chex.Numeric:
  """L_G = L(x) (arXiv:1703.10717, section 3.4)."""
  return fake


def balance(
  k: chex.Numeric,
  real: chex.Numeric,
  fake: chex.Numeric,
  gamma: chex.Numeric,
  rate: chex.Numeric,
) -> jax.Array:
  """k after a step: k + lambda (gamma L(y) - L(x)), kept in [0, 1].

  Args:
    k: before.
    real: L(y).
    fake: L(x).
    gamma: the diversity ratio.
    rate: lambda_k.
  """
  return jnp.clip(k + rate * (gamma * real - fake), 0.0, 1.0)


def convergence(
  real: chex.Numeric, fake: chex.Numeric, gamma: chex.Numeric
) -> chex.Numeric:
  """M = L(y) + |gamma L(y) - L(x)|, BEGAN's global measure."""
  return real + jnp.abs(gamma * real - fake)
