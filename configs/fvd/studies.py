"""The studies of the Fréchet video distance.

    python -m projects.fvd.reproduce --table=disturbances
    python -m projects.fvd.reproduce --table=samples
    python -m projects.fvd.reproduce --table=seeds

Reproduces: the noise study and the sample-size study of arXiv:1812.01717, of
which no numbers are public, only what they show.

The paper's: the kinds of disturbances. Ours: their levels (`disturbances.py`),
the numbers of clips and the seeds; clips of generated motion where none are
given.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; the variant `smoke` takes seconds."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.frames = 16
  config.clips = 512  # disturbed, and as many to compare with
  config.paired = 64  # of them, for SSIM and PSNR
  config.frame_size = 8  # pixels a side, of the distance of single frames
  config.sizes = (16, 32, 64, 128, 256, 512, 1024)
  config.repetitions = 8
  config.batch_size = 16
  # Of the models that predict videos: trained again by other seeds.
  config.seeds = (0, 1, 2)
  config.seeded = ("move_unit_to_border", "road_trip_with_medivac")
  smoke = dict(
    clips=24,
    paired=4,
    frame_size=4,
    sizes=(8, 16),
    repetitions=2,
    seeds=(0, 1),
    seeded=("moving_square",),
  )
  return variants.apply(config, variant, smoke=smoke)
