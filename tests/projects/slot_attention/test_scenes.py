"""Scenes: what is drawn is what the numbers say, by CLEVR's rules."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from PIL import Image

from projects.slot_attention import scenes, solids
from projects.slot_attention.precision import CATEGORIES

pytestmark = pytest.mark.slow

SIZE, WINDOW = (30, 40), scenes.WHOLE


@pytest.fixture(scope="module")
def drawn():
  """24 scenes of 3 to 6 objects in 7 rows."""
  draw = jax.jit(jax.vmap(lambda key: scenes.scene(key, SIZE, WINDOW, 3, 6, 7)))
  image, masks, properties = draw(jax.random.split(jax.random.key(0), 24))
  return np.asarray(image), np.asarray(masks), np.asarray(properties["vector"])


def test_shapes_and_ranges(drawn):
  image, masks, vector = drawn
  assert image.shape == (24, *SIZE, 3) and image.dtype == np.float32
  assert masks.shape == (24, 8, *SIZE) and vector.shape == (24, 7, 19)
  assert np.isfinite(image).all() and image.min() >= -1 and image.max() <= 1
  assert set(np.unique(masks)) == {0, 1}
  np.testing.assert_array_equal(masks.sum(1), 1)
  assert len({image[i].tobytes() for i in range(24)}) == 24


def test_a_row_without_an_object_is_zero_and_unseen(drawn):
  _, masks, vector = drawn
  real = vector[..., 18] == 1
  assert set(real.sum(1)) <= {3, 4, 5, 6} and len(set(real.sum(1))) > 1
  assert not vector[~real].any()
  assert not masks[:, 1:][~real].any()
  assert (masks[:, 1:][real].sum((1, 2)) > 0).mean() > 0.98
  for part in CATEGORIES:
    np.testing.assert_array_equal(vector[real][:, part].sum(1), 1)


def test_an_object_is_seen_where_its_coordinates_are(drawn):
  _, masks, vector = drawn
  camera = np.array([7.48113, -6.50764, 5.34367])
  right, up, ahead = map(np.asarray, scenes.frame(jnp.asarray(camera)))
  gaps = []
  for i, k in zip(*np.nonzero(vector[..., 18]), strict=True):
    way = 6 * vector[i, k, :3] - 3 - camera
    x = 20 + 20 * way @ right / (way @ ahead) / (16 / 35)
    y = 15 - 20 * way @ up / (way @ ahead) / (16 / 35)
    rows, columns = np.nonzero(masks[i, 1 + k])
    if len(rows) > 12:
      gaps.append([columns.mean() + 0.5 - x, rows.mean() + 0.5 - y])
  # The camera's jitter, and what is hidden, move them a little.
  assert len(gaps) > 40 and np.abs(gaps).mean() < 1.5


def test_objects_keep_their_distance(drawn):
  _, _, vector = drawn
  for scene in vector:
    here = scene[scene[:, 18] == 1]
    size = np.where(here[:, 3] == 1, 0.35, 0.7)
    radius = np.where(here[:, 7] == 1, size / 2**0.5, size)
    np.testing.assert_allclose(6 * here[:, 2] - 3, radius, rtol=1e-5)
    xy = 6 * here[:, :2] - 3
    apart = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
    reach = radius[:, None] + radius[None] + 0.25
    pairs = np.triu_indices(len(here), 1)
    assert (apart[pairs] > reach[pairs] - 1e-4).all()


def test_every_category_is_as_likely():
  def one(key):
    draws = jax.random.uniform(key, (10, 5 + 2 * scenes._TRIES))
    camera = jnp.asarray(scenes._CAMERA)
    return scenes.place(draws, camera, jnp.int32(10))[1]

  vector = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(1), 400))
  vector = np.asarray(vector).reshape(-1, 19)
  for part in CATEGORIES:
    share = vector[:, part].mean(0)
    np.testing.assert_allclose(share, 1 / len(share), atol=0.03)
  assert abs(vector[:, :2].mean() - 0.5) < 0.02


# Compiled as one: operation by operation they would take ten times as long.
bodies = jax.jit(solids.bodies)
distance = jax.jit(solids.distance)


def shapes():
  """A cube turned by 0.3, a sphere and a cylinder, at the origin."""
  return bodies(
    solids.Solids(
      centre=np.zeros((3, 3), np.float32),
      radius=np.array([1.0, 0.5, 2.0], np.float32),
      yaw=np.array([0.3, 0.0, 0.0], np.float32),
      shape=np.array([0, 1, 2]),
      metal=np.zeros(3, bool),
      colour=np.zeros((3, 3), np.float32),
    )
  )


def test_distances_are_those_of_the_shapes():
  body = shapes()
  p = np.array([[3.0, 0.0, 0.0], [0.0, 0.0, -3.0], [0.0, 4.0, 3.0]])
  p = tuple(a.astype(np.float32)[None] for a in p.T)
  got = distance(body, p)
  rounded = np.hypot(4 - 1.8, 3 - 1.8) - 0.2  # The cylinder's edge.
  np.testing.assert_allclose(got[1], [2.5, 2.5, 4.5], rtol=1e-6)
  np.testing.assert_allclose(got[2], [1.0, 1.0, rounded], rtol=1e-6)
  # In the cube's own frame: the face, the face, and the upper edge.
  np.testing.assert_allclose(
    got[0], [2.0, 2.0, np.hypot(3.2, 2.2) - 0.2], rtol=1e-6
  )


def test_rays_end_on_the_surface():
  rng = np.random.default_rng(0)
  start = rng.normal(size=(200, 3))
  start *= 6 / np.linalg.norm(start, axis=1, keepdims=True)
  way = rng.normal(0, 0.5, (200, 3)) - start
  way /= np.linalg.norm(way, axis=1, keepdims=True)
  p, d = (tuple(v.astype(np.float32).T) for v in (start, way))

  @jax.jit
  def ends(body, p, d):
    t = solids.march(body, p, d, 5, 1e-3)
    start, way = solids.local(body, p, d)
    return t, solids.distance(body, solids.along(start, t, way))

  t, gap = map(np.asarray, ends(shapes(), p, d))
  hit = t < solids.FAR
  assert hit[0].mean() > 0.9 and 0.2 < hit[1].mean() < 0.6 and hit[2].all()
  assert np.abs(gap[hit]).max() < 1e-2
  # A sphere in closed form.
  b = np.sum(start * way, axis=1)
  root = b**2 - 36 + 0.25
  clear = np.abs(root) > 0.02  # Grazing rays go either way.
  np.testing.assert_array_equal(hit[1][clear], root[clear] > 0)
  both = clear & hit[1]
  np.testing.assert_allclose(
    t[1][both], (-b - np.sqrt(np.abs(root)))[both], atol=1e-3
  )


def test_a_shadow_is_behind_the_object_and_soft():
  body = jax.tree.map(lambda a: a[1:2], shapes())  # The sphere.
  x = np.linspace(-2, 2, 81, dtype=np.float32)
  zero = np.zeros_like(x)
  up = (zero, zero, zero + 1)
  own = np.zeros((1, 81), bool)
  shadow = jax.jit(solids.shadow)
  below, above = (
    np.asarray(shadow(body, (x, zero, zero + z), up, zero + 9, zero + 0.1, own))
    for z in (-2, 1)
  )
  assert below[40] == 0 and below[0] == below[-1] == 1
  assert (np.diff(below[40:]) >= 0).all() and (above == 1).all()
  assert ((below > 0.05) & (below < 0.95)).sum() >= 4
  # Half of the lamp is hidden at the edge.
  np.testing.assert_allclose(np.interp(0.5, x, below), 0.5, atol=0.1)


def test_the_ground_is_as_bright_as_clevrs(shared, drawn):
  image, masks, _ = drawn
  folder = shared / "data" / "objects" / "clevr_with_masks_sample"
  ours = np.where(masks[:, 0, ..., None] > 0, 127.5 * (image + 1), np.nan)
  ours = np.nanmean(ours, axis=(0, 3))
  for i in (0, 1):
    read = lambda name, i=i: Image.open(folder / f"CLEVR_{name}.png")
    real = (
      read(f"image_{i}").convert("L").resize(SIZE[::-1], Image.Resampling.BOX)
    )
    empty = read(f"mask_{i}_0").convert("L").resize(SIZE[::-1])
    gap = (ours - np.asarray(real))[np.asarray(empty) > 250]
    assert np.nanmean(np.abs(gap)) < 10
