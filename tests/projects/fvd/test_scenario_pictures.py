"""Pictures of things lie where the things are, and show what they are."""

import jax
import numpy as np
from jax import numpy as jnp

from projects.fvd.scenarios import render, sprites, things

SIZE = 32
UNIT = SIZE / things.WIDTH


def test_pictures_lie_where_things_are():
  floor = np.full((SIZE, SIZE, 3), 90, np.uint8)
  layers = (render.Layer(0, 2, (things.SHARD, things.WORKER)),)
  video = jax.jit(lambda some: render.video(some, layers, floor))

  def drawn(places, kinds=(things.SHARD, things.WORKER), **changes):
    place = jnp.array(places, jnp.float32) / UNIT
    some = things.at(
      place, jnp.array(kinds), jnp.zeros(2, jnp.int32), jnp.zeros(2)
    )
    some = things.still(some._replace(**changes), 1)
    return np.asarray(video(some))[0].astype(int)

  far = (-50.0, -50.0)
  one = drawn([(10, 20), far])
  assert (drawn([far, far]) == 90).all()
  # By hand: the shard's picture over the ground.
  picture = sprites.atlas((things.SHARD,), (0,), UNIT)[0, 0, 0, 0, 0] / 255.0
  side = len(picture)
  wanted = floor.astype(float)
  window = wanted[20 - side // 2 :, 10 - side // 2 :][:side, :side]
  window[:] = window * (1 - picture[..., 3:]) + 255 * picture[..., :3]
  assert np.abs(one - wanted).max() <= 1 and (one != 90).any()
  # A pixel to the right, and three down; and less than one.
  moved = drawn([(11, 23), far])
  assert (moved == np.roll(one, (3, 1), (0, 1))).all()
  between = drawn([(10.5, 20), far])
  middle = (one + np.roll(one, 1, 1)) / 2
  assert np.abs(between - middle).max() < np.abs(one - middle).max()
  # Later ones lie above; who is carried or not there is not seen.
  assert (drawn([(16, 16)] * 2)[16, 16] == drawn([far, (16, 16)])[16, 16]).all()
  gone = {"health": jnp.array([0.0, 1.0])}
  assert (drawn([(10, 20), far], **gone) == 90).all()
  carried = {"carrier": jnp.array([1, -1])}
  assert (drawn([(10, 20), far], **carried) == 90).all()
  # Half of one at the edge.
  half = drawn([(0, 20), far])
  assert (half[:, : side // 2] == one[:, 10 : 10 + side // 2]).all()


def test_a_walker_shows_its_way_its_owner_and_its_health():
  floor = np.full((64, 64, 3), 60, np.uint8)
  layers = (render.Layer(0, 1, (things.TROOPER,), render.BOTH, fights=True),)
  video = jax.jit(lambda one: render.video(one, layers, floor))

  def drawn(facing=0.0, team=things.BLUE, health=1.0, flash=0.0):
    one = things.at(
      jnp.full((1, 2), 8.0),
      jnp.array([things.TROOPER]),
      jnp.array([team]),
      jnp.array([facing]),
    )
    one = one._replace(health=jnp.array([health]), flash=jnp.array([flash]))
    return np.asarray(video(things.still(one, 1)))[0].astype(int)

  def middle(facing):
    """Of what is not the ground: row, column."""
    off = np.abs(drawn(facing) - 60).sum(-1)
    places = np.arange(64)
    return np.array([off.sum(1) @ places, off.sum(0) @ places]) / off.sum()

  # The gun points to the right, and down.
  assert np.allclose(middle(0) - middle(np.pi), [0, 0.9], atol=0.6)
  assert np.allclose(middle(np.pi / 2) - middle(-np.pi / 2), [0.9, 0], atol=0.6)
  blue, red = drawn()[31, 30], drawn(team=things.RED)[31, 30]
  assert blue[2] > blue[0] + 90 and red[0] > red[2] + 90
  green = lambda image: (
    (image[:30, :, 1] > image[:30].max(-1) - 1) & (image[:30, :, 1] > 150)
  )
  assert not green(drawn()).any()
  bars = [green(drawn(health=h)).sum() for h in (0.25, 0.75)]
  assert 0 < bars[0] < bars[1]
  dead = drawn(health=0.0, flash=1.0)
  assert (dead[32, 32] > 230).all() and (drawn(health=0.0) == 60).all()
