"""What a redistribution promises: the return, completeness, the right step."""

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from jax import numpy as jnp

from projects.rudder import losses, redistribution

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
  for baseline in (None, 0.3 * jnp.ones_like(x)):
    h = redistribution.integrated_gradients(predict, x, 200, baseline)
    begin = jnp.zeros_like(x) if baseline is None else baseline
    np.testing.assert_allclose(
      jnp.sum(h), predict(x) - predict(begin), rtol=2e-4
    )
  linear = lambda x: jnp.sum(weight * x)
  h = redistribution.integrated_gradients(linear, x, 1)
  np.testing.assert_allclose(h, jnp.sum(weight * x, 1), rtol=1e-5)


def test_quality_trusts_a_good_prediction_only():
  of = lambda g: float(redistribution.quality(g, 10.0, 9.0, 0.2))
  assert of(10.0) == 1
  np.testing.assert_allclose(of(12.0), 1 - 4 / 103, rtol=1e-6)
  assert of(15.0) == 0
  assert redistribution.quality(0.0, 0.0, 0.0, 0.2) == 1  # Not a NaN.
  reward, rr = jnp.array([0.0, 0.0, 4.0]), jnp.array([4.0, 0.0, 0.0])
  for q in (0.0, 0.7, 1.0):
    mixed = redistribution.trust(rr, reward, q)
    np.testing.assert_allclose(mixed, [4 * q, 0, 4 * (1 - q)], atol=1e-6)


def test_the_advantage_mix_of_the_authors():
  mix = redistribution.advantage_mix
  a, rr = jnp.array([1.0, -2.0]), jnp.array([0.0, 4.0])
  np.testing.assert_allclose(mix(a, rr, 0.0, 0.5), a)
  np.testing.assert_allclose(mix(a, rr, 1.0, 0.5), 0.5 * a + 0.5 * rr)
  np.testing.assert_allclose(mix(a, rr, 1.0, 1.0), rr)


def test_smoothing_backward():
  smooth = redistribution.smooth_backward(jnp.array([0.0, 0.0, 4.0, 1.0]), 0.5)
  np.testing.assert_allclose(smooth, [1.125, 2.25, 4.5, 1.0])


@pytest.mark.parametrize("trace", [0.0, 0.6, 1.0])
def test_targets_of_kappa(trace):
  rng = np.random.default_rng(0)
  reward, kappa = np.float32(rng.normal(size=(2, 6)))
  length = 4
  mask = jnp.arange(6) < length
  expected = np.zeros(6)
  for t in reversed(range(length - 1)):
    ahead = (1 - trace) * kappa[t + 1] + trace * expected[t + 1]
    expected[t] = reward[t + 1] + ahead
  got = redistribution.kappa_targets(
    jnp.asarray(reward), jnp.asarray(kappa), mask, trace
  )
  np.testing.assert_allclose(got, expected, atol=1e-6)
  q = redistribution.corrected_targets(jnp.asarray(reward), got)
  np.testing.assert_allclose(q, reward + expected, atol=1e-6)
  if trace == 1:  # Direct plus all that is to come: Monte Carlo.
    rest = np.cumsum((reward * mask)[::-1])[::-1]
    np.testing.assert_allclose(q[:length], rest[:length], atol=1e-5)
  np.testing.assert_array_equal(redistribution.direct_targets(reward), reward)


def test_the_atari_correction_scales_to_the_return():
  prediction, mask = episode(3, 20)
  h = redistribution.differences(prediction, mask)
  g = losses.last(prediction, mask)
  reward = redistribution.corrected_as_in_atari(
    h, g * 1.2, g, jnp.float32(0.1), jnp.float32(0.0), mask
  )
  # eps = sqrt(1e-5): the scale is 1.2 g / (g + sign(g) * 0.0112).
  expected = 1.2 * g * g / (g + jnp.sign(g) * 0.2 * 1e-5**0.25)
  np.testing.assert_allclose(jnp.sum(reward), expected, rtol=1e-3)
  np.testing.assert_array_equal(reward[20:], 0)


def test_how_much_is_delayed():
  mask = jnp.arange(5) < 3
  share = lambda *r: float(redistribution.delayed_share(jnp.array(r), mask))
  assert share(0.0, 0.0, -2.0, 9.0, 9.0) == 1
  assert share(1.0, 0.0, 3.0, 0.0, 0.0) == 0.75
  assert share(0.0, 0.0, 0.0, 0.0, 0.0) == 0
