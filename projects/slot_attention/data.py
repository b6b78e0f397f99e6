"""Where pictures come from: batch t of (config, key)."""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from jax.tree_util import Partial

from common import keys
from common.errors import check_choice

from . import sprites

GENERATED = ("tetrominoes",)


def draw(config: ml_collections.ConfigDict) -> Callable[[jax.Array], Any]:
  """Returns `key -> image, masks, properties` of a generated set."""
  check_choice("dataset", config.dataset, GENERATED)
  return lambda key: sprites.tetrominoes(
    key, config.image_size, config.cell_size, config.max_objects
  )


def batches(
  config: ml_collections.ConfigDict, key: jax.Array
) -> Callable[[Any], dict[str, jax.Array]]:
  """Returns `t -> batch`, a pure function of (key, t)."""
  picture = draw(config)

  def batch(key, t):
    members = jax.random.split(jax.random.fold_in(key, t), config.batch_size)
    return {"image": jax.vmap(lambda k: picture(k)[0])(members)}

  return Partial(batch, key)


def test(
  config: ml_collections.ConfigDict, key: jax.Array
) -> dict[str, jax.Array]:
  """Returns `eval_images` pictures to judge by, with masks and properties."""
  picture = draw(config)
  members = jax.random.split(keys.named(key, "test"), config.eval_images)
  image, masks, properties = jax.jit(jax.vmap(picture))(members)
  return {"image": image, "masks": masks, "properties": properties}
