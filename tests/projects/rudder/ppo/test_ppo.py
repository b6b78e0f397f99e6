"""PPO: its estimates against naive ones, its training as one pure program."""

import flax.struct
import jax
import numpy as np
import pytest
from gymnax.environments import environment, spaces
from jax import numpy as jnp

from common import keys
from common.errors import InputError
from configs.rudder import cartpole
from projects.rudder import proximal
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
def lever(user):
  """A config of the lever."""
  own = {"env": user(Lever), "time_limit": 0}
  return lambda **values: small(**{**own, **values})


@pytest.fixture(scope="module")
def program(lever):
  """A config, its first state, and its step compiled."""
  config = lever(batch_size=16, rollout_steps=12, learning_rate=0.02)
  begun = jax.jit(lambda key: ppo.init(key, config))(jax.random.key(0))
  return config, begun, jax.jit(ppo.make_train_step(config))


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
  batch = proximal.Batch(
    observation=draw(4, 3),
    action=np.array([0, 1, 1, 0]),
    log_prob=-0.5 - 0.3 * np.abs(draw(4)),
    value=draw(4),
    advantage=draw(4),
    target=3 * draw(4),
  )
  move, key = ppo.optimizer(config), jax.random.key(3)
  got, _, _ = jax.jit(
    lambda params, batch: proximal.improve(
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


def test_weights_begin_orthogonal_each_with_its_gain():
  """What the policy says at first is next to nothing."""
  actor = model.actor_critic(small(widths=(8, 6)), 3)
  begin = jax.jit(lambda key: actor.init(key, jnp.zeros((1, 9))))
  params = jax.device_get(begin(jax.random.key(0)))["params"]
  gains = {"policy_out": 0.01, "value_out": 1.0}
  gains |= {f"{name}_{i}": 2**0.5 for name in ("policy", "value") for i in "01"}
  assert params.keys() == gains.keys()
  for name, gain in gains.items():
    kernel = params[name]["kernel"]
    square = gain**2 * np.eye(kernel.shape[1])
    np.testing.assert_allclose(kernel.T @ kernel, square, atol=1e-6)
    assert not params[name]["bias"].any()


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
    lambda state, batch, key: proximal.improve(
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
  with pytest.raises(InputError, match=r"eval_steps = 5, and eval_return"):
    ppo.init(jax.random.key(0), lever(eval_steps=5))
  with pytest.raises(
    InputError, match="96 samples of the config cannot be cut"
  ):
    ppo.init(jax.random.key(0), lever(minibatches=7))
