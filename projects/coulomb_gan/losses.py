"""The equations of Coulomb GANs, one function each (arXiv:1708.08819).

Notation of the paper: `y` are real samples (positive charges), `x` generated
samples (negative charges), `a` any point of the data space, `rho = p_y - p_x`
the charge density, `d` the exponent of the Plummer kernel (`exponent` here)
and `m` the dimension of the data.

Sign: the paper's. The potential is high where real samples outweigh generated
ones, and the generator climbs it. The authors' code flips the sign of the
potential *and* of the generator's loss, which is the same game; it also calls
`d + 2` "dimension". Never mix the two conventions: the generator would then
flee from the data.

Samples are flattened to `[batch, m]` by the caller. All functions are pure and
differentiable; `exponent` and `epsilon` may be traced, so that a population can
sweep them. The baselines' equations are in `common.gan.losses`.
"""

import chex
import jax
from jax import numpy as jnp

from common.gan.distances import squared_distances


def plummer_kernel(
  a: jax.Array, b: jax.Array, exponent: chex.Numeric, epsilon: chex.Numeric
) -> jax.Array:
  """k(a, b) = (|a - b|^2 + epsilon^2)^(-d/2), the Plummer kernel (section 2.3).

  Args:
    a: `[n, m]` points.
    b: `[k, m]` points.
    exponent: d. The theory asks for d <= m - 2.
    epsilon: softening length, in the units of the data.

  Returns:
    `[n, k]` float32.
  """
  return _plummer(squared_distances(a, b), exponent, epsilon)


def _plummer(r2, exponent, epsilon):
  return jax.lax.rsqrt(r2 + epsilon**2) ** exponent


def potential(
  a: jax.Array,
  x: jax.Array,
  y: jax.Array,
  exponent: chex.Numeric,
  epsilon: chex.Numeric,
) -> jax.Array:
  """Phi(a) = 1/N_y sum_i k(a, y_i) - 1/N_x sum_i k(a, x_i), at any points.

  Args:
    a: `[n, m]` where the potential is asked for.
    x: `[N_x, m]` generated samples.
    y: `[N_y, m]` real samples.
    exponent: d of the kernel.
    epsilon: epsilon of the kernel.

  Returns:
    `[n]` float32.
  """
  attraction = jnp.mean(plummer_kernel(a, y, exponent, epsilon), axis=1)
  repulsion = jnp.mean(plummer_kernel(a, x, exponent, epsilon), axis=1)
  return attraction - repulsion


def field(
  a: jax.Array,
  x: jax.Array,
  y: jax.Array,
  exponent: chex.Numeric,
  epsilon: chex.Numeric,
) -> jax.Array:
  """The force grad Phi(a) on a generated sample at `a`, `[n, m]`.

  In the paper E = -grad Phi acts on a positive charge; generated samples are
  negative ones and are moved by +grad Phi (section 2.2).
  """
  total = lambda a: jnp.sum(potential(a, x, y, exponent, epsilon))
  return jax.grad(total)(a)


def mean_without_own(
  a: jax.Array,
  b: jax.Array,
  exponent: chex.Numeric,
  epsilon: chex.Numeric,
  self_interaction: str,
) -> jax.Array:
  """mean_j k(a_i, b_j), where b_i is the sample that a_i is, or stems from.

  A sample drawn in the batch is part of the very sum that estimates its
  potential: its own term is `epsilon^-d`. The authors' code keeps it, which
  adds the constants -1/N_x on generated and +1/N_y on real samples (paper's
  sign, epsilon = 1); dropping it and dividing by N - 1 is unbiased.

  Args:
    a: `[n, m]` points.
    b: `[n, m]` samples.
    exponent: d of the kernel.
    epsilon: epsilon of the kernel.
    self_interaction: "keep" (the authors' code) or "drop".

  Returns:
    `[n]` float32.
  """
  chex.assert_equal_shape([a, b])
  if self_interaction not in ("keep", "drop"):
    raise ValueError(
      f"self_interaction is {self_interaction!r}; it must be 'keep' or 'drop'"
    )
  n = a.shape[0]
  own = jnp.eye(n, dtype=bool)
  # One by one: on the diagonal the Gram expansion leaves 1e-4 instead of 0.
  own_r2 = jnp.sum((a - b) ** 2, axis=1)
  r2 = jnp.where(own, own_r2[:, None], squared_distances(a, b))
  k = _plummer(r2, exponent, epsilon)
  if self_interaction == "drop":
    return jnp.sum(jnp.where(own, 0.0, k), axis=1) / (n - 1)
  return jnp.mean(k, axis=1)


def batch_potentials(
  x: jax.Array,
  y: jax.Array,
  exponent: chex.Numeric,
  epsilon: chex.Numeric,
  self_interaction: str,
  a_x: jax.Array | None = None,
  a_y: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
  """The mini-batch estimate of Phi where the discriminator regresses it.

  At the samples themselves, or at points around them (Eq. 12). Gradients do not
  flow through these targets.

  Args:
    x: `[N_x, m]` generated samples.
    y: `[N_y, m]` real samples.
    exponent: d of the kernel.
    epsilon: epsilon of the kernel.
    self_interaction: see `mean_without_own`.
    a_x: `[N_x, m]` where p_x is asked about; row i stems from x_i. Default x.
    a_y: `[N_y, m]`, likewise for y.

  Returns:
    Phi at a_x `[N_x]` and at a_y `[N_y]`.
  """
  a_x = x if a_x is None else a_x
  a_y = y if a_y is None else a_y
  kernel = (exponent, epsilon)
  phi_x = jnp.mean(plummer_kernel(a_x, y, *kernel), axis=1)
  phi_x -= mean_without_own(a_x, x, *kernel, self_interaction)
  phi_y = mean_without_own(a_y, y, *kernel, self_interaction)
  phi_y -= jnp.mean(plummer_kernel(a_y, x, *kernel), axis=1)
  return jax.lax.stop_gradient((phi_x, phi_y))


def energy(
  x: jax.Array,
  y: jax.Array,
  exponent: chex.Numeric,
  epsilon: chex.Numeric,
  self_interaction: str,
) -> jax.Array:
  """F = 1/2 double integral of rho(a) rho(b) k(a, b): half the squared MMD.

  With self-interaction it is the V-statistic, never negative; without it the
  U-statistic, unbiased: zero on average when p_x = p_y.

  Args:
    x: `[N_x, m]` generated samples.
    y: `[N_y, m]` real samples.
    exponent: d of the kernel.
    epsilon: epsilon of the kernel.
    self_interaction: "keep" or "drop".

  Returns:
    A scalar, differentiable in x.
  """
  kernel = (exponent, epsilon)
  within = lambda a: jnp.mean(mean_without_own(a, a, *kernel, self_interaction))
  across = jnp.mean(plummer_kernel(x, y, *kernel))
  return 0.5 * (within(x) + within(y)) - across


def coulomb_discriminator_loss(
  d_x: jax.Array, d_y: jax.Array, phi_x: jax.Array, phi_y: jax.Array
) -> jax.Array:
  """L_D = 1/2 E_p(a) [(D(a) - Phi(a))^2], p = (p_x + p_y) / 2 (Eq. 10).

  The authors' code minimises 4 L_D (no 1/2, and a sum of the two means).

  Args:
    d_x: `[N_x]` discriminator at generated samples.
    d_y: `[N_y]` discriminator at real samples.
    phi_x: `[N_x]` potential at generated samples.
    phi_y: `[N_y]` potential at real samples.
  """
  chex.assert_equal_shape([d_x, phi_x])
  chex.assert_equal_shape([d_y, phi_y])
  mixture = 0.5 * jnp.mean((d_x - phi_x) ** 2)
  mixture += 0.5 * jnp.mean((d_y - phi_y) ** 2)
  return 0.5 * mixture


def coulomb_generator_loss(d_x: jax.Array) -> jax.Array:
  """L_G = -1/2 E_z [D(G(z))] (Eq. 11)."""
  return -0.5 * jnp.mean(d_x)
