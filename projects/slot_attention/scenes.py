"""Scenes like CLEVR's, made on the device: a picture is a function of a key.

    image, masks, properties = scene(key, (128, 128), CROP, 3, 6, 6)

CLEVR (arXiv:1612.06890) renders spheres, cubes and cylinders of two sizes,
eight colours and two materials with Blender. From its published generator are,
here, the distributions of all properties, the rules of placement, the camera
and its jitter, positions, colours, sizes, powers and jitter of the four lamps,
and the shapes' round edges. Ours: rays that meet signed distances in place of
path tracing (solids.py, render.py), the ground's reflectance, and what replaces
starting anew where placement fails: a fixed number of tries for each object, of
which the first that keeps all rules is taken, or else the one that breaks them
least.
"""

import jax
import numpy as np
from jax import numpy as jnp

from . import render, solids
from .precision import DIMENSION, EXTENT

Picture = tuple[jax.Array, jax.Array, dict[str, jax.Array]]
Window = tuple[int, int, int, int]

FRAME = (240, 320)  # height and width of CLEVR's images
WHOLE: Window = (0, 0, 240, 320)  # top, left, height, width
CROP: Window = (29, 64, 192, 192)  # what object discovery sees
# In the order of tensorflow-datasets, which is that of the 19 numbers.
SIZES = {"small": 0.35, "large": 0.7}  # radius of a sphere
MATERIALS = ("rubber", "metal")
SHAPES = ("cube", "sphere", "cylinder")
COLOURS = {
  "gray": (87, 87, 87),
  "blue": (42, 75, 215),
  "brown": (129, 74, 25),
  "yellow": (255, 238, 51),
  "red": (173, 35, 35),
  "green": (29, 105, 20),
  "purple": (129, 38, 192),
  "cyan": (41, 208, 208),
}
_REACH = EXTENT / 2  # centres are in [-3, 3]^2
_GAP = 0.25  # between two objects, as if both were spheres
_MARGIN = 0.4  # between centres, across and along the view
_TRIES = 50
_HIDDEN = 1.25  # ours: how far apart centres look, in radii of the larger

_CAMERA, _CAMERA_JITTER = (7.48113, -6.50764, 5.34367), 0.5
_LENS = 16 / 35  # tangent of half the view, across
# Key, fill, back and sun. The sun's jitter is 0.
_LAMPS = np.array(
  [
    [6.44671, -2.90517, 4.2584],
    [-4.67112, -4.0136, 3.01122],
    [-1.1685, 2.64602, 5.81574],
    [0.4145, -0.1945, 0.889],
  ],
  np.float32,
)
_LAMP_JITTER = np.array([1.0, 1.0, 1.0, 0.0], np.float32)
_LAMP_COLOURS = np.array(
  [[100, 93.2, 81.7], [22.9, 24.5, 30], [50, 50, 50], [0.45, 0.45, 0.45]],
  np.float32,
)
_LAMP_SIZES = np.array([0.5, 0.5, 1.0, 0.1], np.float32)


def scene(
  key: jax.Array,
  size: tuple[int, int],
  window: Window,
  min_objects: int,
  max_objects: int,
  rows: int,
) -> Picture:
  """Draws a scene.

  Args:
    key: typed key.
    size: height and width of the image.
    window: top, left, height and width of what it shows of CLEVR's 240x320.
    min_objects: CLEVR has 3.
    max_objects: CLEVR has 10.
    rows: of masks and properties, at least `max_objects`.

  Returns:
    image, float32 `[*size, 3]` in [-1, 1]; masks, float32 `[rows + 1, *size]`
    of 0 and 1, the background first; properties: `vector`, float32 `[rows, 19]`
    as in `properties`, zero where there is no object.
  """
  # One draw for all: every call of jax.random takes half a second to compile.
  draws = jax.random.uniform(key, (16 + rows * (5 + 2 * _TRIES),))
  shared, own = draws[:16], draws[16:].reshape(rows, -1)
  count = min_objects + whole(shared[0], max_objects - min_objects + 1)
  shift = 2 * shared[1:] - 1
  camera = jnp.asarray(_CAMERA) + _CAMERA_JITTER * shift[:3]
  objects, vector = place(own, camera, count)
  lamps = render.Lamps(
    position=_LAMPS + _LAMP_JITTER[:, None] * shift[3:].reshape(4, 3),
    colour=jnp.asarray(_LAMP_COLOURS),
    size=jnp.asarray(_LAMP_SIZES),
    parallel=jnp.arange(4) == 3,
  )
  direction = rays(camera, size, window)
  width = 2 * _LENS / FRAME[1] * window[2] / size[0] / 4
  rgb, index = render.trace(objects, lamps, tuple(camera), direction, width)
  rgb, index = jnp.stack(rgb, axis=-1).reshape(*size, 3), index.reshape(size)
  image = 2 * render.display(render.smoothed(rgb, index)) - 1
  # Objects are 0 to rows - 1 and the ground is `rows`; here it comes first.
  masks = jnp.roll(jnp.arange(rows + 1), 1)[:, None, None] == index[None]
  return image, masks.astype(jnp.float32), {"vector": vector}


def whole(uniform: jax.Array, count: int) -> jax.Array:
  """Uniform numbers in [0, 1) as integers, 0 to count - 1."""
  return jnp.minimum((uniform * count).astype(jnp.int32), count - 1)


def frame(camera: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Right, up and ahead of a camera that looks at the origin, `[3]` each."""
  ahead = -camera / jnp.linalg.norm(camera)
  right = jnp.cross(ahead, jnp.array([0.0, 0.0, 1.0]))
  right = right / jnp.linalg.norm(right)
  return right, jnp.cross(right, ahead), ahead


def rays(
  camera: jax.Array, size: tuple[int, int], window: Window
) -> solids.Vector:
  """Directions through the pixels of a window, `[size[0] * size[1]]` each."""
  top, left, height, width = window
  v = top + (jnp.arange(size[0]) + 0.5) / size[0] * height
  u = left + (jnp.arange(size[1]) + 0.5) / size[1] * width
  scale = _LENS / (FRAME[1] / 2)
  y = jnp.repeat((FRAME[0] / 2 - v) * scale, size[1])
  x = jnp.tile((u - FRAME[1] / 2) * scale, size[0])
  right, up, ahead = frame(camera)
  return solids.unit(
    tuple(x * right[i] + y * up[i] + ahead[i] for i in range(3))
  )


def place(
  draws: jax.Array, camera: jax.Array, count: jax.Array
) -> tuple[solids.Solids, jax.Array]:
  """Makes objects out of uniform draws, and finds their places one by one.

  CLEVR's rules: no two objects closer than a gap, nor centres closer than a
  margin, along the ground, both across the view and along it. CLEVR also starts
  anew where fewer than 200 pixels of an object are seen; ours is that on the
  image no two centres are closer than the larger one's radius.

  Args:
    draws: `[rows, 5 + 2 * tries]`, in [0, 1).
    camera: `[3]`.
    count: how many of the rows are objects.

  Returns:
    The objects, and their 19 numbers `[rows, 19]`.
  """
  rows = len(draws)
  size, metal = whole(draws[:, 0], 2), whole(draws[:, 1], 2)
  shape = whole(draws[:, 2], len(SHAPES))
  colour = whole(draws[:, 3], len(COLOURS))
  yaw = 2 * jnp.pi * draws[:, 4]
  tries = _REACH * (2 * draws[:, 5:].reshape(rows, _TRIES, 2) - 1)
  nominal = jnp.asarray(list(SIZES.values()))[size]
  radius = jnp.where(shape == 0, nominal / 2**0.5, nominal)
  right, _, ahead = frame(camera)
  behind = ahead[:2] / jnp.linalg.norm(ahead[:2])

  def put(placed, drawn):
    i, tries, nominal, radius = drawn
    xyz = jnp.concatenate([tries, jnp.full((_TRIES, 1), radius)], axis=1)
    steps = xyz[:, None, :2] - placed[None, :, :2]  # [tries, rows, 2]
    reach = nominal + placed[None, :, 3] + _GAP
    apart = jnp.linalg.norm(steps, axis=-1) - reach
    across = jnp.abs(steps @ right[:2]) - _MARGIN
    along = jnp.abs(steps @ behind) - _MARGIN
    here, far = seen(camera, xyz)
    there, away = seen(camera, placed[:, :3])
    looks = jnp.linalg.norm(here[:, None] - there[None], axis=-1)
    larger = jnp.maximum((radius / far)[:, None], (placed[:, 3] / away)[None])
    rules = jnp.stack([apart, across, along, 10 * (looks - _HIDDEN * larger)])
    rules = jnp.where(jnp.arange(rows)[None, None] < i, rules, 0.0)
    best = jnp.argmax(jnp.min(jnp.minimum(rules, 0.0), axis=(0, 2)))
    row = jnp.append(xyz[best], radius)
    return placed.at[i].set(row), None

  drawn = (jnp.arange(rows), tries, nominal, radius)
  placed, _ = jax.lax.scan(put, jnp.zeros((rows, 4)), drawn)
  real = jnp.arange(rows) < count
  objects = solids.Solids(
    centre=placed[:, :3],
    radius=radius * real,
    yaw=yaw,
    shape=shape,
    metal=metal == 1,
    colour=jnp.asarray(list(COLOURS.values()), jnp.float32)[colour] / 255,
  )
  vector = properties(placed[:, :3], size, metal, shape, colour, real)
  return objects, vector


def seen(camera: jax.Array, xyz: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Direction `[n, 3]` and distance `[n]` of points as the camera sees them."""
  way = xyz - camera[None]
  far = jnp.linalg.norm(way, axis=-1)
  return way / far[:, None], far


def properties(
  xyz: jax.Array,
  size: jax.Array,
  material: jax.Array,
  shape: jax.Array,
  colour: jax.Array,
  real: jax.Array,
) -> jax.Array:
  """The 19 numbers of set prediction, `[n, 19]`, zero where not real.

  Coordinates from [-3, 3] to [0, 1], one-hot size, material, shape and colour
  (indices as in this file), and 1 for a real object.
  """
  parts = [
    (xyz + _REACH) / EXTENT,
    jax.nn.one_hot(size, len(SIZES)),
    jax.nn.one_hot(material, len(MATERIALS)),
    jax.nn.one_hot(shape, len(SHAPES)),
    jax.nn.one_hot(colour, len(COLOURS)),
    jnp.ones((len(xyz), 1)),
  ]
  vector = jnp.concatenate(parts, axis=1)
  assert vector.shape[1] == DIMENSION
  return vector * real[:, None]
