"""The disturbance study of the Fréchet inception distance.

    python -m projects.ttur.reproduce --table=disturbances --name=cifar10 \\
      --images=SOURCE --others=SOURCE

Reproduces: Figure 3 of arXiv:1706.08500: FID grows with each of six
disturbances (CelebA, 50,000 images). SOURCE is what `projects.ttur.fid` takes.

The paper's: disturbances and their amounts (`disturbances.py`). Ours, for two
CPU cores: 1,000 disturbed images against 2,000 that they are half of; other
sets than CelebA; contamination by a set that is not ImageNet. The variant
`paper` has the paper's number.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.n = 1_000  # images disturbed
  config.reference = 2_000  # images that they are compared with
  config.batch_size = 32
  paper = dict(n=50_000, reference=50_000)
  smoke = dict(n=12, reference=24, batch_size=4)
  return variants.apply(config, variant, paper=paper, smoke=smoke)
