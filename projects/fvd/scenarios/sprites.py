"""How things look: each is a few rounded boxes, one over the other.

A part is (x, y, half length, half width, corner, turn, colour, opacity), in
units of the map and radians, with x along the thing's facing; a disc is a box
of no size with round corners. The first part of each is its shadow, which lies
to the lower right whichever way the thing faces. Colours are red, green, blue;
TEAM is the owner's, or the kind's own where nobody owns it.
"""

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
    _box(0.0, 0.0, 0.05, 0.22, TEAM, corner=0.46),
    _box(0.62, 0.3, 0.45, 0.09, STEEL, corner=0.06),
    _disc(0.12, 0.0, 0.26, GLASS),
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
    _box(0.0, 0.0, 0.42, 0.42, DARK, corner=0.18, turn=_QUARTER),
    _box(0.0, 0.0, 0.42, 0.42, TEAM, turn=_QUARTER),
    _box(0.8, 0.12, 0.6, 0.05, STEEL, corner=0.05),
    _disc(0.1, 0.0, 0.16, (0.9, 0.2, 0.2)),
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
    _box(0.6, 0.42, 0.42, 0.08, GLASS, corner=0.04),
    _box(0.6, -0.42, 0.42, 0.08, GLASS, corner=0.04),
    _disc(0.05, 0.0, 0.2, (1.0, 0.85, 0.4)),
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


def reach(kinds: tuple[int, ...]) -> float:
  """How far from its centre a thing of these kinds has pixels, in units."""
  return max(
    abs(x) + abs(y) + np.hypot(length, width) + corner
    if i == 0
    else np.hypot(abs(x) + length, abs(y) + width) + corner
    for kind in kinds
    for i, (x, y, length, width, corner, *_) in enumerate(PARTS[kind])
  )


def table(kinds: tuple[int, ...]) -> np.ndarray:
  """The parts of all kinds, float32 [13, parts, 11]; those not asked for blank.

  The columns are those of a part, its colour as three, and at the end whether
  the team's colour goes before it.
  """
  most = max(len(PARTS[kind]) for kind in kinds)
  rows = np.zeros((len(things.NAMES), most, 11), np.float32)
  for kind in kinds:
    for i, (*form, colour, opacity) in enumerate(PARTS[kind]):
      shown = LIVERY[kind] if colour == TEAM else colour
      rows[kind, i] = (*form, *shown, opacity, colour == TEAM)
  return rows
