"""Spheres, cubes and cylinders as signed distances, and rays that meet them.

Three shapes share one distance: that to a box with round edges. A sphere's box
is a point; a cylinder's is seen in the plane of its axis. All are convex, which
bounds the work. Along a ray the distance is a convex function, so Newton's
method never oversteps the surface, and is there in a few steps; and it has one
minimum, so that three looks near the object's middle give a soft shadow. All
objects are met by all rays, in arrays of fixed size, without a branch.

A vector is a tuple of three arrays: XLA fuses sums of those into one loop,
which it does not with a short last axis. `K` are objects, `P` points.
"""

import flax.struct
import jax
from jax import numpy as jnp

Vector = tuple[jax.Array, ...]  # of three

FAR = 1e3  # how far a ray goes that meets nothing
_ROUND_CUBE, _ROUND_CYLINDER = 0.2, 0.1  # of half the size (CLEVR's meshes)


@flax.struct.dataclass
class Solids:
  """`K` objects. A radius of zero is no object."""

  centre: jax.Array  # float32 [K, 3]
  radius: jax.Array  # float32 [K], half the size
  yaw: jax.Array  # float32 [K], in radians
  shape: jax.Array  # int32 [K]: 0 cube, 1 sphere, 2 cylinder
  metal: jax.Array  # bool [K]
  colour: jax.Array  # float32 [K, 3], linear


def dot(a: Vector, b: Vector) -> jax.Array:
  """Inner products."""
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def along(a: Vector, t: jax.Array, b: Vector) -> Vector:
  """a + t b."""
  return (a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2])


def unit(a: Vector) -> Vector:
  """Scaled to length 1."""
  scale = jax.lax.rsqrt(dot(a, a) + 1e-12)
  return (a[0] * scale, a[1] * scale, a[2] * scale)


def columns(a: jax.Array) -> Vector:
  """`[K, 3]` as three arrays `[K, 1]`."""
  return (a[:, :1], a[:, 1:2], a[:, 2:])


def turned(v: Vector, cos: jax.Array, sin: jax.Array) -> Vector:
  """Turns around the vertical axis."""
  return (cos * v[0] + sin * v[1], cos * v[1] - sin * v[0], v[2])


@flax.struct.dataclass
class Bodies:
  """What the distances need of `Solids`, each `[K, 1]`."""

  centre: Vector
  box: Vector  # half sides of the box inside of the round edge
  edge: jax.Array
  bound: jax.Array  # radius of the sphere around all
  cos: jax.Array
  sin: jax.Array
  round: jax.Array  # a cylinder


def bodies(solids: Solids) -> Bodies:
  """Works out inner boxes, edges and bounding spheres."""
  radius, shape = solids.radius[:, None], solids.shape[:, None]
  cube, round_ = shape == 0, shape == 2
  edge = radius * jnp.where(
    cube, _ROUND_CUBE, jnp.where(round_, _ROUND_CYLINDER, 1.0)
  )
  inner = radius - edge
  reach = inner * jnp.where(cube, 3**0.5, jnp.where(round_, 2**0.5, 0.0))
  return Bodies(
    centre=columns(solids.centre),
    box=(inner, jnp.where(round_, 0.0, inner), inner),
    edge=edge,
    bound=reach + edge,
    cos=jnp.cos(solids.yaw)[:, None],
    sin=jnp.sin(solids.yaw)[:, None],
    round=round_,
  )


def _offsets(body: Bodies, p: Vector) -> tuple[Vector, Vector]:
  """Point `p` in an object's frame; what sticks out of its inner box."""
  rho = jnp.sqrt(p[0] * p[0] + p[1] * p[1])
  a = jnp.where(body.round, rho, jnp.abs(p[0]))
  b = jnp.where(body.round, 0.0, jnp.abs(p[1]))
  out = (a - body.box[0], b - body.box[1], jnp.abs(p[2]) - body.box[2])
  return out, tuple(jnp.maximum(o, 0.0) for o in out)


def distance(body: Bodies, p: Vector) -> jax.Array:
  """Signed distance of points in the objects' own frames, `[K, P]`."""
  out, positive = _offsets(body, p)
  inside = jnp.minimum(jnp.maximum(jnp.maximum(out[0], out[1]), out[2]), 0.0)
  return jnp.sqrt(dot(positive, positive)) + inside - body.edge


def normal(body: Bodies, p: Vector) -> Vector:
  """Outward normal at points on the surface, in the objects' own frames."""
  _, positive = _offsets(body, p)
  rho = jnp.sqrt(p[0] * p[0] + p[1] * p[1]) + 1e-9
  x = jnp.where(body.round, positive[0] * p[0] / rho, positive[0] * sign(p[0]))
  y = jnp.where(body.round, positive[0] * p[1] / rho, positive[1] * sign(p[1]))
  return unit((x, y, positive[2] * sign(p[2])))


def sign(a: jax.Array) -> jax.Array:
  """-1 or 1, never 0."""
  return jnp.where(a < 0, -1.0, 1.0)


def local(body: Bodies, p: Vector, direction: Vector) -> tuple[Vector, Vector]:
  """Rays `[P]` in the objects' own frames, `[K, P]`."""
  start = tuple(a[None] - c for a, c in zip(p, body.centre, strict=True))
  way = tuple(d[None] for d in direction)
  return (
    turned(start, body.cos, body.sin),
    turned(way, body.cos, body.sin),
  )


def march(
  body: Bodies, p: Vector, direction: Vector, steps: int, width: float
) -> jax.Array:
  """How far each ray goes to each object, `[K, P]`; `FAR` where it misses.

  Args:
    body: the objects.
    p: where the rays start, `[P]` or `[1]`.
    direction: unit vectors, `[P]`.
    steps: of each ray.
    width: of a ray, per length: what comes closer than that is hit.
  """
  p, direction = local(body, p, direction)
  middle = -dot(p, direction)
  chord = body.bound**2 - (dot(p, p) - middle**2)
  t = jnp.maximum(middle - jnp.sqrt(jnp.maximum(chord, 0.0)), 0.0)

  def newton(_, t):
    at = along(p, t, direction)
    slope = dot(normal(body, at), direction)
    return t + jnp.where(slope < -1e-3, distance(body, at) / -slope, 0.0)

  t = jax.lax.fori_loop(0, steps, newton, t)
  gap = distance(body, along(p, t, direction))
  hit = (chord > 0) & (gap < width * t) & (middle > 0) & (body.edge > 0)
  return jnp.where(hit, t, FAR)


def shadow(
  body: Bodies,
  p: Vector,
  direction: Vector,
  far: jax.Array,
  spread: jax.Array,
  own: jax.Array,
) -> jax.Array:
  """The visible part of a lamp, 0 to 1, behind the object most in the way.

  Args:
    body: the objects.
    p: the points, `[P]`.
    direction: to the lamp, `[P]`.
    far: how far the lamp is, `[P]`.
    spread: radius of the lamp as seen from there, `[P]`.
    own: bool `[K, P]`: the object that a point is on, which is convex and
      cannot shade a side that looks at the lamp.

  Returns:
    `[P]`.
  """
  p, direction = local(body, p, direction)
  middle = -dot(p, direction)
  seen = jnp.full_like(middle, 1.0)
  for offset in (-0.5, 0.0, 0.5):
    t = jnp.clip(middle + offset * body.bound, 1e-2, far[None])
    gap = distance(body, along(p, t, direction))
    seen = jnp.minimum(seen, gap / (t * spread[None]))
  seen = jnp.where(own | (body.edge <= 0), 1.0, seen)
  seen = jnp.clip(0.5 + 0.5 * jnp.min(seen, axis=0), 0.0, 1.0)
  return seen * seen * (3 - 2 * seen)


def picked(body: Bodies, which: jax.Array) -> Bodies:
  """The object of each point: `which` is one-hot `[K, P]`, or all zero."""
  leaves, tree = jax.tree.flatten(body)
  table = jnp.concatenate([leaf.astype(jnp.float32) for leaf in leaves], axis=1)
  rows = jnp.einsum("kp,kc->cp", which, table, precision="highest")
  return tree.unflatten([*rows[:-1], rows[-1] > 0.5])
