"""CLEVR's lights on solids: shadows, highlights, metals that mirror.

The lamps' powers are physical (watts), as in Blender, and colours are linear
until `display`. On two of CLEVR's images the ground's grey values are met to
about 5 of 255. What paths of eight bounces find in CLEVR are constants here.
"""

import flax.struct
import jax
from jax import numpy as jnp

from . import solids as shapes
from .solids import FAR, Solids, Vector, along, dot, unit

STEPS = 5  # of a ray from the camera
MIRROR_STEPS = 3  # of a ray that a metal has reflected

# Roughness; CLEVR's metal has two lobes, weighted 0.4 and 0.6.
_RUBBER, _METAL = 0.35, (0.2, 0.03)
_GROUND = 0.8  # reflectance (ours)
# The ground bends up behind the scene, from `_BEND` on, and ends as a wall:
# its direction, distance and height from CLEVR's base scene; its light is ours.
_WALL, _BEND, _WALL_HEIGHT, _WALL_LIGHT = (-0.903, 0.428, 16.0), 7.0, 20.0, 0.11
# Light from everywhere, and from the ground below (ours).
_AMBIENT, _BOUNCE = 0.025, 0.12


@flax.struct.dataclass
class Lamps:
  """`L` square lamps that look at the origin, and shine to one side."""

  position: jax.Array  # float32 [L, 3]
  colour: jax.Array  # float32 [L, 3], times watts
  size: jax.Array  # float32 [L], of a side
  parallel: jax.Array  # bool [L]: a sun, which does not fade; colour in W/m^2


def rays_to(lamp: Lamps, p: Vector) -> tuple[Vector, jax.Array, jax.Array]:
  """Direction, distance and irradiance (facing it) of one lamp at points."""
  x, y, z = lamp.position
  reach = jnp.sqrt(x * x + y * y + z * z)
  aim = (x / reach, y / reach, z / reach)
  way = (x - p[0], y - p[1], z - p[2])
  far = jnp.sqrt(dot(way, way))
  way = tuple(
    jnp.where(lamp.parallel, a, b / far) for a, b in zip(aim, way, strict=True)
  )
  # A square lamp of S watts: S / 4 / d^2 times the cosine of its own side.
  power = 0.25 * jnp.maximum(dot(way, aim), 0.0) / far**2
  return way, far, jnp.where(lamp.parallel, 1.0, power)


def highlight(way, n, view, blur, rough: float) -> jax.Array:
  """Mirror image of a lamp in a GGX surface, which the lamp's size blurs.

  The lobe of Walter et al. (2007) with the visibility term 1 / (4 max(n.l,
  n.v)), widened by the lamp's angle, its sum kept (Karis 2013).
  """
  half = unit(along(way, 1.0, view))
  wide = rough + blur
  cos2 = jnp.maximum(dot(n, half), 0.0) ** 2
  lobe = (wide / (cos2 * (wide**2 - 1.0) + 1.0)) ** 2 / jnp.pi
  return lobe / (4.0 * jnp.maximum(jnp.maximum(dot(n, way), dot(n, view)), 0.1))


def added(total: Vector, lamp: Lamps, amount: jax.Array) -> Vector:
  """The total, with so much of a lamp's colour."""
  return tuple(t + lamp.colour[c] * amount for c, t in enumerate(total))


def lit(
  body: shapes.Bodies,
  lamps: Lamps,
  p: Vector,
  n: Vector,
  view: Vector,
  own: jax.Array,
) -> tuple[Vector, ...]:
  """Sums over the lamps: irradiance, highlights of rubber and of metal."""

  def add(totals, lamp):
    way, far, power = rays_to(lamp, p)
    angle = 0.5 * lamp.size / jnp.where(lamp.parallel, 1.0, far)
    far = jnp.where(lamp.parallel, FAR, far)
    falls = jnp.maximum(dot(n, way), 0.0) * power
    falls = falls * shapes.shadow(body, p, way, far, angle, own)
    shine = lambda rough: highlight(way, n, view, 0.67 * angle, rough)
    amounts = (
      falls,
      falls * shine(_RUBBER),
      falls * (0.4 * shine(_METAL[0]) + 0.6 * shine(_METAL[1])),
    )
    return tuple(map(added, totals, (lamp,) * 3, amounts)), None

  zero = (jnp.zeros_like(p[0]),) * 3
  return jax.lax.scan(add, (zero, zero, zero), lamps)[0]


def fresnel(cos: jax.Array, head_on: float) -> jax.Array:
  """Schlick's share of light that a surface mirrors."""
  return head_on + (1.0 - head_on) * (1.0 - jnp.clip(cos, 0.0, 1.0)) ** 5


def trace(
  solids: Solids, lamps: Lamps, eye: Vector, direction: Vector, width: float
) -> tuple[Vector, jax.Array]:
  """Linear colours and what is seen, for rays from the eye.

  Args:
    solids: K objects.
    lamps: the lights.
    eye: scalars.
    direction: unit vectors that look down, `[P]`.
    width: of a ray, per length.

  Returns:
    red, green and blue `[P]`; the object that is seen, int32 `[P]`, K where it
    is the ground.
  """
  body = shapes.bodies(solids)
  start = tuple(jnp.full((1,), e) for e in eye)
  ways = shapes.march(body, start, direction, STEPS, width)
  nearest = jnp.min(ways, axis=0)
  ground = -eye[2] / jnp.minimum(direction[2], -1e-3)
  count = len(ways)
  index = jnp.where(nearest < ground, jnp.argmin(ways, axis=0), count)
  masks = index[None] == jnp.arange(count)[:, None]
  which = masks.astype(jnp.float32)
  on = index < count

  p = along(start, jnp.minimum(nearest, ground), direction)
  mine = shapes.picked(body, which)
  at = tuple(a - c for a, c in zip(p, mine.centre, strict=True))
  n = shapes.normal(mine, shapes.turned(at, mine.cos, mine.sin))
  n = shapes.turned(n, mine.cos, -mine.sin)
  n = tuple(jnp.where(on, a, b) for a, b in zip(n, floor(p), strict=True))
  view = tuple(-d for d in direction)

  falls, gloss, glare = lit(body, lamps, p, n, view, masks)
  colour = blend(which, solids.colour, _GROUND)
  # Light that comes back from the ground, which paths of 8 bounces find.
  bounce = _AMBIENT + 0.5 * (1.0 - n[2]) * _BOUNCE
  share = jnp.minimum(fresnel(dot(n, view), 0.03), 0.15) * on
  mirrored = mirror(solids, body, lamps, p, n, view, which, width)
  metal = jnp.einsum("kp,k->p", which, solids.metal * 1.0) > 0.5
  rgb = tuple(
    jnp.where(
      metal,
      c * (m + shine),
      (1 - share) * c * (f / jnp.pi + bounce) + share * g,
    )
    for c, f, g, m, shine in zip(
      colour, falls, gloss, mirrored, glare, strict=True
    )
  )
  return rgb, index


def blend(which: jax.Array, colour: jax.Array, rest: float) -> Vector:
  """The colour of each point's object; `rest` where there is none."""
  none = rest * (1 - jnp.sum(which, axis=0))
  rgb = jnp.einsum("kp,kc->cp", which, colour, precision="highest")
  return tuple(c + none for c in rgb)


def floor(p: Vector) -> Vector:
  """Normal of the ground, which bends up far behind the scene."""
  deep = jnp.maximum(p[0] * _WALL[0] + p[1] * _WALL[1] - _BEND, 0.0) / _BEND
  tilt = 0.5 * deep * deep
  return unit((-tilt * _WALL[0], -tilt * _WALL[1], jnp.ones_like(tilt)))


def mirror(solids, body, lamps, p, n, view, which, width) -> Vector:
  """What a metal reflects: the ground, and other objects as if of rubber."""
  ray = along(tuple(-v for v in view), 2 * dot(n, view), n)
  ways = jnp.where(
    which > 0, FAR, shapes.march(body, p, ray, MIRROR_STEPS, width)
  )
  nearest = jnp.min(ways, axis=0)
  down = -p[2] / jnp.minimum(ray[2], -1e-3)
  ground = jnp.where(ray[2] < -1e-3, down, FAR)
  hit = nearest < jnp.minimum(ground, FAR)
  there = jnp.where(hit[None] & (ways == nearest[None]), 1.0, 0.0)
  q = along(p, jnp.minimum(nearest, ground), ray)
  other = shapes.picked(body, there)
  at = tuple(a - c for a, c in zip(q, other.centre, strict=True))
  m = shapes.normal(other, shapes.turned(at, other.cos, other.sin))
  m = shapes.turned(m, other.cos, -other.sin)
  m = tuple(
    jnp.where(hit, a, b) for a, b in zip(m, (0.0, 0.0, 1.0), strict=True)
  )
  # The rough lobe mixes what is near with the ground.
  colour = tuple(
    0.6 * c + 0.4 * _GROUND for c in blend(there, solids.colour, _GROUND)
  )

  def add(total, lamp):
    way, _, power = rays_to(lamp, q)
    return added(total, lamp, jnp.maximum(dot(m, way), 0.0) * power), None

  falls = jax.lax.scan(add, (jnp.zeros_like(nearest),) * 3, lamps)[0]
  # Near the foot of an object its own shadow is what it mirrors.
  size = jnp.einsum("kp,kq->p", which, body.bound)
  depth = jnp.where(hit, 1.0, ground / (ground + 0.5 * size))
  # Behind the scene the ground bends up and becomes a wall.
  toward = ray[0] * _WALL[0] + ray[1] * _WALL[1]
  wall = (_WALL[2] - p[0] * _WALL[0] - p[1] * _WALL[1]) / jnp.maximum(
    toward, 1e-3
  )
  backdrop = jnp.where(
    (toward > 0) & (p[2] + wall * ray[2] < _WALL_HEIGHT), _WALL_LIGHT, 0.0
  )
  behind = ~hit & ((wall < ground) | (ground >= FAR))
  return tuple(
    jnp.where(behind, backdrop, c * depth * (f / jnp.pi + 0.5 * _BOUNCE))
    for c, f in zip(colour, falls, strict=True)
  )


def smoothed(image: jax.Array, index: jax.Array) -> jax.Array:
  """Softens outlines: [1, 2, 1] / 4 each way where a neighbour is another.

  Stands for more rays a pixel, at a hundredth of their cost.

  Args:
    image: `[h, w, 3]`, linear.
    index: int32 `[h, w]`, which object is seen.
  """
  pad = lambda a: jnp.pad(
    a, ((1, 1), (1, 1)) + ((0, 0),) * (a.ndim - 2), "edge"
  )
  index, soft = pad(index), pad(image)
  h, w = image.shape[:2]
  edge = jnp.zeros((h, w), bool)
  for i, j in ((0, 1), (2, 1), (1, 0), (1, 2)):
    edge |= index[i : i + h, j : j + w] != index[1:-1, 1:-1]
  soft = (soft[:-2] + 2 * soft[1:-1] + soft[2:]) / 4
  soft = (soft[:, :-2] + 2 * soft[:, 1:-1] + soft[:, 2:]) / 4
  return jnp.where(edge[..., None], soft, image)


def display(linear: jax.Array) -> jax.Array:
  """Linear light to sRGB, both 0 to 1; brighter than 1 is clipped."""
  a = jnp.clip(linear, 1e-6, 1.0)
  return jnp.where(a < 0.0031308, 12.92 * a, 1.055 * a ** (1 / 2.4) - 0.055)
