"""Scenes like CLEVR's with 3 to 6 objects, 128x128, at the paper's size.

    python -m projects.slot_attention.train --workdir=runs/clevr_like6 \\
      --config=configs/slot_attention/clevr_like6.py

Stands for: Slot Attention (arXiv:2006.15055), the table of foreground ARI,
column CLEVR6: 98.8 +- 0.3 over five seeds. Ours has not been run: a step takes
minutes on a CPU; for a GPU. clevr6.py has the published images.

The paper's: networks, slots, iterations, loss, Adam and its schedule, batch,
steps, the crop, 320 pictures to judge by. Ours: the scenes are generated as
training goes (see scenes.py for how they differ).

Variants: `ten`, judged by up to ten objects and eleven slots, as the paper's
CLEVR10; and those of tetrominoes.py.
"""

import ml_collections

from configs.slot_attention import tetrominoes


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = tetrominoes.get_config()
  config.unlock()
  config.dataset = "clevr_like"
  config.image_size = 128
  config.min_objects = 3
  config.max_objects = config.eval_max_objects = 6
  config.slots = config.eval_slots = 7

  config.encoder_features = (64, 64, 64, 64)
  config.encoder_kernels = (5, 5, 5, 5)
  config.encoder_strides = (1, 1, 1, 1)
  config.decoder_grid = 8
  config.decoder_features = (64, 64, 64, 64, 64, 4)
  config.decoder_kernels = (5, 5, 5, 5, 5, 3)
  config.decoder_strides = (2, 2, 2, 2, 1, 1)
  return change(config, variant)


def change(
  config: ml_collections.ConfigDict, variant: str
) -> ml_collections.ConfigDict:
  """`tetrominoes.change`, with `ten` and a smaller picture for `smoke`."""
  ten = dict(eval_max_objects=10, eval_slots=11)
  return tetrominoes.change(config, variant, ten=ten, smoke=smoke)


def smoke(config: ml_collections.ConfigDict) -> None:
  """As of tetrominoes, on generated scenes of 32 pixels."""
  tetrominoes.smoke(config)
  config.dataset = "clevr_like"
  config.image_size = 32
  config.decoder_grid = 2
