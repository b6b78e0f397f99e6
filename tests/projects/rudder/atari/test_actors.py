"""Actors at a made-up emulator: what is played, kept, cut and learnt from."""

import sys
import types

import numpy as np
import pytest

from configs.rudder import atari as configs
from projects.rudder.atari import actors, exploration, reward_model
from projects.rudder.atari import train as atari

pytestmark = pytest.mark.slow

PAID, OVER, IDLE = 5, 9, 6  # Steps of a game; steps without reward.


class Emulators:
  """Two games of 9 steps; the first pays 3 points at the fifth.

  A frame is all one number: of the actor, the game and the step.
  """

  single_action_space = types.SimpleNamespace(n=3)

  def __init__(self, game, actors, **_):
    assert game == "bowling"
    self.step_of, self.game_of = np.zeros((2, actors), int)

  def _seen(self):
    number = np.arange(2) * 100 + self.game_of * 10 + self.step_of
    frames = np.broadcast_to(number[:, None, None, None], (2, 1, 84, 84))
    return frames.astype(np.uint8), {"lives": np.zeros(2, int)}

  def reset(self, seed, options):
    which = options["reset_mask"] if options else np.ones(2, bool)
    assert len(seed) == which.sum()
    # The seed says which game it is; here it is handed through.
    self.game_of[which], self.step_of[which] = seed, 0
    return self._seen()

  def step(self, actions):
    assert actions.shape == (2,)
    self.step_of += 1
    frames, info = self._seen()
    points = np.array([3.0, 0.0]) * (self.step_of == PAID)
    return frames, points, np.zeros(2, bool), self.step_of == OVER, info

  def close(self):
    pass


@pytest.fixture
def config(monkeypatch):
  there = types.SimpleNamespace(
    roms=types.SimpleNamespace(get_all_rom_ids=lambda: ["bowling"]),
    vector_env=types.SimpleNamespace(AtariVectorEnv=Emulators),
  )
  monkeypatch.setitem(sys.modules, "ale_py", there)
  monkeypatch.setattr(
    actors.Games, "_seed", lambda games, actor: games.games[actor]
  )
  config = configs.get_config("smoke").unlock()
  config.update(
    actions=3,
    batch_size=2,
    game_steps=20,
    idle_steps=IDLE,
    episode_steps=8,
    reward_scale=0.01,
    length_decay=0.5,
    chunk_steps=4,
    minibatches=1,
    safe_exploration="off",
  )
  return config


def started(config):
  return actors.Actors(config, actors.new_actor_state(config))


def playing(rng):
  """Random logits, kept in `told`, and actions."""
  told = []

  def act(t, stacks, temperature):
    told.append(rng.normal(size=(2, 3)).astype(np.float32))
    return told[-1], np.full(2, t), rng.integers(0, 3, 2)

  return act, told


def test_episodes_are_counted_and_games_are_scored(config):
  """The lengths of episodes count, and the rewards of whole games."""
  players = started(config)
  players.play(playing(np.random.default_rng(0))[0], 9)
  state = players.actor_state
  length = 10.0
  for episode in (5, 6, 4, 3):  # In the order of their ends.
    length = 0.5 * length + 0.5 * episode
  assert float(state.length) == length and int(state.episodes) == 4
  np.testing.assert_array_equal(state.games, [1, 1])
  np.testing.assert_allclose(state.last_return, [3.0, 0.0], rtol=1e-6)


def test_an_actor_that_is_stuck_does_anything(config):
  config.update(safe_exploration="fixed", most_repeats=1, seed=1)
  players = started(config)
  players.actor_state.window[:] = 0  # Never in it.
  act = lambda *_: (np.zeros((2, 3)), np.zeros(2), np.ones(2, int))
  action = players.play(act, 4).action
  # 1, 1, 1 has two repeats.
  np.testing.assert_array_equal(action[:3], 1)
  assert (action[3] != 1).all()


def test_scores_are_of_actors_that_have_ended_a_game(config):
  state = actors.new_actor_state(config)
  evaluate = atari.make_evaluate(config)
  of = lambda state: evaluate(types.SimpleNamespace(actor_state=state), None)
  assert of(state) == {"games": 0}
  one = state.replace(games=np.array([0, 2]), last_return=np.array([0.0, 7.0]))
  assert of(one) == {"return": 7, "games": 2}


def test_chunks_are_what_was_played(config):
  act, told = playing(np.random.default_rng(0))
  played = started(config).play(act, 20)
  begun, episodes = [0, 0], []
  for t, i in np.argwhere(played.end):  # In the order of their ends.
    episodes.append((np.arange(begun[i], t + 1), i))
    begun[i] = t + 1
  lengths = [len(ts) for ts, _ in episodes]
  assert lengths == [5, 6, 4, 3, 5, 6, 4, 3]
  found = {2: 0, 4: 0}
  for (ts, i), lesson in zip(episodes, played.lessons, strict=True):
    reward = np.float32(0.03) * ((ts % 9) + 1 == PAID) * (i == 0)
    for begin, chunk in reward_model.chunks(config, lesson):
      here = ts[begin : begin + len(chunk.mask)]
      count = len(here)
      assert chunk.mask.sum() == chunk.mask[:count].sum() == count
      found[len(chunk.mask)] += 1
      logits = np.float64([told[t][i] for t in here])
      action = played.action[here, i]
      log_pi = logits - np.log(np.exp(logits).sum(1, keepdims=True))
      want = {
        "stack": played.stack[here, i],
        "action": action,
        "reward": reward[begin:][:count],
        "log_prob": log_pi[np.arange(count), action],
        "later": [
          (reward[t : t + 10].sum() / 10, reward[t + 1 :].sum())
          for t in begin + np.arange(count)
        ],
      }
      for name, value in want.items():
        got = getattr(chunk, name)[:count]
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-7)
      assert chunk.final == (here[-1] == ts[-1])
    # Frames go on over an episode's end, and begin anew with a game.
    first = played.stack[ts[0], i, 0, 0].astype(int)
    news = [1, 1, 1] if ts[0] % 9 else [0, 0, 0]
    np.testing.assert_array_equal(np.diff(first), news)
  assert found == {2: 4, 4: 12}


def test_each_episode_has_a_window(config, monkeypatch):
  """Of steps 1 and 2, after each end, also where a run goes on in between."""
  config.safe_exploration = "fixed"
  lengths = []

  def window(rng, length):
    lengths.append(length)
    return 1, 3

  monkeypatch.setattr(exploration, "window", window)
  monkeypatch.setattr(exploration, "choose", lambda *_: 2)
  act = lambda t, stacks, temperature: (
    np.zeros((2, 3), np.float32),
    np.zeros(2),
    np.zeros(2, int),
  )
  players = started(config)
  first = players.play(act, 7).action
  again = actors.Actors(config, players.actor_state)
  later = again.play(act, 8).action
  np.testing.assert_array_equal(
    np.concatenate([first, later]).T,
    [
      [0, 2, 2, 0, 0, 0, 2, 2, 0, 0, 2, 2, 0, 0, 0],
      [0, 2, 2, 0, 0, 0, 0, 2, 2, 0, 2, 2, 0, 0, 0],
    ],
  )
  # Two to begin with, and two a game and actor after 15 steps.
  assert lengths[:3] == [10, 10, 7.5]
