"""CLEVR with masks, scenes of up to six objects, 128x128: the paper's data.

    python -m projects.slot_attention.train --workdir=runs/clevr6 \\
      --config=configs/slot_attention/clevr6.py --config.data_dir=DIR

Reproduces: Slot Attention (arXiv:2006.15055), the table of foreground ARI,
column CLEVR6: 98.8 +- 0.3 over five seeds. Ours has not been run: it needs a
GPU, and in DIR the file clevr_with_masks_train.tfrecords (10.5 GB; files.py has
its address). The first run converts it, in about two hours of one core, to 5 GB
in `cache_dir`.

All of clevr_like6.py, the paper's, on the published images. The paper's, too:
the first 70,000 images, less those with more than six objects. Ours: the images
are rounded to 256 values after the crop is resized.

Variants: `ten`, judged by up to ten objects and eleven slots, as the paper's
CLEVR10; those of tetrominoes.py, of which `smoke` takes generated scenes.
"""

import ml_collections

from configs.slot_attention import clevr_like6


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = clevr_like6.get_config()
  config.unlock()
  config.dataset = "clevr_with_masks"
  config.train_images = 70_000
  config.test_images = 1_000  # about half of them have up to six objects
  return clevr_like6.change(config, variant)
