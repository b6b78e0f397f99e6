"""How things look: each is a few rounded boxes, one over the other.

A part is (x, y, half length, half width, corner, turn, colour, opacity), in
units of the map and radians, with x along the thing's facing; a disc is a box
of no size with round corners. The first part of each is its shadow, which lies
to the lower right whichever way the thing faces. Colours are red, green, blue;
TEAM is the owner's, or the kind's own where nobody owns it. All pictures that a
clip can need are drawn once, in NumPy; frames are put together from them.
"""

import functools
import math

import numpy as np

from . import things

TEAM = (-1.0, -1.0, -1.0)
TEAMS = np.array([TEAM, (0.18, 0.42, 1.0), (0.95, 0.16, 0.12)], np.float32)
# What nobody owns shows these.
LIVERY = {
  things.TROOPER: (0.22, 0.45, 1.0),
  things.BRUISER: (0.15, 0.75, 0.30),
  things.FLAMER: (0.95, 0.25, 0.10),
  things.SCOUT: (0.93, 0.93, 0.96),
  things.WORKER: (0.98, 0.80, 0.12),
  things.TANK: (0.70, 0.28, 0.85),
  things.BLADE: (0.90, 0.62, 0.20),
  things.SHARD: (0.20, 0.72, 1.0),
  things.CARRIER: (0.62, 0.70, 0.78),
  things.TRACER: (1.0, 0.92, 0.45),
  things.SHELL: (1.0, 0.60, 0.15),
  things.BLAST: (1.0, 0.55, 0.12),
  things.BEAM: (0.45, 1.0, 0.65),
}
BLACK, DARK, STEEL = (0.0, 0.0, 0.0), (0.08, 0.08, 0.10), (0.55, 0.57, 0.60)
WHITE, GLASS = (1.0, 1.0, 1.0), (0.35, 0.85, 0.95)
_QUARTER = np.pi / 4


def _disc(x, y, radius, colour, opacity=1.0):
  return (x, y, 0.0, 0.0, radius, 0.0, colour, opacity)


def _box(x, y, length, width, colour, opacity=1.0, corner=0.0, turn=0.0):
  return (x, y, length, width, corner, turn, colour, opacity)


def _shadow(x, y, length, width, corner, opacity=0.45):
  return (x, y, length, width, corner, 0.0, BLACK, opacity)


PARTS = {
  things.TROOPER: (
    _shadow(0.16, 0.2, 0, 0.2, 0.6),
    _box(0.0, 0.0, 0.05, 0.22, DARK, corner=0.62),
    _box(0.0, 0.0, 0.08, 0.26, TEAM, corner=0.46),
    _box(0.6, 0.24, 0.4, 0.08, STEEL, corner=0.06),
    _disc(0.16, 0.0, 0.22, GLASS),
  ),
  things.BRUISER: (
    _shadow(0.18, 0.22, 0, 0.3, 0.66),
    _box(0.0, 0.0, 0.2, 0.42, DARK, corner=0.56),
    _box(0.0, 0.0, 0.2, 0.42, TEAM, corner=0.4),
    _box(0.5, 0.55, 0.32, 0.18, STEEL, corner=0.06),
    _box(0.5, -0.55, 0.32, 0.18, STEEL, corner=0.06),
  ),
  things.FLAMER: (
    _shadow(0.16, 0.2, 0, 0.2, 0.6),
    _box(0.0, 0.0, 0.05, 0.22, DARK, corner=0.64),
    _box(0.0, 0.0, 0.05, 0.22, TEAM, corner=0.48),
    _box(-0.5, 0.0, 0.12, 0.32, STEEL, corner=0.1),
    _disc(0.75, 0.0, 0.2, (1.0, 0.8, 0.2)),
  ),
  things.SCOUT: (
    _shadow(0.14, 0.18, 0, 0.1, 0.5),
    _box(0.0, 0.0, 0.46, 0.46, DARK, corner=0.16, turn=_QUARTER),
    _box(0.0, 0.0, 0.46, 0.46, TEAM, corner=0.04, turn=_QUARTER),
    _box(0.85, 0.12, 0.55, 0.05, STEEL, corner=0.05),
    _disc(0.05, 0.0, 0.12, DARK),
  ),
  things.WORKER: (
    _shadow(0.18, 0.22, 0.5, 0.5, 0.12),
    _box(0.0, 0.0, 0.55, 0.55, DARK, corner=0.16),
    _box(0.0, 0.0, 0.5, 0.5, TEAM, corner=0.06),
    _box(0.75, 0.3, 0.25, 0.09, STEEL, corner=0.06),
    _disc(0.15, 0.0, 0.22, GLASS),
  ),
  things.TANK: (
    _shadow(0.22, 0.26, 0.75, 0.6, 0.1),
    _box(0.0, 0.0, 0.85, 0.68, DARK, corner=0.1),
    _box(0.0, 0.0, 0.8, 0.42, TEAM, corner=0.06),
    _box(0.85, 0.0, 0.65, 0.1, STEEL, corner=0.06),
    _disc(-0.05, 0.0, 0.36, STEEL),
    _disc(-0.05, 0.0, 0.2, TEAM),
  ),
  things.BLADE: (
    _shadow(0.16, 0.2, 0, 0.1, 0.6),
    _disc(0.0, 0.0, 0.66, DARK),
    _disc(0.0, 0.0, 0.5, TEAM),
    _box(0.62, 0.46, 0.34, 0.06, GLASS, corner=0.05),
    _box(0.62, -0.46, 0.34, 0.06, GLASS, corner=0.05),
    _disc(-0.05, 0.0, 0.2, (1.0, 0.85, 0.4)),
  ),
  things.SHARD: (
    _shadow(0.12, 0.16, 0.1, 0.1, 0.4),
    _disc(0.0, 0.0, 0.78, (0.1, 0.45, 0.9), 0.3),
    _box(0.0, 0.0, 0.36, 0.2, TEAM, corner=0.12, turn=-_QUARTER),
    _box(0.08, -0.08, 0.16, 0.04, WHITE, corner=0.06, turn=-_QUARTER),
  ),
  things.CARRIER: (
    _shadow(0.55, 0.7, 1.0, 0.4, 0.35),
    _box(0.0, 0.0, 1.0, 0.42, DARK, corner=0.36),
    _box(0.0, 0.0, 1.0, 0.36, TEAM, corner=0.24),
    _box(-0.45, 0.92, 0.5, 0.2, STEEL, corner=0.12),
    _box(-0.45, -0.92, 0.5, 0.2, STEEL, corner=0.12),
    _box(-1.1, 0.0, 0.1, 0.4, (0.3, 0.7, 1.0), corner=0.12),
    _box(0.1, 0.0, 0.42, 0.12, (0.9, 0.15, 0.15)),
    _box(0.1, 0.0, 0.12, 0.42, (0.9, 0.15, 0.15)),
    _disc(0.85, 0.0, 0.26, GLASS),
  ),
  things.TRACER: (
    _shadow(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    _box(-0.1, 0.0, 0.42, 0.02, TEAM, 0.55, corner=0.16),
    _box(0.05, 0.0, 0.25, 0.02, WHITE, corner=0.08),
  ),
  things.SHELL: (
    _shadow(0.2, 0.25, 0.0, 0.0, 0.25),
    _disc(0.0, 0.0, 0.4, TEAM, 0.6),
    _disc(0.0, 0.0, 0.22, (1.0, 0.95, 0.7)),
  ),
  things.BLAST: (
    _shadow(0.0, 0.0, 0.0, 0.0, 0.8, 0.3),
    _disc(0.0, 0.0, 0.95, TEAM, 0.75),
    _disc(0.0, 0.0, 0.6, (1.0, 0.85, 0.3), 0.9),
    _disc(0.0, 0.0, 0.28, WHITE),
  ),
  things.BEAM: (
    _shadow(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    _disc(0.0, 0.0, 1.0, TEAM, 0.4),
    _box(0.9, 0.0, 0.7, 0.3, TEAM, 0.45, corner=0.05),
  ),
}


# How far above a thing its health bar hangs, and half the bar's length.
BAR_ABOVE, BAR_LENGTH = 1.05, 0.62
TURNS = 64  # Directions in which a thing is drawn.
STEPS = 16  # Places, a unit, at which a thing is drawn.


def reach(kinds: tuple[int, ...]) -> float:
  """How far from its centre a thing of these kinds has pixels, in units."""
  return max(
    np.hypot(abs(x) + length, abs(y) + width) + corner
    for kind in kinds
    for x, y, length, width, corner, *_ in _parts(kind, 0)[1:] + _far(kind)
  )


def _far(kind):
  """The shadow, its offset added in full to its size, as it does not turn."""
  x, y, length, width, *rest = _parts(kind, 0)[0]
  size = np.hypot(x, y) + np.hypot(length, width)
  return [(0.0, 0.0, size, 0.0, *rest)]


def window(kinds: tuple[int, ...], scale: float) -> int:
  """Pixels a side of a picture that holds each of these kinds in full."""
  return 2 * math.ceil(reach(kinds) * scale + 1)


def places(scale: float) -> int:
  """How many places within a pixel a thing is drawn at, along x and y."""
  return max(1, round(STEPS / scale))


@functools.lru_cache(maxsize=64)
def atlas(
  kinds: tuple[int, ...], teams: tuple[int, ...], scale: float
) -> np.ndarray:
  """Pictures of things of all kinds, teams, directions and places in a pixel.

  Args:
    kinds: which, in this order.
    teams: which, in this order.
    scale: pixels a unit.

  Returns:
    uint8 [kinds, teams, TURNS, places, places, window, window, 4]: colours,
    multiplied by opacity, and opacity. With its place in the pixel (y, x), the
    centre is at window / 2 + place / places, in pixels from the upper left
    corner. The turns of a blast are how much of it is left, those of a bar the
    health, from 0 to 1.
  """
  side, each = window(kinds, scale), places(scale)
  # [places, window], units from the thing's centre.
  off = np.arange(side) + 0.5 - side / 2 - np.arange(each)[:, None] / each
  y = off[:, None, :, None] / scale
  x = off[None, :, None, :] / scale
  drawn = [
    [_picture(x, y, kind, team, turn, scale) for turn in range(TURNS)]
    for kind in kinds
    for team in teams
  ]
  found = np.rint(255 * np.array(drawn)).astype(np.uint8)
  return found.reshape(len(kinds), len(teams), *found.shape[1:])


def _picture(x, y, kind, team, turn, scale):
  """Float [..., 4]: colour times opacity, and opacity, at the pixels (x, y)."""
  angle, grown = 2 * np.pi * turn / TURNS, 1.0
  if kind == things.BLAST:
    angle, grown = 0.0, 0.4 + 0.6 * turn / (TURNS - 1)
  elif kind == things.BAR:
    angle = 0.0
  x, y = x / grown, y / grown
  shape = np.broadcast_shapes(x.shape, y.shape)
  found = np.zeros((*shape, 4))
  for i, part in enumerate(_parts(kind, turn)):
    left, top, length, width, corner, turned, colour, opacity = part
    if i == 0:  # Light comes from the upper left, whatever the direction.
      u, v = _turned(x - left, y - top, angle)
    else:
      u, v = _turned(x, y, angle)
      u, v = _turned(u - left, v - top, turned)
    outside = np.abs(u) - length, np.abs(v) - width
    distance = np.hypot(*(np.maximum(a, 0) for a in outside)) - corner
    distance = distance + np.minimum(np.maximum(*outside), 0)
    # One pixel from clear to covered.
    alpha = np.clip(0.5 - distance * scale * grown, 0, 1)[..., None] * opacity
    if colour == TEAM:
      colour = TEAMS[team] if team else LIVERY[kind]
    found += alpha * (np.array([*colour, 1.0]) - found)
  return found


def _parts(kind, turn):
  if kind != things.BAR:
    return list(PARTS[kind])
  left = BAR_LENGTH * turn / (TURNS - 1)
  return [
    (0.0, 0.0, BAR_LENGTH, 0.1, 0.05, 0.0, (0.1, 0.0, 0.0), 0.95),
    (left - BAR_LENGTH, 0.0, left, 0.1, 0.05, 0.0, (0.2, 1.0, 0.25), 0.95),
  ]


def _turned(x, y, angle):
  cos, sin = np.cos(angle), np.sin(angle)
  return cos * x + sin * y, cos * y - sin * x
