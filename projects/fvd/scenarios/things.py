"""What is on the map: the state that all scenarios share, and its labels."""

from typing import NamedTuple

import jax
from jax import numpy as jnp

WIDTH = 16.0  # Of the map that a frame shows, in units; so is its height.
LOOPS = 4  # Of the game, between two frames.

# Kinds of things; `sprites.py` draws them.
TROOPER, BRUISER, FLAMER, SCOUT, WORKER, TANK = WALKERS = tuple(range(6))
BLADE, SHARD, CARRIER, TRACER, SHELL, BEAM, BLAST, BAR = range(6, 14)
NAMES = (
  *("trooper", "bruiser", "flamer", "scout", "worker", "tank"),
  *("blade", "shard", "carrier", "tracer", "shell", "beam", "blast", "bar"),
)
# Owners: nobody's things have the colours of their kind.
NOBODY, BLUE, RED = range(3)


class Things(NamedTuple):
  """All things of one moment, or `[t, n]` those of a clip.

  Attributes:
    position: float32 [n, 2], x to the right and y down, in units.
    facing: float32 [n], radians from x to y.
    kind: int32 [n], a place in `NAMES`.
    team: int32 [n], `NOBODY`, `BLUE` or `RED`.
    health: float32 [n], of its full health; what is not there has 0.
    carrier: int32 [n], who carries it; -1 is nobody.
    flash: float32 [n], how much of the flash of its death is left, 0 to 1.
  """

  position: jax.Array
  facing: jax.Array
  kind: jax.Array
  team: jax.Array
  health: jax.Array
  carrier: jax.Array
  flash: jax.Array


def at(
  position: jax.Array, kind: jax.Array, team: jax.Array, facing: jax.Array
) -> Things:
  """Things in full health that nobody carries; the arguments are `[n, ...]`."""
  zeros = jnp.zeros(position.shape[:-1])
  return Things(
    position=position,
    facing=facing,
    kind=kind.astype(jnp.int32),
    team=team.astype(jnp.int32),
    health=zeros + 1,
    carrier=jnp.full(zeros.shape, -1, jnp.int32),
    flash=zeros,
  )


def still(things: Things, frames: int) -> Things:
  """The same things in each of the frames, [t, n]."""
  repeat = lambda a: jnp.broadcast_to(a[None], (frames, *a.shape))
  return jax.tree.map(repeat, things)


def joined(*parts: Things) -> Things:
  """Things beside each other, along the axis n; all `[t, n, ...]`."""
  return jax.tree.map(lambda *a: jnp.concatenate(a, axis=1), *parts)


def labels(things: Things, size: int) -> dict[str, jax.Array]:
  """The truth about a clip, by name; places in pixels of its frames.

  Args:
    things: of the clip, [t, n].
    size: pixels a side of a frame.

  Returns:
    What `Things` has, [t, n]; `alive`: its health is not 0; `visible`: it is
    alive, not carried, and its centre is inside the frame.
  """
  inside = jnp.all((things.position >= 0) & (things.position < WIDTH), axis=-1)
  alive = things.health > 0
  return {
    **things._asdict(),
    "position": things.position * (size / WIDTH),
    "alive": alive,
    "visible": alive & (things.carrier < 0) & inside,
  }
