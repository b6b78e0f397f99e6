"""What a step of the Atari learner is told, and how it learns from episodes."""

import types

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import keys
from configs.rudder import atari as configs
from projects.rudder.atari import actors
from projects.rudder.atari import train as atari

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)


def tiny(**values):
  config = configs.get_config("smoke").unlock()
  config.update(
    actions=2,
    chunk_steps=6,
    episode_steps=12,
    lessons=2,
    minibatches=2,
    reward_scale=0.5,
    learning_rate=0.1,
  )
  config.update(values)
  return config


def draw(*shape):
  return np.float32(RNG.normal(size=shape))


def gae(reward, value, after):
  """Of one episode, and what follows it is worth `after`."""
  delta = reward + 0.99 * np.append(value[1:], after) - value
  for t in reversed(range(len(delta) - 1)):
    delta[t] += 0.99 * 0.95 * delta[t + 1]
  return delta


def state_of(config, **values):
  none = dict.fromkeys(atari.State.__dataclass_fields__)
  numbers = {
    "step": jnp.int32(0),
    "key": jax.random.key(0),
    "mean_return": jnp.float32(0),
    "mean_kl": jnp.float32(0),
    "slowed": jnp.float32(1),
    "actor_state": actors.new_actor_state(config),
  }
  return atari.State(**{**none, **numbers, **values})


@pytest.mark.parametrize(
  "kl, before, slowed, step, left",
  [
    (5.0, 0.5, 0.5, 2, 0.75),
    (20.0, 0.5, 0.49, 9, 0),
    (20.0, 0.01, 0.01, 4, 0.5),
  ],
)
def test_an_update_is_told_what_was_played(kl, before, slowed, step, left):
  config = tiny(
    method="ppo", anneal_steps=8, anneal_clip=True, clip=0.4, kl_limit=0.1
  )
  shape = (5, 2)
  end = np.arange(10).reshape(shape) == 4
  played = actors.Played(
    stack=RNG.integers(0, 255, (*shape, 1, 1, 4)).astype(np.uint8),
    action=RNG.integers(0, 2, shape),
    log_prob=draw(*shape),
    value=draw(*shape),
    reward=draw(*shape),
    end=end,
    last_value=draw(2),
    lessons=[],
    overlong=3,
  )
  programs, told = atari.Programs(config), []
  new = "weights", "moments", {"kl": jnp.float32(kl)}
  programs.improve = lambda *args: told.extend(args) or new
  programs.act = lambda *args: args
  state = state_of(config, step=jnp.int32(step), slowed=jnp.float32(before))
  acts = []

  def play(act, steps):
    acts.extend(act(t, f"stack {t}", 2.0) for t in range(steps))
    return played

  players = types.SimpleNamespace(play=play, actor_state=state.actor_state)
  after, metrics, lessons = atari.advance(programs, state, players)
  _, _, _, batch, key, rate, clip = told
  # Of 8 steps to zero two are gone, or all.
  np.testing.assert_allclose(
    [rate, clip], [0.1 * left * before, 0.4 * left], rtol=1e-5
  )
  r, v = played.reward, np.concatenate([played.value, [played.last_value]])
  first = [gae(r[:3, 0], v[:3, 0], 0.0), gae(r[3:, 0], v[3:5, 0], v[5, 0])]
  own = np.stack(
    [np.concatenate(first), gae(r[:, 1], v[:5, 1], v[5, 1])], axis=1
  )
  np.testing.assert_allclose(
    batch.advantage, ((own - own.mean()) / own.std()).ravel(), rtol=1e-3
  )
  np.testing.assert_allclose(
    batch.target, (own + played.value).ravel(), rtol=1e-3, atol=1e-5
  )
  np.testing.assert_array_equal(batch.log_prob, played.log_prob.ravel())
  here = jax.random.fold_in(state.key, step)
  assert key == keys.named(here, "order")
  # Each step of a rollout draws its own actions.
  noise = keys.named(here, "act")
  assert len(acts) == config.rollout_steps
  for t, (*weights, of_step, stack, temperature) in enumerate(acts):
    assert of_step == jax.random.fold_in(noise, t)
    assert weights == [state.policy, state.model]
    assert (stack, temperature) == (f"stack {t}", 2.0)
  assert after.policy == "weights" and after.policy_moments == "moments"
  # The mean begins anew with each reduction.
  mean = 0.01 * kl if kl < 10 else 0.0
  assert float(after.mean_kl) == pytest.approx(mean)
  assert float(after.slowed) == pytest.approx(slowed)
  assert (
    int(after.step) == step + 1 and lessons == [] and metrics["overlong"] == 3
  )


def test_what_actors_write_later_does_not_change_a_state(monkeypatch):
  # JAX reads what it is given after the call, now and then.
  played, given = np.zeros((8, 27), np.float32), []
  monkeypatch.setattr(jnp, "asarray", given.append)
  atari.as_it_is({"log_probs": played})
  assert [np.shares_memory(leaf, played) for leaf in given] == [False]


def lesson_of(config, rewards):
  blank = actors.blank_lesson(config)
  lesson = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), blank)
  reward = np.pad(np.float32(rewards), (0, 12 - len(rewards)))
  return lesson.replace(reward=reward, length=np.int32(len(rewards)))


def test_where_chunks_overlap_the_later_one_counts():
  programs, seen = atari.Programs(tiny()), []

  def explain(policy, weights, chunk, mean):
    seen.append(len(seen) + 1.0)
    return np.full(len(chunk.mask), seen[-1]), seen[-1] / 10

  programs.explain = explain
  lesson = lesson_of(programs.config, np.ones(11))
  found = atari.explain_episode(programs, state_of(programs.config), lesson)
  want = np.repeat([1.0, 2.0, 3.0], [3, 3, 5])
  np.testing.assert_array_equal(found["redistributed"], want)
  np.testing.assert_allclose(found["quality"], want / 10)


@pytest.mark.parametrize("ended, moved", [(0, 0), (1, 3)])
def test_an_episode_is_learnt_from_and_kept(ended, moved):
  """One that is drawn, then the new; the policy by chunks that are trusted."""
  config = tiny(warm_episodes=1, return_decay=0.9, lessons_temperature=0.01)
  programs, calls, noise = atari.Programs(config), [], []
  known = [0.5, 0.9, 0.0, 0.7]  # A chunk of the old one, three of the new.

  def learn(weights, moments, policy, chunk):
    return weights + 1, moments, jnp.float32(weights)

  def explain(policy, weights, chunk, mean):
    return "reward", jnp.float32(known[weights - 1])

  def improve_chunk(policy, moments, weights, chunk, told, key, rate, clip):
    calls.append((weights, float(told[1]), rate, clip))
    noise.append(key)
    return policy + 1, moments, {}

  programs.learn, programs.explain = learn, explain
  programs.improve_chunk = improve_chunk
  buffer = atari.lessons_buffer.create(2, actors.blank_lesson(config))
  old = lesson_of(config, [1.0])
  buffer = programs.insert(buffer, old, np.float32(9.0))
  begun = actors.new_actor_state(config).replace(episodes=np.int32(ended))
  state = state_of(
    config,
    model=0,
    policy=0,
    lessons=buffer,
    actor_state=begun,
    mean_return=jnp.float32(10.0),
  )
  new = lesson_of(config, np.ones(12))
  after, metrics = atari.learn_episodes(
    programs, state, [new], jax.random.key(0), 0.05, 0.2
  )
  assert float(after.mean_return) == pytest.approx(0.9 * 10 + 0.1 * 12)
  assert after.model == 4 and after.policy == moved == len(calls)
  trusted = np.array([(1, 0.5), (2, 0.9), (4, 0.7)])[:moved].reshape(-1, 2)
  want = np.column_stack([trusted, np.tile([0.05, 0.2], (moved, 1))])
  np.testing.assert_allclose(np.reshape(calls, (-1, 4)), want, rtol=1e-6)
  here = jax.random.fold_in(jax.random.key(0), 0)
  chunks = [("old", 0), ("new", 0), ("new", 2)][:moved]
  assert noise == [
    jax.random.fold_in(keys.named(here, n), i) for n, i in chunks
  ]
  # Losses are those before each update: 0, then 1, 2, 3 on average.
  np.testing.assert_allclose(after.lessons.loss, [0.0, 2.0])
  assert metrics["lesson_loss"] == pytest.approx(1.0)
  assert metrics["quality"] == pytest.approx((0.5 + 1.6 / 3) / 2)
  # The first of all has none before it.
  blank = atari.lessons_buffer.create(2, actors.blank_lesson(config))
  state = state.replace(lessons=blank)
  first, _ = atari.learn_episodes(programs, state, [new], state.key, 0.05, 0.2)
  assert first.model == 3
