"""SVP-FP on a scenario: a latent vector per frame, from a fixed prior.

    python -m projects.fvd.train --workdir=runs/svp_fp \\
      --config=configs/fvd/svp_fp.py:small

Reproduces: the row SVP-FP of the benchmark of arXiv:1812.01717 (FVD 315.5 on
BAIR; on SCV's scenarios 277 to 1023 at 64x64), as far as cdna.py says. The
model is that of arXiv:1802.07687, 22.2 million parameters at 64x64.

The paper's: networks, z of 10 numbers, beta 1e-4, Adam's rate, batches of 100,
180,000 steps. Ours: the small variants' rate. Variants: see cdna.py.
"""

import ml_collections

from configs.fvd import cdna


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = cdna.common("svp_fp")
  config.widths = (64, 128, 256, 512)
  config.convs = (2, 2, 3, 3)
  config.features = 128
  config.hidden = 256
  config.latent_dim = 10
  config.kl_weight = 1e-4
  config.total_steps = 180_000
  config.batch_size = 100
  config.learning_rate = 2e-3
  return cdna.vary(
    config, variant, small=small, tiny=tiny, longer=longer, smoke=smoke
  )


def small(config: ml_collections.ConfigDict) -> None:
  """32x32, three scales."""
  cdna.shrink(config, "small")
  config.widths = (16, 32, 64)
  config.convs = (2, 2, 3)
  config.features = 32
  config.hidden = 64
  config.latent_dim = 4


def tiny(config: ml_collections.ConfigDict) -> None:
  """16x16, two scales."""
  cdna.shrink(config, "tiny")
  config.widths = (8, 16)
  config.convs = (2, 2)
  config.features = 32
  config.hidden = 64
  config.latent_dim = 4


def longer(config: ml_collections.ConfigDict) -> None:
  """`tiny`, five times the steps."""
  tiny(config)
  cdna.lengthen(config)


def smoke(config: ml_collections.ConfigDict) -> None:
  """Seconds."""
  cdna.shrink(config, "smoke")
  config.widths = (2, 4)
  config.convs = (1, 2)
  config.features = 4
  config.hidden = 4
  config.latent_dim = 2
