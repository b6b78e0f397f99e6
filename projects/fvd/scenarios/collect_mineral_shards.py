"""Two troopers walk from shard to shard; a shard vanishes when touched.

Each goes to the nearest shard that is left, the second never to that of the
first. Places are random; all else follows.
"""

import dataclasses

import jax
from jax import numpy as jnp

from common import keys

from . import render, things

_CELLS = 5  # A side: each has room for one shard.


@dataclasses.dataclass(frozen=True)
class Rules:
  """The numbers of the scenario; lengths in units, times in loops."""

  shards: int = 16
  speed: float = 0.15  # Units a loop.
  touch: float = 0.9  # A shard closer than this is taken.
  start: float = 2.5  # How far from the middle the troopers start.
  clear: float = 1.6  # No shard is closer to a start.
  margin: float = 0.9  # Of shards from the border.


GROUND = "plates"
FEWEST_FRAMES = 1


def layers(rules: Rules) -> tuple[render.Layer, ...]:
  """Shards, and the troopers over them."""
  return (
    render.Layer(0, rules.shards, (things.SHARD,)),
    render.Layer(
      rules.shards, rules.shards + 2, (things.TROOPER,), (things.RED,)
    ),
  )


def play(key: jax.Array, frames: int, rules: Rules) -> things.Things:
  """Returns all that happens, [frames, shards + 2] things."""

  def loop(_, state):
    walkers, facing, left = state
    taken = jnp.int32(-1)
    for i in range(2):
      away = jnp.linalg.norm(shards - walkers[i][None], axis=-1)
      free = left & (jnp.arange(rules.shards) != taken)
      nearest = jnp.argmin(jnp.where(free, away, jnp.inf))
      some = jnp.any(free)
      way = (shards[nearest] - walkers[i]) / jnp.maximum(away[nearest], 1e-6)
      step = jnp.minimum(rules.speed, away[nearest]) * some
      walkers = walkers.at[i].add(step * way)
      turned = jnp.where(some, jnp.arctan2(way[1], way[0]), facing[i])
      facing = facing.at[i].set(turned)
      taken = jnp.where(some, nearest, -1)
    away = jnp.linalg.norm(shards[:, None] - walkers[None], axis=-1)
    return walkers, facing, left & jnp.all(away >= rules.touch, axis=1)

  def frame(state, _):
    return jax.lax.fori_loop(0, things.LOOPS, loop, state), state

  walkers, shards = _places(key, rules)
  facing = jax.random.uniform(
    keys.named(key, "facing"), (2,), maxval=2 * jnp.pi
  )
  state = walkers, facing, jnp.ones(rules.shards, bool)
  _, (walked, faced, left) = jax.lax.scan(frame, state, length=frames)
  of = lambda count, kind: jnp.full(count, kind)
  gems = things.at(
    shards,
    of(rules.shards, things.SHARD),
    of(rules.shards, things.NOBODY),
    jnp.zeros(rules.shards),
  )
  pair = things.at(walkers, of(2, things.TROOPER), of(2, things.RED), facing)
  return things.joined(
    things.still(gems, frames)._replace(health=left.astype(jnp.float32)),
    things.still(pair, frames)._replace(position=walked, facing=faced),
  )


def _places(key, rules):
  """Where both troopers start, [2, 2], and the shards are, [shards, 2]."""
  walkers = things.WIDTH / 2 + jax.random.uniform(
    keys.named(key, "start"), (2, 2), minval=-rules.start, maxval=rules.start
  )
  cell = (things.WIDTH - 2 * rules.margin) / _CELLS
  grid = jnp.stack(jnp.meshgrid(*[jnp.arange(_CELLS)] * 2), -1).reshape(-1, 2)
  # Not at the edge of a cell, or two would overlap.
  jitter = jax.random.uniform(
    keys.named(key, "shards"), grid.shape, minval=0.2, maxval=0.8
  )
  places = rules.margin + (grid + jitter) * cell
  away = jnp.linalg.norm(places[:, None] - walkers[None], axis=-1).min(1)
  order = jax.random.uniform(keys.named(key, "order"), away.shape)
  last = jnp.where(away < rules.clear, 1.0, 0.0)
  chosen = jnp.argsort(order + last)[: rules.shards]
  return walkers, places[chosen]
