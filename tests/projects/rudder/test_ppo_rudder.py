"""PPO+RUDDER: the parts of a rollout against one episode's functions."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from configs.rudder import cartpole
from projects.rudder import lessons_buffer, redistribution
from projects.rudder.ppo import (
  model,
  ppo_rudder,
  sequences,
)

pytestmark = pytest.mark.slow


def small(**values):
  config = cartpole.get_config("smoke")
  config.unlock()
  config.update(values)
  return config


# Two environments: episodes of 3 and 2 steps and an unfinished one; one of 5.
END = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [1, 1], [0, 0]], bool)


def test_sums_and_ends_along_a_rollout():
  start = sequences.starts(jnp.array(END))
  np.testing.assert_array_equal(
    start, [[1, 1], [0, 0], [0, 0], [1, 0], [0, 0], [1, 1]]
  )
  values = jnp.arange(12.0).reshape(6, 2)
  np.testing.assert_array_equal(
    sequences.running(values, start)[:, 0], [0, 2, 6, 6, 14, 10]
  )
  spread = sequences.spread(values, jnp.array(END))
  np.testing.assert_array_equal(spread[:, 0], [4, 4, 4, 8, 8, 0])
  np.testing.assert_array_equal(spread[:, 1], [9, 9, 9, 9, 9, 0])


def test_what_the_model_sees():
  observation = jnp.arange(12.0).reshape(6, 2, 1)
  start = sequences.starts(jnp.array(END))
  action = jnp.array([[0, 1]] * 6)
  x = sequences.inputs(observation, action, start, 2, 10.0)
  # The difference of two steps is 2; the first of an episode is itself.
  np.testing.assert_array_equal(x[:, 0, 0], [0, 20, 20, 60, 20, 100])
  np.testing.assert_array_equal(x[:, 0, 1:], [[1, 0]] * 6)
  np.testing.assert_array_equal(x[:, 1, 1:], [[0, 1]] * 6)


def test_the_memory_is_empty_where_an_episode_starts():
  network = model.ReturnModel(4, -1.0)
  x = jax.random.normal(jax.random.key(0), (6, 2, 3))
  weights = network.init(jax.random.key(1), x)
  apply = lambda x, carry: network.apply(weights, x, carry)
  start = sequences.starts(jnp.array(END))
  g = sequences.predict(apply, x, start, 4)
  for e, (a, b) in [(0, (0, 3)), (0, (3, 5))]:
    _, alone = network.apply(weights, x[a:b, e : e + 1])
    np.testing.assert_allclose(g[a:b, e], alone[:, 0], rtol=1e-5, atol=1e-6)


def test_a_rollout_is_redistributed_as_each_of_its_episodes():
  rng = np.random.default_rng(1)
  g, reward = rng.normal(size=(2, 6, 2)).astype(np.float32)
  g[2, 0] = reward[:3, 0].sum() + 0.05
  got, quality = sequences.redistribute(
    jnp.array(g), jnp.array(reward), jnp.array(END), jnp.float32(1.0), 0.2, 0.5
  )
  for e, (a, b) in [(0, (0, 3)), (0, (3, 5)), (1, (0, 5))]:
    total, mask = reward[a:b, e].sum(), np.ones(b - a, bool)
    want = redistribution.redistribute(g[a:b, e], total, mask)
    np.testing.assert_allclose(got[a:b, e], want, rtol=1e-4, atol=1e-5)
    assert got[a:b, e].sum() == pytest.approx(total, abs=1e-5)
    # The quality is of the rewards without their scale, here 0.5.
    q = redistribution.quality(g[b - 1, e] / 0.5, total / 0.5, 2.0, 0.2)
    np.testing.assert_allclose(quality[a:b, e], q, rtol=1e-4)
  assert quality[0, 0] > 0.9
  np.testing.assert_array_equal(np.r_[got[5], quality[5]], 0)


@pytest.mark.parametrize("returns, varied", [([2, 2], False), ([2, 3], True)])
def test_a_constant_return_has_nothing_to_decompose(returns, varied):
  blank = ppo_rudder.Episode(
    observation=jnp.zeros((4, 1)),
    action=jnp.zeros(4, jnp.int32),
    length=jnp.int32(4),
    episode_return=jnp.float32(0),
  )
  buffer = lessons_buffer.create(3, blank)
  for value in returns:
    one = blank.replace(episode_return=jnp.float32(value))
    buffer = lessons_buffer.push(buffer, one)
  assert bool(ppo_rudder.varies(buffer)) == varied


def test_rudder_wants_whole_episodes():
  with pytest.raises(InputError, match="RUDDER explains whole episodes"):
    ppo_rudder.init(jax.random.key(0), small(restart=False))
