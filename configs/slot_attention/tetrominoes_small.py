"""Tetrominoes at 10x10: objects discovered within reach of one CPU core.

    python -m projects.slot_attention.train --workdir=runs/tetrominoes_small \\
      --config=configs/slot_attention/tetrominoes_small.py

Stands for: Slot Attention (arXiv:2006.15055), the table of foreground ARI,
column Tetrominoes (99.5 +- 0.2 in the paper). Expected: see the project's
README; minutes on one CPU core that is free.

The paper's: the module with its three iterations and epsilons, the loss, Adam,
a slot more than objects. Ours: cells of one pixel, where the paper's have five,
so 3x3 convolutions for 5x5 and fewer of them (two before the slots, of 16 and
32 channels, three after them); slots of 32 numbers for 64, batch 32 for 64; a
rate two and a half times as high, which rises and falls faster, over 60,000
steps for 500,000.

Variants: those of tetrominoes.py; `slow_decay`, the rate halved every 25,000
steps; and `larger_cells`, that and cells of two pixels, where a pixel is a
forty-eighth of what is scored and no twelfth.
"""

import ml_collections

from configs.slot_attention import tetrominoes


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = tetrominoes.get_config()
  config.unlock()
  config.total_steps = 60_000
  config.batch_size = 32
  config.eval_every = 500
  config.checkpoint_every = 1_000

  config.image_size = config.decoder_grid = 10
  config.cell_size = 1

  config.slot_dim = 32
  config.mlp_hidden = 64
  config.slot_mlp_hidden = 256
  config.encoder_features = (16, 32)
  config.encoder_kernels = (3, 3)
  config.encoder_strides = (1, 1)
  config.decoder_features = (32, 32, 4)
  config.decoder_kernels = (3, 3, 3)
  config.decoder_strides = (1, 1, 1)

  config.learning_rate = 1e-3
  config.warmup_steps = 500
  config.decay_steps = 10_000

  config.eval_images = 256
  slow_decay = dict(decay_steps=25_000)
  larger_cells = dict(
    slow_decay,
    image_size=16,
    decoder_grid=16,
    cell_size=2,
    encoder_kernels=(5, 5),  # As many cells as three of one pixel, or nearly.
  )
  return tetrominoes.change(
    config, variant, slow_decay=slow_decay, larger_cells=larger_cells
  )
