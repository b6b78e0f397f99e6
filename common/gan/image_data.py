"""Real images between -1 and 1, from data sets, folders, or generated.

The functions read of a config: dataset, data_dir, cache_dir, train_split,
test_split, image_size, image_channels.
"""

import pathlib

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys
from common.data import images
from common.errors import InputError

# What tensorflow-datasets calls them, and how they become square images.
TFDS = {
  "fashion_mnist": dict(mode="pad", crop=None),
  "mnist": dict(mode="pad", crop=None),
  "cifar10": dict(mode="pad", crop=None),
  "svhn_cropped": dict(mode="pad", crop=None),
  "celeb_a": dict(mode="crop_resize", crop=108),
  "lsun/bedroom": dict(mode="crop_resize", crop=None),
}
DATASETS = ("discs", "folder", *TFDS)


def discs(
  key: jax.Array, n: int, config: ml_collections.ConfigDict
) -> jax.Array:
  """Draws images of one soft disc each, `[n, size, size, channels]` in [-1, 1].

  Generated, so that image configs can be tried without any data.
  """
  place = jax.random.uniform(keys.named(key, "place"), (n, 2, 1, 1))
  radius = jax.random.uniform(keys.named(key, "radius"), (n, 1, 1))
  ticks = (jnp.arange(config.image_size) + 0.5) / config.image_size
  across = (ticks[None, :, None] - (0.25 + 0.5 * place[:, 0])) ** 2
  down = (ticks[None, None, :] - (0.25 + 0.5 * place[:, 1])) ** 2
  distance = jnp.sqrt(across + down)  # [n, size, size]
  disc = jnp.tanh(config.image_size * (0.1 + 0.1 * radius - distance))
  shape = (*disc.shape, config.image_channels)
  return jnp.broadcast_to(disc[..., None], shape)


def to_unit(pixels: jax.Array, key: jax.Array | None = None) -> jax.Array:
  """uint8 pixels to float32 in [-1, 1]: x / 127.5 - 1."""
  del key
  return pixels.astype(jnp.float32) / 127.5 - 1.0


def image_array(config: ml_collections.ConfigDict, split: str) -> np.ndarray:
  """The images of a split, uint8 `[n, size, size, channels]`, decoded once.

  Raises:
    InputError: the set is missing, empty or of another shape.
  """
  size = (config.image_size, config.image_size)
  cache = pathlib.Path(config.cache_dir).expanduser()
  if config.dataset == "folder":
    array = images.load_split(
      config.data_dir,
      (config.train_split, config.test_split),
      split == config.test_split,
      cache,
      size,
      1 if config.image_channels == 1 else 3,
    )
  else:
    array = images.load(
      config.dataset,
      split,
      data_dir=pathlib.Path(config.data_dir).expanduser(),
      cache_dir=cache,
      size=size,
      **TFDS[config.dataset],
    )
  if array.shape[-1] != config.image_channels:
    raise InputError(
      f"{config.dataset} has {array.shape[-1]} channels; "
      f"config.image_channels is {config.image_channels}"
    )
  return array
