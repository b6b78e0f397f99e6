"""Generated pictures: masks that cover, objects that look as they should."""

import jax
import numpy as np
import pytest

from common.errors import InputError
from projects.slot_attention import data, sprites

from .test_model import config_of

COUNT = 40


@pytest.fixture(scope="module")
def tetrominoes():
  draw = lambda key: sprites.tetrominoes(key, 21, 3, 3)
  return jax.device_get(jax.jit(jax.vmap(draw))(keys()))


@pytest.fixture(scope="module")
def multi_dsprites():
  draw = lambda key: sprites.multi_dsprites(key, 64, 2, 5)
  return jax.device_get(jax.jit(jax.vmap(draw))(keys()))


def keys():
  return jax.random.split(jax.random.key(0), COUNT)


def test_there_are_17_tetrominoes():
  pieces = sprites.TETROMINOES
  assert pieces.shape == (17, 4, 2)
  assert len({tuple(map(tuple, p)) for p in pieces.tolist()}) == 17
  for piece in pieces:
    assert (piece.min(0) == 0).all() and sorted(piece.max(0))[1] <= 2
    # Every cell touches another.
    steps = np.abs(piece[:, None] - piece[None]).sum(-1)
    assert ((steps == 1).sum(1) > 0).all()


def test_tetrominoes_do_not_overlap_and_cover_their_cells(tetrominoes):
  image, masks, properties = tetrominoes
  assert image.shape == (COUNT, 21, 21, 3) and image.dtype == np.float32
  assert masks.shape == (COUNT, 4, 21, 21)
  np.testing.assert_array_equal(masks.sum(1), 1)
  np.testing.assert_array_equal(masks[:, 1:].sum((2, 3)), 4 * 3 * 3)
  assert image.min() == -1 and image.max() == 1
  # Where the masks say so, and in the colour that the properties say.
  np.testing.assert_array_equal((image == -1).all(-1), masks[:, 0] == 1)
  for i in range(5):
    for j in range(3):
      colour = image[i][masks[i, 1 + j] == 1].max(axis=0) > 0
      index = properties["color"][i, j]
      np.testing.assert_array_equal(colour, sprites.TETROMINO_COLORS[index] > 0)
      rows, columns = np.nonzero(masks[i, 1 + j])
      assert rows.min() == properties["row"][i, j]
      cells = sprites.TETROMINOES[properties["shape"][i, j]] * 3
      assert columns.min() == properties["column"][i, j] + cells[:, 1].min()


def test_a_picture_is_a_function_of_its_key(tetrominoes):
  image, _, _ = tetrominoes
  alone, _, _ = jax.jit(lambda k: sprites.tetrominoes(k, 21, 3, 3))(keys()[7])
  np.testing.assert_array_equal(alone, image[7])
  assert len(np.unique(image.reshape(COUNT, -1), axis=0)) == COUNT


def test_pieces_do_not_overlap_where_little_room_is_left():
  draw = jax.jit(jax.vmap(lambda k: sprites.tetrominoes(k, 35, 5, 6)))
  image, masks, _ = jax.device_get(draw(keys()))
  assert (masks.sum(axis=1) == 1).all()
  assert (masks[:, 1:].sum(axis=(2, 3)) == 4 * 5**2).all()
  # Most were drawn anew, each from a key of its own.
  assert len(np.unique(image.reshape(COUNT, -1), axis=0)) == COUNT


def test_more_pieces_than_there_is_room_for_are_one_sentence():
  sprites.check_room(35, 5, 6)
  for size, cell, objects in ((35, 5, 7), (14, 5, 1), (35, 12, 1)):
    with pytest.raises(InputError, match=f"and {objects} are asked for"):
      sprites.check_room(size, cell, objects)
  for name in ("max_objects", "eval_max_objects"):
    config = config_of("tetrominoes", "", **{name: 7})
    with pytest.raises(InputError, match="has room for 6 tetrominoes"):
      data.check_dataset(config)


def test_places_are_even_among_those_that_are_left():
  """Of one piece, all places where it fits, each as often."""
  draw = jax.jit(jax.vmap(lambda k: sprites.tetrominoes(k, 8, 2, 1)[2]))
  found = draw(jax.random.split(jax.random.key(1), 4000))
  square = [i for i, p in enumerate(sprites.TETROMINOES) if p.max() == 1]
  rows = np.asarray(found["row"])[np.asarray(found["shape"]) == square[0]]
  counts = np.bincount(rows.astype(int), minlength=5)
  assert len(counts) == 5 and counts.sum() > 150
  expected = counts.sum() / 5
  assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_multi_dsprites_masks_are_what_lies_in_front(multi_dsprites):
  image, masks, properties = multi_dsprites
  assert image.shape == (COUNT, 64, 64, 3)
  assert masks.shape == (COUNT, 6, 64, 64)
  assert -1 <= image.min() and image.max() <= 1
  np.testing.assert_array_equal(masks.sum(1), 1)
  number = properties["visible"].sum(1)
  assert set(number) == {2, 3, 4, 5}
  absent = properties["visible"] == 0
  assert (masks[:, 1:].sum((2, 3))[absent] == 0).all()
  gray = image[masks[:, 0] == 1].reshape(-1, 3)
  # The background is one gray, but for the smooth edges.
  assert np.mean(np.ptp(gray, axis=1) < 1e-6) > 0.95
  for i in range(10):
    top = int(number[i]) - 1  # Nothing covers the last one.
    inside = masks[i, 1 + top] == 1
    colours = (image[i][inside] + 1) / 2
    np.testing.assert_allclose(
      np.median(colours, axis=0), properties["color"][i, top], atol=1e-5
    )


def test_the_three_shapes_have_the_areas_of_their_shapes(multi_dsprites):
  _, masks, properties = multi_dsprites
  top = properties["visible"].sum(1).astype(int) - 1
  pick = lambda a: np.asarray(a)[np.arange(COUNT), top]
  area = (
    pick(masks[:, 1:].sum((2, 3)))
    / (0.15 * 64 * pick(properties["scale"])) ** 2
  )
  shape = pick(properties["shape"])
  assert set(shape) == {0, 1, 2}
  np.testing.assert_allclose(area[shape == 0], 1.5**2, rtol=0.15)
  np.testing.assert_allclose(area[shape == 1], 0.6 * np.pi, rtol=0.15)
  assert np.ptp(area[shape == 2]) < 0.3 * area[shape == 2].mean()
