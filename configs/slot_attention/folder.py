"""Your own pictures in a folder, at 64x64: objects without a label.

    python -m projects.slot_attention.train --workdir=runs/own \\
      --config=configs/slot_attention/folder.py --config.data_dir=DIR

Ours: the paper has no such experiment. Networks, rates and steps are those of
multi_dsprites.py, the paper's at 64x64, for a GPU; on a CPU set fewer
`total_steps` and an `image_size` (and `decoder_grid`) of 32. DIR has folders
`train` and `test`, or pictures of which every tenth is held out; with
`test_masks`, the true ones, there is a foreground ARI (see folder.py of the
project), else the error of reconstructions alone. What to set to your pictures:
`slots`, one more than there are objects at most, and `eval_images`.

Variants: those of tetrominoes.py, of which `smoke` takes generated sprites.
"""

import ml_collections

from configs.slot_attention import multi_dsprites, tetrominoes


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = multi_dsprites.get_config()
  config.unlock()
  config.dataset = "folder"
  config.eval_images = 64
  return tetrominoes.change(config, variant, smoke=smoke)


def smoke(config: ml_collections.ConfigDict) -> None:
  """As of multi_dsprites, whose pictures are generated."""
  multi_dsprites.smoke(config)
  config.dataset = "multi_dsprites"
