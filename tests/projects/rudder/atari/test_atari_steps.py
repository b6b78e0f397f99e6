"""One update of each kind of the Atari learner, by hand, of linear networks."""

import functools
import types

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp

from configs.rudder import atari as configs
from projects.rudder import proximal
from projects.rudder.atari import reward_model
from projects.rudder.atari import train as atari

pytestmark = pytest.mark.slow

TIME, ACTIONS = 6, 2
RNG = np.random.default_rng(0)


def tiny(**values):
  config = configs.get_config("smoke").unlock()
  config.update(
    actions=ACTIONS,
    chunk_steps=TIME,
    episode_steps=12,
    lessons=2,
    time_longest=8,
    time_span=4,
    steps_ahead=2,
    steps_cut=1,
    trace=0.5,
    minibatches=2,
    epochs=1,
    warm_episodes=0,
    reward_scale=0.5,
    learning_rate=0.1,
  )
  config.update(values)
  return config


class Policy:
  """Features and, of these and the model's, logits and values."""

  actions = ACTIONS

  @staticmethod
  def apply(weights, stack, method):
    assert method == "see"
    return pixels(stack) @ weights["see"]


class Model:
  """Outputs that are sums over time, squared or cubed if so asked."""

  def __init__(self, power=1):
    self.power = power

  def apply(self, weights, x, method=None):
    if method == "see":
      return pixels(x) @ weights["see"]
    if method == "net_inputs":
      return x
    return jnp.cumsum(x @ weights["out"], axis=0) ** self.power


def pixels(stack):
  return stack[:, 0, 0, :].astype(jnp.float32) / 255


def draw(*shape):
  return jnp.float32(RNG.normal(size=shape))


# Two features of the model, three of the policy, 2 actions, 5 of the time.
THEIRS = {"see": draw(4, 3)}
OURS = {"see": draw(4, 2), "out": 0.3 * draw(2 + 3 + ACTIONS + 5, 4)}


def chunk_of(length=4, final=True):
  mask = np.arange(TIME) < length
  stack = RNG.integers(0, 255, (TIME, 1, 1, 4)).astype(np.uint8)
  return reward_model.Chunk(
    stack=jnp.array(stack),
    action=jnp.array(RNG.integers(0, ACTIONS, TIME), jnp.int32),
    reward=jnp.where(mask, draw(TIME), 0.0),
    log_prob=-1 + 0.1 * draw(TIME),
    later=draw(TIME, 2),
    mask=jnp.array(mask),
    final=jnp.bool_(final),
  )


def outputs(weights, chunk, power=1):
  """Inputs and the four outputs of every step."""
  x = jnp.concatenate(
    [
      pixels(chunk.stack) @ weights["see"],
      pixels(chunk.stack) @ THEIRS["see"],
      jax.nn.one_hot(chunk.action, ACTIONS),
      reward_model.time_code(jnp.arange(TIME), 8, 4),
    ],
    axis=1,
  )
  return x, jnp.cumsum(x @ weights["out"], axis=0) ** power


def loss_by_hand(weights, chunk, weight, l1, n=4):
  _, y = outputs(weights, chunk)
  r = chunk.reward[:n]
  total, so_far = jnp.sum(r), jnp.cumsum(r)
  aims = jnp.column_stack([chunk.later[:n], so_far])
  value = (y[n - 1, 0] - total) ** 2
  value += weight * jnp.mean((y[:n, 1:] - aims) ** 2)
  return value + l1 * sum(jnp.sum(jnp.abs(w)) for w in weights.values())


@functools.cache
def losses():
  """Ours and by hand, with and without L1, compiled once for all weights."""
  chunk = chunk_of()

  def both(weight, l1):
    numbers = {"auxiliary_weight": weight, "l1_penalty": l1}
    config = types.SimpleNamespace(**{**tiny().to_dict(), **numbers})
    ours = reward_model.loss(config, Policy(), Model(), THEIRS, OURS, chunk)
    return ours, [loss_by_hand(OURS, chunk, weight, p) for p in (l1, 0.0)]

  return jax.jit(both)


@pytest.mark.parametrize("weight, l1", [(0.0, 0.0), (0.5, 0.0), (1.0, 0.1)])
def test_the_loss_of_the_reward_model(weight, l1):
  ours, want = losses()(weight, l1)
  np.testing.assert_allclose(ours, want, rtol=1e-4)


def test_the_reward_model_descends():
  config = tiny(auxiliary_weight=0.5, l1_penalty=0.1, lstm_learning_rate=0.1)
  learn = reward_model.make_learn(config, Policy(), Model())
  adam = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.1))
  got, moments = OURS, jax.jit(reward_model.optimizer(config).init)(OURS)
  want, ours = OURS, jax.jit(adam.init)(OURS)

  @jax.jit
  def by_hand(want, ours, chunk):
    before, grads = jax.value_and_grad(loss_by_hand)(want, chunk, 0.5, 0.1)
    updates, ours = adam.update(grads, ours)
    # What is told is without L1.
    before -= 0.1 * sum(jnp.abs(w).sum() for w in want.values())
    after = optax.apply_updates(want, updates)
    return before, optax.tree.norm(grads), after, ours

  for _ in range(2):
    chunk = chunk_of()
    got, moments, value = learn(got, moments, THEIRS, chunk)
    before, norm, want, ours = by_hand(want, ours, chunk)
    assert float(value) == pytest.approx(float(before), rel=1e-3)
    assert norm > 0.5
  for name in want:
    np.testing.assert_allclose(got[name], want[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
  "contributions, points, power",
  [
    ("differences", 2, 1),
    ("integrated_gradients", 1, 1),
    ("integrated_gradients", 2, 3),  # Complete up to 6%.
    ("integrated_gradients", 1, 3),  # Up to 25%: not believed.
  ],
)
def test_a_chunk_is_explained(contributions, points, power):
  n, chunk = 4, chunk_of(4)
  config = tiny(
    contributions=contributions, ig_points=points, quality_threshold=1e3
  )
  parts = config, Policy(), Model(power)
  explain = jax.jit(functools.partial(reward_model.explain, *parts))
  got, quality = explain(THEIRS, OURS, chunk, jnp.float32(3.0))
  x, y = (np.float64(a) for a in outputs(OURS, chunk, power))
  want = (y[:, 0] + y[:, 3]) / 2
  total = float(chunk.reward.sum())
  if contributions == "differences":
    h = np.diff(want[:n], prepend=0)
  else:
    end = lambda net: jnp.mean(
      Model(power).apply(OURS, net, "from_net_inputs")[n - 1, jnp.array([0, 3])]
    )
    slope = jax.grad(end)
    at = (np.arange(points) + 0.5) / points
    h = np.mean([np.sum(x * slope(jnp.float32(u * x)), 1) for u in at], axis=0)
    h = h[:n]
    complete = 0.8 < h.sum() / want[n - 1] < 1.2
    assert complete == (points == 2 or power == 1)
    h[-1:] = 0  # The last is never believed: config.steps_cut.
  r = h + (total - h.sum()) / n
  believed = contributions == "differences" or complete
  r = r if believed else np.float64(chunk.reward)[:n]
  for t in reversed(range(n - 1)):
    r[t] += 0.5 * r[t + 1]
  np.testing.assert_allclose(got, [*r, 0, 0], rtol=1e-3, atol=1e-4)
  error = (total - y[n - 1, 0]) ** 2 / (total**2 + 3**0.5)
  assert float(quality) == pytest.approx(believed * (1 - error), rel=1e-3)
  assert error > 1e-3


def gae(reward, value, after, n, gamma=0.99, lam=0.95):
  """Of one episode of n steps, and what follows it is worth `after`."""
  beyond = np.append(value[1:n], after)
  delta = reward[:n] + gamma * beyond - value[:n]
  for t in reversed(range(n - 1)):
    delta[t] += gamma * lam * delta[t + 1]
  return delta


def observe(model_weights, stack):
  return stack, jnp.full(len(stack), jnp.sum(model_weights["see"]))


def apply(weights, observed):
  seen = pixels(observed[0])
  logits = seen @ weights["policy"] + observed[1][:, None]
  return logits, (seen @ weights["value"])[:, 0]


WEIGHTS = {"policy": draw(4, ACTIONS), "value": draw(4, 1)}


@functools.cache
def improved():
  """`weights(moments, batch, key)` of PPO, whatever RUDDER's share is."""
  config = tiny()
  plain = lambda w, stack: apply(w, observe(OURS, stack))
  move = proximal.adam(config, 0.05)
  return jax.jit(
    lambda moments, batch, key: proximal.improve(
      config, plain, move, WEIGHTS, moments, batch, key, 0.2
    )[0]
  )


@pytest.mark.parametrize("share, final", [(0.4, False), (1.0, True)])
def test_the_policy_moves_by_a_chunk(share, final):
  config, n, chunk = tiny(share=share), 4, chunk_of(4, final)
  programs = atari.Programs(config)
  programs.observe, programs.apply = observe, apply
  moments = jax.jit(proximal.adam(config, 0.0).init)(WEIGHTS)
  key, told = jax.random.key(1), draw(TIME)
  got, _, _ = programs.improve_chunk(
    WEIGHTS, moments, OURS, chunk, (told, jnp.float32(0.7)), key, 0.05, 0.2
  )
  chunk = jax.device_get(chunk)
  observed = observe(OURS, chunk.stack)
  value = np.float64(jax.jit(apply)(WEIGHTS, observed)[1])
  own = gae(np.asarray(chunk.reward), value, 0.0 if final else value[n - 1], n)
  found = reward_model.advantages(config, jnp.float32(value), chunk)
  np.testing.assert_allclose(found[:n], own, rtol=1e-4, atol=1e-5)
  standard = (own - own.mean()) / own.std()
  trusted = 0.7 * np.asarray(told)[:n] + 0.3 * standard
  again = np.arange(TIME) % n
  batch = proximal.Batch(
    observation=chunk.stack[again],
    action=chunk.action[again],
    log_prob=chunk.log_prob[again],
    value=np.float32(value[again]),
    advantage=np.float32((1 - share) * standard + share * trusted)[again],
    target=np.float32(own + value[:n])[again],
  )
  want = improved()(moments, batch, key)
  for name in want:
    np.testing.assert_allclose(got[name], want[name], rtol=1e-3, atol=1e-5)
    assert np.abs(want[name] - WEIGHTS[name]).max() > 0.01
