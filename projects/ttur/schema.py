"""What the values of a config can be; `train` checks it first."""

import ml_collections

from common import config_schema
from common.config_schema import (
  at_least,
  between,
  choice,
  fraction,
  of,
  positive,
  several,
  text,
)
from common.errors import InputError
from common.metrics import while_training

from . import data

GAMES = ("dcgan", "wgan_gp", "began")

_EVERY = {
  "game": choice(*GAMES),
  "dataset": choice(*data.DATASETS),
  "latent_dim": positive(int),
  "latent": choice("normal", "uniform"),
  "critic_steps": positive(int),
  "discriminator_rate": positive(float),
  "generator_rate": positive(float),
  "halve_every": at_least(0),
  "adam_b1": fraction,
  "adam_b2": fraction,
  "gradient_penalty": at_least(0.0),
  "eval_samples": between(2, 10**9),
  "sample_batch": positive(int),
  "picture_samples": positive(int),
  "sweep_discriminator_rates": several(positive(float)),
  "sweep_generator_rates": several(positive(float)),
  "sweep_seeds": positive(int),
}
_POINTS = {
  "network": choice("mlp"),
  "widths": several(positive(int)),
  "activation": choice("relu", "leaky_relu", "elu", "silu", "tanh"),
  "frequencies": at_least(0),
  "bandwidth": positive(float),
  "grid_side": positive(int),
  "mode_std": positive(float),
  "weight_ratio": at_least(1.0),
  "mode_found_share": fraction,
  "sweep_chunk": positive(int),
  "sweep_at_once": positive(int),
}
_IMAGES = {
  "network": choice("dcgan", "resnet", "began"),
  "data_dir": text,
  "cache_dir": text,
  "train_split": text,
  "test_split": text,
  "max_device_bytes": at_least(0),
  "image_size": positive(int),
  "image_channels": choice(1, 3),
  "width": positive(int),
  "four_samples_as_one": of(bool),
  "balance_rate": at_least(0.0),
  "diversity": positive(float),
  "cpu_microbatch": at_least(0),
  "features": choice(*while_training.FEATURES),
  "weights": text,
  "fid_reference": at_least(0),
  "feature_batch": positive(int),
}

POINTS = {**_EVERY, **_POINTS}
IMAGES = {**_EVERY, **_IMAGES}


def check(config: ml_collections.ConfigDict) -> None:
  """Refuses what a config of points (with `widths`) or images cannot be."""
  config_schema.check(config, POINTS if "widths" in config else IMAGES)
  if config.game == "began" and config.network != "began":
    raise InputError(
      f"config.game 'began' is played by config.network 'began', whose "
      f"discriminator is an autoencoder; it is {config.network!r}"
    )
  if config.game != "began" and config.network == "began":
    raise InputError(
      f"config.network 'began' plays config.game 'began', not {config.game!r}"
    )
  if config.game == "wgan_gp" and config.network == "dcgan":
    raise InputError(
      "WGAN-GP penalises each sample's own gradient, which the batch norms of "
      "config.network 'dcgan' mix; take 'resnet'"
    )
  if config.game != "wgan_gp" and config.critic_steps != 1:
    raise InputError(
      f"config.critic_steps is {config.critic_steps}; only WGAN-GP takes more "
      "than one"
    )
  if "widths" in config or config.game == "dcgan" or not config.cpu_microbatch:
    return
  piece = config.cpu_microbatch
  if config.batch_size % piece:
    raise InputError(
      f"config.batch_size is {config.batch_size}, which config.cpu_microbatch "
      f"{piece} does not divide; 0 takes the batch whole"
    )
  if config.four_samples_as_one and piece % 4:
    raise InputError(
      f"config.cpu_microbatch is {piece}, which parts the four samples that "
      "config.four_samples_as_one keeps together; take a multiple of 4, or 0"
    )
