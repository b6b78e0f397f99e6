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
