"""The five tasks: what is paid and when, tables and back."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from projects.rudder.tabular import environments, episode_figure, grids

pytestmark = pytest.mark.slow

TASKS = {
  "watch_repair": lambda: environments.WatchRepair(6),
  "choice": lambda: environments.Choice(6),
  "charge_discharge": lambda: environments.ChargeDischarge(6),
  "grid_world": lambda: grids.GridWorld(4),
  "along_the_way": lambda: grids.GridWorld(4, along_the_way=True),
  "trace_back": lambda: grids.TraceBack(6),
}


FEATURES = {
  environments.WatchRepair: 8,
  environments.Choice: 5,
  environments.ChargeDischarge: 3,
  grids.GridWorld: 64,
  grids.TraceBack: 33,
}


def rollout(env, params, actions, key):
  """Rewards, earnings, rows, observations, ends of one episode."""

  def step(state, inputs):
    action, key = inputs
    obs, state, reward, done, info = env.advance(
      env.randomness(key), state, action, params
    )
    row = env.state_index(state, params)
    return state, (reward, info["earned"], row, obs, done)

  _, state = env.reset_env(key, params)
  keys = jax.random.split(key, len(actions))
  return jax.lax.scan(step, state, (actions, keys))[1]


DELAYS = np.array([2, 3, 4, 4], np.int32)
DELAYED = np.array([True, True, True, False])


@pytest.fixture(params=TASKS, scope="module")
def played(request):
  """A task, and 64 random episodes for each of `DELAYS`, by one program."""
  env = TASKS[request.param]()

  def play(delay, delayed, key):
    params = env.params_of_delay(delay).replace(delayed=delayed)
    actions = jax.random.randint(key, (env.max_steps,), 0, env.num_actions)
    parts = rollout(env, params, actions, key)
    return params.max_steps_in_episode, parts

  play = jax.vmap(jax.vmap(play, (None, None, 0)), (0, 0, None))
  keys = jax.random.split(jax.random.key(1), 64)
  steps, parts = jax.device_get(jax.jit(play)(DELAYS, DELAYED, keys))
  episodes = [
    [part[i, :, :n] for part in parts]
    for i, n in enumerate(steps[:, 0].tolist())
  ]
  return env, episodes


def test_what_is_earned_is_paid_and_the_rest_of_it_last(played):
  _, episodes = played
  for delayed, (paid, earned, _, _, _) in zip(DELAYED, episodes, strict=True):
    np.testing.assert_allclose(paid.sum(1), earned.sum(1), atol=1e-4)
    if not delayed:
      np.testing.assert_allclose(paid, earned, atol=1e-4)

  assert np.ptp(episodes[3][1].sum(1)) > 0


def test_one_program_serves_every_delay(played):
  env, episodes = played
  lengths = [done.shape[1] for *_, done in episodes]
  assert lengths[0] < lengths[1] < lengths[2] == lengths[3] <= env.max_steps
  for _, _, _, obs, done in episodes:
    assert obs.shape[2] == env.features
    assert env.features == FEATURES[type(env)]
    assert done[:, -1].all() and not done[:, :-1].any()
    np.testing.assert_allclose(obs[:, -1, -1], 1)  # The clock.


@pytest.mark.parametrize(
  "env",
  [
    environments.WatchRepair(6),
    environments.Choice(6, reward_noise=0.0),
    environments.ChargeDischarge(6),
    grids.TraceBack(6),
  ],
  ids=lambda env: env.name,
)
def test_what_a_row_owes_is_what_was_earned_and_not_yet_paid(env):
  params = env.params_of_delay(6)

  @jax.jit
  def play(key):
    # Half of the watches are repaired, of the moves a third count.
    actions = jax.random.randint(key, (6,), 0, 2)
    paid, earned, rows, *_ = rollout(env, params, actions, key)
    states = jax.vmap(env.state_at, (0, None))(rows, params)
    owed = jnp.broadcast_to(states.owed, paid.shape)
    return owed, jnp.cumsum(earned - paid)

  owed, expected = jax.device_get(
    jax.vmap(play)(jax.random.split(jax.random.key(2), 64))
  )
  assert np.ptp(owed[:, :5]) >= 5
  np.testing.assert_allclose(owed[:, :5], expected[:, :5], atol=1e-4)


def test_rows_of_the_table_and_back(played):
  env, episodes = played
  params = env.params_of_delay(4)
  rows = jnp.arange(env.table_size)

  def back(row):
    state = env.state_at(row, params)
    chances = env.outcomes(state, 0, params).probability
    return env.state_index(state, params), chances.sum()

  again, chances = jax.jit(jax.vmap(back))(rows)
  np.testing.assert_array_equal(again, rows)
  np.testing.assert_allclose(chances, 1, atol=1e-6)
  for _, _, reached, _, _ in episodes:
    times = reached // env.states_per_time
    due = np.arange(1, times.shape[1] + 1)[None]
    np.testing.assert_array_equal(times, np.broadcast_to(due, times.shape))


def player(env):
  """`play(params, actions)` of one episode, compiled once."""
  play = jax.jit(lambda p, a: rollout(env, p, a, jax.random.key(0)))
  return lambda params, actions: jax.device_get(play(params, np.array(actions)))


def test_watches_repaired_and_declined():
  env = environments.WatchRepair(50)
  run = jax.jit(
    jax.vmap(
      lambda action, key: rollout(
        env, env.default_params, jnp.full(50, action), key
      ),
      (None, 0),
    )
  )
  keys = jax.random.split(jax.random.key(0), 4000)
  paid, _, _, obs, _ = jax.device_get(run(0, keys))
  brands = obs[:, 0, 3:7].argmax(1)
  assert set(brands) == {0, 1, 2, 3}
  profits = [paid.sum(1)[brands == brand] for brand in range(4)]
  for profit, expected in zip(profits, (-1.5, 3.5, 3.5, -1.5), strict=True):
    assert abs(profit.mean() - expected) < 4 * profit.std() / len(profit) ** 0.5
  # Between the repair and the sale nothing is paid.
  assert not paid[:, 1:-1].any()
  costs = [-paid[brands == brand, 0] for brand in range(4)]
  np.testing.assert_allclose(
    [c.mean() for c in costs], (1, 4, 5, 24.5), atol=0.3
  )
  np.testing.assert_allclose([c.std() for c in costs], (2, 2, 2, 1), atol=0.2)
  # The price, less what the way has cost, less a delivery that varies by 1.5.
  sale = paid[:, -1] + obs[:, -1, 1] * 0.1 + obs[:, -1, 2] * 7.0
  sales = [sale[brands == brand] for brand in range(4)]
  np.testing.assert_allclose(
    [s.mean() for s in sales], (17.5, 25.5, 26.5, 41), atol=0.2
  )
  np.testing.assert_allclose([s.std() for s in sales], [1.5] * 4, atol=0.1)
  # 5 jams and 2.5 flat tyres on average.
  np.testing.assert_allclose(obs[:, -1, 1:3].mean(0), (5, 2.5), atol=0.15)
  assert not np.any(run(1, keys)[0])


def test_the_choice_by_hand():
  env = environments.Choice(3)
  play = player(env)
  params = env.default_params.replace(max_steps_in_episode=4)
  for action, at_once, at_end in ((0, 1, 5), (1, 0, 10)):
    paid, _, _, obs, _ = play(params, [action, 0, 1, 0])
    good, bad = obs[-1, 2:4]
    assert good + bad == 3
    at_end += params.reward_noise * (good - bad)
    np.testing.assert_allclose(paid, [at_once, 0, 0, at_end])


def test_charge_and_discharge_by_hand():
  env = environments.ChargeDischarge(6)
  play = player(env)
  paid, earned, *_ = play(env.params_of_delay(6), [1, 1, 0, 0, 1, 0, 1])
  np.testing.assert_allclose(earned, [1, 1, 0, 0, 10, 0, 10])
  np.testing.assert_allclose(paid, [1, 1, 0, 0, 0, 0, 20])


def test_the_bomb_by_hand():
  env = grids.GridWorld(4)
  params = env.params_of_delay(2)  # Three steps.
  # One program: for many keys, of which the first walks do not care.
  keys = jax.random.split(jax.random.key(0), 400)
  many = jax.jit(
    jax.vmap(lambda p, a, key: rollout(env, p, a, key), (None, None, 0))
  )
  every = lambda p, a: jax.device_get(many(p, np.array(a), keys))
  play = lambda p, a: [part[0] for part in every(p, a)]
  paid, *_ = play(params.replace(probability=1.0), [1, 1, 0])
  np.testing.assert_allclose(paid, [0, -0.09, 1000], rtol=1e-6)
  paid, *_ = play(params.replace(probability=0.0), [1, 1, 0])
  np.testing.assert_allclose(paid, [0, -0.09, 0], rtol=1e-6)
  paid, *_ = play(params, [3, 0, 2])
  np.testing.assert_allclose(paid, [0, 0.1 * 3, -0.09 * 2 * 4], rtol=1e-6)
  # A move off the grid is a rest: (30, 15) has no field to its right.
  paid, _, _, obs, _ = play(params, [1, 1, 1])
  assert obs[1, :62].tolist() == obs[2, :62].tolist()
  # Step by step: two fields, half of it for each, and a step back.
  near = params.replace(along_the_way=True, probability=1.0)
  paid, earned, *_ = play(near, [1, 1, 3])
  np.testing.assert_allclose(earned, [500, 500 - 0.09, -500], rtol=1e-6)
  np.testing.assert_allclose(paid, [0, -0.09, 500], rtol=1e-6)
  paid, earned, *_ = play(near, [3, 1, 1])
  np.testing.assert_allclose(
    earned, [-500, 500 - 0.09 * 3, 500 - 0.09 * 2 * 2], rtol=1e-6
  )
  # Which visit defuses is luck, half of the time.
  defused = every(params, [1, 1, 0])[0].sum(axis=1) > 500
  assert 0.4 < defused.mean() < 0.6


def test_the_bomb_has_room_for_its_start():
  env = grids.GridWorld(30)
  (row,) = env.start_rows(env.params_of_delay(30))
  start = env.state_at(row, env.default_params)
  assert (int(start.x), int(start.y)) == (0, 15)
  with pytest.raises(InputError, match="bomb at x = 30: off the grid"):
    grids.GridWorld(31)
  for max_delay, bomb_x in ((10, 9), (10, 31)):
    with pytest.raises(InputError, match=f"bomb at x = {bomb_x}"):
      grids.GridWorld(max_delay, bomb_x=bomb_x)


def test_tracing_back_by_hand():
  env = grids.TraceBack(6)
  play = player(env)
  params = env.params_of_delay(4)
  paid = lambda actions: play(params, actions)[0].tolist()
  assert paid([0, 1, 2, 3]) == [-50, 0, 0, 150]
  assert paid([0, 2, 1, 1]) == [-50, 0, 0, 0]
  assert paid([1, 0, 1, 0]) == [0, 0, 0, 0]


def test_other_numbers_of_a_task():
  env = environments.Choice(3, reward_noise=2.0, at_end=[1, 4])
  params = env.params_of_delay(3)
  assert params.reward_noise == env.default_params.reward_noise == 2.0
  paid, _, _, obs, _ = player(env)(params, [1, 0, 1, 0])
  np.testing.assert_allclose(paid[-1], 4 + 2 * (obs[-1, 2] - obs[-1, 3]))
  with pytest.raises(InputError, match="no number 'lick'; it has at_end"):
    environments.Choice(3, lick=2.0)


@pytest.mark.parametrize("task", TASKS)
def test_each_number_of_an_observation_has_a_label(task):
  env = TASKS[task]()
  labels = (*env.labels, "time")
  assert len(set(labels)) == len(labels) == env.features


@pytest.mark.parametrize("known", [True, False])
def test_the_episodes_rows_are_labelled_where_they_are_shown(known):
  labels = (*environments.WatchRepair(6).labels, "time") if known else ("time",)
  states = np.zeros((5, 8))
  states[:, 2] = states[:, 7] = np.arange(5)  # Flat tyres, and the time.
  states[:, 5] = 1  # Brand 2 throughout; all else stays 0.
  zeros = np.zeros(5)
  made = episode_figure.episode_figure(
    states, zeros, np.zeros(6), zeros, zeros, labels
  )
  rows = [label.get_text() for label in made.axes[0].get_yticklabels()]
  assert rows == (["flat tyres", "brand 2", "time"] if known else [])
