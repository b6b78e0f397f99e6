"""One step of each learner with a table, against NumPy: each term counts."""

import functools
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from configs.rudder import charge_discharge
from projects.rudder import lessons_buffer
from projects.rudder.tabular import (
  dynamic_programming,
  environments,
  model,
  rounds,
  rudder,
  td_learning,
)

pytestmark = pytest.mark.slow

ENV = environments.ChargeDischarge(4)
PARAMS = ENV.params_of_delay(3)


def config_of(**changes):
  config = charge_discharge.get_config("smoke").unlock()
  config.update(delay=3, max_delay=4, warmup_episodes=2, epsilon=0.5)
  config.update(changes)
  return config


# The reward model: g_t = sum over s <= t of x_s w, whose gradient is plain.
ADAM = {"lstm_learning_rate": 0.1, "lstm_weight_decay": 0.0}
RULE = {"loss_start": 1.0, "loss_rate": 0.25, "loss_threshold": 0.0}
CHOICES = {"return_scale": 2.0, "auxiliary_weight": 0.5, "max_updates": 5}


@functools.cache
def lessons():
  """Two, of 4 and of 2 steps, with their inputs in NumPy."""
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, 4, 3)).astype(np.float32)
  mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)
  returns = np.array([3.0, -1.0], np.float32)
  one = lambda i: rudder.Lesson(x[i], mask[i], returns[i])

  @jax.jit
  def filled(first, second):
    buffer = lessons_buffer.create(2, first)
    return lessons_buffer.push(lessons_buffer.push(buffer, first), second)

  buffer = filled(one(0), one(1))
  return buffer, x, mask, returns


@functools.cache
def trained():
  """`train(numbers, weights, needed)`, compiled once for all numbers."""
  buffer, *_ = lessons()
  predict = lambda w, x: jnp.cumsum(x @ w, axis=0)

  def train(numbers, weights, needed):
    config = SimpleNamespace(**numbers, batch_size=3)
    opt = model.optimizer(config).init(weights)
    key = jax.random.key(7)
    one = lambda needed: model.train(
      weights, opt, buffer, key, needed, predict, config
    )
    weights, _, metrics = jax.vmap(one, axis_name=rounds.TRIALS)(needed)
    return weights, metrics

  return jax.jit(train)


SAMPLE = jax.jit(lambda buffer, key: lessons_buffer.sample(buffer, key, 3))


def by_hand(n, w):
  """`model.train` in NumPy: the weights, the running mean, the updates."""
  buffer, x, mask, returns = lessons()
  w, mean, count = w.astype(np.float64), n["loss_start"], 0
  m, v = np.zeros(3), np.zeros(3)
  while True:
    key = jax.random.fold_in(jax.random.key(7), count)
    slope, mains, totals = np.zeros(3), [], []
    for i in np.asarray(SAMPLE(buffer, key)):
      phi = np.cumsum(x[i][mask[i]], axis=0, dtype=np.float64)
      error = phi @ w - returns[i] / n["return_scale"]
      mains.append(error[-1] ** 2)
      totals.append(mains[-1] + n["auxiliary_weight"] * np.mean(error**2))
      slope += 2 * error[-1] * phi[-1] / 3
      slope += n["auxiliary_weight"] * 2 * error @ phi / len(phi) / 3
    slope += n["lstm_weight_decay"] * w
    count += 1
    m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
    move = m / (1 - 0.9**count) / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
    w = w - n["lstm_learning_rate"] * move
    main = np.mean(mains)
    mean += n["loss_rate"] * (main - mean)
    if main > 2 * mean:
      mean = np.mean(totals)
    if mean <= n["loss_threshold"] or count >= n["max_updates"]:
      return w, mean, count


@pytest.mark.parametrize(
  "changes",
  [
    {},
    {"auxiliary_weight": 0.0},
    {"auxiliary_weight": 1.0, "return_scale": 1.0},
    {"lstm_weight_decay": 0.3},
    {"loss_threshold": 0.8, "max_updates": 40},
    {"loss_start": 0.01, "loss_rate": 0.01},  # The mean jumps to the loss.
  ],
)
def test_the_reward_model_learns_as_in_numpy(changes):
  n = {**ADAM, **RULE, **CHOICES, **changes}
  begun = np.array([0.5, -0.5, 1.0], np.float32)
  # Two trials, of which the second needs no training: it stands still.
  w, metrics = trained()(n, begun, jnp.array([True, False]))
  want, mean, count = by_hand(n, begun)
  np.testing.assert_allclose(w[0], want, rtol=1e-3, atol=1e-4)
  assert metrics["model_loss"][0] == pytest.approx(mean, rel=1e-3)
  assert metrics["model_updates"].tolist() == [count, 0]
  if "loss_threshold" in changes:  # It stops by itself, not at the limit.
    assert 1 < count < 40
  np.testing.assert_array_equal(w[1], begun)


@functools.cache
def begun():
  """RUDDER's parts, its first state with tables of no zeros, an episode."""
  config = config_of(q_estimate="direct", return_scale=5.0)
  learner = rudder.make(ENV, PARAMS, config)

  @jax.jit
  def start(key):
    state = rounds.init(key, ENV, config, learner)
    state = state.replace(q=jax.random.normal(key, state.q.shape))
    return state, *learner.play(state, jnp.int32(1))

  return config, learner, *start(jax.random.key(1))


@functools.cache
def learns():
  """RUDDER's `learn`, compiled once."""
  return jax.jit(begun()[1].learn)


@pytest.mark.parametrize("is_trained", [False, True])
def test_the_table_learns_what_the_model_redistributes(is_trained):
  config, _, state, lesson, played = begun()
  learn = learns()
  memory = state.memory.replace(trained=jnp.bool_(is_trained))
  before = state.replace(memory=memory)
  after = learn(before, lesson, played, 0.25)
  steps = int(played.inside.sum())
  reward = np.asarray(played.rewards, np.float64)[:steps]
  assert reward.any()
  if is_trained:
    _, predict = model.predictor(config, lesson.inputs.shape[1])
    g = jax.jit(predict)(memory.params, lesson.inputs)
    g = 5.0 * np.asarray(g, np.float64)
    h = np.diff(g[: steps + 1], prepend=0)
    own = np.append(h[: steps - 1], h[steps - 1] + h[steps])
    reward = own + (reward.sum() - own.sum()) / steps
  rows, actions = (np.asarray(a)[:steps] for a in (played.rows, played.actions))
  want = np.array(state.q)
  want[rows, actions] += 0.25 * (reward - want[rows, actions])
  np.testing.assert_allclose(after.q, want, atol=1e-5)
  assert int(after.memory.lessons.count) == 1
  np.testing.assert_array_equal(after.memory.kappa, state.memory.kappa)


@pytest.mark.parametrize("trace", [0.0, 0.6])
def test_kappa_and_the_table_move_by_their_rate(trace):
  *_, played = begun()
  config = config_of(q_estimate="traces", kappa_trace=trace)
  rng = np.random.default_rng(2)
  tables = np.float32(rng.normal(size=(2, ENV.table_size, 2)))
  steps = int(played.inside.sum())
  due = np.arange(1, 1 + len(played.rows), dtype=np.float32)
  reward = np.where(played.inside, due, np.float32(0))
  got = jax.jit(
    lambda q, kappa: rudder.learn_table(q, kappa, played, reward, 0.3, config)
  )(*tables)
  place = tuple(np.asarray(a)[:steps] for a in (played.rows, played.actions))
  q, kappa = np.array(tables, np.float64)
  ahead = np.zeros(steps)
  for t in reversed(range(steps - 1)):
    ahead[t] = reward[t + 1] + trace * ahead[t + 1]
    ahead[t] += (1 - trace) * kappa[place][t + 1]
  kappa[place] += 0.3 * (ahead - kappa[place])
  q[place] += 0.3 * (np.asarray(reward)[:steps] + kappa[place] - q[place])
  np.testing.assert_allclose(got[0], q, atol=1e-5)
  np.testing.assert_allclose(got[1], kappa, atol=1e-5)


def test_the_model_trains_when_it_is_ready_and_the_task_unsolved():
  _, learner, state, lesson, _ = begun()

  @jax.jit
  def finish(returns, solved_at, step):
    memory = state.memory
    episodes = jax.tree.map(
      lambda all_, one: all_.at[:3].set(one), memory.lessons.episodes, lesson
    )
    returns = episodes.returns.at[:3].set(returns)
    lessons = memory.lessons.replace(
      episodes=episodes.replace(returns=returns), count=jnp.int32(3)
    )
    now = state.replace(
      memory=memory.replace(lessons=lessons), solved_at=solved_at, step=step
    )
    grown = jax.tree.map(lambda leaf: leaf[None], now)
    done = jax.vmap(learner.finish, axis_name=rounds.TRIALS)(grown)
    return jax.tree.map(lambda leaf: leaf[0], done)

  differ, same = jnp.array([10.0, 20.0, 30.0]), jnp.full(3, 10.0)
  for returns, solved_at, trains in (
    (differ, 0, True),
    (differ, 5, False),
    (same, 0, False),
  ):
    after, metrics = finish(returns, jnp.int32(solved_at), state.step)
    assert bool(after.memory.trained) == trains
    assert (int(metrics["model_updates"]) > 0) == trains
    moved = jax.tree.map(
      lambda a, b: float(jnp.abs(a - b).max()),
      after.memory.params,
      state.memory.params,
    )
    assert (max(jax.tree.leaves(moved)) > 0) == trains
  # Each round draws other lessons.
  one, other = (
    jax.flatten_util.ravel_pytree(finish(differ, 0, step)[0].memory.params)[0]
    for step in (state.step, state.step + 1)
  )
  assert float(jnp.abs(one - other).max()) > 0


def test_an_episode_counts_by_what_it_gave_away():
  """All actions are random here, so that the table decides none of them."""
  config = config_of(
    learner="sarsa_lambda",
    check_every=8,
    epsilon=1.0,
    solved_window=8,
    judged_by="decisions",
    solved_share=0.99,
    solved_regret=9.5,
  )
  learner = td_learning.make(ENV, PARAMS, config)
  state = rounds.init(jax.random.key(4), ENV, config, learner)

  @jax.jit
  def run(state):
    optimum = dynamic_programming.q_values(ENV, PARAMS)
    one = rounds.make_round(ENV, PARAMS, optimum, config, learner)
    play = lambda number: learner.play(state, number)[1]
    return one(state), optimum, jax.vmap(play)(jnp.arange(8))

  (after, metrics), optimum, played = run(state)
  rows = np.asarray(optimum, np.float64).reshape(-1, 2)
  loss = (rows.max(axis=1, keepdims=True) - rows)[played.rows, played.actions]
  fine = np.sum(loss, axis=1, where=np.asarray(played.inside)) <= 9.5
  assert 0 < fine.sum() < 8
  assert metrics["optimal"] == pytest.approx(fine.mean())
  assert metrics["score"] == pytest.approx(fine.mean())
  np.testing.assert_array_equal(after.recent, fine)
  assert int(after.solved_at) == 0
