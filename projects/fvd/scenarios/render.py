"""Puts frames together: pictures of things laid over the ground, one by one.

A thing covers few pixels, so a window around it is taken out, painted over
and put back: a fiftieth of the work of asking every pixel about every thing.
Things that come later lie over those before.
"""

from typing import NamedTuple

import jax
import numpy as np
from jax import numpy as jnp

from . import sprites, things

BOTH = (things.BLUE, things.RED)


class Layer(NamedTuple):
  """Things whose pictures have one size.

  Attributes:
    start: the first of them.
    stop: the first that is not of them.
    kinds: what they can be.
    teams: whose they can be.
    fights: whether the health of what is hurt shows, and its death.
  """

  start: int
  stop: int
  kinds: tuple[int, ...]
  teams: tuple[int, ...] = (things.NOBODY,)
  fights: bool = False


def video(
  seen: things.Things, layers: tuple[Layer, ...], ground: np.ndarray
) -> jax.Array:
  """Returns the frames of a clip, uint8 [t, size, size, 3].

  Args:
    seen: the things of each frame, [t, n].
    layers: all of them, from the ground up.
    ground: uint8 [size, size, 3].
  """
  size = ground.shape[0]
  scale = size / things.WIDTH
  # What is outside is painted into the margin, which is cut off at the end.
  margin = max(sprites.window(_kinds(layer), scale) for layer in layers)
  edges = ((margin, margin), (margin, margin), (0, 0))
  blank = jnp.asarray(np.pad(ground, edges))
  frames = seen.kind.shape[0]
  canvas = jnp.broadcast_to(blank[None], (frames, *blank.shape))
  for layer in layers:
    some = jax.tree.map(lambda a, z=layer: a[:, z.start : z.stop], seen)
    dead = some.flash > 0
    shown = (some.health > 0) & (some.carrier < 0)
    turn = jnp.round(some.facing * (sprites.TURNS / (2 * jnp.pi)))
    if layer.fights:
      turn = jnp.where(dead, _part(some.flash), turn)
    kind = jnp.where(dead, things.BLAST, some.kind)
    canvas = _paste(
      canvas,
      sprites.atlas(_kinds(layer), layer.teams, scale),
      scale * some.position + margin,
      _place(kind, _kinds(layer)),
      _place(some.team, layer.teams),
      turn,
      shown | dead,
    )
    if layer.fights:
      canvas = _paste(
        canvas,
        sprites.atlas((things.BAR,), (things.NOBODY,), scale),
        scale * (some.position - jnp.array([[[0.0, sprites.BAR_ABOVE]]]))
        + margin,
        jnp.zeros_like(kind),
        jnp.zeros_like(kind),
        _part(some.health),
        shown & (some.health < 1),
      )
  return canvas[:, margin : margin + size, margin : margin + size]


def _kinds(layer):
  return (*layer.kinds, things.BLAST) if layer.fights else layer.kinds


def _part(share):
  return jnp.round(share * (sprites.TURNS - 1))


def _place(values, known):
  """Where each of the values stands in the tuple `known`."""
  return jnp.argmax(values[..., None] == jnp.array(known)[None, None], axis=-1)


def _paste(canvas, atlas, centre, kind, team, turn, shown):
  """Lays pictures of the atlas over frames [t, h, w, 3]; the rest is [t, n]."""
  _, teams, turns, places, _, side, _, _ = atlas.shape
  exact = jnp.round(centre * places).astype(jnp.int32)  # In parts of a pixel.
  pixel, part = jnp.divmod(exact, places)
  corner = jnp.clip(pixel - side // 2, 0, canvas.shape[1] - side)
  turn = turn.astype(jnp.int32) % turns
  number = ((kind * teams + team) * turns + turn) * places + part[..., 1]
  number = number * places + part[..., 0]
  pictures = jnp.asarray(atlas.reshape(-1, side, side, 4))

  def paint(frame, corner, number, shown):
    picture = pictures[number].astype(jnp.float32) * shown
    here = (corner[1], corner[0], 0)
    below = jax.lax.dynamic_slice(frame, here, (side, side, 3))
    clear = 1 - picture[..., 3:] / 255
    both = picture[..., :3] + clear * below.astype(jnp.float32)
    painted = jnp.round(both).astype(jnp.uint8)
    return jax.lax.dynamic_update_slice(frame, painted, here)

  things_first = (jnp.moveaxis(a, 1, 0) for a in (corner, number, shown))
  over = lambda canvas, one: (jax.vmap(paint)(canvas, *one), None)
  return jax.lax.scan(over, canvas, tuple(things_first))[0]
