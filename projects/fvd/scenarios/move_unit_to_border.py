"""One walker goes from the middle straight to the border, and stays there.

Its kind, its start and the direction are random; its speed is constant.
"""

import dataclasses

import jax
from jax import numpy as jnp

from common import keys

from . import render, things


@dataclasses.dataclass(frozen=True)
class Rules:
  """The numbers of the scenario; lengths in units, times in loops."""

  speed: float = 0.125  # Units a loop: two pixels a frame, of 64 a side.
  start: float = 2.0  # How far from the middle it starts, along x and y.
  margin: float = 0.8  # Of its last place from the border.


GROUND = "border"
FEWEST_FRAMES = 1


def layers(rules: Rules) -> tuple[render.Layer, ...]:
  """The walker."""
  del rules
  return (render.Layer(0, 1, things.WALKERS),)


def play(key: jax.Array, frames: int, rules: Rules) -> things.Things:
  """Returns all that happens, [frames, 1] things."""
  middle = jnp.full(2, things.WIDTH / 2)
  off = jax.random.uniform(
    keys.named(key, "start"), (2,), minval=-rules.start, maxval=rules.start
  )
  angle = jax.random.uniform(keys.named(key, "angle"), (), maxval=2 * jnp.pi)
  kind = jax.random.choice(
    keys.named(key, "kind"), jnp.array(things.WALKERS), (1,)
  )
  way = jnp.stack([jnp.cos(angle), jnp.sin(angle)])
  half = things.WIDTH / 2 - rules.margin
  goal = middle + half * way / jnp.max(jnp.abs(way))
  start = middle + off
  length = jnp.linalg.norm(goal - start)
  way = (goal - start) / length
  times = jnp.arange(frames, dtype=jnp.float32) * things.LOOPS
  walked = jnp.minimum(times * rules.speed, length)[:, None]
  one = things.at(
    start[None], kind, jnp.array([things.NOBODY]), jnp.arctan2(way[1:], way[:1])
  )
  path = start[None] + walked * way[None]
  return things.still(one, frames)._replace(position=path[:, None])
