"""Draws things onto the ground: soft edges, in windows just large enough.

A thing covers a few pixels of a frame, so only a window around its centre is
taken out, painted over and put back: a fiftieth of the work of asking every
pixel about every thing. Things that come later lie over those before.
"""

import math
from typing import NamedTuple

import jax
import numpy as np
from jax import numpy as jnp

from . import sprites, things

_BAR = 0.62  # Half the length of a health bar, in units.
_BAR_AT = -1.05  # Its middle, above the thing.


class Layer(NamedTuple):
  """Things that are drawn with windows of one size.

  Attributes:
    start: the first of them.
    stop: the first that is not of them.
    kinds: what they can be.
    bars: whether the health of what is hurt shows.
  """

  start: int
  stop: int
  kinds: tuple[int, ...]
  bars: bool = False


def video(
  seen: things.Things, layers: tuple[Layer, ...], ground: np.ndarray
) -> jax.Array:
  """Returns the frames of a clip, uint8 [t, size, size, 3].

  Args:
    seen: the things of each frame, [t, n].
    layers: all of them, from the ground up.
    ground: float32 [size, size, 3], 0 to 1.
  """
  size = ground.shape[0]
  scale = size / things.WIDTH
  widest = max(_window(layer, scale) for layer in layers)
  edges = ((widest, widest), (widest, widest), (0, 0))
  blank = jnp.asarray(np.pad(ground, edges, mode="edge"))
  frames = seen.kind.shape[0]
  canvas = jnp.broadcast_to(blank[None], (frames, *blank.shape))
  for layer in layers:
    window = _window(layer, scale)
    paint = _painter(layer, window, scale, widest)
    some = jax.tree.map(
      lambda a, layer=layer: jnp.moveaxis(a[:, layer.start : layer.stop], 1, 0),
      seen,
    )
    over = lambda canvas, thing, paint=paint: (
      jax.vmap(paint)(canvas, thing),
      None,
    )
    canvas, _ = jax.lax.scan(over, canvas, some)
  inner = canvas[:, widest : widest + size, widest : widest + size]
  return jnp.round(inner * 255).astype(jnp.uint8)


def _window(layer: Layer, scale: float) -> int:
  bar = math.hypot(_BAR, _BAR_AT) * layer.bars
  return math.ceil(2 * max(sprites.reach(layer.kinds), bar) * scale) + 2


def _painter(layer, window, scale, margin):
  """Returns `paint(canvas, thing) -> canvas`, of one frame and one thing."""
  table = sprites.table(layer.kinds)

  def paint(canvas, thing):
    dead = thing.flash > 0
    kind = jnp.where(dead, things.BLAST, thing.kind)
    shown = dead | ((thing.health > 0) & (thing.carrier < 0))
    # A blast shrinks; all else has its size.
    grown = jnp.where(dead, 0.4 + 0.6 * thing.flash, 1.0)
    centre = thing.position[::-1] * scale + margin  # Row, column.
    corner = jnp.round(centre - window / 2).astype(jnp.int32)
    corner = jnp.clip(corner, 0, canvas.shape[0] - window)
    places = jnp.arange(window) + 0.5
    y = (corner[0] + places - centre[0]) / scale / grown
    x = (corner[1] + places - centre[1]) / scale / grown
    x, y = jnp.meshgrid(x, y)
    cos, sin = jnp.cos(thing.facing), jnp.sin(thing.facing)
    team = jnp.asarray(sprites.TEAMS)[thing.team]
    here = (corner[0], corner[1], 0)
    patch = jax.lax.dynamic_slice(canvas, here, (window, window, 3))

    def over(patch, distance, colour, opacity):
      # One pixel from clear to covered.
      alpha = jnp.clip(0.5 - distance * scale * grown, 0.0, 1.0) * opacity
      alpha = (alpha * shown)[:, :, None]
      return patch + alpha * (colour[None, None] - patch)

    rows = jnp.asarray(table)[kind]
    for i in range(table.shape[1]):
      row = rows[i]
      dx, dy = (x - row[0], y - row[1]) if i == 0 else (x, y)
      u, v = cos * dx + sin * dy, cos * dy - sin * dx
      if i:
        u, v = u - row[0], v - row[1]
        if np.any(table[:, i, 5]):
          c, s = jnp.cos(row[5]), jnp.sin(row[5])
          u, v = c * u + s * v, c * v - s * u
      own = (row[10] > 0) & (thing.team > 0)
      colour = jnp.where(own, team, row[6:9])
      distance = _rounded_box(u, v, row[2], row[3], row[4])
      patch = over(patch, distance, colour, row[9])
    if layer.bars:
      hurt = shown & ~dead & (thing.health < 1)
      left = _BAR * (2 * thing.health - 1)
      for end, colour in ((_BAR, (0.1, 0.0, 0.0)), (left, (0.2, 1.0, 0.25))):
        middle, half = (end - _BAR) / 2, (end + _BAR) / 2
        bar = _rounded_box(x - middle, y - _BAR_AT, half, 0.1, 0.03)
        patch = over(patch, bar, jnp.array(colour), hurt * 0.95)
    return jax.lax.dynamic_update_slice(canvas, patch, here)

  return paint


def _rounded_box(x, y, length, width, corner):
  """The distance to a box's edge, negative inside; [h, w] in units."""
  x, y = jnp.abs(x) - length, jnp.abs(y) - width
  outside = jnp.hypot(jnp.maximum(x, 0), jnp.maximum(y, 0))
  return outside + jnp.minimum(jnp.maximum(x, y), 0) - corner
