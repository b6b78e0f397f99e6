"""Two armies meet: walkers, fighters with blades, and tanks; many die.

Each goes to the nearest living enemy until it is in range, and then strikes, or
shoots what flies to its target and hurts it on arrival. Numbers, kinds, places
and the pace of each are random; all else follows.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
from jax import numpy as jnp

from common import keys

from . import render, things

_KINDS = (things.BLADE, things.TROOPER, things.TANK)  # As rules list them.


@dataclasses.dataclass(frozen=True)
class Rules:
  """The numbers of the scenario; lengths in units, times in loops.

  Where there are three, they are of blades, troopers and tanks.
  """

  most: int = 8  # Of an army.
  fewest: int = 3
  health: tuple[float, ...] = (60.0, 40.0, 80.0)
  damage: tuple[float, ...] = (8.0, 6.0, 18.0)
  reload: tuple[float, ...] = (4.0, 5.0, 14.0)  # Loops that one rests.
  reach: tuple[float, ...] = (1.9, 4.5, 6.5)
  speed: tuple[float, ...] = (0.15, 0.11, 0.08)  # Units a loop.
  shares: tuple[float, ...] = (0.35, 0.45, 0.2)  # Of the kinds.
  pace: float = 0.25  # Part by which one's reload differs from its kind's.
  shot_speed: float = 0.5  # Units a loop.
  flash: int = 8  # Loops that a death shows.
  # Closer ones push each other away, to here: none reaches less far, or it
  # would walk on for ever to whom it is pushed away from, and never strike.
  apart: float = 1.8
  push: float = 0.25  # Part of the overlap, a loop.
  gap: float = 5.5  # Between the armies at the start.
  abreast: int = 4  # So many beside each other, the others behind them.
  width: float = 2.3  # Between two that are abreast.
  depth: float = 1.8  # Between one and who is behind it.
  margin: float = 0.8  # Of all from the border.
  muzzle: float = 0.8  # Where shots begin, from the middle of who shoots.


GROUND = "field"
FEWEST_FRAMES = 1


def layers(rules: Rules) -> tuple[render.Layer, ...]:
  """Both armies, and their shots over them."""
  n = 2 * rules.most
  return (
    render.Layer(0, n, _KINDS, render.BOTH, fights=True),
    render.Layer(n, 2 * n, (things.TRACER, things.SHELL)),
  )


class _Shots(NamedTuple):
  """One of each unit, at most; [n]."""

  position: jax.Array
  facing: jax.Array
  target: jax.Array
  flies: jax.Array


def play(key: jax.Array, frames: int, rules: Rules) -> things.Things:
  """Returns all that happens, [frames, 4 * most] things: units, their shots.

  Shot i is that of unit i, and its health whether it flies.
  """
  units, rank, pace = _armies(key, rules)
  n = 2 * rules.most
  shots = _Shots(
    position=units.position,
    facing=units.facing,
    target=jnp.zeros(n, jnp.int32),
    flies=jnp.zeros(n, bool),
  )
  wait = pace * jax.random.uniform(keys.named(key, "wait"), (n,))
  loop = _loop(rules, rank, pace)

  def frame(state, _):
    return jax.lax.fori_loop(0, things.LOOPS, loop, state), state[:2]

  _, (units, shots) = jax.lax.scan(frame, (units, shots, wait), length=frames)
  kind = jnp.where(rank == 2, things.SHELL, things.TRACER)
  thrown = things.Things(
    position=shots.position,
    facing=shots.facing,
    kind=jnp.broadcast_to(kind[None], units.kind.shape).astype(jnp.int32),
    team=jnp.zeros_like(units.team),
    health=shots.flies.astype(jnp.float32),
    carrier=jnp.full_like(units.carrier, -1),
    flash=jnp.zeros_like(units.flash),
  )
  return things.joined(units, thrown)


def _armies(key, rules):
  """The units at the start, the place of each's kind in the rules, its pace."""
  n, most = 2 * rules.most, rules.most
  uniform = lambda name, *shape: jax.random.uniform(
    keys.named(key, name), shape
  )
  rank = jax.random.choice(
    keys.named(key, "kinds"), 3, (n,), p=jnp.array(rules.shares)
  )
  count = jax.random.randint(
    keys.named(key, "count"), (2,), rules.fewest, most + 1
  )
  side = jnp.repeat(jnp.array([-1.0, 1.0]), most, total_repeat_length=n)
  number = jnp.tile(jnp.arange(most), 2)
  there = number < jnp.repeat(count, most, total_repeat_length=n)
  # Rows behind each other, on an axis of a random angle.
  row, place = jnp.divmod(number, rules.abreast)
  place = place - (rules.abreast - 1) / 2
  across = rules.width * place + uniform("across", n) - 0.5
  along = side * (rules.gap / 2 + rules.depth * row + uniform("along", n))
  angle = 2 * jnp.pi * uniform("angle")
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  position = things.WIDTH / 2 + jnp.stack(
    [cos * along - sin * across, sin * along + cos * across], -1
  )
  facing = angle + jnp.where(side < 0, 0.0, jnp.pi)
  team = jnp.where(side < 0, things.BLUE, things.RED)
  units = things.at(position, jnp.array(_KINDS)[rank], team, facing)
  reload = jnp.array(rules.reload)[rank]
  pace = reload * (1 + rules.pace * (2 * uniform("pace", n) - 1))
  return units._replace(health=there.astype(jnp.float32)), rank, pace


def _loop(rules: Rules, rank: jax.Array, pace: jax.Array) -> Any:
  """Returns one loop of the game, `(i, (units, shots, wait)) -> the same`."""
  of = lambda numbers: jnp.array(numbers)[rank]
  reach, speed, strength = of(rules.reach), of(rules.speed), of(rules.health)
  damage = of(rules.damage)
  throws = rank > 0  # Blades strike at once.
  me = jnp.arange(len(rank))

  def loop(_, state):
    units, shots, wait = state
    alive = units.health > 0
    offset = units.position[None] - units.position[:, None]  # From i to j.
    away = jnp.linalg.norm(offset, axis=-1)
    enemy = (units.team[:, None] != units.team[None]) & alive[None]
    enemy_away = jnp.where(enemy, away, jnp.inf)
    target = jnp.argmin(enemy_away, axis=1)
    distance = enemy_away[me, target]
    some = alive & jnp.isfinite(distance)
    way = offset[me, target] / jnp.maximum(away[me, target], 1e-6)[:, None]
    facing = jnp.where(some, jnp.arctan2(way[:, 1], way[:, 0]), units.facing)

    # Walk, and make room for each other.
    near = some & (distance <= reach)
    moves = jnp.where(some & ~near, speed, 0.0)[:, None] * way
    close = alive[:, None] & alive[None] & (me[:, None] != me[None])
    overlap = jnp.where(close, jnp.maximum(rules.apart - away, 0), 0)
    pushed = -offset / jnp.maximum(away, 1e-6)[..., None] * overlap[..., None]
    moves = moves + rules.push * jnp.sum(pushed, axis=1)
    position = units.position + jnp.where(alive[:, None], moves, 0.0)
    position = jnp.clip(position, rules.margin, things.WIDTH - rules.margin)

    # Strike, or shoot if the last shot has landed.
    fires = near & (wait <= 0) & ~shots.flies
    wait = jnp.where(fires, pace, jnp.maximum(wait - 1, 0))
    # A shot flies to where its target is now, and hurts on arrival.
    flight = units.position[shots.target] - shots.position
    left = jnp.linalg.norm(flight, axis=-1)
    lands = shots.flies & (left <= rules.shot_speed)
    step = rules.shot_speed * flight / jnp.maximum(left, 1e-6)[:, None]
    new = fires & throws
    muzzle = position + rules.muzzle * way
    blow = jnp.where(lands, shots.target, target)
    hits = lands | (fires & ~throws)
    harm = jnp.zeros_like(damage).at[blow].add(jnp.where(hits, damage, 0.0))
    shots = _Shots(
      position=jnp.where(
        new[:, None],
        muzzle,
        jnp.where(shots.flies[:, None], shots.position + step, position),
      ),
      facing=jnp.where(new, facing, jnp.arctan2(flight[:, 1], flight[:, 0])),
      target=jnp.where(new, target, shots.target),
      flies=new | (shots.flies & ~lands),
    )
    health = jnp.maximum(units.health - harm / strength, 0.0)
    dies = alive & (health <= 0)
    fading = jnp.maximum(units.flash - 1 / rules.flash, 0.0)
    units = units._replace(
      position=position,
      facing=facing,
      health=health,
      flash=jnp.where(dies, 1.0, fading),
    )
    return units, shots, wait

  return loop
