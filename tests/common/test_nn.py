"""SELU's fixed point and alpha dropout against their closed forms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.nn import initializers, regularizers

TRACED = jax.jit(regularizers.alpha_dropout)


def test_saturation_is_the_authors_value():
  """Which their dropout_selu has as its default."""
  assert initializers.SATURATION == pytest.approx(
    -1.7580993408473766, rel=1e-15
  )


def test_constants_are_a_fixed_point():
  """Gauss-Hermite quadrature of either half, split at the kink."""
  nodes, weights = np.polynomial.legendre.leggauss(200)
  moments = np.zeros(2)
  for low, high in ((-12.0, 0.0), (0.0, 12.0)):
    z = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    w = 0.5 * (high - low) * weights * np.exp(-(z**2) / 2)
    w /= math.sqrt(2 * math.pi)
    negative = initializers.ALPHA * np.expm1(np.minimum(z, 0))
    y = initializers.LAMBDA * np.where(z > 0, z, negative)
    moments += [np.sum(w * y), np.sum(w * y**2)]
  np.testing.assert_allclose(moments, [0.0, 1.0], atol=1e-13)


def test_jax_selu_has_the_constants_and_finite_gradients():
  x = jnp.array([-1e4, -100.0, -1.0, -1e-3, 0.5, 100.0, 1e4, 1e30])
  z = np.asarray(x, np.float64)
  negative = initializers.ALPHA * np.expm1(np.minimum(z, 0))
  expected = initializers.LAMBDA * np.where(z > 0, z, negative)
  np.testing.assert_allclose(jax.nn.selu(x), expected, rtol=1e-6)
  slope = initializers.LAMBDA * np.where(
    z > 0, 1.0, initializers.ALPHA * np.exp(np.minimum(z, 0))
  )
  gradient = jax.vmap(jax.grad(jax.nn.selu))(x)
  np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-37)


def test_lecun_normal_has_variance_one_over_fan_in():
  w = initializers.lecun_normal()(jax.random.key(0), (1000, 2000), jnp.float32)
  w = np.asarray(w, np.float64) * math.sqrt(1000)
  # Two million draws: standard errors below 0.001 of the mean and of the
  # variance (kurtosis 2.06 after the cut: sqrt(1.06 / 2e6)).
  assert abs(w.mean()) < 0.005
  assert abs(w.var() - 1) < 0.005
  assert np.abs(w).max() == pytest.approx(2 / 0.87962566, rel=1e-3)


def test_selu_network_keeps_mean_and_variance():
  """32 layers; each attracts to (0, 1) with slope 0.78 for the variance."""
  width, depth, batch = 256, 32, 512
  init = initializers.lecun_normal()
  keys = jax.random.split(jax.random.key(1), depth)

  @jax.jit
  def run(x):
    def layer(x, key):
      x = jax.nn.selu(x @ init(key, (width, width), jnp.float32))
      return x, (x.mean(), x.var())

    return jax.lax.scan(layer, x, keys)[1]

  x = np.random.default_rng(0).standard_normal((batch, width))
  mean, variance = run(x.astype(np.float32))
  # At most 0.023, 0.089 and 0.019 over 20 seeds: each layer's finite width adds
  # about sqrt(2 / width) = 0.09 to a unit's variance, of which the mean over
  # units keeps little.
  assert np.abs(mean).max() < 0.05
  assert np.abs(variance - 1).max() < 0.2
  # ReLU with the same weights would halve the second moment in each layer.
  assert abs(np.mean(variance) - 1) < 0.05


@pytest.mark.parametrize(
  ("rate", "a", "b"),
  [
    (0.05, 0.95484448, 0.08393557),
    (0.1, 0.92128452, 0.16197097),
    (0.5, 0.88640489, 0.77919393),
  ],
)
def test_alpha_dropout_affine_values(rate, a, b):
  found = regularizers.affine(rate)
  np.testing.assert_allclose(found, (a, b), rtol=2e-7)


@settings(max_examples=30, deadline=None)
@given(
  rate=st.floats(0.0, 0.95),
  mean=st.floats(-1.0, 1.0),
  variance=st.floats(0.5, 2.0),
)
def test_alpha_dropout_affine_restores_the_moments(rate, mean, variance):
  a, b = map(float, regularizers.affine(rate, mean, variance))
  q, level = 1 - rate, initializers.SATURATION
  dropped_mean = q * mean + rate * level
  dropped_variance = q * (rate * (level - mean) ** 2 + variance)
  assert a * dropped_mean + b == pytest.approx(mean, abs=1e-5)
  assert a**2 * dropped_variance == pytest.approx(variance, rel=1e-5)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_alpha_dropout_keeps_moments_at_traced_rates(rate):
  n = 200_000
  x = np.random.default_rng(2).standard_normal(n).astype(np.float32)
  y = TRACED(jax.random.key(2), jax.nn.selu(x), rate)
  y = np.asarray(y, np.float64)
  # Five standard errors: 1 / sqrt(n), and sqrt((kurtosis - 1) / n) with a
  # kurtosis below 4 for all three rates.
  assert abs(y.mean()) < 5 / math.sqrt(n)
  assert abs(y.var() - 1) < 5 * math.sqrt(3 / n)
  a, b = map(float, regularizers.affine(rate))
  level = a * initializers.SATURATION + b
  dropped = np.mean(np.abs(y - level) < 1e-6)
  assert abs(dropped - rate) < 5 * math.sqrt(rate * (1 - rate) / n)


def test_alpha_dropout_identities():
  key = jax.random.key(0)
  x = jnp.array([-1.5, -0.0, 0.0, 2.0, jnp.inf])
  for out in (
    regularizers.alpha_dropout(key, x, 0.0),
    TRACED(key, x, 0.0),
  ):
    assert np.asarray(out).tobytes() == np.asarray(x).tobytes()
  half = regularizers.alpha_dropout(key, x.astype(jnp.bfloat16), 0.5)
  assert half.dtype == jnp.bfloat16


def test_alpha_dropout_vmaps_over_the_rate():
  x = jnp.linspace(-1.7, 3.0, 100)
  keys = jax.random.split(jax.random.key(1), 3)
  rates = jnp.array([0.0, 0.1, 0.5])
  all_rates = jax.vmap(TRACED, (0, None, 0))(keys, x, rates)
  for key, rate, out in zip(keys, rates, all_rates, strict=True):
    single = TRACED(key, x, rate)
    np.testing.assert_allclose(out, single, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_alpha_dropout_refuses_bad_rates(rate):
  with pytest.raises(ValueError, match="at least 0 and below 1"):
    regularizers.alpha_dropout(jax.random.key(0), jnp.ones(3), rate)


def test_l2_is_half_the_sum_of_squares_of_kernels():
  params = {
    "a": {"kernel": jnp.array([[1.0, 2.0]]), "bias": jnp.array([100.0])},
    "b": {"kernel": jnp.array([3.0])},
  }

  @jax.jit
  def penalty(params, weight):
    return weight * regularizers.l2(params, regularizers.is_kernel)

  assert penalty(params, 0.1) == pytest.approx(0.1 / 2 * (1 + 4 + 9))
  gradient = jax.grad(penalty)(params, 0.1)
  np.testing.assert_allclose(gradient["a"]["kernel"], [[0.1, 0.2]], rtol=1e-6)
  np.testing.assert_array_equal(gradient["a"]["bias"], [0.0])
  assert regularizers.l2(params, lambda path: True) == 0.5 * (14 + 10_000)
  with pytest.raises(ValueError, match=r"selects none of \['a'\]\['bias'\]"):
    regularizers.l2(params, lambda path: False)
