"""What the paper says of people's judgement, to be put beside what is ours.

Models of BAIR's robot arm, drawn from more than 3,000: either ten that are
equal in one metric, or ten that spread over it. How often, in %, a metric and
people prefer the same of two models; the last row is people among each other.

Source: arXiv:1812.01717, its human study, as other people's notes of it have
the numbers; the paper's own table could not be read here.
"""

DESIGNS = (
  "equal FVD",
  "equal SSIM",
  "equal PSNR",
  "spread FVD",
  "spread SSIM",
  "spread PSNR",
)
AGREEMENT = {
  "FVD": (None, 74.9, 81.0, 71.9, 58.4, 63.5),
  "SSIM": (51.5, None, 44.6, 61.8, 51.2, 45.9),
  "PSNR": (56.3, 21.4, None, 54.1, 37.0, 44.8),
  "KVD": (40.6, 70.4, 73.8, 69.4, 56.8, 63.8),
  "average FID": (35.5, 71.2, 52.0, 62.4, 62.7, 57.6),
  "people": (79.3, 77.8, 84.4, 83.3, 69.9, 72.5),
}

# FVD of the paper's models on SCV's scenarios, at 64x64 and 128x128 pixels. By
# other people's notes, too: whose size a number has is our reading of them, and
# CDNA's 51.4 looks as if it had lost a digit.
BENCHMARK = {
  "cdna": {
    "move_unit_to_border": (486.1, 51.4),
    "collect_mineral_shards": (440.8, 515.3),
    "brawl": (877.1, 1016.6),
    "road_trip_with_medivac": (1089.3, 1295.4),
  },
  "sv2p": {
    "move_unit_to_border": (423.9, 710.5),
    "collect_mineral_shards": (430.4, 316.0),
    "brawl": (859.9, 995.9),
    "road_trip_with_medivac": (1068.7, 1026.1),
  },
  "svp_fp": {
    "move_unit_to_border": (276.7, 121.3),
    "collect_mineral_shards": (379.8, 442.1),
    "brawl": (714.5, 1240.7),
    "road_trip_with_medivac": (1022.9, 2031.4),
  },
  "savp": {
    "move_unit_to_border": (479.7, 204.4),
    "collect_mineral_shards": (188.8, 192.5),
    "brawl": (192.9, 150.3),
    "road_trip_with_medivac": (698.6, 1055.4),
  },
}
