"""What a redistribution promises: the return, completeness, the right step."""

import hypothesis
import jax
import numpy as np
from hypothesis import strategies as st
from jax import numpy as jnp

from projects.rudder import redistribution

redistribute = jax.jit(redistribution.redistribute)


def episode(seed, length, time=30, scale=1.0):
  prediction = scale * jax.random.normal(jax.random.key(seed), (time,))
  return prediction, jnp.arange(time) < length


@hypothesis.given(
  seed=st.integers(0, 1000),
  length=st.integers(1, 30),
  scale=st.sampled_from([1e-3, 1.0, 1e3]),
  episode_return=st.floats(-1e3, 1e3, width=32),
)
def test_the_return_is_kept(seed, length, scale, episode_return):
  prediction, mask = episode(seed, length, scale=scale)
  reward = redistribute(prediction, episode_return, mask)
  size = max(abs(episode_return), float(jnp.max(jnp.abs(prediction))), 1e-3)
  total = np.sum(np.float64(reward))
  np.testing.assert_allclose(total, episode_return, atol=2e-6 * size * 5)
  np.testing.assert_array_equal(reward[length:], 0)


def test_a_step_gets_what_it_changed():
  g = jnp.array([0.0, 0.0, 3.0, 3.0, 3.0])
  reward = redistribute(g, 3.0, jnp.ones(5, bool))
  np.testing.assert_allclose(reward, [0, 0, 3, 0, 0], atol=1e-6)
  # What the prediction misses is spread over all steps.
  reward = redistribute(g, 5.5, jnp.ones(5, bool))
  np.testing.assert_allclose(reward, [0.5, 0.5, 3.5, 0.5, 0.5], atol=1e-6)


def test_delta_states_sum_to_the_state():
  states = jax.random.normal(jax.random.key(0), (7, 3))
  deltas = redistribution.delta_states(states)
  np.testing.assert_array_equal(deltas[0], states[0])
  np.testing.assert_allclose(jnp.cumsum(deltas, 0), states, atol=1e-6)


def test_integrated_gradients_are_complete_and_exact_for_polynomials():
  x = jax.random.normal(jax.random.key(0), (5, 3))
  weight = jax.random.normal(jax.random.key(1), (5, 3))
  predict = lambda x: jnp.tanh(jnp.sum(weight * x)) + jnp.sum(x**3)
  # Fifty points are taken at once: whole fifties, and a rest.
  for points in (200, 130):
    h = redistribution.integrated_gradients(predict, x, points)
    want = predict(x) - predict(jnp.zeros_like(x))
    np.testing.assert_allclose(jnp.sum(h), want, rtol=2e-4)
  linear = lambda x: jnp.sum(weight * x)
  h = redistribution.integrated_gradients(linear, x, 1)
  np.testing.assert_allclose(h, jnp.sum(weight * x, 1), rtol=1e-5)
