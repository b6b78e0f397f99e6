"""Atari: the reward model's parts, exploration, and games that come back."""

import sys
import types

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from PIL import Image

from common.errors import InputError
from configs.rudder import atari as configs
from projects.rudder.atari import (
  actors,
  exploration,
  games,
  gif,
  reward_model,
)
from projects.rudder.atari import train as atari

pytestmark = pytest.mark.slow


def test_the_time_code():
  t = jnp.arange(0, 10_001, 50)
  coded = jax.jit(lambda t: reward_model.time_code(t, 10_000, 500))
  code = np.asarray(coded(t))
  assert code.shape == (201, 41)
  np.testing.assert_allclose(code.sum(axis=1), 1, rtol=1e-6)
  np.testing.assert_allclose(code @ (250 * np.arange(41)), t, rtol=1e-5)
  assert code.min() >= 0 and (code > 0).sum(axis=1).max() == 2
  late = coded(t + 10_000)
  np.testing.assert_array_equal(np.asarray(late)[-1], code[-1])


def test_the_time_code_of_the_authors_is_there_by_name():
  t = jnp.array([100, 600, 800])
  code, fixed = jax.device_get(
    jax.jit(
      lambda t: [
        reward_model.time_code(t, 10_000, 500, kind)
        for kind in ("original", "fixed")
      ]
    )(t)
  )
  np.testing.assert_allclose(code[1, 2:4], [1.4, -0.4], rtol=1e-5)
  np.testing.assert_allclose(code[[0, 2]], fixed[[0, 2]])
  with pytest.raises(InputError, match="did you mean 'original'"):
    reward_model.time_code(t, 10_000, 500, "orignal")


def test_what_an_episode_still_pays():
  got = reward_model.later_rewards(np.float32([0, 1, 0, 2, 0]), 2)
  np.testing.assert_allclose(got[:, 0], [0.5, 0.5, 1, 1, 0])
  np.testing.assert_allclose(got[:, 1], [3, 2, 2, 0, 0])


@pytest.mark.parametrize(
  "length, begins", [(1, [0]), (500, [0]), (501, [0, 250, 500])]
)
def test_chunks_overlap_by_half(length, begins):
  assert reward_model.beginnings(length, 500) == begins


def test_safe_actions():
  logits = np.array([0.0, 1.0, 0.9, 0.2])
  allowed = [exploration.safe(logits, i, 4, 0.01) for i in range(4)]
  np.testing.assert_array_equal(allowed[0], [0, 1, 0, 0])
  np.testing.assert_array_equal(allowed[1], [0, 1, 1, 0])
  np.testing.assert_array_equal(allowed[3], [0, 1, 1, 1])
  # Where all are alike, each is the best.
  assert exploration.safe(np.zeros(3), 0, 8, 0.01).all()


def test_the_mask_of_the_authors_lets_unsafe_actions_through():
  rng = np.random.default_rng(0)
  allowed = np.array([True, False, False, False])
  count = lambda mask: np.bincount(
    [exploration.choose(rng, allowed, 1, False, mask) for _ in range(2000)],
    minlength=4,
  )
  np.testing.assert_array_equal(count("fixed"), [2000, 0, 0, 0])
  share = np.e / (np.e + 3)
  assert count("original")[0] / 2000 == pytest.approx(share, abs=0.03)


def test_safe_actions_are_kept_for_a_while():
  """Not 0, and 5, by number; nor what is unsafe; nor as a window begins."""
  rng = np.random.default_rng(0)
  allowed = np.arange(7) < 6
  choose = lambda *where: exploration.choose(rng, allowed, *where, "fixed")
  assert {choose(1, False) for _ in range(100)} == {1}
  for where in ((1, True), (0, False), (5, False), (6, False)):
    assert {choose(*where) for _ in range(100)} == set(range(6))


def test_windows_lie_within_twice_the_length():
  rng = np.random.default_rng(0)
  found = np.array([exploration.window(rng, 30.0) for _ in range(2000)])
  assert found.min() >= 0 and found[:, 0].max() <= 30
  assert found[:, 0].mean() == pytest.approx(20, abs=1)
  assert (found[:, 1] - found[:, 0]).mean() == pytest.approx(15.5, abs=1)


def tiny(variant="smoke", **values):
  config = configs.get_config(variant)
  config.unlock()
  config.update(
    batch_size=4,
    game_steps=30,
    idle_steps=10,
    episode_steps=20,
    rollout_steps=8,
    total_steps=2,
    eval_every=2,
    checkpoint_every=2,
    chunk_steps=8,
    ig_points=2,
    lessons=2,
    film_frames=4,
    policy_widths=(2, 2, 2),
    policy_hidden=8,
    model_widths=(2, 2),
    lstm_features=2,
    warm_episodes=0,
  )
  config.update(values)
  return config


def test_games_come_back_by_their_actions():
  pytest.importorskip("ale_py")
  config = tiny(safe_exploration="fixed", batch_size=2)
  rng = np.random.default_rng(0)

  def act(t, stacks, temperature):
    assert 0 < temperature <= 1
    logits = rng.normal(size=(2, 6)).astype(np.float32)
    return logits, np.zeros(2, np.float32), logits.argmax(axis=1)

  first = actors.Actors(config, actors.new_actor_state(config))
  first.play(act, 45)  # A game has 30 steps; an episode 10, without reward.
  again = actors.Actors(config, first.actor_state)
  np.testing.assert_array_equal(first.stacks(), again.stacks())
  state = rng.bit_generator.state
  one = first.play(act, 20)
  rng.bit_generator.state = state
  two = again.play(act, 20)
  for name in ("stack", "action", "log_prob", "reward", "end"):
    np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
  assert len(one.lessons) == len(two.lessons) == 4
  for a, b in zip(one.lessons, two.lessons, strict=True):
    jax.tree.map(np.testing.assert_array_equal, a, b)
  assert one.end.sum() == 4 and int(first.actor_state.episodes) == 12
  for players in (first, again):
    players.games.close()


@pytest.mark.parametrize(
  "steps, length, want", [(100, 400, 0.25), (100, 50, 1.0), (0, 400, 1.0)]
)
def test_the_longer_the_games_the_less_by_chance(steps, length, want):
  players = object.__new__(actors.Actors)
  players._config = tiny(temperature_steps=steps)
  state = actors.new_actor_state(players._config)
  players.actor_state = state.replace(length=np.float32(length))
  assert players.temperature() == want


@pytest.mark.parametrize("episode", ["life", "game"])
def test_a_lost_life_ends_an_episode_where_it_is_one(episode):
  no = np.zeros(3, bool)
  seen = np.zeros((3, 1, 84, 84), np.uint8), np.zeros(3), no, no
  lives = iter([np.array([3, 2, 3]), np.array([3, 2, 2])])
  playing = object.__new__(games.Games)
  playing._config = tiny(episode=episode)
  playing._lives, playing._idle = np.full(3, 3), np.zeros(3, np.int32)
  playing._emulators = types.SimpleNamespace(
    step=lambda actions: (*seen, {"lives": next(lives)})
  )
  ends = np.array([playing.step(np.zeros(3)).end for _ in range(2)])
  by_life = np.array([[0, 1, 0], [0, 0, 1]], bool)
  np.testing.assert_array_equal(ends, by_life & (episode == "life"))


@pytest.fixture(scope="module")
def begun():
  """Programs and the first state: compiling is what takes time."""
  config = tiny(trace=0.0)
  init = jax.jit(lambda key: atari.init(key, config))
  return atari.Programs(config), init(jax.random.key(0))


def test_a_step_from_a_kept_state_has_the_same_bits(begun, tmp_path):
  pytest.importorskip("ale_py")
  programs, state = begun
  config = programs.config
  players = actors.Actors(config, state.actor_state)
  first, _, _ = atari.advance(programs, state, players)
  # As a checkpoint keeps it: the step below may give the arrays away.
  kept = jax.tree.map(np.asarray, first.replace(key=0))
  kept = jax.tree.map(np.array, kept)
  straight, metrics, new = atari.advance(programs, first, players)
  players.games.close()
  assert metrics["episodes"] == len(new) == 4 and metrics["overlong"] == 0

  again = jax.device_put(kept).replace(key=state.key)
  players = actors.Actors(config, again.actor_state)
  resumed, _, _ = atari.advance(programs, again, players)
  players.games.close()
  for a, b in zip(
    jax.tree.leaves(straight.replace(key=0)),
    jax.tree.leaves(resumed.replace(key=0)),
    strict=True,
  ):
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
  explained = atari.explain_episode(programs, straight, new[-1])
  gif.save(tmp_path / "episode.gif", new[-1], explained, config)
  with Image.open(tmp_path / "episode.gif") as picture:
    assert picture.n_frames == 4 and picture.size == (336, 486)


def test_what_is_explained_is_kept_and_believed_or_not(begun):
  programs, state = begun
  rng = np.random.default_rng(0)
  lesson = actors.Lesson(
    frames=rng.integers(0, 255, (23, 84, 84)).astype(np.uint8),
    action=rng.integers(0, 6, 20).astype(np.int32),
    reward=np.eye(20, dtype=np.float32)[6],
    log_prob=np.zeros(20, np.float32),
    length=np.int32(7),
  )
  found = atari.explain_episode(programs, state, lesson)
  # An untrained model predicts about 0 of 1: it is not believed.
  np.testing.assert_array_equal(found["redistributed"], lesson.reward[:7])
  np.testing.assert_array_equal(found["quality"], 0)


def test_games_that_are_not_there():
  pytest.importorskip("ale_py")
  with pytest.raises(InputError, match="'Bowling', which ale-py does not have"):
    actors.Actors(tiny(game="Bowling"), actors.new_actor_state(tiny()))
  with pytest.raises(InputError, match="cannot be cut into"):
    atari.init(jax.random.key(0), tiny(minibatches=3))


def test_without_ale_py(monkeypatch):
  monkeypatch.setitem(sys.modules, "ale_py", None)
  with pytest.raises(InputError, match="pip install ale-py"):
    actors.Actors(tiny(), actors.new_actor_state(tiny()))


def test_numbers_of_the_paper_and_of_its_games():
  for variant, actions in (("", 6), ("venture", 18), ("solaris", 18)):
    assert configs.get_config(variant).actions == actions
  both = configs.get_config("original_code")
  assert both.time_code == both.safe_exploration == "original"
  assert jnp.float32(configs.get_config().clip) == jnp.float32(0.1)


def test_smoothing_backward():
  smooth = reward_model.smooth_backward(jnp.array([0.0, 0.0, 4.0, 1.0]), 0.5)
  np.testing.assert_allclose(smooth, [1.125, 2.25, 4.5, 1.0])


@pytest.mark.parametrize("temperature, share", [(1.0, 0.731), (0.5, 0.881)])
def test_actions_are_drawn_at_a_temperature(temperature, share):
  """Of two logits one apart the better is drawn by sigmoid(1 / temperature)."""
  programs = atari.Programs(configs.get_config("smoke"))
  programs.observe = lambda *_: None
  programs.apply = lambda *_: (jnp.tile(jnp.array([0.0, 1.0]), (4000, 1)), 0)
  *_, action = programs.act(None, None, jax.random.key(0), None, temperature)
  assert action.mean() == pytest.approx(share, abs=0.02)
