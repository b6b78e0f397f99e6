"""Where real samples and latents come from: batch t of (config, key).

A batch is `{"real": [n, ...], "latent": [m, latent_dim]}`, float32. `n` is
`batch_size` times `critic_steps`; m as many, and in WGAN-GP, whose generator
has latents of its own, `batch_size` more.
"""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np

from common import keys
from common.data import in_memory
from common.errors import InputError
from common.gan import batches as pairs
from common.gan import image_data
from common.gan.gaussian_grid import gaussian_grid

from . import model

DATASETS = ("gaussian_grid", *image_data.DATASETS)
_GENERATED = {"gaussian_grid": gaussian_grid, "discs": image_data.discs}


def batches(
  config: ml_collections.ConfigDict, key: jax.Array
) -> Callable[[Any], dict[str, jax.Array]]:
  """Returns `t -> batch`, a pure function of (key, t).

  Raises:
    InputError: a data set that cannot be read, or is smaller than a batch.
  """
  count = config.batch_size * config.critic_steps
  latents = count + config.batch_size * (config.game == "wgan_gp")

  of_real = keys.named(key, "real")
  if draw := _GENERATED.get(config.dataset):
    real = pairs.generated(lambda key: draw(key, count, config), of_real)
  else:
    array = image_data.image_array(config, config.train_split)
    real = in_memory.batches(
      _enough(array, count, config),
      of_real,
      batch_size=count,
      transform=image_data.to_unit,
      max_device_bytes=config.max_device_bytes,
    )
  latent = lambda key: model.latent(key, latents, config)
  return pairs.with_latents(real, latent, key)


def _enough(array, count, config):
  if len(array) < count:
    raise InputError(
      f"{config.dataset} has {len(array)} images to train on, fewer than the "
      f"{count} of a step; set config.batch_size to fewer, or give more"
    )
  return array


def reference(
  config: ml_collections.ConfigDict, key: jax.Array
) -> jax.Array | np.ndarray:
  """What generated samples are compared with, `[n, ...]`.

  Images: the training set's first `fid_reference` (0: all), as the paper has
  it, uint8. Generated sets: fresh draws, float32, of images in [-1, 1].
  """
  if draw := _GENERATED.get(config.dataset):
    images = config.dataset != "gaussian_grid"
    n = config.fid_reference if images else config.eval_samples
    return draw(key, n or config.eval_samples, config)
  array = image_data.image_array(config, config.train_split)
  return array[: config.fid_reference or None]


def arrays(config: ml_collections.ConfigDict) -> dict[str, np.ndarray]:
  """All images by the name of their split; nothing where they are generated.

  Raises:
    InputError: a data set that cannot be read.
  """
  if config.dataset in _GENERATED:
    return {}
  split = str(config.train_split)
  return {split: image_data.image_array(config, split)}
