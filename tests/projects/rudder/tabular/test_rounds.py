"""RUDDER with a table: its parts on known cases, and that it learns."""

import importlib

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from projects.rudder import lessons_buffer
from projects.rudder.tabular import (
  delayed_mdp,
  environments,
  grids,
  model,
  rudder,
  td_learning,
  train,
)

pytestmark = pytest.mark.slow


def config_of(name="charge_discharge", **changes):
  module = importlib.import_module(f"configs.rudder.{name}")
  config = module.get_config("smoke")
  config.unlock()
  config.update(changes)
  return config


ENV = environments.ChargeDischarge(6)
PARAMS = ENV.params_of_delay(4)


@pytest.fixture(scope="module")
def played():
  q = jnp.zeros((ENV.table_size, ENV.num_actions))
  one = jax.jit(lambda key: rudder.play(ENV, PARAMS, q, key, 0.5))
  return one(jax.random.key(0))


def test_a_lesson_is_the_episode_in_differences(played):
  lesson, episode = played
  steps = int(episode.inside.sum())
  assert steps == PARAMS.max_steps_in_episode == 5
  assert lesson.inputs.shape == (8, ENV.features + ENV.num_actions)
  assert int(lesson.mask.sum()) == steps + 1
  states = jnp.cumsum(lesson.inputs[:, : ENV.features], axis=0)
  actions = lesson.inputs[:, ENV.features :]
  np.testing.assert_array_equal(
    jnp.argmax(actions[:steps], 1), episode.actions[:steps]
  )
  np.testing.assert_array_equal(actions[steps:], 0)
  # Charged is what the last action has left, and time goes on.
  np.testing.assert_allclose(
    states[1 : steps + 1, 0], episode.actions[:steps] == 0, atol=1e-6
  )
  np.testing.assert_allclose(
    states[: steps + 1, -1], np.arange(steps + 1) / steps, atol=1e-6
  )
  np.testing.assert_allclose(lesson.returns, jnp.sum(episode.rewards))


PLAYERS = {
  "rudder": lambda *given: rudder.play(*given)[1],
  "rivals": td_learning.play,
}


@pytest.mark.parametrize("play", PLAYERS.values(), ids=PLAYERS)
def test_play_explores_at_random_and_tosses_for_equal_values(play):
  env = grids.TraceBack(3)
  params = env.params_of_delay(3)
  row = int(env.start_rows(params)[0])
  q = jnp.zeros((env.table_size, 4)).at[row].set(jnp.array([1.0, 2, 0, 2]))

  @jax.jit
  def firsts(epsilon):
    first = lambda key: play(env, params, q, key, epsilon).actions[0]
    return jax.vmap(first)(jax.random.split(jax.random.key(0), 4000))

  for epsilon, want in ((0.4, [0.1, 0.4, 0.1, 0.4]), (0.0, [0, 0.5, 0, 0.5])):
    share = np.bincount(np.asarray(firsts(epsilon)), minlength=4) / 4000
    np.testing.assert_allclose(share, want, atol=0.04)


def test_the_reward_model_begins_as_the_authors_does():
  """Read-out as PyTorch's, biases by N(mean, 1)."""
  features = 2000
  config = config_of(
    lstm_features=features, lstm_forget_gate=True, lstm_output_gate=True
  )
  config.lstm_gates = "forward"  # Without the square of features.
  begin, _ = model.predictor(config, 3)
  weights = jax.device_get(jax.jit(begin)(jax.random.key(0)))
  means = {"cell_input": 0, "input_gate": -3, "forget_gate": 1}
  for name, mean in {**means, "output_gate": 0}.items():
    bias = weights["lstm"][f"{name}_bias"]
    assert bias.mean() == pytest.approx(mean, abs=0.1)
    assert bias.std() == pytest.approx(1, abs=0.1)
  kernel = weights["out"]["kernel"]
  bound = features**-0.5
  assert np.abs(kernel).max() == pytest.approx(bound, rel=0.01)
  assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.05)


@pytest.mark.parametrize("contribution", rudder.CONTRIBUTIONS)
def test_redistributed_rewards_belong_to_steps_and_keep_the_return(
  played, contribution
):
  lesson, _ = played
  config = config_of(contribution=contribution, integration_points=100)
  weight = jax.random.normal(jax.random.key(1), lesson.inputs.shape[1:])
  predict = lambda x: jnp.cumsum(jnp.tanh(x @ weight))
  run = jax.jit(lambda lesson: rudder.redistribute(predict, lesson, config))
  reward = run(lesson)
  np.testing.assert_allclose(jnp.sum(reward), lesson.returns, rtol=1e-5)
  np.testing.assert_array_equal(reward[5:], 0)
  # Each step's contribution is its own here, and the end's is the last one's.
  own = np.tanh(np.asarray(lesson.inputs @ weight))[:6]
  expected = np.append(own[:4], own[4] + own[5])
  expected += (float(lesson.returns) - own.sum()) / 5
  np.testing.assert_allclose(reward[:5], expected, atol=2e-3)


@pytest.mark.parametrize("estimate", rudder.ESTIMATES)
def test_learning_goes_to_the_targets(played, estimate):
  _, episode = played
  config = config_of(q_estimate=estimate, kappa_trace=1.0)
  q = jnp.zeros((ENV.table_size, ENV.num_actions))
  reward = jnp.where(episode.inside, jnp.arange(7.0), 0.0)
  q, kappa = jax.jit(
    lambda q, reward: rudder.learn_table(q, q, episode, reward, 1.0, config)
  )(q, reward)
  place = (episode.rows, episode.actions)
  later = np.array([10, 9, 7, 4, 0])  # Sums of the rewards after the next.
  expected = np.arange(5.0)
  if estimate == "traces":
    expected += later
    np.testing.assert_allclose(kappa[place][:5], later, atol=1e-5)
  elif estimate == "q_lambda":  # From a table of zeros, whose actions all tie.
    for t in reversed(range(4)):
      expected[t] += config.trace * expected[t + 1]
  np.testing.assert_allclose(q[place][:5], expected, atol=1e-5)


def test_constant_returns_leave_nothing_to_learn(played):
  lesson, _ = played
  config = config_of(warmup_episodes=2)
  state = jax.eval_shape(lambda key: train.init(key, config), jax.random.key(0))

  def is_ready(returns):
    buffer = lessons_buffer.create(4, lesson)
    for r in returns:
      buffer = lessons_buffer.push(
        buffer, lesson.replace(returns=jnp.float32(r))
      )
    return bool(rudder.ready(state.memory.replace(lessons=buffer), config))

  assert not is_ready([5.0, 5.0, 5.0])
  assert is_ready([5.0, 5.0, 4.0])
  assert not is_ready([5.0, 4.0])  # Two are not more than two.
  assert not is_ready([4.0, 5.0, 5.0, 5.0, 5.0])  # The oldest is forgotten.


class Unfinished(delayed_mdp.DelayedMDP):
  """A task of a user's own: nothing is said to happen."""

  Params = environments.ChargeParams
  places = (("time", 1),)


class Changes(environments.ChargeDischarge):
  """Its count of tens is a float after a step."""

  def outcomes(self, state, action, params):
    after = super().outcomes(state, action, params)
    return after._replace(state=after.state.replace(count=jnp.ones(1)))


class Scalars(environments.ChargeDischarge):
  """What is seen is no vector."""

  def seen(self, state):
    return (state.count,)


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    (dict(delay=0), "config.delay is 0: nothing would be delayed"),
    (dict(env="projects.rudder.tabular.grids:Grid"), "cannot be made"),
    (dict(env="nowhere:DelayedMDP"), "cannot be made"),
    (dict(env=f"{__name__}:Unfinished"), "DelayedMDP: .*no attribute 'seen'"),
    (
      dict(env=f"{__name__}:Changes"),
      r"state\)\[1\].count is .*int32.*float32",
    ),
    (dict(env=f"{__name__}:Scalars"), "DelayedMDP: Zero-dim"),
    (dict(env="common.keys:named"), "is no task with a table"),
    (dict(q_estimate="direkt"), "did you mean 'direct'"),
    (dict(contribution="difference"), "did you mean 'differences'"),
    (dict(shaping="reward"), "config.learner='rudder' does not use"),
    (dict(judged_by="greed"), "did you mean 'greedy'"),
    (dict(lstm_gates="forwards"), "did you mean 'forward'"),
  ],
)
def test_bad_input_is_one_sentence(changes, says):
  with pytest.raises(InputError, match=says):
    jax.eval_shape(
      lambda key: train.init(key, config_of(**changes)), jax.random.key(0)
    )


def test_code_of_ones_own_that_fails_is_one_sentence(tmp_path, monkeypatch):
  (tmp_path / "user_task.py").write_text("raise RuntimeError('a\\nb')")
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(InputError, match=r"Task' cannot be made: a$"):
    delayed_mdp.of_config(config_of(env="user_task:Task"))


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
  got = rudder.kappa_targets(
    jnp.asarray(reward), jnp.asarray(kappa), mask, trace
  )
  np.testing.assert_allclose(got, expected, atol=1e-6)
  if trace == 1:  # Direct plus all that is to come: Monte Carlo.
    rest = np.cumsum((reward * mask)[::-1])[::-1]
    np.testing.assert_allclose(
      (reward + got)[:length], rest[:length], atol=1e-5
    )
