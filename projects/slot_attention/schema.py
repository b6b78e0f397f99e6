"""What the values of a config can be; `train` checks it first."""

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

from . import data, files, precision

SCHEMA = {
  "task": choice("discovery", "set_prediction"),
  "dataset": choice(*data.GENERATED, *files.DATASETS),
  "data_dir": text,
  "cache_dir": text,
  "train_images": positive(int),
  "test_images": positive(int),
  "image_size": positive(int),
  "cell_size": positive(int),
  "min_objects": at_least(0),
  "max_objects": positive(int),
  "grouping": choice("slot_attention", "slot_mlp"),
  "slots": positive(int),
  "iterations": positive(int),
  "slot_dim": positive(int),
  "mlp_hidden": positive(int),
  "slot_mlp_hidden": positive(int),
  "attention_epsilon": at_least(0.0),
  "norm_epsilon": at_least(0.0),
  "softmax": choice("slots", "inputs"),
  "aggregation": choice("mean", "sum"),
  "gru": of(bool),
  "initial": choice("gaussian", "learned"),
  "encoder_features": several(positive(int)),
  "encoder_kernels": several(positive(int)),
  "encoder_strides": several(positive(int)),
  "decoder_grid": positive(int),
  "decoder_features": several(positive(int)),
  "decoder_kernels": several(positive(int)),
  "decoder_strides": several(choice(1, 2)),
  "properties": choice(precision.DIMENSION),
  "learning_rate": at_least(0.0),
  "warmup_steps": at_least(0),
  "decay_rate": fraction,
  "decay_steps": positive(int),
  "eval_images": positive(int),
  "eval_batch": positive(int),
  "eval_slots": positive(int),
  "eval_iterations": positive(int),
  "eval_max_objects": positive(int),
  "picture_images": positive(int),
}


def check(config: ml_collections.ConfigDict) -> None:
  """Refuses what a config cannot be, value by value and layer by layer.

  Raises:
    InputError: see `config_schema.check`; or layers that are no network.
  """
  config_schema.check(config, SCHEMA)
  for part in ("encoder", "decoder"):
    names = [f"{part}_{what}" for what in ("features", "kernels", "strides")]
    counts = [len(config[name]) for name in names]
    if len(set(counts)) > 1:
      raise InputError(
        f"config.{', '.join(names)} have {', '.join(map(str, counts))} values; "
        "each needs one a layer"
      )
  *_, channels = tuple(config.decoder_features)
  if channels != 4:
    raise InputError(
      f"config.decoder_features ends with {channels}; the last layer makes 4 "
      "channels, RGB and the mask"
    )
  for size, stride in zip(
    config.decoder_kernels, config.decoder_strides, strict=True
  ):
    if size % 2 == 0 or (stride == 2 and size != 5):
      raise InputError(
        f"config.decoder_kernels has a {size} where config.decoder_strides has "
        f"a {stride}; it can be odd with stride 1, and 5 with stride 2"
      )
