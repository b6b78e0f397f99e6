"""Tabular learners: against traces step by step, and whether they learn."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from configs.rudder import charge_discharge
from projects.rudder.tabular import (
  dynamic_programming,
  environments,
  grids,
  judge,
  rounds,
  shaping,
  td_learning,
)

pytestmark = pytest.mark.slow

ENV = environments.ChargeDischarge(3)
DELAY = 3


def numbers(**changed):
  config = charge_discharge.get_config("smoke").unlock()
  config.q_rate, config.q_start, config.trace = 0.1, 0.0, 0.9
  config.epsilon, config.time_in_table = 0.2, True
  config.max_episodes, config.check_every = 3000, 10
  config.judged_by = "greedy"
  config.solved_window, config.solved_share = 3, 0.99
  config.solved_regret = 0.0
  config.shaping, config.potential = "none", "value"
  config.update(changed)
  return config


def episode_of(seed, epsilon=0.5):
  q = (
    jax.random.normal(jax.random.key(9), (ENV.table_size, ENV.num_actions))
    .at[::5]
    .set(0.3)
  )  # Some of equal value.
  params = ENV.params_of_delay(DELAY)
  key = jax.random.key(seed)
  return q, td_learning.play(ENV, params, q, key, epsilon)


def traces(q, episode, method, trace, rate):
  """Q after the episode, by eligibility traces, one step after the other."""
  q = np.array(q, np.float64)
  trace_of = np.zeros_like(q)
  rows, actions = np.asarray(episode.rows), np.asarray(episode.actions)
  rewards = np.asarray(episode.rewards, np.float64)
  steps = int(episode.inside.sum())
  for t in range(steps):
    row, action = rows[t], actions[t]
    if method == "q_lambda" and q[row, action] < q[row].max():
      trace_of[:] = 0  # Watkins: the past is no result of the greedy policy.
    delta = rewards[t] - q[row, action]
    if t + 1 < steps:
      after = q[rows[t + 1]]
      delta += after.max() if method == "q_lambda" else after[actions[t + 1]]
    trace_of[row, action] = 1
    q += rate * delta * trace_of
    trace_of *= trace
  return q


@pytest.mark.parametrize("method", td_learning.METHODS)
def test_targets_against_traces_step_by_step(method):
  trace = 1.0 if method == "monte_carlo" else 0.7

  @jax.jit
  def ours(seed):
    q, episode = episode_of(seed)
    target = td_learning.targets(episode, td_learning.METHODS[method], trace)
    return q, episode, td_learning.learn(q, episode, target, 0.1)

  for seed in range(5):
    q, episode, learnt = ours(seed)
    np.testing.assert_allclose(
      learnt, traces(q, episode, method, trace, 0.1), atol=1e-5
    )
    assert np.abs(learnt - q).max() > 0.01


@pytest.mark.parametrize(
  "method, kind",
  [("q_lambda", "reward"), ("sarsa_lambda", "none"), ("monte_carlo", "none")],
)
def test_a_round_is_its_episodes_by_traces(method, kind):
  """Three episodes, played, shaped and each learnt from, one by one."""
  config = numbers(
    learner=method,
    trace=0.7,
    shaping=kind,
    check_every=3,
    q_rate=0.3,
    judged_by="decisions",
    solved_window=2,
    count_window=kind == "none",
    solved_regret=1e9,
  )
  params = ENV.params_of_delay(DELAY)
  learner = td_learning.make(ENV, params, config)
  optimum = jnp.zeros((ENV.max_steps, ENV.states_per_time, ENV.num_actions))
  step = jax.jit(rounds.make_round(ENV, params, optimum, config, learner))
  play = jax.jit(learner.play)
  state = rounds.init(jax.random.key(4), ENV, config, learner)
  q = jax.random.normal(jax.random.key(5), state.q.shape)
  state = state.replace(step=jnp.int32(2), q=q)
  after, metrics = step(state)

  trace, total = {"monte_carlo": 1.0}.get(method, 0.7), 0.0
  for number in (6, 7, 8):
    _, episode = play(state.replace(q=q), jnp.int32(number))
    total += float(episode.rewards.sum()) / 3
    if kind == "reward":
      phi, _ = shaping.potentials(ENV, params, config.potential)
      phi = np.where(episode.inside, phi[episode.rows], 0.0)
      extra = np.append(phi[1:], 0.0) - phi
      episode = episode.replace(rewards=episode.rewards + extra)
    q = jnp.float32(traces(q, episode, method, trace, 0.3))
  np.testing.assert_allclose(after.q, q, atol=1e-4)
  assert metrics["return"] == pytest.approx(total, rel=1e-5)
  # Whatever is played is good enough here; from then on nothing is learnt.
  # The last two had to be so: without them, 7 episodes were needed.
  solved_at = 9 if config.count_window else 7
  assert int(after.step) == 3 and int(after.solved_at) == solved_at
  again, _ = step(after)
  np.testing.assert_array_equal(again.q, after.q)
  assert int(again.solved_at) == solved_at
  config.judged_by = "greedy"  # Looks once a round, of three episodes.
  assert judge.confirming(config) == (0 if config.count_window else 6)


def test_monte_carlo_targets_are_the_returns():
  _, episode = jax.jit(episode_of)(0)
  rewards = np.asarray(episode.rewards)
  np.testing.assert_allclose(
    td_learning.targets(episode, td_learning.monte_carlo, 0.5),
    np.cumsum(rewards[::-1])[::-1],
    rtol=1e-6,
  )


@pytest.mark.parametrize(
  "env, delay", [(environments.Choice(4), 3), (environments.WatchRepair(5), 4)]
)
def test_where_nothing_can_be_chosen_the_last_action_is_taken(env, delay):
  params = env.params_of_delay(delay)
  q = jnp.zeros((env.table_size, 2)).at[:, 0].set(1.0)
  episode = jax.jit(
    lambda: td_learning.play(env, params, q, jax.random.key(0), 0.5)
  )()
  assert episode.inside.tolist() == [True] * 4 + [False]
  assert episode.actions[1:4].tolist() == [1, 1, 1]
  assert np.isneginf(episode.values[1:4, 0]).all()
  # And targets look at the offered one only: Q(s', last) = 0.
  target = td_learning.targets(episode, td_learning.q_lambda, 0.0)
  np.testing.assert_allclose(target, episode.rewards)


@pytest.mark.parametrize("known_time", [True, False])
def test_the_greedy_share_of_known_policies(known_time):
  env = environments.ChargeDischarge(5)
  params = env.params_of_delay(5)
  q = dynamic_programming.q_values(env, params)

  @jax.jit
  def share(table):
    return judge.greedy_share(env, params, table, q)

  rows = env.table_size if known_time else env.states_per_time
  alternate = jnp.tile(jnp.array([[1.0, 0.0], [0.0, 1.0]]), (rows // 2, 1))
  assert float(share(alternate)) == pytest.approx(1)
  # Ties are no knowledge: of equal actions the worst one at each step.
  assert float(share(jnp.zeros((rows, 2)))) < 0.1
  discharge = jnp.zeros((rows, 2)).at[:, 1].set(1.0)
  assert float(share(discharge)) == pytest.approx(6 / 30)


def test_starts_that_are_worth_nothing_count_by_what_they_lose():
  """Of the watches two are worth 3.5 and two, best declined, 0."""
  env = environments.WatchRepair(3)
  params = env.params_of_delay(3)
  rows = jnp.arange(env.table_size)

  @jax.jit
  def shares():
    q = dynamic_programming.q_values(env, params)
    repairs = jnp.stack([rows < env.states_per_time, rows < 0], 1)
    tables = (repairs, ~repairs, q.reshape(-1, 2))
    return [judge.greedy_share(env, params, 1.0 * table, q) for table in tables]

  np.testing.assert_allclose(shares(), [4 / 7, 0, 1], atol=1e-5)


def test_shaped_rewards_telescope():
  rewards = jnp.array([1.0, 0, 2, 0, 9, 9])
  potential = jnp.array([3.0, 1, 4, 1, 7, 7])
  inside = jnp.array([True] * 4 + [False] * 2)
  ahead = rewards + shaping.ahead(potential, inside)
  np.testing.assert_allclose(ahead, [1 - 2, 3, 2 - 3, -1, 9, 9])
  back = rewards + shaping.behind(potential, inside)
  np.testing.assert_allclose(back, [1 + 3, -2, 2 + 3, -3, 9, 9])


def test_potentials_of_tracing_back():
  env = grids.TraceBack(4)
  params = env.params_of_delay(4)
  start = int(env.start_rows(params)[0])
  find = lambda name: jax.device_get(
    jax.jit(lambda: shaping.potentials(env, params, name))()
  )
  phi, advice = find("moves")
  assert phi[start] == 0 and advice[start].tolist() == [50, 0, 0, 0]
  phi, advice = find("distance")
  assert phi[start] == -2 and advice[start].tolist() == [-1, -1, -3, -3]
  phi, advice = find("value")
  assert phi[start] == 100 and advice[start].tolist() == [100, 0, 0, 0]
  # What is owed is part of a state's value and of its actions' alike.
  phi, advice = shaping.potentials(ENV, ENV.params_of_delay(DELAY), "value")
  np.testing.assert_allclose(phi, advice.max(1))
  with pytest.raises(InputError, match="has not: use 'value'"):
    shaping.potentials(ENV, ENV.params_of_delay(3), "moves")


def test_shaping_is_a_table_that_starts_at_the_potential():
  """Wiewiora's theorem: with -phi(s) on top, the tables are the same."""
  params = ENV.params_of_delay(DELAY)
  phi = jax.jit(lambda: shaping.potentials(ENV, params, "value")[0])()
  q = np.array(jax.jit(lambda: episode_of(0)[0])())
  q[: len(phi)] = 0
  shifted = q.copy()
  shifted[: len(phi)] += np.asarray(phi)[:, None]
  assert np.abs(phi).max() > 1

  @jax.jit
  def both(q, shifted, key):
    one = td_learning.play(ENV, params, q, key, 0.5)
    two = td_learning.play(ENV, params, shifted, key, 0.5)
    extra = shaping.ahead(phi[one.rows], one.inside)
    one = one.replace(rewards=one.rewards + extra)
    q, shifted = (
      td_learning.learn(
        q, of, td_learning.targets(of, td_learning.q_lambda, 0.7), 0.3
      )
      for q, of in ((q, one), (shifted, two))
    )
    return q, shifted, one.actions, two.actions

  for seed in range(5):
    q, shifted, one, two = both(q, shifted, jax.random.key(seed))
    assert one.tolist() == two.tolist()
    rows = slice(0, len(phi))
    q, shifted = np.asarray(q), np.asarray(shifted)
    np.testing.assert_allclose(
      q[rows] + np.asarray(phi)[:, None], shifted[rows], atol=1e-4
    )


def test_advice_is_given_to_the_table_or_to_the_rewards():
  """Look-ahead adds Phi to Q once; look-back adds its changes to rewards."""
  params = ENV.params_of_delay(DELAY)
  q, played = jax.device_get(jax.jit(episode_of)(0))

  @jax.jit
  def both(q, played):
    _, advice = shaping.potentials(ENV, params, "value")
    kinds = [
      shaping.make(ENV, params, numbers(shaping=kind, potential="value"))
      for kind in ("look_ahead", "look_back")
    ]
    return advice, [(advise(q), shape(played)) for advise, shape in kinds]

  advice, (ahead, back) = jax.device_get(both(q, played))
  assert np.abs(advice).max() > 1
  added = ahead[0] - q
  np.testing.assert_allclose(added[: len(advice)], advice, atol=1e-5)
  assert not added[len(advice) :].any()
  np.testing.assert_array_equal(ahead[1], played.rewards)
  np.testing.assert_array_equal(back[0], q)
  n = int(played.inside.sum())
  phi = advice[played.rows[:n], played.actions[:n]]
  extra = (back[1] - played.rewards)[:n]
  np.testing.assert_allclose(extra, np.diff(phi, prepend=0), atol=1e-5)
