"""What the values of a config can be; `train` checks it first."""

import ml_collections

from common import config_schema
from common.config_schema import (
  at_least,
  between,
  choice,
  fraction,
  positive,
  several,
  text,
)
from common.errors import InputError
from common.metrics import while_training

from . import data

ACTIVATIONS = (
  "relu",
  "leaky_relu",
  "elu",
  "selu",
  "silu",
  "gelu",
  "tanh",
  "adaptive_tanh",
)

_EVERY = {
  "method": choice("coulomb", "gan", "wgan_gp"),
  "dataset": choice(*data.DATASETS),
  "data_dir": text,
  "train_split": text,
  "test_split": text,
  "max_device_bytes": at_least(0),
  "latent_dim": positive(int),
  "kernel_exponent": positive(float),
  "kernel_epsilon": positive(float),
  "self_interaction": choice("drop", "keep"),
  "smoothing_std": at_least(0.0),
  "potential_scale": positive(float),
  "gradient_penalty": at_least(0.0),
  "l2_penalty": at_least(0.0),
  "update_order": choice("simultaneous", "sequential"),
  "critic_steps": positive(int),
  "generator_learning_rate": at_least(0.0),
  "discriminator_learning_rate": at_least(0.0),
  "adam_b1": fraction,
  "adam_b2": fraction,
  "warmup_steps": at_least(0),
  "decay_steps": at_least(0),
  "eval_samples": between(2, 10**9),
  "energy_samples": between(2, 10**9),
  "picture_samples": positive(int),
}
_POINTS = {
  "network": choice("mlp"),
  "data_dim": positive(int),
  "generator_widths": several(positive(int)),
  "generator_activation": choice(*ACTIVATIONS),
  "generator_steepness": positive(float),
  "discriminator_widths": several(positive(int)),
  "discriminator_activation": choice(*ACTIVATIONS),
  "discriminator_frequencies": at_least(0),
  "discriminator_bandwidth": positive(float),
  "grid_side": positive(int),
  "mode_std": positive(float),
  "weight_ratio": at_least(1.0),
  "mode_found_share": fraction,
  "particles": positive(int),
  "particle_steps": positive(int),
  "particle_step": positive(float),
}
_IMAGES = {
  "network": choice("dcgan"),
  "cache_dir": text,
  "image_size": positive(int),
  "image_channels": positive(int),
  "generator_features": positive(int),
  "discriminator_features": positive(int),
  "discriminator_depth": choice("image_size", "batch_size"),
  "discriminator_norm": choice("batch", "layer", "none"),
  "features": choice(*while_training.FEATURES),
  "weights": text,
  "feature_batch": positive(int),
}


POINTS = {**_EVERY, **_POINTS}
IMAGES = {**_EVERY, **_IMAGES}


def check(config: ml_collections.ConfigDict) -> None:
  """Refuses what a config of points (with `data_dim`) or images cannot be."""
  points = "data_dim" in config
  config_schema.check(config, POINTS if points else IMAGES)
  if config.energy_samples > config.eval_samples:
    raise InputError(
      f"config.energy_samples is {config.energy_samples}; it can be at most "
      f"config.eval_samples = {config.eval_samples}, of which they are"
    )
  if points and config.dataset == "gaussian_grid" and config.data_dim != 2:
    raise InputError(
      f"config.data_dim is {config.data_dim}; the Gaussian grid lies in the "
      "plane: set it to 2, or config.dataset to 'points'"
    )
  config_schema.check_decay(config, "decay_steps", "warmup_steps")
  drops = config.method == "coulomb" and config.self_interaction == "drop"
  if drops and config.batch_size == 1:
    raise InputError(
      "config.batch_size is 1, and config.self_interaction 'drop' leaves a "
      "sample nobody to be pushed by; take 2 or more"
    )
  if points:
    return
  if config.discriminator_depth == "batch_size" and config.batch_size < 8:
    raise InputError(
      f"config.batch_size is {config.batch_size}; config.discriminator_depth "
      "'batch_size' counts its doublings from 8 on: take 8 or more"
    )
