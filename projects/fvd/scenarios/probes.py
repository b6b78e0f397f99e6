"""Reads frames: where things are, which are there, how many live.

Matched filters: a picture of the atlas is laid over the known ground at every
place, and explains so much of what the frame has besides the ground. No
network, and nothing learned but the mass of a unit. Every probe can be tried
on real frames, where the labels are exact; `semantics.py` does so.

Frames are uint8 [n, h, w, 3]; places are pixels, x to the right and y down, as
in the labels.
"""

import functools
from collections.abc import Mapping

import jax
import numpy as np
from jax import numpy as jnp

from . import ground, make, sprites, things

_TURNS = 8  # Directions that are tried.
_CHUNK = 64  # Frames at once.
_PLACES = 4  # Places in a pixel that are tried, a side, at most.
_RADIUS = 2.5  # Of the part that is searched for who was dropped, in units.
_THERE = 0.5  # Part of a picture that must be explained where a thing is.
_STIRS = 0.02  # Squared difference from the ground of what is not the ground.
_LEVELS = (0.1, 0.25, 0.4)  # How red or blue a pixel of an army is.


@functools.partial(jax.jit, static_argnums=4)
def _explained(frames, floor, colours, opacities, kinds):
  """What pictures explain at all places, and which part of each at most.

  Both are [n, h + 1, w + 1, kinds], the most of all pictures of each kind. The
  frame is f, the ground g, a picture P over it P - A g. It explains
  |f - g|^2 - |f - g - (P - A g)|^2 of the frame, and at most |P - A g|^2.
  """
  half = colours.shape[1] // 2
  conv = lambda x, k: jax.lax.conv_general_dilated(
    x,
    jnp.moveaxis(k, 0, -1),
    (1, 1),
    [(half, half)] * 2,
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  opacities = jnp.broadcast_to(opacities, colours.shape)
  squares = jnp.concatenate(
    [colours**2, -2 * colours * opacities, opacities**2], axis=-1
  )
  powers = jnp.concatenate([jnp.ones_like(floor), floor, floor**2], axis=-1)
  energy = conv(powers[None], squares)[0]
  kernel = jnp.concatenate([colours, -opacities], axis=-1)

  def one(frame):
    off = frame - floor
    seen = jnp.concatenate([off, off * floor], axis=-1)
    gain = 2 * conv(seen[None], kernel)[0] - energy
    most = lambda a: a.reshape(*a.shape[:2], kinds, -1).max(-1)
    return most(gain), most(gain / jnp.maximum(energy, 1e-6))

  return jax.lax.map(one, frames, batch_size=_CHUNK)


def _float(pixels):
  return np.asarray(pixels, np.float32) / 255


def _floor(scenario, size):
  return _float(ground.picture(make.module(scenario).GROUND, size))


def _matched(scenario, frames, pictures):
  """`_explained` as arrays; pictures uint8 [kinds, ..., w, w, 4]."""
  side = pictures.shape[-2]
  flat = _float(pictures).reshape(-1, side, side, 4)
  floor = _floor(scenario, frames.shape[1])
  colours, opacities = flat[..., :3], flat[..., 3:]
  kinds = len(pictures)
  found = _explained(_float(frames), floor, colours, opacities, kinds)
  return tuple(np.array(a) for a in found)


def _atlas(kinds, team, size):
  return sprites.atlas(kinds, (team,), size / things.WIDTH)[:, 0]


def _away(size, place):
  """Of all corners of pixels from a place [2]: [size + 1, size + 1]."""
  y, x = np.mgrid[: size + 1, : size + 1]
  return np.hypot(x - place[0], y - place[1])


def walker(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Where the one thing on MoveUnitToBorder's ground is.

  Returns:
    Places float [n, 2], the middle of all that differs from the ground, and
    how much differs, [n]; 0 where nothing is.
  """
  size = frames.shape[1]
  floor = _floor("move_unit_to_border", size)
  energy = ((_float(frames) - floor[None]) ** 2).sum(-1)
  energy = np.where(energy > _STIRS, energy, 0.0)
  mass = energy.sum((1, 2))
  middles = np.arange(size) + 0.5
  x = energy.sum(1) @ middles / np.maximum(mass, 1e-9)
  y = energy.sum(2) @ middles / np.maximum(mass, 1e-9)
  return np.stack([x, y], -1), mass


def troopers(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Where the two troopers of CollectMineralShards are.

  Returns:
    Places float [n, 2, 2], and whether each is there, bool [n, 2].
  """
  size = frames.shape[1]
  pictures = _atlas((things.TROOPER,), things.RED, size)
  pictures = pictures[:, :: sprites.TURNS // _TURNS, 0, 0]
  found = _matched("collect_mineral_shards", frames, pictures)
  best, part = (a[..., 0] for a in found)
  places, there = (
    np.zeros((len(frames), 2, 2)),
    np.zeros((len(frames), 2), bool),
  )
  apart = 0.6 * size / things.WIDTH  # Two can stand so close to each other.
  for i in range(len(frames)):
    for j in range(2):
      y, x = np.unravel_index(best[i].argmax(), best[i].shape)
      places[i, j] = x, y
      there[i, j] = part[i, y, x] > _THERE
      best[i][_away(size, (x, y)) < apart] = -np.inf
  return places, there


def shards(frames: np.ndarray, places: np.ndarray) -> np.ndarray:
  """Which shards are there, of those whose places are known.

  Args:
    frames: of CollectMineralShards.
    places: [n, shards, 2].

  Returns:
    bool [n, shards].
  """
  size = frames.shape[1]
  pictures = _float(_atlas((things.SHARD,), things.NOBODY, size)[0, 0])
  each, side = pictures.shape[0], pictures.shape[2]
  exact = np.rint(places * each).astype(int)
  pixel, part = np.divmod(exact, each)
  edge = ((0, 0), (side, side), (side, side), (0, 0))
  floor = _floor("collect_mineral_shards", size)
  off = np.pad(_float(frames) - floor[None], edge)
  floor = np.pad(floor, edge[1:])
  window = np.arange(side) + side - side // 2
  y = (pixel[..., 1, None] + window)[..., :, None]
  x = (pixel[..., 0, None] + window)[..., None, :]
  picture = pictures[part[..., 1], part[..., 0]]  # [n, shards, w, w, 4]
  wanted = picture[..., :3] - picture[..., 3:] * floor[y, x]
  seen = off[np.arange(len(frames))[:, None, None, None], y, x]
  match = (seen * wanted).sum((2, 3, 4)) / (wanted**2).sum((2, 3, 4))
  return match > _THERE


def carrier(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Where the carrier is, float [n, 2], and whether it is there, bool [n]."""
  size = frames.shape[1]
  pictures = _atlas((things.CARRIER,), things.NOBODY, size)
  pictures = pictures[:, :: sprites.TURNS // _TURNS, 0, 0]
  found = _matched("road_trip_with_medivac", frames, pictures)
  best, part = (a.reshape(len(frames), -1) for a in found)
  at = best.argmax(1)
  y, x = np.divmod(at, size + 1)
  there = part[np.arange(len(frames)), at] > _THERE
  return np.stack([x, y], -1).astype(float), there


def dropped(frames: np.ndarray) -> np.ndarray:
  """Which kind of walker stands below the second pad's middle; -1 is none.

  Frames are of RoadTripWithMedivac.
  """
  size = frames.shape[1]
  scale = size / things.WIDTH
  pictures = _atlas(things.WALKERS, things.NOBODY, size)[:, sprites.TURNS // 4]
  every = -(-pictures.shape[1] // _PLACES)
  pictures = pictures[:, ::every, ::every]
  found = _matched("road_trip_with_medivac", frames, pictures)
  x, y = ground.ROAD[-1]
  near = _away(size, (x * scale, (y + 2) * scale)) < _RADIUS * scale
  best, part = (a[:, near].max(1) for a in found)
  kind = best.argmax(1)
  there = np.take_along_axis(part, kind[:, None], 1)[:, 0] > _THERE
  return np.where(there, np.array(things.WALKERS)[kind], -1)


def armies(frames: np.ndarray) -> np.ndarray:
  """How many of the blue and of the red live, float [n, 2], by their pixels.

  A line through what `_mass` says, fitted to real frames once per size.
  """
  return _mass(frames) @ _weights(frames.shape[1])


def _mass(frames):
  """How much of the frames is blue, and red, [n, 7], by the square unit."""
  red, green, blue = np.moveaxis(_float(frames), -1, 0)
  unit = (frames.shape[1] / things.WIDTH) ** 2
  found = [np.ones(len(frames))]
  for level in _LEVELS:
    for own, others in ((blue, (red, green)), (red, (green, blue))):
      over = own - np.maximum(*others) - level
      found.append(np.clip(over, 0, None).sum((1, 2)) / unit)
  return np.stack(found, -1)


@functools.cache
def _weights(size):
  clips, frames = 64, 16
  numbers = jnp.arange(clips)
  draw = jax.jit(lambda i: make.videos("brawl", "valid", i, frames, size))
  video, labels = jax.tree.map(np.asarray, draw(numbers))
  mass = _mass(video.reshape(-1, *video.shape[2:]))
  living = alive(labels).reshape(-1, 2)
  return np.linalg.lstsq(mass, living, rcond=None)[0]


def alive(labels: Mapping[str, np.ndarray]) -> np.ndarray:
  """How many of the blue and the red live by the labels, [..., 2]."""
  return np.stack(
    [
      (labels["alive"] & (labels["team"] == team)).sum(-1)
      for team in (things.BLUE, things.RED)
    ],
    axis=-1,
  )
