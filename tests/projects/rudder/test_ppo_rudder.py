"""PPO+RUDDER: the parts of a rollout against one episode's functions."""

import sys
import types

import flax.struct
import jax
import numpy as np
import pytest
from gymnax.environments import environment, spaces
from jax import numpy as jnp

from common.errors import InputError
from configs.rudder import cartpole
from projects.rudder import lessons_buffer, redistribution
from projects.rudder.ppo import model, ppo_rudder, sequences

pytestmark = pytest.mark.slow


@flax.struct.dataclass
class Kept(environment.EnvState):
  first: jax.Array
  randomness: jax.Array


class FirstCounts(environment.Environment):
  """The first action is worth 4, and at each of 12 steps chance adds to it."""

  num_actions = 2

  @property
  def default_params(self):
    return environment.EnvParams(max_steps_in_episode=12)

  def reset_env(self, key, params):
    return jnp.zeros(2), Kept(jnp.int32(0), jnp.float32(0), jnp.float32(0))

  def step_env(self, key, state, action, params):
    begin = state.time == 0
    randomness = 0.4 * jax.random.normal(key)
    first = jnp.where(begin, 4.0 * action, state.first)
    state = Kept(state.time + 1, first, randomness)
    observation = jnp.array([state.time / 12, randomness])
    reward = jnp.where(begin, 4.0 * action, randomness)
    return observation, state, reward, jnp.bool_(False), {}

  def action_space(self, params=None):
    return spaces.Discrete(2)


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


@pytest.fixture(scope="module")
def program():
  """A config, its step and the step compiled: compiling is what takes time."""
  module = types.ModuleType("user_first")
  module.make_env = FirstCounts
  sys.modules["user_first"] = module
  config = small(
    env="user_first:make_env", time_limit=0, batch_size=16, rollout_steps=12,
    lstm_features=8, lstm_updates=8, lstm_batch=16, lessons=32, trace=0.0,
    reward_scale=0.25, delta_scale=1.0, learning_rate=0.01, epochs=4,
    lstm_gate_bias=0.0,
  )  # fmt: skip
  step = ppo_rudder.make_train_step(config)
  yield config, step, jax.jit(step)
  del sys.modules["user_first"]


def test_the_reward_goes_to_the_step_that_earned_it(program):
  config, _, step = program
  state = ppo_rudder.init(jax.random.key(0), config)
  found = []
  for _ in range(40):
    state, metrics = step(state, None)
    found.append((metrics["quality"], metrics["return"]))
  # One update's quality is anything between 0.2 and 0.95.
  quality, total = np.mean(found[24:], axis=0)
  assert quality > 0.4
  # What chance adds has mean 0: 4 is the best there is.
  assert total > 3.2
  seen = state.lessons.episodes
  x = sequences.inputs(
    jnp.swapaxes(seen.observation, 0, 1),
    jnp.swapaxes(seen.action, 0, 1),
    jnp.broadcast_to(jnp.arange(12)[:, None] == 0, (12, 32)),
    2,
    1.0,
  )
  _, g = model.return_model(config).apply(state.model, x)
  h = np.diff(g, axis=0, prepend=0)
  acted = np.asarray(seen.action[:, 0] == 1)
  gain = h[:, acted].mean(axis=1) - h[:, ~acted].mean(axis=1)
  assert gain[0] > 0.1 and gain[0] > gain[1:].mean()


def test_a_member_of_a_population_is_the_single_run(program):
  config, step, single = program
  ks = jnp.stack([jax.random.key(2), jax.random.key(3)])
  begun = jax.jit(jax.vmap(lambda key: ppo_rudder.init(key, config)))(ks)
  many, _ = jax.jit(jax.vmap(step, (0, None)))(begun, None)
  one, _ = single(jax.tree.map(lambda leaf: leaf[1], begun), None)
  for name in ("model", "mean_return"):
    for a, b in zip(
      jax.tree.leaves(getattr(many, name)),
      jax.tree.leaves(getattr(one, name)),
      strict=True,
    ):
      np.testing.assert_allclose(a[1], b, rtol=1e-3, atol=1e-4)


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
