"""What the values of a model's config can be; `train` checks it first."""

import ml_collections

from common import config_schema
from common.config_schema import (
  at_least,
  choice,
  fraction,
  of,
  positive,
  several,
  text,
)
from common.errors import InputError

from . import data

_EVERY = {
  "scenario": choice(*data.SOURCES),
  "data_dir": text,
  "cache_dir": text,
  "image_size": positive(int),
  "frames": positive(int),
  "context": positive(int),
  "eval_clips": positive(int),
  "eval_frames": positive(int),
  "eval_samples": positive(int),
  "learning_rate": at_least(0.0),
  "decay_start": at_least(0),
  "decay_end": at_least(0),
  "adam_b1": fraction,
  "adam_b2": fraction,
  "clip_norm": at_least(0.0),
  "kl_weight": at_least(0.0),
  "remat": of(bool),
}
_KERNELS = {
  "kernels": positive(int),
  "kernel_size": positive(int),
  "sampling_k": positive(float),
}
_CDNA = {**_EVERY, **_KERNELS, "width": positive(int)}
_LATENT = {"latent_dim": positive(int)}
SCHEMAS = {
  "cdna": {name: rule for name, rule in _CDNA.items() if name != "kl_weight"},
  "sv2p": {
    **_CDNA,
    "noise_steps": at_least(0),
    "kl_start": at_least(0),
    "kl_ramp": at_least(0),
  },
  "svp_fp": {
    **_EVERY,
    **_LATENT,
    "widths": several(positive(int)),
    "convs": several(positive(int)),
    "features": positive(int),
    "hidden": positive(int),
  },
  "savp": {
    **_EVERY,
    **_KERNELS,
    **_LATENT,
    "down": several(positive(int)),
    "up": several(positive(int)),
    "encoder_widths": several(positive(int)),
    "discriminator_width": positive(int),
    "discriminator_frames": at_least(4),
    "l1_weight": at_least(0.0),
    "gan_weight": at_least(0.0),
    "vae_gan_weight": at_least(0.0),
    "kl_start": at_least(0),
    "kl_ramp": at_least(0),
  },
}


def check(config: ml_collections.ConfigDict) -> None:
  """Refuses what the config of a model cannot be.

  Raises:
    InputError: a key or value of its own; or sizes that do not fit each other.
  """
  known = choice(*SCHEMAS)
  said = known(config.get("model"))
  if said:
    raise InputError(f"config.model is {config.get('model')!r}; {said}")
  config_schema.check(config, {"model": known, **SCHEMAS[config.model]})
  if config.frames <= config.context:
    raise InputError(
      f"config.frames is {config.frames}: clips of {config.context} frames of "
      f"context, and one at least to predict, have {config.context + 1}"
    )
  config_schema.check_decay(config, "decay_end", "decay_start")
  least = _least_side(config)
  if config.image_size % least:
    raise InputError(
      f"config.image_size is {config.image_size}; {config.model} halves it "
      f"again and again, so it must be a multiple of {least}"
    )
  if "kernel_size" in config and config.kernel_size % 2 == 0:
    raise InputError(
      f"config.kernel_size is {config.kernel_size}; a kernel has a middle: it "
      "must be odd"
    )
  if config.model == "svp_fp" and len(config.widths) != len(config.convs):
    raise InputError(
      "config.widths and config.convs are of the same scales: they must be "
      "equally long"
    )
  if config.model == "savp":
    _check_savp(config)


def _least_side(config):
  if config.model == "svp_fp":
    return 2 ** len(config.widths)
  if config.model == "savp":
    return 2 ** max(3, len(config.down), len(config.encoder_widths))
  return 8


def _check_savp(config):
  if len(config.up) != len(config.down):
    raise InputError(
      "config.up and config.down are the way up and the way down: they must "
      "be equally long"
    )
  if config.discriminator_frames > config.frames - 1:
    raise InputError(
      f"config.discriminator_frames is {config.discriminator_frames}; of "
      f"{config.frames} frames the model makes {config.frames - 1}"
    )


def check_video(
  shape: tuple[int, ...], config: ml_collections.ConfigDict, least: int
) -> None:
  """Refuses clips that a model of this config cannot take.

  Args:
    shape: of the clips, [n, t, h, w, c].
    config: of the model.
    least: frames that are needed.

  Raises:
    InputError: fewer frames, or another size, than it takes.
  """
  if len(shape) != 5 or shape[-1] != 3:
    raise InputError(
      f"clips of shape {shape}: it can be [clips, frames, height, width, 3]"
    )
  if shape[1] < least:
    raise InputError(
      f"clips of {shape[1]} frames are too short: {config.model} takes "
      f"{least} or more"
    )
  side = config.image_size
  if shape[2:4] != (side, side):
    raise InputError(
      f"frames of {shape[2]}x{shape[3]} pixels: this {config.model} was made "
      f"for {side}x{side} (config.image_size)"
    )
