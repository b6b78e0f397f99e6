"""Actors at their games: the running episodes, rollouts, finished episodes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
import numpy as np

from . import exploration
from .games import SIZE, STACK, Games

CONTEXT = STACK - 1  # frames before an episode's first


@flax.struct.dataclass
class ActorState:
  """What a run must know of its games to go on: leaves `[actors, ...]`."""

  games: Any  # int32, games begun before this one
  played: Any  # int32, steps in this game
  actions: Any  # uint8 [actors, game_steps], done in this game
  log_probs: Any  # float32 [actors, game_steps]
  window: Any  # int32 [actors, 2], where this episode explores
  repeats: Any  # int32, how often the last action was repeated
  length: Any  # float32 scalar, running mean of the lengths of episodes
  episodes: Any  # int32 scalar, how many have ended
  last_return: Any  # float32, of each actor's last game, without scale


@flax.struct.dataclass
class Lesson:
  """An episode of at most `episode_steps` steps, padded behind `length`."""

  frames: Any  # uint8 [CONTEXT + episode_steps, 84, 84]
  action: Any  # int32 [episode_steps]
  reward: Any  # float32 [episode_steps]
  log_prob: Any  # float32 [episode_steps]
  length: Any  # int32


def blank_lesson(config: ml_collections.ConfigDict) -> Lesson:
  """Shapes and types of a lesson."""
  time = config.episode_steps
  of = jax.ShapeDtypeStruct
  return Lesson(
    frames=of((CONTEXT + time, SIZE, SIZE), np.uint8),
    action=of((time,), np.int32),
    reward=of((time,), np.float32),
    log_prob=of((time,), np.float32),
    length=of((), np.int32),
  )


@dataclasses.dataclass
class Running:
  """The episode that an actor is in.

  `frames` has CONTEXT frames from before, one for each action, and the newest.
  """

  frames: list[np.ndarray]
  actions: list[int] = dataclasses.field(default_factory=list)
  rewards: list[float] = dataclasses.field(default_factory=list)
  log_probs: list[float] = dataclasses.field(default_factory=list)

  def lesson(self, time: int) -> Lesson | None:
    """The episode, padded to `time` steps; None if it is longer."""
    length = len(self.actions)
    if length > time:
      return None
    padded = lambda values, dtype: np.pad(
      np.array(values, dtype), (0, time - length)
    )
    frames = np.zeros((CONTEXT + time, SIZE, SIZE), np.uint8)
    frames[: CONTEXT + length] = self.frames[: CONTEXT + length]
    return Lesson(
      frames=frames,
      action=padded(self.actions, np.int32),
      reward=padded(self.rewards, np.float32),
      log_prob=padded(self.log_probs, np.float32),
      length=np.int32(length),
    )


@dataclasses.dataclass
class Played:
  """A rollout: arrays `[time, actors, ...]`, and the episodes that ended."""

  stack: np.ndarray
  action: np.ndarray
  log_prob: np.ndarray
  value: np.ndarray
  reward: np.ndarray
  end: np.ndarray
  last_value: np.ndarray
  lessons: list[Lesson]
  overlong: int


def new_actor_state(config: ml_collections.ConfigDict) -> ActorState:
  """Before the first game."""
  n, time = config.batch_size, config.game_steps
  return ActorState(
    games=np.zeros(n, np.int32),
    played=np.zeros(n, np.int32),
    actions=np.zeros((n, time), np.uint8),
    log_probs=np.zeros((n, time), np.float32),
    window=np.zeros((n, 2), np.int32),
    repeats=np.zeros(n, np.int32),
    length=np.float32(10),
    episodes=np.int32(0),
    last_return=np.zeros(n, np.float32),
  )


class Actors:
  """Games with the episodes that are running in them."""

  def __init__(
    self, config: ml_collections.ConfigDict, actor_state: ActorState
  ):
    """Starts the games, or brings them back to where `actor_state` says."""
    self._config = config
    self.games = Games(config)
    # Writable, and our own.
    self.actor_state = jax.tree.map(np.array, actor_state)
    self.running = []
    played = self.actor_state.played
    past = self.games.replay(
      self.actor_state.games, self.actor_state.actions, played
    )
    for i, (frames, rewards, ends) in enumerate(past):
      begin = int(np.flatnonzero(ends)[-1]) + 1 if ends.any() else 0
      before = [frames[max(begin - k, 0)] for k in range(CONTEXT, 0, -1)]
      self.running.append(
        Running(
          [*before, *frames[begin:]],
          [int(a) for a in self.actor_state.actions[i, begin : played[i]]],
          [float(r) for r in rewards[begin:]],
          [float(p) for p in self.actor_state.log_probs[i, begin : played[i]]],
        )
      )
    # One after the other, as they were added up while they came.
    total = lambda r: np.cumsum(r)[-1] if r.size else 0.0
    self._returns = np.array([total(r) for _, r, _ in past], np.float32)
    for i in np.flatnonzero((played == 0) & (self.actor_state.games == 0)):
      self._open_window(i)

  def _rng(self, *address: int) -> np.random.Generator:
    return np.random.default_rng([self._config.seed, *map(int, address)])

  def _open_window(self, i: int) -> None:
    """Of the episode that begins now."""
    rng = self._rng(1, i, self.actor_state.games[i], self.actor_state.played[i])
    self.actor_state.window[i] = exploration.window(
      rng, float(self.actor_state.length)
    )

  def stacks(self) -> np.ndarray:
    """What the actors see: uint8 `[actors, 84, 84, 4]`."""
    newest = [np.stack(r.frames[-STACK:], axis=-1) for r in self.running]
    return np.stack(newest)

  def temperature(self) -> float:
    """Of the actions: the longer the episodes, the less by chance."""
    if not self._config.temperature_steps:
      return 1.0
    share = self._config.temperature_steps / float(self.actor_state.length)
    return float(np.clip(share, 1e-6, 1.0))

  def play(self, act: Callable, steps: int) -> Played:
    """Plays `steps` steps of every actor.

    Args:
      act: `(t, stacks, temperature) -> logits [actors, actions], values
        [actors], actions [actors]`.
      steps: how many.
    """
    kept, ended = [], []
    for t in range(steps):
      stack = self.stacks()
      logits, value, action = (
        np.asarray(a) for a in act(t, stack, self.temperature())
      )
      action = self._explore(logits, action.copy())
      shifted = logits - logits.max(axis=1, keepdims=True)
      log_pi = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
      log_prob = log_pi[np.arange(len(action)), action]
      seen = self.games.step(action)
      # In the order of `Played`.
      kept.append((stack, action, log_prob, value, seen.reward, seen.end))
      for i in range(len(action)):
        ended += self._note(i, action[i], log_prob[i], seen)
    _, last, _ = act(steps, self.stacks(), self.temperature())
    lessons = [lesson for lesson in ended if lesson]
    return Played(
      *map(np.stack, zip(*kept, strict=True)),
      last_value=np.asarray(last),
      lessons=lessons,
      overlong=len(ended) - len(lessons),
    )

  def _explore(self, logits, action):
    """The actions; others for actors in their window, or that are stuck."""
    config, actor_state = self._config, self.actor_state
    if config.safe_exploration == "off":
      return action
    for i in range(len(action)):
      count = int(actor_state.played[i])
      start, end = actor_state.window[i]
      now = len(self.running[i].actions)
      address = 2, i, actor_state.games[i], count
      if actor_state.repeats[i] > config.most_repeats:
        action[i] = self._rng(*address).integers(len(logits[i]))
      elif start <= now < end:
        previous = int(actor_state.actions[i, count - 1]) if count else 0
        action[i] = exploration.choose(
          self._rng(*address),
          exploration.safe(logits[i], i, len(action), config.safe_margin),
          previous,
          now == start,
          config.safe_exploration,
        )
    return action

  def _note(self, i, action, log_prob, seen):
    """Writes a step down; returns the lesson of an episode that has ended."""
    actor_state, running = self.actor_state, self.running[i]
    count = int(actor_state.played[i])
    again = count > 0 and actor_state.actions[i, count - 1] == action
    actor_state.repeats[i] = actor_state.repeats[i] + 1 if again else 0
    actor_state.actions[i, count] = action
    actor_state.log_probs[i, count] = log_prob
    actor_state.played[i] += 1
    running.actions.append(int(action))
    running.log_probs.append(float(log_prob))
    running.rewards.append(float(seen.reward[i]))
    running.frames.append(seen.frame[i])
    self._returns[i] += seen.reward[i]
    limit = self._config.episode_steps
    ended = []
    if seen.end[i]:
      kept, length = self._config.length_decay, len(running.actions)
      actor_state.length[...] = kept * actor_state.length + (1 - kept) * length
      actor_state.episodes[...] += 1
      ended = [running.lesson(limit)]
      self.running[i] = Running(running.frames[-STACK:])
    elif len(running.actions) > limit:
      # It will not be a lesson: only what is needed to see is kept.
      del running.frames[:-STACK]
    if seen.over[i]:
      self._next_game(i, seen.frame[i])
    if seen.end[i]:
      self._open_window(i)
    return ended

  def _next_game(self, i, frame):
    actor_state = self.actor_state
    actor_state.last_return[i] = self._returns[i] / self._config.reward_scale
    actor_state.games[i] += 1
    actor_state.played[i] = actor_state.repeats[i] = 0
    self._returns[i] = 0
    self.running[i] = Running([frame] * STACK)
