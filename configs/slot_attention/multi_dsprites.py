"""Multi-dSprites, coloured sprites on gray, 64x64, at the paper's size.

    python -m projects.slot_attention.train --workdir=runs/multi_dsprites \\
      --config=configs/slot_attention/multi_dsprites.py

Reproduces: Slot Attention (arXiv:2006.15055), the table of foreground ARI,
column Multi-dSprites: 91.3 +- 0.3 over five seeds. Ours has not been run; for a
GPU.

All of tetrominoes.py, the paper's, at 64x64 with six slots. Ours: the sprites
are generated (see sprites.py for how they differ).

Variants: those of tetrominoes.py.
"""

import ml_collections

from configs.slot_attention import tetrominoes


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = tetrominoes.get_config()
  config.unlock()
  config.dataset = "multi_dsprites"
  config.image_size = config.decoder_grid = 64
  config.min_objects = 2
  config.max_objects = config.eval_max_objects = 5
  config.slots = config.eval_slots = 6
  return tetrominoes.change(config, variant, smoke=smoke)


def smoke(config: ml_collections.ConfigDict) -> None:
  """As of tetrominoes, at 16 pixels: enough to try the program."""
  tetrominoes.smoke(config)
  config.image_size = config.decoder_grid = 16
