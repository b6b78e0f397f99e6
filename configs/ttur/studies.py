"""The disturbance study of the Fréchet inception distance.

    python -m projects.ttur.reproduce --table=disturbances --name=cifar10 \\
      --images=SOURCE --others=SOURCE

Reproduces: Figure 3 of arXiv:1706.08500: FID grows with each of six
disturbances (CelebA, 50,000 images). SOURCE is what `projects.ttur.fid` takes.

The paper's: disturbances and their amounts (`disturbances.py`), the swirl's
radius of sets that are not CelebA. Ours, for two CPU cores: 1,000 disturbed
images against 2,000 that they are half of; other sets than CelebA;
contamination by a set that is not ImageNet.

The variant `paper` (`--paper`) has the paper's: 50,000 images against all of
the source, with `--images=celeb_a:train+validation+test` CelebA's 202,599;
CelebA's radius; and 5,000 images that contaminate, in the paper five of each of
ImageNet's 1,000 classes, 256x256 or larger: `--others`. Ours there: the crop,
see dcgan_celeba64, and that others are taken again where a share is more than
5,000.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.n = 1_000  # images disturbed
  config.reference = 2_000  # images that they are compared with; 0: all
  config.others = 1_000  # images that contaminate
  config.swirl_radius = 25.0  # pixels; the code has 70 for CelebA
  config.batch_size = 32
  paper = dict(n=50_000, reference=0, others=5_000, swirl_radius=70.0)
  smoke = dict(n=12, reference=24, others=12, batch_size=4)
  return variants.apply(config, variant, paper=paper, smoke=smoke)
