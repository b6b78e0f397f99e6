"""Updates of PPO+RUDDER, each part by hand, on what PPO cannot solve."""

import types

import flax.struct
import jax
import numpy as np
import optax
import pytest
from gymnax.environments import environment, spaces
from jax import numpy as jnp

from common import keys
from configs.rudder import cartpole
from projects.rudder import lessons_buffer, proximal
from projects.rudder.ppo import (
  delayed_reward,
  model,
  ppo,
  ppo_rudder,
  sequences,
)

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


@pytest.fixture(scope="module")
def program(user):
  """A config, `step(numbers, states)` of two runs, and their first states.

  `numbers` are of the config's, traced, so that one program serves them all.
  The runs are a population: by hand one of them is computed without the other.
  """
  # gae_lambda 0: what PPO sees at the first step is the next value, and what is
  # seen of the state there does not tell what was done.
  config = small(
    env=user(FirstCounts),
    time_limit=0,
    batch_size=16,
    rollout_steps=12,
    lstm_features=8,
    lstm_updates=8,
    lstm_batch=16,
    lessons=32,
    trace=0.5,
    reward_scale=0.25,
    delta_scale=1.0,
    learning_rate=0.01,
    epochs=4,
    lstm_gate_bias=0.0,
    gae_lambda=0.0,
  )

  def step(numbers, state):
    now = types.SimpleNamespace(**{**config.to_dict(), **numbers})
    return ppo_rudder.make_train_step(now)(state, None)

  ks = jnp.stack([jax.random.key(0), jax.random.key(3)])
  begun = jax.jit(jax.vmap(lambda key: ppo_rudder.init(key, config)))(ks)
  return config, jax.jit(jax.vmap(step, (None, 0))), begun


def numbers(share=1.0, threshold=0.2, scale=0.25):
  return {
    "share": share,
    "quality_threshold": threshold,
    "reward_scale": scale,
  }


@pytest.fixture(scope="module")
def course(program):
  """Forty updates with RUDDER: every state, and the first run's metrics."""
  _, step, begun = program
  states, found = [begun], []
  for _ in range(40):
    state, metrics = step(numbers(), states[-1])
    states.append(state)
    found.append((metrics["quality"][0], metrics["return"][0]))
  return states, np.array(found)


@jax.jit
def member(states, i):
  """One run of a population."""
  return jax.tree.map(lambda leaf: leaf[i], states)


def test_the_reward_goes_to_the_step_that_earned_it(program, course):
  config, *_ = program
  states, found = course
  # One update's quality is anything between 0.2 and 0.95.
  quality, total = found[24:].mean(axis=0)
  assert quality > 0.4
  # The running mean of returns, in the rewards' scale, begins with the first.
  assert states[1].mean_return[0] == pytest.approx(0.25 * found[0, 1], rel=1e-4)
  # What chance adds has mean 0: 4 is the best there is, 2 is anyhow.
  assert found[0, 1] < 3 and total > 3.3
  last = member(states[-1], 0)
  seen = last.lessons.episodes

  @jax.jit
  def predicted(weights, seen):
    x = sequences.inputs(
      jnp.swapaxes(seen.observation, 0, 1),
      jnp.swapaxes(seen.action, 0, 1),
      jnp.broadcast_to(jnp.arange(12)[:, None] == 0, (12, 32)),
      2,
      1.0,
    )
    return model.return_model(config).apply(weights, x)[1]

  h = np.diff(predicted(last.model, seen), axis=0, prepend=0)
  acted = np.asarray(seen.action)[:, 0] == 1
  gain = h[:, acted].mean(axis=1) - h[:, ~acted].mean(axis=1)
  assert gain[0] > 0.1 and gain[0] > gain[1:].mean()


def test_without_rudder_that_step_is_not_found(program, course):
  _, step, _ = program
  state, found = course[0][0], []
  for _ in range(40):
    state, metrics = step(numbers(share=0.0), state)
    found.append(float(metrics["return"][0]))
  assert np.mean(found[24:]) < 2.8


INSERT = jax.jit(lessons_buffer.insert)
RELEARNT = jax.jit(lessons_buffer.relearnt)


@jax.jit
def drawn(buffer, key, temperature):
  """16 lessons, and which they are."""
  which = lessons_buffer.sample(buffer, key, 16, temperature)
  return which, lessons_buffer.take(buffer, which)


def close(got, want):
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


@pytest.fixture(scope="module")
def parts(program):
  """The compiled parts of an update, from the pieces that it is made of."""
  config, *_ = program
  env, params = delayed_reward.make(config)
  actor = model.actor_critic(config, 2)
  apply = lambda weights, o: actor.apply(weights, ppo.flat(o))
  predictor = model.return_model(config)

  @jax.jit
  def played(learner, key):
    start = ppo.begin(config, env, params, learner, key)
    policy = lambda o: apply(learner.params, o)
    return ppo.play(config, env, params, policy, start, key, 12)[1]

  @jax.jit
  def improved(learner, batch, key):
    return proximal.improve(
      config,
      apply,
      ppo.optimizer(config),
      learner.params,
      learner.optimizer,
      batch,
      keys.named(key, "order"),
      config.clip,
    )[0]

  @jax.jit
  def predictions(weights, episodes):
    observation = jnp.swapaxes(episodes.observation, 0, 1)
    before = jnp.concatenate([jnp.zeros((1, 16, 2)), observation[:-1]])
    acted = jax.nn.one_hot(episodes.action.T, 2)
    x = jnp.concatenate([observation - before, acted], axis=-1)
    return predictor.apply(weights, x)[1]

  def losses(weights, episodes):
    error = predictions(weights, episodes) - episodes.episode_return[None]
    return error[-1] ** 2 + config.auxiliary_weight * jnp.mean(error**2, axis=0)

  adam = optax.chain(
    optax.clip_by_global_norm(config.lstm_max_grad_norm),
    optax.add_decayed_weights(config.lstm_weight_decay),
    optax.adam(config.lstm_learning_rate),
  )

  @jax.jit
  def descend(weights, opt, episodes):
    grads = jax.grad(lambda w: jnp.mean(losses(w, episodes)))(weights)
    updates, opt = adam.update(grads, opt, weights)
    return optax.apply_updates(weights, updates), opt

  return types.SimpleNamespace(
    played=played,
    improved=improved,
    predictions=predictions,
    losses=jax.jit(losses),
    descend=descend,
  )


def advantage_by_hand(n, own, g, rollout, mean_return, trace=0.5):
  """Of episodes as long as the rollout, `[12, envs]`, in NumPy."""
  reward = np.asarray(rollout.reward, np.float64)
  returns, time = reward.sum(axis=0), len(reward)
  contribution = np.diff(g, axis=0, prepend=np.full((1, 16), g[0].mean()))
  redistributed = contribution + (returns - g[-1]) / time
  smooth = redistributed.copy()
  for t in reversed(range(time - 1)):
    smooth[t] += trace * smooth[t + 1]
  smooth = (smooth - smooth.mean()) / smooth.std()
  scale = n["reward_scale"]
  eps = max(abs(mean_return) / scale, 1e-5) ** 0.5
  error = ((returns - g[-1]) / scale) ** 2 / ((returns / scale) ** 2 + eps)
  quality = np.where(error < n["quality_threshold"], 1 - error, 0.0)
  told = quality * smooth + (1 - quality) * own
  mixed = (1 - n["share"]) * own + n["share"] * told
  return mixed, redistributed, quality


def standard(values):
  return (values - values.mean()) / values.std()


@pytest.mark.parametrize(
  "n", [numbers(0.0, 0.9), numbers(0.6, 0.5), numbers(1.0, 0.9)]
)
def test_an_update_is_its_parts(program, course, parts, n):
  """Lessons, the model's updates, the advantage, the policy: one by one."""
  config, step, _ = program
  states = course[0][20]
  state = member(states, 1)
  after, metrics = member(step(n, states), 1)
  key = jax.random.fold_in(state.learner.key, 20)
  rollout = jax.device_get(parts.played(state.learner, key))
  assert not rollout.end[:-1].any() and rollout.end[-1].all()
  reward = np.asarray(rollout.reward, np.float64)
  returns = reward.sum(axis=0)
  mean_return = 0.99 * float(state.mean_return) + 0.01 * returns.mean()
  assert after.mean_return == pytest.approx(mean_return, rel=1e-5)

  whole = ppo_rudder.Episode(
    observation=np.swapaxes(rollout.observation, 0, 1),
    action=rollout.action.T,
    length=np.full(16, 12, np.int32),
    episode_return=np.float32(returns),
  )
  buffer = state.lessons
  for i, found in enumerate(parts.losses(state.model, whole)):
    one = jax.tree.map(lambda leaf, i=i: leaf[i], whole)
    buffer = INSERT(buffer, one, found)
  weights, opt = state.model, state.model_optimizer
  for k in jax.random.split(keys.named(key, "lessons"), config.lstm_updates):
    which, batch = drawn(buffer, k, config.lessons_temperature)
    found = parts.losses(weights, batch)
    weights, opt = parts.descend(weights, opt, batch)
    buffer = RELEARNT(buffer, which, found)
  close(after.model, weights)
  close(after.lessons, buffer)

  value = np.asarray(rollout.value, np.float64)
  beyond = np.append(value[1:], np.zeros((1, 16)), axis=0)
  own = reward + config.gamma * beyond - value  # Lambda is 0.
  g = np.asarray(parts.predictions(weights, whole), np.float64)
  mixed, redistributed, quality = advantage_by_hand(
    n, standard(own), g, rollout, mean_return
  )
  assert 0.05 < quality.mean() < 1 and np.ptp(quality) > 0.1
  assert metrics["quality"] == pytest.approx(quality.mean(), rel=1e-3)
  assert metrics["episode_steps"] == 12
  assert metrics["redistributed"] == pytest.approx(
    np.abs(redistributed).mean(), rel=1e-3
  )
  batch = ppo.as_batch(rollout, np.float32(mixed), np.float32(own + value))
  close(after.learner.params, parts.improved(state.learner, batch, key))


def test_returns_all_alike_leave_the_policy_to_ppo(program, course, parts):
  config, step, _ = program
  # Less apart than counts; no threshold, so that RUDDER would be believed.
  n = numbers(1.0, threshold=np.inf, scale=1e-13)
  states = course[0][20]
  state = member(states, 1)
  empty = jax.tree.map(  # As `lessons_buffer.create` has it.
    lambda leaf: np.zeros(leaf.shape, leaf.dtype), states.lessons
  )
  after, metrics = member(step(n, states.replace(lessons=empty)), 1)
  key = jax.random.fold_in(state.learner.key, 20)
  rollout = jax.device_get(parts.played(state.learner, key))
  value = np.asarray(rollout.value, np.float64)
  beyond = np.append(value[1:], np.zeros((1, 16)), axis=0)
  own = config.gamma * beyond - value
  batch = ppo.as_batch(
    rollout, np.float32(standard(own)), np.float32(own + value)
  )
  close(after.learner.params, parts.improved(state.learner, batch, key))
  assert metrics["quality"] == 0
