"""Atari games on the host, whose emulators can be brought back exactly.

The vector environment cannot save its emulators. But an emulator is a function
of its seed and of the actions since: `Games` counts the games of each actor,
which gives the seed, and `Games.replay` plays the actions again. That is how a
run resumes to the same bits.
"""

from typing import NamedTuple

import ml_collections
import numpy as np

from common.errors import InputError

STACK = 4  # frames that a policy sees
SIZE = 84


class Seen(NamedTuple):
  """What a step of all actors shows: arrays `[actors, ...]`.

  Attributes:
    frame: uint8 `[actors, 84, 84]`: after the step; where a game ended, the
      first of the next one.
    reward: float32, scaled and without clipping.
    end: bool, an episode ended (see `config.episode`).
    over: bool, the game ended.
  """

  frame: np.ndarray
  reward: np.ndarray
  end: np.ndarray
  over: np.ndarray


class Games:
  """`config.batch_size` actors that play `config.game` side by side."""

  def __init__(self, config: ml_collections.ConfigDict):
    """Starts the emulators.

    Raises:
      InputError: ale-py is not there, or knows no such game.
    """
    try:
      from ale_py import roms, vector_env
    except ImportError as error:
      raise InputError(
        "Atari games need ale-py, which is not installed: pip install ale-py"
      ) from error
    self._config = config
    self.actors = config.batch_size
    if config.game not in roms.get_all_rom_ids():
      raise InputError(
        f"config.game is {config.game!r}, which ale-py does not have; its "
        "names are in snake_case, as bowling, venture, seaquest and solaris"
      )
    self._emulators = vector_env.AtariVectorEnv(
      config.game,
      self.actors,
      num_threads=config.threads,
      max_num_frames_per_episode=config.game_steps * config.frame_skip,
      frameskip=config.frame_skip,
      stack_num=1,
      img_height=SIZE,
      img_width=SIZE,
      grayscale=True,
      maxpool=True,
      noop_max=config.noop_max,
      use_fire_reset=False,
      episodic_life=False,
      reward_clipping=False,
      repeat_action_probability=0.0,
    )
    self.actions = int(self._emulators.single_action_space.n)
    self.games = np.zeros(self.actors, np.int32)  # begun before this one
    self._lives = np.zeros(self.actors, np.int32)
    self._idle = np.zeros(self.actors, np.int32)  # steps without reward

  def _seed(self, actor: int) -> int:
    words = [self._config.seed, actor, int(self.games[actor])]
    return int(np.random.SeedSequence(words).generate_state(1)[0] >> 1)

  def reset(self, which: np.ndarray) -> np.ndarray:
    """Begins game number `games` of the actors `which` `[actors]` bool.

    Returns:
      Frames of all actors, uint8 `[actors, 84, 84]`.
    """
    seeds = np.array([self._seed(actor) for actor in np.flatnonzero(which)])
    frames, info = self._emulators.reset(
      seed=seeds, options=None if which.all() else {"reset_mask": which}
    )
    self._lives[which] = info["lives"][which]
    self._idle[which] = 0
    return np.array(frames[:, -1])

  def step(self, actions: np.ndarray) -> Seen:
    """One step of every actor; where a game ends, the next one begins."""
    config = self._config
    frames, points, died, cut, info = self._emulators.step(
      np.asarray(actions, np.int32)
    )
    frame, over = np.array(frames[:, -1]), np.asarray(died | cut)
    self._idle = np.where(points != 0, 0, self._idle + 1)
    end = over.copy()
    if config.episode == "reward":
      # Bowling: what comes after a strike has nothing to do with it.
      end |= (points != 0) | (self._idle >= config.idle_steps)
      self._idle[end] = 0
    elif config.episode == "life":
      end |= info["lives"] < self._lives
    self._lives = np.array(info["lives"])
    if over.any():
      self.games[over] += 1
      frame[over] = self.reset(over)[over]
    reward = points.astype(np.float32) * np.float32(config.reward_scale)
    return Seen(frame, reward, end, over)

  def replay(
    self, games: np.ndarray, actions: np.ndarray, played: np.ndarray
  ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Brings every actor back to where it was.

    Args:
      games: `[actors]`, numbers of their games.
      actions: `[actors, game_steps]`, what each has done in its game.
      played: `[actors]`, how many of these.

    Returns:
      Of every actor frames `[played + 1, 84, 84]`, rewards and ends `[played]`.
    """
    self.games = np.array(games, np.int32)
    everyone = np.ones(self.actors, bool)
    frame = self.reset(everyone)
    frames = [[frame[i]] for i in range(self.actors)]
    rewards, ends = ([[] for _ in frames] for _ in range(2))
    longest = int(played.max(initial=0))
    for t in range(longest):
      # Together to the end: the younger a game is, the later it begins.
      begins = (longest - played == t) & (t > 0)
      if begins.any():
        frame = self.reset(begins)
        for i in np.flatnonzero(begins):
          frames[i] = [frame[i]]
      age = t - (longest - played)
      now = np.where(age >= 0, actions[np.arange(self.actors), age], 0)
      before = self.games.copy()
      seen = self.step(now)
      self.games = before  # Of the ones that are only waiting.
      for i in np.flatnonzero(age >= 0):
        frames[i].append(seen.frame[i])
        rewards[i].append(seen.reward[i])
        ends[i].append(seen.end[i])
    rest = np.asarray(played == 0) & (longest > 0)
    if rest.any():
      frame = self.reset(rest)
      for i in np.flatnonzero(rest):
        frames[i] = [frame[i]]
    return [
      (np.stack(f), np.array(r, np.float32), np.array(e, bool))
      for f, r, e in zip(frames, rewards, ends, strict=True)
    ]

  def close(self) -> None:
    """Lets go of the emulators."""
    self._emulators.close()
