"""A carrier loads one of six walkers, flies along a road, and drops it.

All six stand on the first pad, the carrier beside one of them, which is gone
in the next frame; the others walk away, out of the frame. Whom the carrier
holds cannot be seen, until it drops it on the second pad. Neither the route
nor the times tell: a model has to remember the kind, log2 of 6 bits.
"""

import dataclasses

import jax
from jax import numpy as jnp

from common import keys

from . import ground, render, things

_WALKERS = len(things.WALKERS)
# Places among the things: a beam, the walkers, and the carrier over them.
BEAM, FIRST, CARRIER = 0, 1, 1 + _WALKERS


@dataclasses.dataclass(frozen=True)
class Rules:
  """The numbers of the scenario; lengths in units, times in frames."""

  load: int = 1  # The first frame without the one that is carried.
  rest: tuple[int, int] = (3, 5)  # Frames after the drop: from, up to.
  spread: float = 1.55  # Between walkers on the pad.
  jitter: float = 0.15  # Of places on the pads, along x and y.
  beside: float = 2.0  # Of the carrier from whom it loads or drops.
  wander: float = 0.7  # Of a bend of the route from the road, along x and y.
  leave: float = 0.6  # Share of the flight after which the others are gone.
  ahead: float = 0.04  # Share of the route by which it looks ahead to turn.
  speed: float = 0.25  # Of the one that was dropped, units a frame.


GROUND = "road"
FEWEST_FRAMES = 10


def layers(rules: Rules) -> tuple[render.Layer, ...]:
  """The beam, the walkers, and the carrier over them."""
  del rules
  return (
    render.Layer(BEAM, FIRST, (things.BEAM,)),
    render.Layer(FIRST, CARRIER, things.WALKERS),
    render.Layer(CARRIER, CARRIER + 1, (things.CARRIER,)),
  )


def play(key: jax.Array, frames: int, rules: Rules) -> things.Things:
  """Returns all that happens, [frames, 8] things."""
  draw = lambda name, *shape: jax.random.uniform(
    keys.named(key, name), shape, minval=-1.0
  )
  pick = lambda name, low, high: jax.random.randint(
    keys.named(key, name), (), low, high
  )
  road = jnp.array(ground.ROAD, jnp.float32)
  whom = pick("whom", 0, _WALKERS)
  drop = frames - pick("rest", *rules.rest)
  time = jnp.arange(frames)
  held = (time >= rules.load) & (time < drop)

  # Two rows of three on the pad; the carrier waits outside of whom it takes.
  row, column = jnp.divmod(jnp.arange(_WALKERS), 3)
  rank = jnp.stack([column - 1.0, 1.2 * (row - 0.5)], axis=-1)
  stand = road[:1] + rules.spread * rank
  stand = stand + rules.jitter * draw("stand", _WALKERS, 2)
  up = jnp.array([0.0, -1.0])
  outside = jnp.where(whom < 3, 1.0, -1.0) * up
  start = stand[whom] + rules.beside * outside
  end = road[-1] + rules.beside / 2 * up + rules.jitter * draw("end", 2)
  bends = road[1:-1] + rules.wander * draw("bends", len(road) - 2, 2)
  path = jnp.concatenate([start[None], bends, end[None]])
  begin = rules.load - 1
  share = jnp.clip((time - begin) / (drop - begin), 0, 1)
  flown = _along(path, share)
  way = _along(path, share + rules.ahead) - _along(path, share - rules.ahead)
  since = jnp.maximum(time - drop, 0)[:, None]  # Frames since the drop.
  flown = flown + 2 * rules.speed * since * up[None]

  # Who stays behind walks out on the left, the last one just in time.
  gone = jnp.maximum(time - rules.load, 0) / (rules.leave * (drop - rules.load))
  walked = gone[:, None] * (jnp.max(stand[:, 0]) + 1)
  left = jnp.stack(
    [stand[None, :, 0] - walked, 0 * walked + stand[None, :, 1]], -1
  )
  dropped = end[None] - (rules.beside + rules.speed * since) * up[None]
  its = jnp.where(held[:, None], flown, dropped)
  its = jnp.where((time < rules.load)[:, None], stand[whom][None], its)
  me = jnp.arange(_WALKERS) == whom
  away = jnp.where(time < rules.load, 0.0, jnp.pi)
  down = jnp.where(time < drop, 0.0, jnp.pi / 2)

  kinds = jax.random.permutation(
    keys.named(key, "kinds"), jnp.array(things.WALKERS)
  )
  nobody = lambda count: jnp.full(count, things.NOBODY)
  walkers = things.at(stand, kinds, nobody(_WALKERS), jnp.zeros(_WALKERS))
  one = lambda kind: things.at(
    jnp.zeros((1, 2)), jnp.full(1, kind), nobody(1), jnp.zeros(1)
  )
  # The beam lies between the carrier and whom it takes or drops.
  shines = (time == begin) | (time == drop)
  beam = jnp.where((time == begin)[:, None], outside[None], up[None])
  angle = lambda way: jnp.arctan2(way[:, 1], way[:, 0])[:, None]
  return things.joined(
    things.still(one(things.BEAM), frames)._replace(
      position=its[:, None],
      health=shines[:, None].astype(jnp.float32),
      facing=angle(beam),
    ),
    things.still(walkers, frames)._replace(
      position=jnp.where(me[None, :, None], its[:, None], left),
      facing=jnp.where(me[None], down[:, None], away[:, None]),
      carrier=jnp.where(held[:, None] & me[None], CARRIER, -1),
    ),
    things.still(one(things.CARRIER), frames)._replace(
      position=flown[:, None], facing=angle(way)
    ),
  )


def _along(path, share):
  """The places at shares of the way along a path [n, 2]; [t] to [t, 2]."""
  steps = jnp.linalg.norm(jnp.diff(path, axis=0), axis=-1)
  past = jnp.concatenate([jnp.zeros(1), jnp.cumsum(steps)])
  length = jnp.clip(share, 0, 1) * past[-1]
  return jnp.stack([jnp.interp(length, past, path[:, i]) for i in (0, 1)], -1)
