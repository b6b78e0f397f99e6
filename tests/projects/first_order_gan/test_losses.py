"""Closed forms of First Order GAN's equations, and a float64 transcription."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from projects.first_order_gan import losses

# Of the authors' unit test: three real points, and one generated.
X = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
F_X = jnp.array([1.0, 2.0, 0.0])
X_PRIME = jnp.array([[3.0, 0.0]])
F_X_PRIME = jnp.array([-1.0])

# Compiled whole: op by op, every shape would be compiled in dozens of pieces.
target_slope = jax.jit(losses.target_slope)
lipschitz_penalty = jax.jit(losses.lipschitz_penalty, static_argnums=4)
penalised_wasserstein = jax.jit(losses.penalised_wasserstein, static_argnums=5)


def test_the_authors_example():
  slope = target_slope(F_X, F_X_PRIME, X, X_PRIME)
  np.testing.assert_allclose(slope, [0.933752], rtol=2e-6)
  penalty = lipschitz_penalty(F_X, F_X_PRIME, X, X_PRIME, "all")
  np.testing.assert_allclose(penalty, 2.036894, rtol=2e-6)
  # The same three pairs, matched.
  three = jnp.repeat(X_PRIME, 3, axis=0), jnp.repeat(F_X_PRIME, 3)
  matched = lipschitz_penalty(F_X, three[1], X, three[0], "matched")
  np.testing.assert_allclose(matched, 2.036894, rtol=2e-6)
  tau = penalised_wasserstein(F_X, F_X_PRIME, X, X_PRIME, 0.1, "all")
  np.testing.assert_allclose(tau, 2.0 - 0.2036894, rtol=2e-6)


def transcription(f_x, f_x_prime, x, x_prime):
  """Both equations as they are written, in float64, with loops."""
  f_x, f_x_prime, x, x_prime = map(np.float64, (f_x, f_x_prime, x, x_prime))
  slopes, penalties = [], []
  for f_q, q in zip(f_x_prime, x_prime, strict=True):
    length = [np.linalg.norm(q - p) for p in x]
    pulls = [
      (p - q) * (f_p - f_q) / r**3
      for p, f_p, r in zip(x, f_x, length, strict=True)
    ]
    below = np.mean([1 / r for r in length])
    slopes.append(np.linalg.norm(np.mean(pulls, axis=0)) / below)
    penalties.append(
      [(f_p - f_q) ** 2 / r for f_p, r in zip(f_x, length, strict=True)]
    )
  return np.array(slopes), np.array(penalties).T


@pytest.mark.parametrize("shape", [(2,), (3, 4, 5)])
def test_many_points_agree_with_a_loop_in_float64(shape):
  draw = np.random.default_rng(0)
  # Far from the origin, where a plain Gram matrix would lose the distances.
  x = np.float32(7 + draw.normal(size=(6, *shape)))
  x_prime = np.float32(7.5 + draw.normal(size=(6, *shape)))
  f_x, f_x_prime = np.float32(draw.normal(size=(2, 6)))
  flat = lambda a: a.reshape(6, -1)
  slope, penalties = transcription(f_x, f_x_prime, flat(x), flat(x_prime))
  np.testing.assert_allclose(
    target_slope(f_x, f_x_prime, x, x_prime), slope, rtol=1e-4
  )
  for pairs, expected in (
    ("all", penalties.mean()),
    ("matched", np.diag(penalties).mean()),
  ):
    got = lipschitz_penalty(f_x, f_x_prime, x, x_prime, pairs)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_two_diracs(weight):
  """The maximiser rises by r / (2 lambda); tau is r / (4 lambda)."""
  x, x_prime = jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))
  r = 5.0

  def tau(rise, x_prime):
    return penalised_wasserstein(
      rise[None], jnp.zeros(1), x, x_prime, weight, "matched"
    )

  best = jnp.float32(r / (2 * weight))
  assert abs(jax.jit(jax.grad(tau))(best, x_prime)) < 1e-6
  np.testing.assert_allclose(tau(best, x_prime), r / (4 * weight), rtol=1e-6)
  slope = target_slope(best[None], jnp.zeros(1), x, x_prime)
  np.testing.assert_allclose(slope, 1 / (2 * weight), rtol=1e-5)
  np.testing.assert_allclose(
    losses.constant_slope(weight, x_prime), slope, 1e-5
  )
  # -d tau / dx' is half the critic's slope, towards the real point: with the
  # critic held fast by the envelope theorem.
  descent = -jax.jit(jax.grad(tau, 1))(best, x_prime)[0]
  expected = jnp.array([0.6, 0.8]) / (4 * weight)
  np.testing.assert_allclose(descent, expected, rtol=1e-5)


def test_a_linear_critic_on_a_line():
  f = lambda x: 5 * x[:, 0]
  x, x_prime = jnp.array([[1.0], [2.0], [4.0]]), jnp.array([[-1.0], [-3.0]])
  slope = target_slope(f(x), f(x_prime), x, x_prime)
  np.testing.assert_allclose(slope, 5.0, rtol=1e-5)
  value, got = jax.jit(lambda x: losses.slopes(f, x))(x_prime)
  np.testing.assert_allclose(value, f(x_prime))
  np.testing.assert_allclose(got, 5.0)
  assert losses.slope_penalty(got, slope) < 1e-8
  # Data on both sides, and as much of a rise there: the pulls cancel.
  around, rise = jnp.array([[-3.0], [1.0]]), jnp.array([2.0, 2.0])
  assert target_slope(rise, jnp.zeros(2), around, x_prime)[0] < 1e-6


def test_where_p_is_q_a_constant_critic_is_worth_nothing():
  x = jnp.array([[1.0, 2.0], [0.0, -1.0]])
  f = jnp.ones(2)
  for pairs in ("matched", "all"):
    tau = penalised_wasserstein(f, f, x, x, 0.1, pairs)
    assert tau == 0
    # Points that coincide count nothing, whatever the critic says.
    assert jnp.isfinite(lipschitz_penalty(f, -f, x, x, pairs))
    slope = jax.jit(jax.grad(losses.lipschitz_penalty), static_argnums=4)(
      f, -f, x, x, pairs
    )
    assert jnp.isfinite(slope).all()
  np.testing.assert_array_equal(target_slope(f, f, x, x), 0)


def test_the_target_follows_nobody_and_a_flat_critic_has_a_gradient():
  def target(f_x, f_x_prime, x, x_prime):
    return jnp.sum(target_slope(f_x, f_x_prime, x, x_prime))

  slopes = jax.jit(jax.grad(target, (0, 1, 2, 3)))
  for gradient in slopes(F_X, F_X_PRIME, X, X_PRIME):
    np.testing.assert_array_equal(gradient, 0)

  @jax.jit
  def penalty(weight):
    _, slope = losses.slopes(lambda a: a @ weight, X)
    return losses.slope_penalty(slope, jnp.full(3, 2.0))

  assert jnp.isfinite(jax.jit(jax.grad(penalty))(jnp.zeros(2))).all()
  # Two-sided: too flat and too steep cost the same.
  for length in (1.0, 3.0):
    np.testing.assert_allclose(penalty(jnp.array([length, 0.0])), 1.0, 1e-6)


def test_signs_and_weights():
  tau = losses.first_order(jnp.float32(5.0), jnp.float32(2.0), 0.25)
  assert tau == 4.5 and losses.critic_loss(tau) == -4.5
  assert losses.generator_loss(jnp.array([1.0, 3.0])) == -2
  assert losses.wasserstein(F_X, F_X_PRIME) == 2


def test_between_is_made_of_one_percent_of_its_own_real_sample():
  made = jnp.zeros((2, 1, 3))
  x = jnp.stack([jnp.full((1, 3), 1.0), jnp.full((1, 3), 2.0)])
  got = losses.between(x, made, jnp.array([0.01, 0.005]))
  np.testing.assert_allclose(got, jnp.full((2, 1, 3), 0.01), rtol=1e-6)
