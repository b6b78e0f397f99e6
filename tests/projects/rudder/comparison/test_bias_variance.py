"""The study of bias and variance against sampled episodes and closed forms."""

import jax
import ml_collections
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder.comparison import bias_variance
from projects.rudder.tabular import environments, grids

pytestmark = pytest.mark.slow

ENV = grids.GridWorld(3)


def test_the_policy_walks_to_the_bomb_and_then_away():
  params = ENV.params_of_delay(3)
  chances = np.asarray(
    jax.jit(bias_variance.policy, static_argnums=0)(ENV, params, 0.2)
  )[0]
  at = lambda x, y, visited: chances[(x * 31 + y) * 2 + visited].tolist()
  one, none, two = 0.85, 0.05, 0.45
  np.testing.assert_allclose(at(27, 15, 0), [none, one, none, none], rtol=1e-5)
  np.testing.assert_allclose(at(27, 13, 0), [two, two, none, none], rtol=1e-5)
  third = 0.05 + 0.8 / 3
  np.testing.assert_allclose(at(29, 15, 1), [third, none, third, third])
  np.testing.assert_allclose(at(0, 0, 1), [0.25] * 4, rtol=1e-5)
  np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)


def test_arrivals_and_variances_against_episodes():
  params = ENV.params_of_delay(3)
  steps = int(params.max_steps_in_episode)

  @jax.jit
  def everything(keys):
    chances = bias_variance.policy(ENV, params, 0.3)
    q, spread = bias_variance.moments(ENV, params, chances)
    weight, mean, variance = bias_variance.arrivals(ENV, params, chances, q)
    flat = chances.reshape(-1, 4)
    follow = lambda key: bias_variance.follow(ENV, params, flat, key)
    return chances, q, spread, weight, mean, variance, jax.vmap(follow)(keys)

  count = 8_000
  chances, q, spread, weight, mean, variance, episodes = jax.device_get(
    everything(jax.random.split(jax.random.key(0), count))
  )
  np.testing.assert_allclose(weight.sum(1), np.ones(steps), rtol=1e-4)
  weight, mean, variance = weight.ravel(), mean.ravel(), variance.ravel()
  rows, actions, rewards, _ = episodes
  often = np.bincount(rows.ravel(), minlength=len(weight)) / count
  np.testing.assert_allclose(often, weight, atol=0.03)
  # x = r - q of the step before, with the bomb's luck in expectation. Rows end
  # with `visited`; a visit in the last step is not among them.
  visits = np.diff(rows % 2, axis=1, append=rows[:, -1:] % 2)
  x = rewards + 500 * visits - q.reshape(-1, 4)[rows, actions]
  for row in np.argsort(-weight)[:8]:
    episode, time = np.nonzero(rows == row)
    if time[0] == 0:
      assert mean[row] == variance[row] == 0
      continue
    sample = x[episode, time - 1]
    error = 4 * sample.std() / len(sample) ** 0.5 + 0.02
    assert abs(sample.mean() - mean[row]) < error
    assert sample.var() == pytest.approx(variance[row], rel=0.15, abs=0.02)
  # Monte Carlo's variance at the start is that of the returns.
  first, spread = (
    q.reshape(-1, 4)[rows[0, 0]],
    spread.reshape(-1, 4)[rows[0, 0]],
  )
  chances = chances.reshape(-1, 4)[rows[0, 0]]
  exact = chances @ (spread + first**2) - (chances @ first) ** 2
  assert rewards.sum(1).var() == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(
  "env",
  [environments.WatchRepair(5), grids.GridWorld(3)],
)
def test_a_policys_values_and_the_redistribution_against_episodes(env):
  params = env.params_of_delay(3 if isinstance(env, grids.GridWorld) else 5)
  steps = int(params.max_steps_in_episode)
  shape = (env.max_steps, env.states_per_time, env.num_actions)
  chances = np.random.default_rng(0).dirichlet(np.ones(shape[2]), shape[:2])
  policy = jnp.float32(chances)
  q, variance = jax.jit(lambda: bias_variance.moments(env, params, policy))()
  assert q.shape == variance.shape == shape

  def episode(key):
    def step(state, key):
      row = env.state_index(state, params)
      chances = policy.reshape(-1, shape[2])[row]
      action = jax.random.categorical(
        jax.random.fold_in(key, 2), jnp.log(chances)
      )
      _, state, reward, _, info = env.advance(
        env.randomness(key), state, action, params
      )
      return state, (row, action, reward, info["earned"])

    _, state = env.reset_env(key, params)
    _, parts = jax.lax.scan(step, state, jax.random.split(key, steps))
    row, action, reward, earned = parts
    new = bias_variance.redistributed(q, row, action, earned)
    return row[0], action[0], reward.sum(), new

  keys = jax.random.split(jax.random.key(1), 30_000)
  start, first, total, new = jax.device_get(jax.jit(jax.vmap(episode))(keys))
  q, variance = np.asarray(q), np.asarray(variance)
  for row in np.unique(start):
    for action in range(env.num_actions):
      chosen = total[(start == row) & (first == action)]
      q_hat, exact = chosen.mean(), float(q[0, row, action])
      error = chosen.std() / len(chosen) ** 0.5 + 1e-4
      assert abs(q_hat - exact) < 4 * error
      assert chosen.var() == pytest.approx(
        float(variance[0, row, action]), rel=0.15, abs=1e-3
      )
  # It keeps the expected return of every episode, up to the last step's luck;
  # and from every time on it is the advantage that is left: kappa = 0.
  assert new.sum(1).mean() == pytest.approx(
    float(total.mean()), abs=4 * float(total.std()) / 170
  )
  for time in range(1, steps):
    ahead = new[:, time]
    assert abs(ahead.mean()) < 4 * ahead.std() / len(ahead) ** 0.5 + 1e-4


def test_states_of_high_variance():
  count = jax.jit(
    lambda delay, threshold: bias_variance.high_variance(
      ENV, delay, 0.2, threshold
    )
  )
  counts = [jax.device_get(count(delay, 25_000.0)) for delay in (2, 3)]
  for few, many in zip(*(c.values() for c in counts), strict=True):
    assert few <= many
  assert 0 < counts[1]["monte_carlo"] < counts[1]["states"]
  assert counts[1]["rudder"] == 0
  # Who has been at the bomb knows no more of its luck, 250,000, until the end;
  # on the way there none has as much. Of three steps one begins at the bomb.
  assert count(2, 249_000.0)["monte_carlo"] == 1
  everything = count(2, -1.0)
  assert everything["monte_carlo"] == everything["states"]
  assert everything["rudder"] == everything["states"]


def numbers():
  config = ml_collections.ConfigDict()
  config.seed, config.epsilon, config.q_rate, config.trace = 0, 0.2, 0.1, 0.0
  config.seeds, config.every, config.checkpoints = 8, 40, 10
  config.bias_delays, config.variance_delays = (1, 3), (1, 3)
  config.variance_threshold = 25_000.0
  config.task = ml_collections.ConfigDict(dict(defused=2000.0, probability=0.2))
  return config


def test_the_study_and_the_order_of_the_methods(monkeypatch):
  config, made = numbers(), []
  grid = grids.GridWorld
  monkeypatch.setattr(
    grids, "GridWorld", lambda *_, **task: made.append(task) or grid(*_, **task)
  )
  result = bias_variance.measure_all(config)
  assert made == [config.task.to_dict()] * 2  # Of the config's task, both.
  bias = result["bias"]
  assert bias.shape == (3, 2, 11)
  assert result["episodes"].tolist() == list(range(0, 401, 40))
  np.testing.assert_allclose(bias[:, :, 0], 1, rtol=1e-5)
  # In one step all three learn the same.
  np.testing.assert_allclose(bias[0, 0], bias[1, 0], atol=1e-5)
  np.testing.assert_allclose(bias[0, 0], bias[2, 0], atol=1e-5)
  td, monte_carlo, rudder = result["samples"][:, 1]
  assert td > 1.5 * monte_carlo and td > 1.5 * rudder
  assert (bias[:, 1, -1] < 0.2).all()
  assert result["high_variance"].shape == (3, 2)


def test_the_spread_of_a_mean_is_no_bias():
  """Two tables of a high rate vary as much as ever, around what is exact."""
  config = numbers()
  config.seeds, config.q_rate, config.every, config.checkpoints = 2, 0.5, 20, 60
  key = jax.random.key(3)
  measure = jax.jit(lambda delay: bias_variance.bias(ENV, delay, key, config))
  late = np.asarray(measure(3))[:2, 20:]
  assert np.ptp(late, axis=1).min() > 0.01
  np.testing.assert_allclose(late.mean(axis=1), 0, atol=0.01)


def test_the_bias_counts_as_often_as_is_met():
  """One episode each of two tables from zeros, with a loop over their cells."""
  config = numbers()
  config.seeds, config.every, config.checkpoints = 2, 1, 1
  key, params = jax.random.key(4), ENV.params_of_delay(2)
  steps, params = 3, params.replace(probability=1.0, defused=500.0)

  @jax.jit
  def all_of_it(delay):
    chances = bias_variance.policy(ENV, params, 0.2)
    q, _ = bias_variance.moments(ENV, params, chances)
    flat = chances.reshape(-1, 4)
    follow = lambda key: bias_variance.follow(
      ENV, params, flat, jax.random.fold_in(key, 0)
    )
    played = jax.vmap(follow)(jax.random.split(key, 2))
    arrived = bias_variance.arrivals(ENV, params, chances, q)
    bias = bias_variance.bias(ENV, delay, key, config)
    return bias, chances, q, arrived, played

  bias, *parts = jax.device_get(all_of_it(2))
  chances, q, (weight, brought, _), played = parts
  found, every = np.zeros((3, 2, *q.shape)), q.shape[1]
  for seed, (rows, actions, rewards, earned) in enumerate(
    zip(*played, strict=True)
  ):
    before = 0.0  # Of q~ of the step before, without what it has earned.
    for t in range(steps):
      at = (t, rows[t] % every, actions[t])
      targets = rewards[t], rewards[t:steps].sum(), q[at] - before
      found[(slice(None), seed, *at)] = 0.1 * np.array(targets)
      before = q[at] - earned[t]
  off, whole = np.zeros((2, 3))
  for t, row, action in np.ndindex(*q.shape):
    met = weight[t, row] * chances[t, row, action]
    owed = 500.0 * (row % 2)  # Of a visit, of which the row says whether.
    delayed = q[t, row, action] + owed
    exact = np.array([delayed, delayed, q[t, row, action] + brought[t, row]])
    of = found[:, :, t, row, action]
    off += met * ((of.mean(1) - exact) ** 2 - of.var(1) / (2 - 1))
    whole += met * exact**2
  assert len(np.unique(weight[weight > 0].round(3))) > 3
  np.testing.assert_allclose(bias[:, 1], off / whole, rtol=1e-3)


def test_samples_needed_by_hand():
  needed = bias_variance.samples_needed
  curve = 0.5 ** np.arange(5)  # 0.2 = 0.5^2.32
  assert needed(curve, 10) == pytest.approx(10 * np.log(5) / np.log(2))
  # It counts when it stays there.
  assert needed(np.array([1, 0.1, 0.4, 0.1]), 10) == pytest.approx(25)
  assert np.isnan(needed(np.array([1, 0.9, 0.8]), 10))
