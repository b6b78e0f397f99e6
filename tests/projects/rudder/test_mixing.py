"""What a redistribution is worth to a policy: trust, and the share of it."""

import numpy as np
from jax import numpy as jnp

from projects.rudder import mixing


def test_quality_trusts_a_good_prediction_only():
  of = lambda g: float(mixing.quality(g, 10.0, 9.0, 0.2))
  assert of(10.0) == 1
  np.testing.assert_allclose(of(12.0), 1 - 4 / 103, rtol=1e-6)
  assert of(15.0) == 0
  assert mixing.quality(0.0, 0.0, 0.0, 0.2) == 1  # Not a NaN.
  reward, rr = jnp.array([0.0, 0.0, 4.0]), jnp.array([4.0, 0.0, 0.0])
  for q in (0.0, 0.7, 1.0):
    mixed = mixing.trust(rr, reward, q)
    np.testing.assert_allclose(mixed, [4 * q, 0, 4 * (1 - q)], atol=1e-6)


def test_the_advantage_mix_of_the_authors():
  mix = mixing.advantage_mix
  a, rr = jnp.array([1.0, -2.0]), jnp.array([0.0, 4.0])
  np.testing.assert_allclose(mix(a, rr, 0.0, 0.5), a)
  np.testing.assert_allclose(mix(a, rr, 1.0, 0.5), 0.5 * a + 0.5 * rr)
  np.testing.assert_allclose(mix(a, rr, 1.0, 1.0), rr)
