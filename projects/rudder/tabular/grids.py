"""The paper's tasks on a grid: the bomb and the trace back.

Both were recalled, not read: see `environments.py`.
"""

import jax
from flax import struct
from jax import numpy as jnp

from common.errors import InputError

from .delayed_mdp import (
  DelayedMDP,
  EnvParams,
  EnvState,
  one_hot,
  outcomes_of,
)

# Up, right, down, left.
_DX, _DY = (0, 1, 0, -1), (1, 0, -1, 0)


def move(x, y, action, side):
  """The field after a step; a step off the grid leaves one where one is."""
  x = jnp.clip(x + jnp.asarray(_DX)[action], 0, side - 1)
  y = jnp.clip(y + jnp.asarray(_DY)[action], 0, side - 1)
  return x, y


def to_bomb(x, y, params):
  """Manhattan distance to the bomb."""
  return abs(x - params.bomb_x) + abs(y - params.bomb_y)


@struct.dataclass
class BombState(EnvState):
  """A field, and whether one has been at the bomb."""

  x: jax.Array
  y: jax.Array
  visited: jax.Array


@struct.dataclass
class BombParams(EnvParams):
  """The paper's numbers, as recalled, at a delay of 8."""

  max_steps_in_episode: int = 12
  start_x: int = 22
  bomb_x: int = 30
  bomb_y: int = 15
  defused: float = 1000.0
  probability: float = 0.5  # that a visit defuses
  towards: float = -0.09
  away: float = 0.1
  along_the_way: bool = False  # whether each step nearer has its share of it


class GridWorld(DelayedMDP):
  """Task I: defuse a bomb, or run away from it?

  31 x 31 fields, the bomb at (30, 15), the start `delay` fields to its left,
  floor(1.5 delay) steps up, right, down or left. The step at time t = 0, 1, ...
  is paid c t h at once, with h the Manhattan distance to the bomb before it and
  c = -0.09 for a step that makes h smaller, 0.1 for one that makes it greater.
  At the end come 1000 with probability 1/2, if one has been at the bomb: walk
  there, though running away is paid and walking there costs.

  Ours: h before the move and t from 0; a move off the grid is a rest, and earns
  nothing. Whether one has been at the bomb is seen, without which the last
  reward is not Markov. From a delay of 14 on running away is optimal
  (`test_dynamic_programming.py`), and the task another one.

  So one must first come upon the bomb by chance, which takes as long where
  nothing is delayed. With `along_the_way`, ours, a step that makes h smaller
  earns its share of the last reward, one that makes it greater loses as much,
  and all of that is paid at the end.

  Observation: x (31), y (31), visited, time.
  """

  State, Params = BombState, BombParams
  places = (("x", 31), ("y", 31), ("visited", 2))
  actions = 4
  side = 31
  labels = tuple(f"{axis} = {i}" for axis in "xy" for i in range(31))
  labels += ("visited",)

  def __init__(self, max_delay: int, **numbers):
    super().__init__(max_delay, **numbers)
    if not max_delay <= (bomb_x := self.default_params.bomb_x) < self.side:
      raise InputError(
        f"config.max_delay is {max_delay}, and {self.name} starts up to as "
        f"many fields to the left of its bomb at x = {bomb_x}: off the grid, "
        f"where x is 0 to {self.side - 1}"
      )

  def steps_of(self, delay):
    """Half as many again as lead to the bomb."""
    return delay * 3 // 2

  def params_of_delay(self, delay) -> BombParams:
    """The bomb is `delay` fields away."""
    usual = self.default_params
    return usual.replace(
      max_steps_in_episode=self.steps_of(delay), start_x=usual.bomb_x - delay
    )

  def outcomes(self, state, action, params):
    """A move; the first visit of the bomb may defuse it, or may not."""
    x, y = move(state.x, state.y, action, self.side)
    h, after = to_bomb(state.x, state.y, params), to_bomb(x, y, params)
    c = jnp.where(after < h, params.towards, params.away) * (after != h)
    there = (after == 0) & (state.visited == 0)
    p = jnp.asarray(params.probability)
    nearer = (h - after) / (params.bomb_x - params.start_x)
    share = jnp.where(params.along_the_way, nearer, there)
    earned = share * params.defused
    return outcomes_of(
      state,
      jnp.stack([p, 1 - p]),
      c * state.time * h,
      jnp.stack([earned, jnp.zeros_like(earned)]),
      x=x,
      y=y,
      visited=jnp.where(after == 0, 1, state.visited),
    )

  def owed(self, state, params):
    """What is expected of the visit, or of the way."""
    away = to_bomb(state.x, state.y, params)
    near = 1 - away / (params.bomb_x - params.start_x)
    share = jnp.where(params.along_the_way, near, state.visited)
    return share * params.probability * params.defused

  def start_rows(self, params):
    """`delay` fields from the bomb."""
    field = params.start_x * self.side + params.bomb_y
    return jnp.asarray(2 * field)[None]

  def seen(self, state):
    """See the class."""
    x, y = one_hot(state.x, self.side), one_hot(state.y, self.side)
    return x, y, state.visited[None].astype(jnp.float32)


@struct.dataclass
class TraceState(EnvState):
  """A field, and how many of the two moves were made."""

  x: jax.Array
  y: jax.Array
  made: jax.Array


@struct.dataclass
class TraceParams(EnvParams):
  """The paper's rewards, as recalled; which moves count is ours."""

  max_steps_in_episode: int = 20
  first: int = 0
  second: int = 1
  cost: float = -50.0
  reward: float = 150.0


class TraceBack(DelayedMDP):
  """Task III: only the first two moves count, and the first one costs.

  15 x 15 fields, the start in the middle, `delay` moves up, right, down or
  left. Up as the first move costs 50 at once; if right is the second, 150 are
  paid at the end. Nothing else earns anything.

  Ours: which moves they are, and that the state says whether they were made,
  without which the last reward is not Markov.

  Observation: x (15), y (15), one move made, both made, time.
  """

  State, Params = TraceState, TraceParams
  places = (("x", 15), ("y", 15), ("made", 3))
  actions = 4
  side = 15
  labels = tuple(f"{axis} = {i}" for axis in "xy" for i in range(15))
  labels += ("one move made", "both made")

  def start_rows(self, params):
    """The middle."""
    del params
    return jnp.array([self.side**2 // 2 * 3])

  def outcomes(self, state, action, params):
    """One: a move."""
    x, y = move(state.x, state.y, action, self.side)
    first = (state.time == 0) & (action == params.first)
    second = (state.time == 1) & (action == params.second) & (state.made == 1)
    return outcomes_of(
      state,
      jnp.ones(1),
      jnp.where(first, params.cost, 0.0),
      jnp.where(second, params.reward, 0.0),
      x=x,
      y=y,
      made=state.made + first + second,
    )

  def owed(self, state, params):
    """The reward of both moves."""
    return (state.made == 2) * params.reward

  def seen(self, state):
    """See the class."""
    x, y = one_hot(state.x, self.side), one_hot(state.y, self.side)
    return x, y, (state.made >= jnp.array([1, 2])).astype(jnp.float32)
