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
  text,
)
from common.errors import InputError
from common.gan import language

from . import data

METHODS = ("first_order", "penalized", "wgan_gp")

_EVERY = {
  "method": choice(*METHODS),
  "data_dir": text,
  "max_device_bytes": at_least(0),
  "latent_dim": positive(int),
  "generator_features": positive(int),
  "critic_features": positive(int),
  "norm_epsilon": positive(float),
  "norm_momentum": fraction,
  "lipschitz_weight": positive(float),
  "slope_weight": at_least(0.0),
  "calculate_slope": of(bool),
  "pairs": choice("matched", "all"),
  "interpolation": fraction,
  "gradient_penalty": at_least(0.0),
  "update_order": choice("generator_first", "critic_first"),
  "critic_steps": positive(int),
  "generator_learning_rate": positive(float),
  "critic_learning_rate": positive(float),
  "adam_b1": fraction,
  "adam_b2": fraction,
  "eval_samples": between(2, 10**9),
  "picture_samples": positive(int),
}
TEXTS = {
  **_EVERY,
  "network": choice("characters"),
  "dataset": choice(*data.TEXTS),
  "length": between(6, 10**4),
  "vocabulary": between(4, 2**16),
  "held_out_every": between(2, 10**9),
  "blocks": at_least(0),
  "generator_norm": choice(*language.NORMS),
  "noise_norm": of(bool),
  "critic_activation": choice(*language.ACTIVATIONS),
  "few_samples": between(1, 10**9),
}
IMAGES = {
  **_EVERY,
  "network": choice("dcgan"),
  "dataset": choice(*(d for d in data.DATASETS if d not in data.TEXTS)),
  "train_split": text,
  "test_split": text,
  "cache_dir": text,
  "image_size": positive(int),
  "image_channels": positive(int),
}


def check(config: ml_collections.ConfigDict) -> None:
  """Refuses what a config of text (with `length`) or images cannot be."""
  config_schema.check(config, TEXTS if "length" in config else IMAGES)
  if config.method == "wgan_gp" and config.interpolation:
    raise InputError(
      f"config.interpolation is {config.interpolation}: WGAN-GP's critic sees "
      "samples as they are; set it to 0, as the variant wgan_gp does"
    )
  if "length" in config and config.few_samples > config.eval_samples:
    raise InputError(
      f"config.few_samples is {config.few_samples}; it can be at most "
      f"config.eval_samples = {config.eval_samples}, of which they are"
    )
