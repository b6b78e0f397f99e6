"""SV2P on a scenario: CDNA with one latent map per video, in three phases.

    python -m projects.fvd.train --workdir=runs/sv2p \\
      --config=configs/fvd/sv2p.py:small

Reproduces: the row SV2P of the benchmark of arXiv:1812.01717 (FVD 262.5 on
BAIR; on SCV's scenarios 424 to 1069 at 64x64), as far as cdna.py says. The
model is that of arXiv:1710.11252.

The papers': networks (CDNA's and 70,818 parameters), Adam's rate, and, as
SAVP's authors read them, the weight of KL and phases (noise alone for 50,000
steps; from 100,000 on KL, which rises for 20,000; 200,000 in all).
tensor2tensor's: batches of 16, KL as a sum over the map, a tower without norms
after its last layers. SV2P's own authors' code has batches of 32, phases of
100,000, 50,000 and 50,000 steps, and KL at once, of an eighth at 64x64 (a sum
over rows, then means) and weighted by 1e-5; mean and log variance have layer
norms. Ours: the small variants, with the phases at the same shares of their
steps. Variants: see cdna.py.
"""

import ml_collections

from configs.fvd import cdna


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = cdna.get_config()
  config.unlock()
  config.model = "sv2p"
  config.total_steps = 200_000
  config.batch_size = 16
  config.kl_weight = 1e-3
  config = cdna.vary(
    config,
    variant,
    small=cdna.small,
    tiny=cdna.tiny,
    longer=cdna.longer,
    smoke=cdna.smoke,
  )
  phases(config.unlock())
  return config.lock()


def phases(config: ml_collections.ConfigDict) -> None:
  """The paper's phases, at the config's number of steps."""
  config.noise_steps = config.total_steps // 4
  config.kl_start = config.total_steps // 2
  config.kl_ramp = config.total_steps // 10  # 0: KL counts fully at once
