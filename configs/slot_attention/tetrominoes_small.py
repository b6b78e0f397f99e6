"""Tetrominoes at 21x21: objects discovered within reach of one CPU core."""

import ml_collections


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.task = "discovery"  # or "set_prediction"

  config.total_steps = 15_000
  config.batch_size = 16
  config.steps_per_call = 1
  config.log_every = 100
  config.eval_every = 500
  config.checkpoint_every = 1_000
  config.keep_checkpoints = 2

  config.dataset = "tetrominoes"
  config.image_size = 14
  config.cell_size = 2
  config.max_objects = 3

  config.grouping = "slot_attention"  # or "slot_mlp"
  config.slots = 4
  config.iterations = 3
  config.slot_dim = 32
  config.mlp_hidden = 64
  config.slot_mlp_hidden = 256
  config.attention_epsilon = 1e-8
  config.norm_epsilon = 1e-3
  config.softmax = "slots"
  config.aggregation = "mean"
  config.gru = True
  config.initial = "gaussian"
  config.encoder_features = (32, 32, 32, 32)
  config.encoder_kernels = (3, 3, 3, 3)
  config.encoder_strides = (1, 1, 1, 1)
  config.decoder_grid = 14
  config.decoder_features = (32, 32, 32, 4)
  config.decoder_kernels = (3, 3, 3, 3)
  config.decoder_strides = (1, 1, 1, 1)
  config.properties = 19

  config.learning_rate = 1e-3
  config.warmup_steps = 500
  config.decay_rate = 0.5
  config.decay_steps = 10_000

  config.eval_images = 128
  config.eval_batch = 64
  return config.lock()
