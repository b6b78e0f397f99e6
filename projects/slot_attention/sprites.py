"""Pictures of simple shapes, made on the device; each a function of a key.

    image, masks, properties = tetrominoes(key, size=35, cell=5, objects=3)

`image`: float32 `[h, w, 3]` in [-1, 1]. `masks`: float32 `[objects + 1, h, w]`,
of 0 and 1, the background first; every pixel is in one. `properties`: arrays
`[objects, ...]`, by name. All jit and vmap over the key.
"""

import itertools

import jax
import numpy as np
from jax import numpy as jnp

from common import keys
from common.errors import InputError

Picture = tuple[jax.Array, jax.Array, dict[str, jax.Array]]

# One orientation each, as (row, column) of the four cells.
_PIECES = {
  "O": ((0, 0), (0, 1), (1, 0), (1, 1)),
  "T": ((0, 0), (0, 1), (0, 2), (1, 1)),
  "S": ((0, 1), (0, 2), (1, 0), (1, 1)),
  "Z": ((0, 0), (0, 1), (1, 1), (1, 2)),
  "L": ((0, 0), (1, 0), (2, 0), (2, 1)),
  "J": ((0, 1), (1, 1), (2, 0), (2, 1)),
}


def _orientations():
  found = set()
  for cells, turns in itertools.product(_PIECES.values(), range(4)):
    turned = np.array(cells)
    for _ in range(turns):
      turned = turned[:, ::-1] * [1, -1]
    turned = turned - turned.min(axis=0)
    found.add(tuple(sorted(map(tuple, turned.tolist()))))
  return np.array(sorted(found))


# Cells of the 17 shapes in all their orientations, `[17, 4, 2]`.
TETROMINOES = _orientations()
# Red, green, blue, yellow, magenta, cyan.
TETROMINO_COLORS = np.array(
  [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.float32
)
_BEVEL = 0.65  # How bright a cell's rim is.


def tetrominoes(key: jax.Array, size: int, cell: int, objects: int) -> Picture:
  """Tetrominoes on black, which do not overlap, at any pixel.

  The original (deepmind/multi_object_datasets) has 35x35 pixels, cells of 5,
  three pieces of 17 shapes and orientations, and these six colours. Which 17 it
  does not say: there are 19 with the straight piece, and 17 without, as here.
  Ours, too: the bevel of a cell, and that places are drawn one piece after the
  other among those that are left (in the original, we believe, by rejection);
  where none is left for a piece, the whole picture is drawn anew.

  Args:
    key: typed key.
    size: height and width in pixels.
    cell: pixels on a side of each of the four cells of a piece.
    objects: pieces; `check_room` says whether there is room for them.

  Returns:
    image, masks and properties: `shape` (0 to 16) and `color` (0 to 5), int32,
    and `row` and `column` of the corner, float32 in pixels, `[objects]` each.
  """
  attempt = lambda key: _attempt(key, size, cell, objects)
  blank = jax.tree.map(
    lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(attempt, key)
  )

  def once_more(state):
    tries, _ = state
    again = jax.random.fold_in(keys.named(key, "again"), tries)
    return tries + 1, attempt(jax.lax.select(tries > 0, again, key))

  _, (_, picture) = jax.lax.while_loop(
    lambda state: ~state[1][0], once_more, (0, blank)
  )
  return picture


def check_room(size: int, cell: int, objects: int) -> None:
  """Raises InputError where `tetrominoes` would look for places for long."""
  most = size**2 // (8 * cell**2) if size >= 3 * cell else 0
  if objects > most:
    raise InputError(
      f"a picture of {size}x{size} has room for {most} tetrominoes of cells of "
      f"{cell}, which cover half of it, and {objects} are asked for: set "
      "config.image_size higher, or config.cell_size lower, or fewer objects"
    )


def _attempt(key, size, cell, objects):
  """Whether all pieces found a place; and the picture."""
  shapes = jax.random.randint(keys.named(key, "shape"), (objects,), 0, 17)
  colors = jax.random.randint(keys.named(key, "color"), (objects,), 0, 6)
  cells = jnp.asarray(TETROMINOES)[shapes] * cell  # [objects, 4, 2] in pixels
  window = (cell, cell)
  ticks = jnp.arange(size)
  bright = np.full((cell, cell), 1.0, np.float32)
  if cell > 2:
    bright[[0, -1]] = bright[:, [0, -1]] = _BEVEL

  def put(taken, piece):
    key, corners = piece
    # Where a cell's upper left corner may lie, and so where the piece's.
    free = 1 - jax.lax.reduce_window(
      taken, 0.0, jax.lax.max, window, (1, 1), "VALID"
    )
    room = jnp.pad(free, ((0, 3 * cell),) * 2)
    shifted = jax.vmap(
      lambda corner: jax.lax.dynamic_slice(room, corner, free.shape)
    )(corners)
    fits = jnp.min(shifted, axis=0) > 0
    logits = jnp.where(fits, 0.0, -jnp.inf)
    place = jax.random.categorical(key, logits.reshape(-1))
    place = jnp.stack(jnp.divmod(place, free.shape[1]))
    mask = jnp.zeros((size, size))
    shade = jnp.zeros((size, size))
    for corner in corners + place[None]:
      mask = jax.lax.dynamic_update_slice(mask, jnp.ones(window), corner)
      shade = jax.lax.dynamic_update_slice(shade, bright, corner)
    return jnp.maximum(taken, mask), (mask, shade, place, fits.any())

  draws = jax.random.split(keys.named(key, "place"), objects)
  empty = jnp.zeros((len(ticks), len(ticks)))
  taken, (masks, shades, places, fits) = jax.lax.scan(
    put, empty, (draws, cells)
  )
  rgb = jnp.einsum("ohw,oc->hwc", shades, jnp.asarray(TETROMINO_COLORS)[colors])
  properties = {
    "shape": shapes,
    "color": colors,
    "row": places[:, 0].astype(jnp.float32),
    "column": places[:, 1].astype(jnp.float32),
  }
  masks = jnp.concatenate([1 - taken[None], masks])
  return fits.all(), (2 * rgb - 1, masks, properties)


def multi_dsprites(
  key: jax.Array, size: int, min_objects: int, max_objects: int
) -> Picture:
  """Coloured sprites on a gray background, later ones in front of earlier.

  The original ("colored on grayscale") has 64x64 pixels, 2 to 5 sprites of
  dSprites' three shapes, any orientation, six scales from 0.5 to 1, 32 x 32
  positions, any colour, a background of one gray. So has this, but for scale
  and place, which are continuous, edges, which are smooth over a pixel (masks
  are not), and the heart, which is a curve of ours. Colour channels and gray
  are uniform in [0, 1]; a sprite may be hidden by others.

  Args:
    key: typed key.
    size: height and width in pixels.
    min_objects: the fewest.
    max_objects: the most; each number between them is as likely.

  Returns:
    image, masks, whose last ones are empty where there are fewer objects, and
    properties `[max_objects, ...]`: `shape`, int32 (0 square, 1 ellipse,
    2 heart); `scale`, `orientation` in radians, `x` and `y` of the centre as
    shares of the picture, `color` `[.., 3]` in [0, 1], and `visible`, 1 where
    there is an object.
  """
  draw = lambda name, shape, low, high: jax.random.uniform(
    keys.named(key, name), shape, minval=low, maxval=high
  )
  n = max_objects
  count = jax.random.randint(
    keys.named(key, "count"), (), min_objects, max_objects + 1
  )
  properties = {
    "shape": jax.random.randint(keys.named(key, "shape"), (n,), 0, 3),
    "scale": draw("scale", (n,), 0.5, 1.0),
    "orientation": draw("orientation", (n,), 0.0, 2 * np.pi),
    # dSprites keeps its sprites whole: centres stay off the border.
    "x": draw("x", (n,), 0.2, 0.8),
    "y": draw("y", (n,), 0.2, 0.8),
    "color": draw("color", (n, 3), 0.0, 1.0),
    "visible": (jnp.arange(n) < count).astype(jnp.float32),
  }
  distances = jax.vmap(lambda p: _distance(p, size))(properties)  # [n, h, w]
  gray = draw("background", (), 0.0, 1.0)

  def paint(canvas, piece):
    rgb, taken = canvas
    distance, color, visible = piece
    cover = visible * jnp.clip(0.5 - distance * size, 0.0, 1.0)[..., None]
    mask = visible * (distance < 0)
    rgb = rgb * (1 - cover) + cover * color.reshape(1, 1, 3)
    return (rgb, jnp.maximum(taken, mask)), mask

  start = (jnp.full((size, size, 3), gray), jnp.zeros((size, size)))
  pieces = (distances, properties["color"], properties["visible"])
  (rgb, taken), masks = jax.lax.scan(paint, start, pieces)
  # What lies in front takes its pixels from all behind.
  front = jax.lax.cumsum(masks, axis=0, reverse=True) - masks
  masks = masks * (front == 0)
  return 2 * rgb - 1, jnp.concatenate([1 - taken[None], masks]), properties


def _distance(sprite, size):
  """Signed distance (about, near the edge) to a sprite, `[h, w]`.

  In shares of the picture, negative inside. A sprite of scale 1 is about 0.3
  across, as in dSprites.
  """
  ticks = (jnp.arange(size) + 0.5) / size
  across, down = ticks[None, :] - sprite["x"], ticks[:, None] - sprite["y"]
  c, s = jnp.cos(sprite["orientation"]), jnp.sin(sprite["orientation"])
  r = 0.15 * sprite["scale"]
  u, v = (c * across + s * down) / r, (c * down - s * across) / r
  # Half a side of 0.75: the corners are as far out as the others' tips.
  square = jnp.maximum(jnp.abs(u), jnp.abs(v)) - 0.75
  ellipse = _near(lambda u, v: u**2 + (v / 0.6) ** 2 - 1, u, v)
  heart = _near(
    lambda u, v: (
      (1.3 * u) ** 2
      + (1.2 * v + 0.1 - 0.7 * jnp.sqrt(jnp.abs(u) + 1e-2)) ** 2
      - 1
    ),
    u,
    v,
  )
  return r * jnp.stack([square, ellipse, heart])[sprite["shape"]]


def _near(function, u, v):
  """A function over the length of its gradient: distance, near its zeros."""
  value, (du, dv) = jax.value_and_grad(
    lambda u, v: jnp.sum(function(u, v)), (0, 1)
  )(u, v)
  del value
  return function(u, v) / jnp.sqrt(du**2 + dv**2 + 1e-3)
