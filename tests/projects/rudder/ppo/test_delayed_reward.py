"""The delay wrapper, and environments of a user's own."""

from typing import NamedTuple

import flax.struct
import gymnax
import jax
import ml_collections
import numpy as np
import pytest
from gymnax.environments import environment, spaces
from jax import numpy as jnp

from common.errors import InputError
from projects.rudder.ppo import delayed_reward, reward_noise

pytestmark = pytest.mark.slow


@flax.struct.dataclass
class Count(environment.EnvState):
  total: jax.Array


class Corridor(environment.Environment):
  """Pays the action at every step; ends at a sum of 5, or after the limit."""

  num_actions = 3

  @property
  def default_params(self):
    return environment.EnvParams(max_steps_in_episode=4)

  def reset_env(self, key, params):
    state = Count(time=jnp.int32(0), total=jnp.int32(0))
    return jnp.zeros(1), state

  def step_env(self, key, state, action, params):
    state = Count(time=state.time + 1, total=state.total + action)
    observation = jnp.full(1, state.total, jnp.float32)
    return observation, state, jnp.float32(action), state.total >= 5, {}

  def action_space(self, params=None):
    return spaces.Discrete(3)


def follow(env, params, actions):
  """Rewards, terminated, truncated, undelayed rewards of a walk."""
  step = jax.jit(env.step)
  _, state = env.reset(jax.random.key(0), params)
  seen = []
  for i, action in enumerate(actions):
    key = jax.random.fold_in(jax.random.key(1), i)
    _, state, *rest, info = step(key, state, jnp.int32(action), params)
    seen.append([*map(float, rest), float(info.get("undelayed", 0))])
  return np.array(seen).T


def test_the_sum_is_paid_at_termination_and_at_truncation():
  env = Corridor()
  delayed = delayed_reward.Delayed(env)
  reward, end, truncated, undelayed = follow(
    delayed, env.default_params, [2, 1, 2, 0, 1, 2, 0]
  )
  # Terminated by a sum of 5 after three steps, cut after four more.
  np.testing.assert_array_equal(undelayed, [2, 1, 2, 0, 1, 2, 0])
  np.testing.assert_array_equal(reward, [0, 0, 5, 0, 0, 0, 3])
  np.testing.assert_array_equal(end, [0, 0, 1, 0, 0, 0, 1])
  np.testing.assert_array_equal(truncated, [0, 0, 0, 0, 0, 0, 1])


def test_a_reward_that_is_delayed_already_stays():
  env = Corridor()
  once, twice = (
    delayed_reward.Delayed(env),
    delayed_reward.Delayed(delayed_reward.Delayed(env)),
  )
  walk = [2, 1, 2, 0, 1, 2, 0]
  np.testing.assert_array_equal(
    follow(once, env.default_params, walk)[:3],
    follow(twice, env.default_params, walk)[:3],
  )


def test_vmapped_and_scanned_it_pays_what_the_environment_earns():
  env, params = gymnax.make("SpaceInvaders-MinAtar")
  params = params.replace(max_steps_in_episode=30)
  delayed = delayed_reward.Delayed(env)

  def play(key):
    _, state = delayed.reset(key, params)

    def once(state, key):
      action = jax.random.randint(key, (), 0, env.num_actions)
      _, state, reward, end, _, info = delayed.step(key, state, action, params)
      return state, (reward, end, info["undelayed"])

    return jax.lax.scan(once, state, jax.random.split(key, 60))[1]

  keys = jax.random.split(jax.random.key(0), 4)
  played = jax.jit(jax.vmap(play))(keys)
  reward, end, undelayed = jax.device_get(played)
  assert np.all(reward[~end] == 0)
  for r, e, u in zip(reward, end, undelayed, strict=True):
    last = np.flatnonzero(e)[-1]
    assert np.sum(r) == np.sum(u[: last + 1]) > 0


def test_names():
  env, params = delayed_reward.make_env("Acrobot-v1")
  assert env.num_actions == 3 and delayed_reward.episode_steps(params) == 500
  with pytest.raises(InputError, match="did you mean 'Breakout-MinAtar'"):
    delayed_reward.make_env("Breakout-Minatar")
  with pytest.raises(InputError, match="cannot be made: No module"):
    delayed_reward.make_env("no_such_module:make_env")


def config(name, **values):
  base = {"env": name, "delayed": True, "reward_noise": 0.0, "time_limit": 0}
  return ml_collections.ConfigDict({**base, **values})


def test_an_environment_of_ones_own(user):
  _, params = delayed_reward.make(config(user(Corridor), time_limit=3))
  assert params.max_steps_in_episode == 3
  own = environment.EnvParams(max_steps_in_episode=7)
  env, params = delayed_reward.make(config(user(lambda: (Corridor(), own))))
  assert params.max_steps_in_episode == 7 and isinstance(
    env, delayed_reward.Delayed
  )


class FiveValues(Corridor):
  def step(self, key, state, action, params=None):
    return super().step(key, state, action, params)[:5]


class Grows(Corridor):
  def step_env(self, key, state, action, params):
    _, *rest = super().step_env(key, state, action, params)
    return jnp.zeros(2), *rest

  def step(self, key, state, action, params=None):
    went = self.step_env(key, state, action, params)
    return *went[:4], jnp.bool_(False), {}


class Whole(Corridor):
  def step_env(self, key, state, action, params):
    observation, state, _, *rest = super().step_env(key, state, action, params)
    return observation, state, jnp.int32(action), *rest


class Branches(Corridor):
  def step_env(self, key, state, action, params):
    if action > 1:
      action = 0
    return super().step_env(key, state, action, params)


class Half(Corridor):
  num_actions = 1.5
  action_space = environment.Environment.action_space


class Forces(Corridor):
  def action_space(self, params=None):
    return spaces.Box(-1.0, 1.0, (1,))


class WrongBox(Corridor):
  def action_space(self, params=None):
    return spaces.Box(1)


class Inherits(Corridor):  # Says 3, as what it is derived from.
  def action_space(self, params=None):
    return spaces.Discrete(4)


class OneAction(Corridor):
  num_actions = 1

  def action_space(self, params=None):
    return spaces.Discrete(1)


class Blind(Corridor):
  def reset_env(self, key, params):
    return jnp.zeros((2, 0)), super().reset_env(key, params)[1]


class NoTree:
  max_steps_in_episode = 4


class Pair(NamedTuple):
  max_steps_in_episode: int = 4
  bonus: float = 0.0


def raises():
  raise RuntimeError("no license\nsecond line")


@pytest.mark.parametrize(
  "make, message",
  [
    (FiveValues, "must return 6 values .* not 5"),
    (Grows, r"observation has a part float32\[1\] .* float32\[2\] after step"),
    (Whole, r"the reward must be a floating scalar, not int32\[\]"),
    (Branches, "step cannot be traced by JAX"),
    (Half, "num_actions is 1.5"),
    (Forces, r"action space Box\(.*finitely many actions"),
    (WrongBox, "action_space ends in TypeError: .*missing"),
    (Inherits, r"Discrete\(4, .* num_actions, perhaps inherited, is 3"),
    (OneAction, "from 2 on"),
    (Blind, "and not an empty one"),
    (raises, "cannot be made: no license"),
    (lambda: (Corridor(), 1, 2), "cannot be made: .*an environment and its"),
    (lambda: (Corridor(), NoTree()), r"parameters apart \(NoTree\)"),
    (lambda: 3, "cannot be made"),
  ],
)
def test_a_broken_contract_is_one_sentence(user, make, message):
  with pytest.raises(InputError, match=message) as error:
    delayed_reward.make_env(user(make))
  assert "\n" not in str(error.value)


def test_continuous_actions_of_gymnax_are_one_sentence():
  for name in ("Pendulum-v1", "MountainCarContinuous-v0"):
    with pytest.raises(InputError, match=f"{name} has the action space Box"):
      delayed_reward.make_env(name)


def test_parameters_and_counts_of_many_kinds(user):
  class Counted(Corridor):
    num_actions = np.int64(3)
    action_space = environment.Environment.action_space

  name = user(lambda: (Counted(), Pair()))
  env, params = delayed_reward.make(config(name, time_limit=3))
  assert params == Pair(3) and delayed_reward.episode_steps(params) == 3
  assert delayed_reward.action_count(env, params) == 3


def test_without_an_end_nothing_would_be_paid(user):
  class Endless(Corridor):
    def is_truncated(self, state, params):
      return jnp.bool_(False)

  name = user(lambda: (Endless(), 0))
  delayed_reward.make(config(name, delayed=False))
  with pytest.raises(InputError, match="may never end"):
    delayed_reward.make(config(name))
  with pytest.raises(InputError, match="no parameter max_steps_in_episode"):
    delayed_reward.make(config(name, time_limit=5))


def test_a_nan_reward_makes_the_payment_nan():
  class Broken(Corridor):
    def step_env(self, key, state, action, params):
      observation, state, reward, *rest = super().step_env(
        key, state, action, params
      )
      return observation, state, reward / (2.0 - reward) * 0.0, *rest

  env = Broken()
  reward, *_ = follow(
    delayed_reward.Delayed(env), env.default_params, [2, 1, 2]
  )
  assert np.isnan(reward[-1]) and not np.isnan(reward[:-1]).any()


def test_noise_is_paid_and_seen_and_no_merit():
  """Events of 5 or -5 that the observation counts, anew in every episode."""
  env = Corridor()
  noisy = reward_noise.NoisyReward(env, 5.0)
  walk = [2, 1, 2, 0, 1, 2, 0]
  params = env.default_params
  observation, state = noisy.reset(jax.random.key(0), params)
  np.testing.assert_array_equal(observation, [0, 0])
  step = jax.jit(noisy.step)
  count, events = 0, []
  for i, action in enumerate(walk):
    key = jax.random.fold_in(jax.random.key(1), i)
    observation, state, reward, end, cut, info = step(
      key, state, jnp.int32(action), params
    )
    assert float(info["undelayed"]) == action
    events.append((float(reward) - action) / 5)
    count += events[-1]
    last = info["final_observation"]
    assert float(last[-1]) == pytest.approx(reward_noise.UNIT * count)
    count = 0 if end or cut else count
    assert float(observation[-1]) == pytest.approx(reward_noise.UNIT * count)
    assert (end or cut) == (i in (2, 6))
  assert set(events) == {-1, 1}  # For this key there are both.
  delayed = delayed_reward.Delayed(noisy)
  reward, _, _, undelayed = follow(delayed, params, walk)
  np.testing.assert_array_equal(undelayed, walk)
  paid = 5 * np.add.reduceat(events, [0, 3]) + [5, 3]
  np.testing.assert_allclose(reward[[2, 6]], paid)
  made, _ = delayed_reward.make(config("CartPole-v1", reward_noise=2.0))
  assert (type(made.env), made.env.size) == (reward_noise.NoisyReward, 2.0)
