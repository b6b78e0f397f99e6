"""The equations, against double sums and the fact sheet's worked examples."""

import functools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import numpy as jnp

from projects.coulomb_gan import losses

# Two generated and two real points, and their potentials in the convention of
# the authors' code (minus the paper's), worked out by hand in the fact sheet.
X = jnp.array([[0.0, 0.0], [1.0, 0.0]])
Y = jnp.array([[0.0, 1.0], [2.0, 0.0]])
WORKED = {
  # Their "dimension" 3 and 5 are the paper's exponents d = 1 and d = 3.
  1.0: ([0.276393, 0.211325], [-0.061896, -0.126964]),
  3.0: ([0.455279, 0.403775], [-0.261019, -0.312523]),
}


# Compiled whole: op by op, every shape would be compiled in dozens of pieces.
_compiled = functools.partial(jax.jit, static_argnames="self_interaction")
potential = jax.jit(losses.potential)
field = jax.jit(losses.field)
mean_without_own = _compiled(losses.mean_without_own)
batch_potentials = _compiled(losses.batch_potentials)
energy = _compiled(losses.energy)


def plummer(a, b, exponent, epsilon):
  """One pair, in double precision, as the paper writes it."""
  return 1 / np.sqrt(np.sum((a - b) ** 2) + epsilon**2) ** exponent


def clouds(seed, n, k, m):
  rng = np.random.default_rng(seed)
  x = rng.normal(size=(n, m)).astype(np.float32)
  y = rng.normal(0.5, 1.3, size=(k, m)).astype(np.float32)
  return x, y


@pytest.mark.parametrize("exponent", WORKED)
def test_sign_is_the_papers_and_the_codes_is_its_negative(exponent):
  phi_x, phi_y = batch_potentials(X, Y, exponent, 1.0, "keep")
  code_x, code_y = WORKED[exponent]
  np.testing.assert_allclose(phi_x, -np.array(code_x), atol=2e-6)
  np.testing.assert_allclose(phi_y, -np.array(code_y), atol=2e-6)


def test_generated_point_among_generated_ones_has_the_lower_potential():
  x = jnp.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]])
  y = jnp.array([[5.0, 5.1], [5.1, 5.0], [4.9, 5.0]])
  phi_x, _ = batch_potentials(x, y, 1.0, 1.0, "keep")
  assert phi_x[0] < phi_x[2]
  # And the generator climbs: its loss falls when D rises.
  assert losses.coulomb_generator_loss(phi_x + 1) < (
    losses.coulomb_generator_loss(phi_x)
  )


@given(
  seed=st.integers(0, 10**6),
  m=st.sampled_from([1, 2, 3, 20, 200]),
  exponent=st.sampled_from([0.5, 1.0, 3.0]),
  epsilon=st.sampled_from([0.1, 1.0]),
)
def test_potential_is_the_double_sum(seed, m, exponent, epsilon):
  x, y = clouds(seed, 5, 7, m)
  a, _ = clouds(seed + 1, 4, 1, m)
  expected = [
    np.mean([plummer(p, q, exponent, epsilon) for q in np.float64(y)])
    - np.mean([plummer(p, q, exponent, epsilon) for q in np.float64(x)])
    for p in np.float64(a)
  ]
  got = potential(a, x, y, exponent, epsilon)
  np.testing.assert_allclose(
    got, expected, rtol=1e-4, atol=2e-6 * epsilon**-exponent
  )


@given(seed=st.integers(0, 10**6), m=st.sampled_from([2, 40]))
def test_dropping_the_self_interaction_leaves_out_the_diagonal(seed, m):
  x, y = clouds(seed, 6, 5, m)
  kept = mean_without_own(x, x, 1.0, 0.5, "keep")
  dropped = mean_without_own(x, x, 1.0, 0.5, "drop")
  np.testing.assert_allclose(kept * 6 - 1 / 0.5, dropped * 5, atol=1e-4)
  # Around the samples, the own term is that of the way to the own sample.
  a_x, a_y = x + 0.1, y - 0.1
  keep = batch_potentials(x, y, 1.0, 0.5, "keep", a_x, a_y)
  drop = batch_potentials(x, y, 1.0, 0.5, "drop", a_x, a_y)
  own = plummer(np.zeros(m), np.full(m, 0.1), 1.0, 0.5)
  from_y = np.mean(losses.plummer_kernel(a_x, y, 1.0, 0.5), axis=1)
  np.testing.assert_allclose(
    (from_y - keep[0]) * 6 - own, (from_y - drop[0]) * 5, atol=1e-4
  )
  np.testing.assert_allclose(keep[0], potential(a_x, x, y, 1.0, 0.5), atol=1e-5)


def test_unknown_self_interaction_is_refused():
  with pytest.raises(ValueError, match="'keep' or 'drop'"):
    batch_potentials(X, Y, 1.0, 1.0, "kepe")


def test_squared_distances_survive_an_offset_and_images():
  rng = np.random.default_rng(0)
  a = rng.uniform(-1, 1, (16, 12288)) + 30.0
  a[1] = a[0]
  exact = ((a[:, None] - a[None]) ** 2).sum(-1)
  got = losses.squared_distances(jnp.float32(a), jnp.float32(a))
  # 30 is in float32 to 2e-6, a distance of 8192 thus to 1e-6 of itself; what
  # remains is the Gram expansion's 1e-7 times the norm.
  np.testing.assert_allclose(got, exact, atol=2e-2)
  assert float(jnp.min(got)) >= 0


def test_field_is_the_gradient_that_lowers_the_energy():
  x, y = map(jnp.asarray, clouds(3, 12, 15, 2))
  kernel = (1.0, 0.5)
  force = field(x, x, y, *kernel)
  slope = jax.grad(lambda x: energy(x, y, *kernel, "keep"))(x)
  # F = 1/2 E k(x,x') - E k(x,y) + ...: dF/dx_i = -1/N grad Phi(x_i).
  np.testing.assert_allclose(-slope * len(x), force, atol=1e-5)


@given(seed=st.integers(0, 10**6))
def test_energy_is_never_negative_and_zero_between_equal_sets(seed):
  x, y = clouds(seed, 9, 11, 3)
  assert energy(x, y, 1.0, 0.3, "keep") > -1e-6
  assert abs(energy(x, x[::-1], 1.0, 0.3, "keep")) < 1e-6
  total = energy(x, y, 1.0, 0.3, "keep")
  phi_x, phi_y = batch_potentials(x, y, 1.0, 0.3, "keep")
  # F = 1/2 integral of rho Phi.
  np.testing.assert_allclose(
    total, 0.5 * (jnp.mean(phi_y) - jnp.mean(phi_x)), atol=1e-6
  )


def test_energy_without_self_interaction_is_unbiased():
  draws = jax.random.normal(jax.random.key(0), (400, 2, 20, 2))
  energies = jax.vmap(lambda d: energy(d[0], d[1], 1.0, 0.3, "drop"))(draws)
  error = jnp.std(energies) / np.sqrt(len(energies))
  assert abs(jnp.mean(energies)) < 4 * error
  biased = jax.vmap(lambda d: energy(d[0], d[1], 1.0, 0.3, "keep"))(draws)
  assert jnp.mean(biased) > 10 * error


def test_discriminator_loss_by_hand_and_no_gradient_through_targets():
  loss = losses.coulomb_discriminator_loss(
    jnp.array([1.0, 2.0]),
    jnp.array([0.0, 4.0]),
    jnp.array([0.0, 0.0]),
    jnp.array([0.0, 0.0]),
  )
  # Means 2.5 and 8; the mixture 5.25; its half.
  np.testing.assert_allclose(loss, 2.625)
  through = jax.grad(
    lambda x: jnp.sum(batch_potentials(x, Y, 1.0, 1.0, "keep")[0])
  )(X)
  np.testing.assert_array_equal(through, 0)
