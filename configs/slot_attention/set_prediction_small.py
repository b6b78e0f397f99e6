"""Properties of up to six objects from one small picture, on one CPU core.

    python -m projects.slot_attention.train --workdir=runs/set_small \\
      --config=configs/slot_attention/set_prediction_small.py

Stands for: set_prediction.py, the paper's experiment, at a size that trains in
half an hour. The paper's: the module, the matched Huber loss, the whole frame
squeezed to a square. Ours: 48x48 pixels for 128x128, up to 6 objects and slots
for 10, half of the channels, batch 32 for 512, and 5,000 steps for 150,000 at
two and a half times the rate, which falls faster.

Variants: those of set_prediction.py.
"""

import ml_collections

from configs.slot_attention import set_prediction


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = set_prediction.get_config()
  config.unlock()
  config.image_size = 48
  config.max_objects = config.eval_max_objects = 6
  config.slots = config.eval_slots = 6

  config.encoder_features = (32, 32, 32, 32)

  config.total_steps = 5_000
  config.batch_size = 32
  config.log_every = 50
  config.eval_every = config.checkpoint_every = 500
  config.learning_rate = 1e-3
  config.decay_steps = 2_000
  config.eval_images = 500
  return set_prediction.change(config, variant)
