"""PPO: its estimates against naive ones, its training as one pure program."""

import sys
import types

import flax.struct
import jax
import numpy as np
import pytest
from gymnax.environments import environment, spaces
from jax import numpy as jnp

from common import keys
from common.errors import InputError
from configs.rudder import cartpole
from projects.rudder.ppo import delayed_reward, model, ppo

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
    return jnp.zeros(1), Walk(time=0, total=0.0)  # As gymnax's own have it.

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


@pytest.fixture(scope="module")
def lever():
  """A config of the lever, found as a user's module would be."""
  module = types.ModuleType("user_lever")
  module.make_env = Lever
  sys.modules["user_lever"] = module
  yield lambda **values: small(
    **{"env": "user_lever:make_env", "time_limit": 0, **values}
  )
  del sys.modules["user_lever"]


@pytest.fixture(scope="module")
def program(lever):
  """A config, its first state, and its step compiled."""
  config = lever(batch_size=16, rollout_steps=12, learning_rate=0.02)
  begun = jax.jit(lambda key: ppo.init(key, config))(jax.random.key(0))
  return config, begun, jax.jit(ppo.make_train_step(config))


def test_advantages_are_the_sums_of_the_definition():
  rng = np.random.default_rng(0)
  time, envs, gamma, lam = 9, 3, 0.9, 0.8
  reward, value, after = rng.normal(size=(3, time, envs)).astype(np.float32)
  end = rng.random((time, envs)) < 0.3
  terminated = end & (rng.random((time, envs)) < 0.5)
  given = reward, value, after, terminated, end, gamma, lam
  got = np.asarray(jax.jit(ppo.advantages)(*given))
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
  logits = np.log(np.float32([[0.5, 0.5], [0.9, 0.1]]))
  batch = ppo.Batch(
    observation=np.zeros((2, 1), np.float32),
    action=np.array([0, 0]),
    log_prob=np.log(np.float32([0.5, 0.5])),
    value=np.zeros(2, np.float32),
    advantage=np.float32([2.0, 3.0]),
    target=np.float32([1.0, -1.0]),
  )
  f = lambda logits: ppo.loss(config, logits, jnp.zeros(2), batch, 0.2)[1]

  @jax.jit
  def both(logits):
    return f(logits), jax.grad(lambda logits: f(logits)["policy_loss"])(logits)

  parts, slope = both(logits)
  # Ratios 1 and 1.8, of which 1.2 counts.
  assert parts["policy_loss"] == pytest.approx(-(2 + 1.2 * 3) / 2)
  assert parts["value_loss"] == pytest.approx(0.5)
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
    observation=np.zeros((2, 1), np.float32),
    action=np.array([0, 1]),
    log_prob=np.float32(np.log(old)),
    value=np.zeros(2, np.float32),
    advantage=np.float32(advantage),
    target=np.float32(target),
  )
  loss = jax.jit(lambda *given: ppo.loss(config, *given, 0.2)[0])
  total = loss(np.float32(np.log(pi)), np.float32(value), batch)
  ratio = chosen / old
  surrogate = np.minimum(
    ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage
  )
  entropy = -np.sum(pi * np.log(pi), axis=1).mean()
  error = 0.5 * np.mean((value - target) ** 2)
  want = -surrogate.mean() + c_v * error - c_e * entropy
  assert total == pytest.approx(want, rel=1e-5)


def test_advantages_are_standardised():
  got = jax.jit(ppo.standardised)(np.float32([1.0, 2.0, 6.0]))
  np.testing.assert_allclose(
    got, (np.array([1, 2, 6]) - 3) / 14**0.5 * 3**0.5, rtol=1e-5
  )


@pytest.mark.parametrize("aim", [1.0, -1.0])
def test_a_value_moves_no_further_than_the_clip_range(aim):
  config = small(value_clip=True)
  batch = ppo.Batch(
    observation=np.zeros((1, 1), np.float32),
    action=np.array([0]),
    log_prob=np.log(np.float32([0.5])),
    value=np.zeros(1, np.float32),
    advantage=np.zeros(1, np.float32),
    target=np.float32([aim]),
  )

  @jax.jit
  def both(v):
    logits = jnp.zeros((1, 2))
    f = lambda v: ppo.loss(config, logits, v, batch, 0.2)[1]["value_loss"]
    return jax.value_and_grad(f)(v)

  error, slope = both(np.float32([aim * 0.1]))
  assert aim * slope < 0  # Within: on to the target.
  error, slope = both(np.float32([aim * 0.5]))
  assert slope == 0  # Beyond: no further.
  assert error == pytest.approx(0.5 * 0.8**2)


def linear(params, observation):
  """Logits and values, `[batch, 2]` and `[batch]`."""
  return observation @ params["policy"], (observation @ params["value"])[:, 0]


def objective_by_hand(params, part, clip, c_v, c_e):
  logits, value = linear(params, part.observation)
  pi = jax.nn.softmax(logits)
  ratio = pi[jnp.arange(len(pi)), part.action] / jnp.exp(part.log_prob)
  a = part.advantage
  gain = a * jnp.where(
    a > 0, jnp.minimum(ratio, 1 + clip), jnp.maximum(ratio, 1 - clip)
  )
  entropy = -jnp.sum(pi * jnp.log(pi), axis=1)
  error = (value - part.target) ** 2
  return jnp.mean(-gain + 0.5 * c_v * error - c_e * entropy)


@pytest.mark.parametrize("max_norm, anneal", [(0.5, 0), (1e9, 2)])
def test_epochs_of_minibatches_by_hand(max_norm, anneal):
  """Adam on clipped gradients, step after step, in NumPy."""
  config = small(
    epochs=2,
    minibatches=2,
    max_grad_norm=max_norm,
    anneal_steps=anneal,
    learning_rate=0.1,
    adam_eps=1e-3,
    entropy_coefficient=0.1,
  )
  rng = np.random.default_rng(0)
  draw = lambda *shape: np.float32(rng.normal(size=shape))
  params = {"policy": draw(3, 2), "value": draw(3, 1)}
  batch = ppo.Batch(
    observation=draw(4, 3),
    action=np.array([0, 1, 1, 0]),
    log_prob=-0.5 - 0.3 * np.abs(draw(4)),
    value=draw(4),
    advantage=draw(4),
    target=3 * draw(4),
  )
  move, key = ppo.optimizer(config), jax.random.key(3)
  got, _, _ = jax.jit(
    lambda params, batch: ppo.improve(
      config, linear, move, params, move.init(params), batch, key, 0.2
    )
  )(params, batch)

  slope = jax.jit(jax.grad(objective_by_hand))
  m = v = {name: np.zeros(leaf.shape) for name, leaf in params.items()}
  want, count = {k: np.float64(leaf) for k, leaf in params.items()}, 0
  for one in jax.random.split(key, 2):
    for which in np.asarray(jax.random.permutation(one, 4)).reshape(2, 2):
      part = jax.tree.map(lambda leaf, which=which: leaf[which], batch)
      now = jax.tree.map(np.float32, want)
      grads = jax.device_get(slope(now, part, 0.2, 0.5, 0.1))
      norm = sum(float(np.sum(g**2)) for g in grads.values()) ** 0.5
      assert (norm > max_norm) == (max_norm < 1)
      rate = 0.1 * (1 - count / 8 if anneal else 1)  # 8 is 2 of 2 by 2.
      count += 1
      for k in want:
        g = np.asarray(grads[k]) * min(1, max_norm / norm)
        m = {**m, k: 0.9 * m[k] + 0.1 * g}
        v = {**v, k: 0.999 * v[k] + 0.001 * g**2}
        root = np.sqrt(v[k] / (1 - 0.999**count))
        want[k] -= rate * m[k] / (1 - 0.9**count) / (root + 1e-3)
  for k in want:
    np.testing.assert_allclose(got[k], want[k], rtol=1e-3, atol=1e-4)


def test_an_update_is_its_parts(program):
  """The rollout, GAE in NumPy, standardised, and the policy's move."""
  config, begun, step = program
  state = begun.replace(step=jnp.int32(3))
  after, metrics = step(state, None)
  env, params = delayed_reward.make(config)
  actor = model.actor_critic(config, 2)
  apply = lambda weights, o: actor.apply(weights, ppo.flat(o))
  key = jax.random.fold_in(state.key, 3)

  @jax.jit
  def played(learner, key):
    start = ppo.begin(config, env, params, learner, key)
    policy = lambda o: apply(learner.params, o)
    _, rollout = ppo.play(config, env, params, policy, start, key, 12)
    return rollout, policy(rollout.observation.reshape(-1, 1))

  rollout, (logits, seen) = jax.device_get(played(state, key))
  reward, value = (np.float64(a) for a in (rollout.reward, rollout.value))
  log_pi = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
  log_pi = log_pi.reshape(12, 16, 2)
  chosen = np.where(rollout.action == 1, log_pi[..., 1], log_pi[..., 0])
  np.testing.assert_allclose(rollout.log_prob, chosen, rtol=1e-4)
  np.testing.assert_allclose(value.ravel(), seen, rtol=1e-4, atol=1e-6)
  paid = config.reward_scale * rollout.action[:6].sum(axis=0)
  np.testing.assert_allclose(reward[5], paid, rtol=1e-5)
  assert reward[5].any() and not reward[:5].any()
  # All is paid at the end of an episode of 6 steps, and nothing comes after.
  advantage, later = np.zeros((12, 16)), 0.0
  for t in reversed(range(12)):
    beyond = 0.0 if t in (5, 11) else value[t + 1]
    later = 0.0 if t in (5, 11) else later
    delta = reward[t] + config.gamma * beyond - value[t]
    later = advantage[t] = delta + config.gamma * config.gae_lambda * later
  standard = (advantage - advantage.mean()) / advantage.std()
  batch = ppo.as_batch(
    rollout, np.float32(standard), np.float32(advantage + value)
  )
  want, _, parts = jax.jit(
    lambda state, batch, key: ppo.improve(
      config,
      apply,
      ppo.optimizer(config),
      state.params,
      state.optimizer,
      batch,
      key,
      config.clip,
    )
  )(state, batch, keys.named(key, "order"))
  for a, b in zip(
    jax.tree.leaves(after.params), jax.tree.leaves(want), strict=True
  ):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
  assert metrics["entropy"] == pytest.approx(float(parts["entropy"]), rel=1e-4)
  assert metrics["reward"] == pytest.approx(reward.mean(), rel=1e-4)
  # Of the first of two episodes, and as it was earned.
  first = float(np.mean(np.sum(rollout.action[:6], axis=0)))
  assert metrics["return"] == pytest.approx(first, rel=1e-5)


def test_it_learns_the_lever(program):
  config, state, step = program
  first = None
  for _ in range(40):
    state, metrics = step(state, None)
    first = first or float(metrics["return"])
  assert 2 < first < 4 and metrics["return"] > 5.5
  # The first state is typed as all others are: nothing is compiled twice.
  for leaf in jax.tree.leaves((program[1].environment, state.environment)):
    assert not leaf.weak_type
  # What happens at the end of an episode is not lost, and counted once.
  assert metrics["episodes"] == 2 * 16
  score = ppo.make_evaluate(config)(state, jax.random.key(1))
  assert score["eval_return"] > 5.5


def test_without_restart_episodes_go_on(lever):
  config = lever(restart=False, rollout_steps=4, batch_size=2, minibatches=2)
  state = jax.jit(lambda key: ppo.init(key, config))(jax.random.key(0))
  step = jax.jit(ppo.make_train_step(config))
  times, earned = [], []
  for _ in range(3):
    state, metrics = step(state, None)
    times.append(int(state.environment.within.time[0]))
    earned.append(float(metrics["return"]))
    # Of two environments, by what has ended: before it has, nothing is paid.
    assert metrics["episodes"] == [0, 2, 2][len(times) - 1]
    assert (metrics["reward"] > 0) == (len(times) > 1)
  assert times == [4, 2, 0]  # Of 6 steps each.
  assert earned[0] > 0 and earned[0] == round(earned[0])


def test_numbers_that_do_not_fit_are_one_sentence(lever):
  with pytest.raises(InputError, match="can have 6 steps, more than"):
    ppo.init(jax.random.key(0), lever(rollout_steps=4))
  with pytest.raises(
    InputError, match="96 samples of the config cannot be cut"
  ):
    ppo.init(jax.random.key(0), lever(minibatches=7))
