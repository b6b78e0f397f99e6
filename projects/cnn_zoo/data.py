"""The pictures of a zoo, gray, on the device once; batches all networks share.

A batch is a function of (config, key, epoch, place), the same for all networks
that see the same share of the data, as in the released zoo, where every network
has seed 42. So its first layer's columns and its dropout noise are made once.
"""

import math
import pathlib
from typing import NamedTuple

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys
from common.data import images, sheets, shuffle
from common.errors import InputError

from . import model

TFDS = ("mnist", "fashion_mnist", "cifar10", "svhn_cropped")
DATASETS = ("generated", "sheets", *TFDS)
NOISE = 2**16  # Steps of the noise's scale.


class Pictures(NamedTuple):
  """Gray pictures and their labels.

  Attributes:
    pixels: int16 [n, side, side], the sum of the channels, 0 to 255 each.
    labels: int32 [n].
    scale: a pixel is `pixels * scale - 1`, in [-1, 1]: the plain mean of the
      channels, and no luminance.
  """

  pixels: jax.Array
  labels: jax.Array
  scale: jax.Array


def load(config: ml_collections.ConfigDict, split: str) -> Pictures:
  """The pictures of `split`, "train" or "test", in the order of the files.

  Raises:
    InputError: they cannot be read, or their side is not the config's.
  """
  if config.dataset == "generated":
    pixels, labels = _generated(config, split)
  elif config.dataset == "sheets":
    pixels, labels = sheets.load(config.data_dir, split)
  else:
    size = (config.image_size, config.image_size)
    pixels, labels = images.load(
      config.dataset,
      split,
      pathlib.Path(config.data_dir).expanduser(),
      pathlib.Path(config.cache_dir).expanduser(),
      size,
      "pad",
      labels=True,
    )
  if pixels.shape[1:3] != (config.image_size, config.image_size):
    raise InputError(
      f"the pictures of {config.dataset} are {pixels.shape[1]}x"
      f"{pixels.shape[2]}, and config.image_size is {config.image_size}"
    )
  if labels.min() < 0 or labels.max() >= config.classes:
    raise InputError(
      f"{config.dataset} has labels from {labels.min()} to {labels.max()}: "
      f"config.classes = {config.classes} does not hold them"
    )
  return Pictures(
    jnp.asarray(np.sum(pixels, axis=-1, dtype=np.int16)),
    jnp.asarray(labels, jnp.int32),
    jnp.float32(2 / (255 * pixels.shape[-1])),
  )


def _generated(config, split):
  """Bars at one place a class, in noise: to try the program, without files."""
  rng = np.random.default_rng([config.seed, split == "test"])
  side, n = config.image_size, config.generated_images
  labels = rng.integers(0, config.classes, n)
  pixels = rng.integers(0, 128, (n, side, side, 1))
  column = labels * (side - 2) // config.classes
  for width in range(3):
    pixels[np.arange(n), :, column + width, 0] += 127
  return pixels, labels


def share(
  config: ml_collections.ConfigDict, fraction: float, n: int
) -> tuple[int, int]:
  """(examples, full batches an epoch) of a network that sees a share of n.

  The first ones of the files: the authors' shuffle before `take` has a buffer
  of 1,024 pictures, and hardly moves any.

  Raises:
    InputError: not even one batch.
  """
  size = int(n * fraction)
  if size < config.batch_size:
    raise InputError(
      f"a share of {fraction:g} of {n} pictures is not one batch of "
      f"config.batch_size = {config.batch_size}: take larger config.fractions"
    )
  return size, int(size // config.batch_size)


def order(key: jax.Array, epoch: int, size: int, batches: int, batch_size: int):
  """Which pictures an epoch's batches have, int32 [batches, batch_size]."""
  positions = jnp.arange(batches * batch_size, dtype=jnp.int32)
  epoch_key = jax.random.fold_in(keys.named(key, "order"), epoch)
  found = shuffle.permute(epoch_key, positions, size)
  return found.reshape(batches, batch_size)


def noise(
  key: jax.Array, step: jax.Array, config: ml_collections.ConfigDict
) -> jax.Array:
  """Dropout's noise of a batch, uint16 [microbatches, units, microbatch]."""
  step_key = jax.random.fold_in(keys.named(key, "dropout"), step)
  many = config.batch_size // config.microbatch
  shape = (many, model.units(config), config.microbatch)
  size = math.prod(shape)
  # Both halves of each word: `bits(..., uint16)` draws as many words as it
  # returns numbers, and takes three times as long.
  words = jax.random.bits(step_key, ((size + 1) // 2,), jnp.uint32)
  halves = jax.lax.bitcast_convert_type(words, jnp.uint16).ravel()
  return halves[:size].reshape(shape)


def gather(
  pictures: Pictures, rows: jax.Array, config: ml_collections.ConfigDict
) -> dict[str, jax.Array]:
  """The pictures of `rows` [n] as all networks see them, in microbatches.

  Returns:
    columns float32 [n / microbatch, rows, places, microbatch] (see
    model.columns), labels int32 [n / microbatch, microbatch].
  """
  rows = rows.reshape(-1, config.microbatch)
  strides = tuple(config.strides)
  pixels = jnp.moveaxis(pictures.pixels[rows], 1, -1)  # [m, side, side, n]
  values = pixels * pictures.scale - 1
  return {
    "columns": jax.vmap(lambda x: model.columns(x[None], strides, 0))(values),
    "labels": pictures.labels[rows],
  }


def batches(config: ml_collections.ConfigDict, key: jax.Array):
  """Returns `t -> batch` of a network that sees the config's first share.

  As one network trained alone sees it; a zoo's program makes the same.

  Raises:
    InputError: the pictures cannot be read.
  """
  pictures = load(config, "train")
  first, *_ = tuple(config.fractions)
  size, many = share(config, first, len(pictures.labels))

  def batch(t):
    rows = order(key, t // many, size, many, config.batch_size)[t % many]
    found = gather(pictures, rows, config)
    return {**found, "noise": noise(key, t, config)}

  return batch
