"""The equations of First Order GAN, one function each (arXiv:1802.04591).

Notation of the paper: `x ~ P` are real samples, `x' ~ Q` generated ones
(`x_prime` here), `f` the critic, `lambda` the weight of the Lipschitz penalty
and `mu` that of the slope penalty. Where both are asked for, the real samples
come first.

All terms are evaluated at the same x', which is never quite a sample of the
generator: see `between`. Samples have any shape `[batch, ...]`; lengths are
Euclidean, over all pixels, or over all characters' probabilities. All is
float32, pure, and differentiable but where it says "constant".
"""

from collections.abc import Callable

import chex
import jax
from jax import numpy as jnp

from common.gan.distances import squared_distances

# Pairs that are closer count as one point: their slope is not defined.
_SAME_POINT = 1e-8
# Added to lengths that the target slope divides by (10e-7 in the code).
_LENGTH_FLOOR = 1e-6


def between(x: jax.Array, made: jax.Array, share: jax.Array) -> jax.Array:
  """x' = G(z) + share (x - G(z)), with a share of 0 to 1% (the code's).

  P and Q must not meet: the penalty divides by |x - x'|. The text experiment
  writes the same as real + a (fake - real), a ~ U(.99, 1).

  Args:
    x: `[batch, ...]` real samples.
    made: `[batch, ...]` generated samples G(z).
    share: `[batch]`, how much of each real sample there is in its x'.
  """
  chex.assert_equal_shape([x, made])
  return made + _each(share, made) * (x - made)


def wasserstein(f_x: jax.Array, f_x_prime: jax.Array) -> jax.Array:
  """E_P[f(x)] - E_Q[f(x')], of critics `[n]` and `[k]` (arXiv:1701.07875)."""
  return jnp.mean(f_x) - jnp.mean(f_x_prime)


def lipschitz_penalty(
  f_x: jax.Array,
  f_x_prime: jax.Array,
  x: jax.Array,
  x_prime: jax.Array,
  pairs: str,
) -> jax.Array:
  """E[(f(x) - f(x'))^2 / |x - x'|], by which f cannot be steep.

  Args:
    f_x: `[n]` critic at real samples.
    f_x_prime: `[k]` critic at generated samples.
    x: `[n, ...]` real samples.
    x_prime: `[k, ...]` generated samples.
    pairs: "matched" (the code's: sample i with sample i, n = k) or "all"; both
      estimate the same mean, "all" with less noise.
  """
  if pairs == "matched":
    chex.assert_equal_shape([x, x_prime])
    rise = f_x - f_x_prime
    length = _norm(x - x_prime)
  else:
    rise = f_x[:, None] - f_x_prime[None, :]
    length = _square_root(squared_distances(_flat(x), _flat(x_prime)))
  apart = length >= _SAME_POINT
  return jnp.mean(jnp.where(apart, rise**2 / jnp.where(apart, length, 1.0), 0))


def penalised_wasserstein(
  f_x: jax.Array,
  f_x_prime: jax.Array,
  x: jax.Array,
  x_prime: jax.Array,
  weight: chex.Numeric,
  pairs: str,
) -> jax.Array:
  """tau_P = E_P[f] - E_Q[f] - lambda E[(f(x) - f(x'))^2 / |x - x'|].

  Its supremum over f is the penalised Wasserstein divergence. It fixes the
  critic's values at the samples, and nothing about its slope there.

  Args:
    f_x: `[n]` critic at real samples.
    f_x_prime: `[k]` critic at generated samples.
    x: `[n, ...]` real samples.
    x_prime: `[k, ...]` generated samples.
    weight: lambda.
    pairs: see `lipschitz_penalty`.
  """
  penalty = lipschitz_penalty(f_x, f_x_prime, x, x_prime, pairs)
  return wasserstein(f_x, f_x_prime) - weight * penalty


def target_slope(
  f_x: jax.Array, f_x_prime: jax.Array, x: jax.Array, x_prime: jax.Array
) -> jax.Array:
  """T(x') = |E_P[(x - x')(f(x) - f(x')) / |x' - x|^3]| / E_P[1 / |x' - x|].

  The slope at x' of the critic that maximises tau_P: what a derivative of its
  stationarity in f(x') says. Every x' is compared with all real samples.

  Args:
    f_x: `[n]` critic at real samples.
    f_x_prime: `[k]` critic at generated samples.
    x: `[n, ...]` real samples.
    x_prime: `[k, ...]` generated samples.

  Returns:
    `[k]`, constant: the critic's slope follows it, and it follows nobody.
  """
  f_x, f_x_prime, x, x_prime = jax.lax.stop_gradient(
    (f_x, f_x_prime, _flat(x), _flat(x_prime))
  )
  length = jnp.sqrt(squared_distances(x, x_prime)) + _LENGTH_FLOOR  # [n, k]
  pull = (f_x[:, None] - f_x_prime[None, :]) / length**3
  # sum_i (x_i - x'_j) pull_ij as two products, not as an [n, k, m] array; a
  # centre that both share takes the large part out of their difference.
  centre = jnp.mean(x, axis=0, keepdims=True)
  towards = _product(pull.T, x - centre)
  towards -= jnp.sum(pull, axis=0)[:, None] * (x_prime - centre)
  return jnp.sqrt(jnp.sum(towards**2, axis=1)) / jnp.sum(1 / length, axis=0)


def constant_slope(weight: chex.Numeric, x_prime: jax.Array) -> jax.Array:
  """1 / (2 lambda) for each x' `[k, ...]`: the slope between two Diracs.

  What the code takes where it is not to calculate the slope.
  """
  return jnp.full((len(x_prime),), 1 / (2 * jnp.float32(weight)))


def slopes(f: Callable[[jax.Array], jax.Array], x_prime: jax.Array):
  """Critic and length of its gradient at each x': f(x') `[k]`, |grad f| `[k]`.

  Args:
    f: maps `[k, ...]` to `[k]`; samples must not interact in it.
    x_prime: `[k, ...]` where.
  """
  value, back = jax.vjp(f, x_prime)
  (gradient,) = back(jnp.ones_like(value))
  return value, _norm(gradient)


def slope_penalty(slope: jax.Array, target: jax.Array) -> jax.Array:
  """E_Q[(|grad f(x')| - T(x'))^2], of slopes and targets `[k]`; two-sided."""
  chex.assert_equal_shape([slope, target])
  return jnp.mean((slope - target) ** 2)


def first_order(
  tau: jax.Array, penalty: jax.Array, weight: chex.Numeric
) -> jax.Array:
  """tau_F = tau_P - mu E_Q[(|grad f(x')| - T(x'))^2].

  At the best critic of tau_P the penalty is zero, and both are the same; but
  the critic is held to the slope that makes -grad E_Q[f] steepest descent.
  """
  return tau - weight * penalty


def critic_loss(tau: jax.Array) -> jax.Array:
  """The critic climbs tau: it minimises -tau."""
  return -tau


def generator_loss(f_x_prime: jax.Array) -> jax.Array:
  """-E_Q[f(x')], of a critic `[k]`; the theory's gradient is half of its."""
  return -jnp.mean(f_x_prime)


def _product(a, b):
  # TF32 matrix units would cost three digits of a difference.
  return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _flat(a):
  return a.reshape(len(a), -1)


def _each(numbers, like):
  return numbers.reshape((-1,) + (1,) * (like.ndim - 1))


def _norm(a):
  return _square_root(jnp.sum(_flat(a) ** 2, axis=1))


def _square_root(squares):
  """Square roots whose gradient at zero is zero, in place of infinite."""
  above = squares > 0
  return jnp.where(above, jnp.sqrt(jnp.where(above, squares, 1.0)), 0.0)
