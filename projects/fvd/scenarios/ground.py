"""What things walk on: a picture for each scenario, the same in all its clips.

Low in contrast and dark, so that what moves stands out. Drawn on the host in
float64 at four times the pixels of a frame, which are then averaged.
"""

import functools
import itertools
from collections.abc import Callable

import numpy as np

from . import things

_FINER = 4


def _noise(seed: int, x: np.ndarray, y: np.ndarray, cell: float) -> np.ndarray:
  """Smooth noise, about -1 to 1: random heights, `cell` units apart."""
  heights = np.random.default_rng(seed).uniform(-1, 1, (64, 64))
  i, j = np.floor(y / cell).astype(int), np.floor(x / cell).astype(int)
  ease = lambda part: part * part * (3 - 2 * part)
  v, u = ease(y / cell - i), ease(x / cell - j)
  at = lambda di, dj: heights[(i + di) % 64, (j + dj) % 64]
  above = at(0, 0) * (1 - u) + at(0, 1) * u
  below = at(1, 0) * (1 - u) + at(1, 1) * u
  return above * (1 - v) + below * v


def _rough(seed, x, y):
  """Noise of three sizes, as soil has it."""
  sizes = ((3.0, 0.5), (1.0, 0.3), (0.3, 0.2))
  return sum(
    part * _noise(seed + i, x, y, c) for i, (c, part) in enumerate(sizes)
  )


def _colour(*rgb):
  return np.array(rgb)[None, None]


def border(x, y):
  """Sand, with a rim of plates around it."""
  rough = _rough(1, x, y)[..., None]
  sand = _colour(0.36, 0.29, 0.21) * (1 + 0.22 * rough)
  edge = np.minimum(
    np.minimum(x, things.WIDTH - x), np.minimum(y, things.WIDTH - y)
  )[..., None]
  plate = _colour(0.20, 0.21, 0.24) * (1 + 0.15 * rough)
  stripe = np.sin((x + y) * 2 * np.pi / 1.6)[..., None] > 0
  plate = np.where((edge > 0.55) & stripe, _colour(0.42, 0.36, 0.12), plate)
  return np.where(edge < 0.9, plate, sand)


def plates(x, y):
  """A floor of dark metal plates."""
  shade = 1 + 0.10 * np.sign(_noise(11, np.floor(x / 2), np.floor(y / 2), 1.0))
  floor = _colour(0.15, 0.17, 0.21) * (
    shade[..., None] + 0.12 * _rough(12, x, y)[..., None]
  )
  seam = np.minimum(1 - np.abs(x % 2 - 1), 1 - np.abs(y % 2 - 1))[..., None]
  bolt = np.hypot(x % 2 - 0.3, y % 2 - 0.3)[..., None] < 0.12
  floor = np.where(seam < 0.08, 0.55 * floor, floor)
  return np.where(bolt, 1.5 * floor, floor)


def field(x, y):
  """Trampled grass, with bare earth where the armies meet."""
  rough = _rough(21, x, y)[..., None]
  grass = _colour(0.20, 0.25, 0.13) * (1 + 0.25 * rough)
  earth = _colour(0.30, 0.24, 0.17) * (1 + 0.2 * rough)
  middle = np.hypot(x - things.WIDTH / 2, y - things.WIDTH / 2) / 6
  bare = np.clip(1.6 - 2 * (middle + 0.35 * _noise(24, x, y, 2.0)), 0, 1)
  return grass + (earth - grass) * bare[..., None]


def road(x, y):
  """Rocky land with a road from one landing pad to the other."""
  rough = _rough(31, x, y)[..., None]
  land = _colour(0.27, 0.22, 0.19) * (1 + 0.28 * rough)
  away = np.full(x.shape, np.inf)
  points = np.array(ROAD)
  for a, b in itertools.pairwise(points):
    along = b - a
    share = ((x - a[0]) * along[0] + (y - a[1]) * along[1]) / (along @ along)
    share = np.clip(share, 0, 1)
    away = np.minimum(
      away, np.hypot(x - a[0] - share * along[0], y - a[1] - share * along[1])
    )
  away = away[..., None]
  land = np.where(
    away < 0.95, _colour(0.24, 0.24, 0.26) * (1 + 0.1 * rough), land
  )
  dash = (np.sin((x + y) * 2 * np.pi / 1.5) > 0)[..., None]
  land = np.where((away < 0.09) & dash, _colour(0.48, 0.45, 0.32), land)
  for px, py in (ROAD[0], ROAD[-1]):
    off = np.maximum(np.abs(x - px), np.abs(y - py))[..., None]
    pad = _colour(0.21, 0.24, 0.30) * (1 + 0.08 * rough)
    land = np.where(off < 2.6, pad, land)
    land = np.where((off < 2.45) & (off > 2.2), _colour(0.40, 0.42, 0.36), land)
  return land


# From the pad where walkers are loaded to that where they are dropped.
ROAD = (
  (3.4, 12.2),
  (7.6, 12.2),
  (9.8, 9.0),
  (7.0, 5.8),
  (9.0, 3.4),
  (12.6, 3.6),
)

_PICTURES: dict[str, Callable] = {
  "border": border,
  "plates": plates,
  "field": field,
  "road": road,
}


@functools.cache
def picture(name: str, size: int) -> np.ndarray:
  """The ground `border`, `plates`, `field` or `road`: uint8 [size, size, 3]."""
  fine = size * _FINER
  places = (np.arange(fine) + 0.5) * things.WIDTH / fine
  x, y = np.meshgrid(places, places)
  drawn = np.clip(_PICTURES[name](x, y), 0, 1)
  blocks = drawn.reshape(size, _FINER, size, _FINER, 3)
  return np.rint(255 * blocks.mean(axis=(1, 3))).astype(np.uint8)
