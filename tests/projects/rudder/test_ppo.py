"""PPO: its estimates against naive ones, its training as one pure program."""

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
from projects.rudder.ppo import ppo

pytestmark = pytest.mark.slow


@flax.struct.dataclass
class Walk(environment.EnvState):
  total: jax.Array


class Lever(environment.Environment):
  """Pays 1 for action 1, at each of 6 steps; sees how far it is."""

  num_actions = 2

  @property
  def default_params(self):
    return environment.EnvParams(max_steps_in_episode=6)

  def reset_env(self, key, params):
    return jnp.zeros(1), Walk(time=jnp.int32(0), total=jnp.float32(0))

  def step_env(self, key, state, action, params):
    state = Walk(time=state.time + 1, total=state.total + action)
    observation = jnp.full(1, state.time / 6)
    return observation, state, jnp.float32(action), jnp.bool_(False), {}

  def action_space(self, params=None):
    return spaces.Discrete(2)


def small(variant="ppo,smoke", **values):
  config = cartpole.get_config(variant)
  config.unlock()
  config.update(values)
  return config


@pytest.fixture
def lever(monkeypatch):
  """A config of the lever, found as a user's module would be."""
  module = types.ModuleType("user_lever")
  module.make_env = Lever
  monkeypatch.setitem(sys.modules, "user_lever", module)
  return lambda **values: small(
    **{"env": "user_lever:make_env", "time_limit": 0, **values}
  )


def test_advantages_are_the_sums_of_the_definition():
  rng = np.random.default_rng(0)
  time, envs, gamma, lam = 9, 3, 0.9, 0.8
  reward, value, after = rng.normal(size=(3, time, envs)).astype(np.float32)
  end = rng.random((time, envs)) < 0.3
  terminated = end & (rng.random((time, envs)) < 0.5)
  got = ppo.advantages(reward, value, after, terminated, end, gamma, lam)
  delta = reward + gamma * np.where(terminated, 0, after) - value
  for t in range(time):
    for e in range(envs):
      total, weight = 0.0, 1.0
      for k in range(t, time):
        total += weight * delta[k, e]
        weight *= gamma * lam
        if end[k, e]:
          break
      assert got[t, e] == pytest.approx(total, rel=1e-4, abs=1e-5)


def test_the_clipped_loss():
  config = small()
  logits = jnp.log(jnp.array([[0.5, 0.5], [0.9, 0.1]]))
  batch = ppo.Batch(
    observation=jnp.zeros((2, 1)),
    action=jnp.array([0, 0]),
    log_prob=jnp.log(jnp.array([0.5, 0.5])),
    value=jnp.zeros(2),
    advantage=jnp.array([2.0, 3.0]),
    target=jnp.array([1.0, -1.0]),
  )
  f = lambda logits: ppo.loss(config, logits, jnp.zeros(2), batch, 0.2)
  _, parts = f(logits)
  # Ratios 1 and 1.8, of which 1.2 counts.
  assert parts["policy_loss"] == pytest.approx(-(2 + 1.2 * 3) / 2)
  assert parts["value_loss"] == pytest.approx(0.5)
  slope = jax.grad(lambda logits: f(logits)[1]["policy_loss"])(logits)
  np.testing.assert_allclose(slope[1], 0, atol=1e-7)
  assert slope[0, 0] < 0 < slope[0, 1]


@pytest.mark.parametrize("c_v, c_e", [(0.0, 0.0), (0.5, 0.01), (1.0, 1.0)])
def test_the_whole_loss_in_numpy(c_v, c_e):
  """-L^CLIP + c_v L^VF - c_e S, term by term, on two samples."""
  config = small(value_coefficient=c_v, entropy_coefficient=c_e)
  pi = np.array([[0.5, 0.5], [0.9, 0.1]])
  advantage, target = np.array([2.0, -3.0]), np.array([1.0, -1.0])
  value, old = np.array([0.5, 0.25]), np.array([0.4, 0.2])
  chosen = np.array([0.5, 0.1])  # Ratios 1.25 and 0.5: both beyond the clip.
  batch = ppo.Batch(
    observation=jnp.zeros((2, 1)),
    action=jnp.array([0, 1]),
    log_prob=jnp.log(jnp.array(old)),
    value=jnp.zeros(2),
    advantage=jnp.array(advantage),
    target=jnp.array(target),
  )
  total, _ = ppo.loss(config, jnp.log(pi), jnp.array(value), batch, 0.2)
  ratio = chosen / old
  surrogate = np.minimum(
    ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage
  )
  entropy = -np.sum(pi * np.log(pi), axis=1).mean()
  error = 0.5 * np.mean((value - target) ** 2)
  want = -surrogate.mean() + c_v * error - c_e * entropy
  assert total == pytest.approx(want, rel=1e-5)


def test_advantages_are_standardised():
  got = np.asarray(ppo.standardised(jnp.array([1.0, 2.0, 6.0])))
  np.testing.assert_allclose(
    got, (np.array([1, 2, 6]) - 3) / 14**0.5 * 3**0.5, rtol=1e-5
  )


def test_a_value_moves_no_further_than_the_clip_range():
  config = small(value_clip=True)
  batch = ppo.Batch(
    observation=jnp.zeros((1, 1)),
    action=jnp.array([0]),
    log_prob=jnp.log(jnp.array([0.5])),
    value=jnp.array([0.0]),
    advantage=jnp.array([0.0]),
    target=jnp.array([1.0]),
  )
  f = lambda v: ppo.loss(config, jnp.zeros((1, 2)), v, batch, 0.2)[1]
  slope = jax.grad(lambda v: f(v)["value_loss"])
  assert slope(jnp.array([0.1])) < 0  # Within: on to the target.
  assert slope(jnp.array([0.5])) == 0  # Beyond: no further.


def test_it_learns_the_lever(lever):
  config = lever(batch_size=16, rollout_steps=12, learning_rate=0.02)
  state = ppo.init(jax.random.key(0), config)
  step = jax.jit(ppo.make_train_step(config))
  first = None
  for _ in range(40):
    state, metrics = step(state, None)
    first = first or float(metrics["return"])
  assert 2 < first < 4 and metrics["return"] > 5.5
  # What happens at the end of an episode is not lost, and counted once.
  assert metrics["episodes"] == 2 * 16
  score = ppo.make_evaluate(config)(state, jax.random.key(1))
  assert score["eval_return"] > 5.5


def test_without_restart_episodes_go_on(lever):
  config = lever(restart=False, rollout_steps=4, batch_size=2, minibatches=2)
  state = ppo.init(jax.random.key(0), config)
  step = jax.jit(ppo.make_train_step(config))
  times = []
  for _ in range(3):
    state, _ = step(state, None)
    times.append(int(state.environment.within.time[0]))
  assert times == [4, 2, 0]  # Of 6 steps each.


def test_numbers_that_do_not_fit_are_one_sentence(lever):
  with pytest.raises(InputError, match="can have 6 steps, more than"):
    ppo.init(jax.random.key(0), lever(rollout_steps=4))
  with pytest.raises(
    InputError, match="96 samples of the config cannot be cut"
  ):
    ppo.init(jax.random.key(0), lever(minibatches=7))
