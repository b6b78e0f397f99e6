"""Three papers' GANs on the same images, networks and budget.

    python -m projects.first_order_gan.reproduce --table=papers \\
      --data_dir=DIR --features=squeezenet --weights=FILE

Reproduces: the comparison of First Order GAN (arXiv:1802.04591) with DCGANs by
TTUR and with Coulomb GANs, where each paper's numbers are of its own networks.
Ours: Fashion-MNIST at 32x32; an eighth of FOGAN's widths; batches of 64; as
many updates of the generator for each. Norms, initialisers, latents and rates
are each project's for Fashion-MNIST. `python -m projects.<project>.train` has
the rest.

The variant `smoke` is seconds on generated discs.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.image_size = 32
  config.steps = 3_000  # of the generator
  config.eval_every = 1_000
  config.batch_size = 64
  config.generator_features = 64  # channels of the first picture, then halved
  config.critic_features = 8  # of the first convolution, then doubled
  config.shallow_features = 16  # of the Coulomb GAN's, which has a layer less
  config.samples = 2_048  # judged, and as many held-out images
  smoke = dict(
    steps=2,
    eval_every=1,
    batch_size=8,
    generator_features=16,
    critic_features=2,
    shallow_features=4,
    samples=70,
  )
  return variants.apply(config, variant, smoke=smoke)
