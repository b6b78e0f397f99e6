"""Where pictures come from: batch t of (config, key).

Generated sets are drawn on the device, and no picture comes twice; published
ones (see files.py) and your own (folder.py) are gathered on the host.

A batch is `{"image": float32 [n, h, w, 3] in [-1, 1]}`, for set prediction with
`"vector": float32 [n, rows, 19]`.
"""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from jax.tree_util import Partial

from common.errors import InputError

from . import files, scenes, sprites

GENERATED = ("tetrominoes", "multi_dsprites", "clevr_like")


def draw(
  config: ml_collections.ConfigDict, most: int
) -> Callable[[jax.Array], sprites.Picture]:
  """Returns `key -> image, masks, properties`, of up to `most` objects."""
  size, fewest = config.image_size, config.min_objects
  if config.dataset == "tetrominoes":
    return lambda key: sprites.tetrominoes(key, size, config.cell_size, most)
  if config.dataset == "multi_dsprites":
    return lambda key: sprites.multi_dsprites(key, size, fewest, most)
  # Set prediction sees the whole frame, squeezed to a square.
  window = scenes.WHOLE if config.task == "set_prediction" else scenes.CROP
  return lambda key: scenes.scene(key, (size, size), window, fewest, most, most)


def batches(
  config: ml_collections.ConfigDict, key: jax.Array
) -> Callable[[Any], dict[str, Any]]:
  """Returns `t -> batch`, a pure function of (key, t).

  Raises:
    InputError: the data set has not what the task asks.
  """
  check_dataset(config)
  if config.dataset in files.DATASETS:
    return files.batches(config, key)
  picture = draw(config, config.max_objects)

  def one(key):
    image, _, properties = picture(key)
    if config.task == "set_prediction":
      return {"image": image, "vector": properties["vector"]}
    return {"image": image}

  def batch(key, t):
    members = jax.random.split(jax.random.fold_in(key, t), config.batch_size)
    return jax.vmap(one)(members)

  return Partial(batch, key)


def test(
  config: ml_collections.ConfigDict, key: jax.Array
) -> dict[str, jax.Array]:
  """Returns `eval_images` pictures to judge by.

  Of a generated set they depend on `key`, of files they are held-out ones.

  Returns:
    `image`; `masks` `[n, 1 + objects, h, w]` where they are known; for set
    prediction `vector`.
  """
  check_dataset(config)
  if config.dataset in files.DATASETS:
    return files.test(config)
  picture = draw(config, config.eval_max_objects)
  members = jax.random.split(key, config.eval_images)
  # In parts: thousands of scenes at once would take gigabytes.
  image, masks, properties = jax.jit(
    lambda members: jax.lax.map(picture, members, batch_size=4)
  )(members)
  found = {"image": image, "masks": masks}
  if config.task == "set_prediction":
    found["vector"] = properties["vector"]
  return found


def arrays(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """The arrays of files by split; nothing where pictures are generated.

  Raises:
    InputError: see `files.arrays` and `check_dataset`.
  """
  if config.dataset not in files.DATASETS:
    return {}
  check_dataset(config)
  return {split: files.arrays(config, split) for split in ("train", "test")}


def check_dataset(config: ml_collections.ConfigDict) -> None:
  """Refuses what the data set cannot give.

  Raises:
    InputError: set prediction without properties; more tetrominoes than there
      is room for; fewer objects at most than at least.
  """
  if config.task == "set_prediction" and config.dataset not in (
    "clevr",
    "clevr_like",
  ):
    raise InputError(
      f"config.dataset {config.dataset!r} has no property vectors; "
      "set_prediction needs 'clevr' or 'clevr_like'"
    )
  if config.dataset == "tetrominoes":
    for most in (config.max_objects, config.eval_max_objects):
      sprites.check_room(config.image_size, config.cell_size, most)
  if config.dataset not in ("multi_dsprites", "clevr_like"):
    return  # Of others the fewest are not read.
  for name in ("max_objects", "eval_max_objects"):
    if config[name] < config.min_objects:
      raise InputError(
        f"config.{name} is {config[name]}; it can be no fewer than "
        f"config.min_objects = {config.min_objects}"
      )
