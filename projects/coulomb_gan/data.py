"""Where real samples and latents come from: batch t of (config, key).

A batch is `{"real": [n, ...], "latent": [k, latent_dim]}`, float32. `n` is
`batch_size` times `critic_steps`; players that move one after the other take
`batch_size` latents more, for the generator's own step.
"""

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys
from common.data import foreign, in_memory
from common.errors import InputError
from common.gan import batches as pairs
from common.gan import image_data
from common.gan.gaussian_grid import gaussian_grid
from common.gan.image_data import discs, image_array, to_unit

DATASETS = ("gaussian_grid", "points", *image_data.DATASETS)


def batches(
  config: ml_collections.ConfigDict, key: jax.Array
) -> Callable[[Any], dict[str, jax.Array]]:
  """Returns `t -> batch`, a pure function of (key, t).

  Raises:
    InputError: a data set that cannot be read.
  """
  count = config.batch_size * config.critic_steps
  latents = count + config.batch_size * (config.update_order == "sequential")

  of_real = keys.named(key, "real")
  if config.dataset in ("gaussian_grid", "discs"):
    draw = gaussian_grid if config.dataset == "gaussian_grid" else discs
    real = pairs.generated(lambda key: draw(key, count, config), of_real)
  else:
    points = config.dataset == "points"
    real = in_memory.batches(
      split(config, config.train_split),
      of_real,
      batch_size=count,
      transform=(lambda rows, key: rows) if points else to_unit,
      max_device_bytes=config.max_device_bytes,
    )
  latent = lambda key: jax.random.normal(key, (latents, config.latent_dim))
  return pairs.with_latents(real, latent, key)


def test(config: ml_collections.ConfigDict, key: jax.Array) -> jax.Array:
  """Returns `eval_samples` real samples to judge by, float32 `[n, ...]`.

  Held-out images (the first ones of `test_split`); fresh draws of the grid.
  """
  if config.dataset == "gaussian_grid":
    return gaussian_grid(key, config.eval_samples, config)
  if config.dataset == "discs":
    return discs(key, config.eval_samples, config)
  held_out = split(config, config.test_split)
  if len(held_out) < config.energy_samples:
    raise InputError(
      f"{config.data_dir} has {len(held_out)} samples to test on, and an "
      f"evaluation takes config.energy_samples = {config.energy_samples}; set "
      "that to fewer, or give more"
    )
  held_out = jnp.asarray(held_out[: config.eval_samples])
  return held_out if config.dataset == "points" else to_unit(held_out, key)


def arrays(config: ml_collections.ConfigDict) -> dict[str, np.ndarray]:
  """All samples by the name of their split; nothing where they are generated.

  Raises:
    InputError: a data set that cannot be read.
  """
  if config.dataset in ("gaussian_grid", "discs"):
    return {}
  names = sorted({config.train_split, config.test_split})
  return {name: split(config, name) for name in names}


def split(config: ml_collections.ConfigDict, name: str) -> np.ndarray:
  """The samples of one split, `[n, ...]`; see `point_array`, `image_array`."""
  read = point_array if config.dataset == "points" else image_array
  return read(config, name)


def point_array(config: ml_collections.ConfigDict, split: str) -> np.ndarray:
  """Your own points, `data_dir/split.npy`: float32 `[n, data_dim]`.

  Raises:
    InputError: the file is missing, has another shape, or holds NaN.
  """
  path = pathlib.Path(config.data_dir).expanduser() / f"{split}.npy"
  try:
    array = np.load(path)
  except foreign.BROKEN as error:
    raise InputError(
      f"{path} cannot be read ({error}); numpy.save writes such a file"
    ) from error
  if array.ndim != 2 or array.shape[1] != config.data_dim:
    raise InputError(
      f"{path} has shape {array.shape}; config.data_dim = {config.data_dim} "
      f"asks for (n, {config.data_dim})"
    )
  in_memory.check_finite(array, str(path))
  return array.astype(np.float32)
