"""WGAN-GP on Fashion-MNIST, padded to 32x32: within reach of two CPU cores.

    python -m projects.ttur.train --workdir=runs/wgan_gp_fashion_mnist \\
      --config=configs/ttur/wgan_gp_fashion_mnist.py \\
      --config.data_dir=~/tensorflow_datasets

Ours: TTUR (arXiv:1706.08500) has no such experiment. The paper's, all of
wgan_gp_cifar10: ResNets, penalty, Adam, latents, batch size, and the rates,
3e-4 for the critic and 1e-4 for the generator with one critic step
(`original`: 1e-4 for both, five critic steps, a third of the steps). Ours: a
quarter of that width, the critic's score one number a sample, 500 steps, and a
score that needs no weights, of means of blocks, which is no FID.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs import variants
from configs.ttur import dcgan_celeba64, dcgan_fashion_mnist, wgan_gp_cifar10


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = wgan_gp_cifar10.get_config().unlock()
  config.dataset = "fashion_mnist"
  config.image_channels = 1
  config.four_samples_as_one = False
  dcgan_fashion_mnist.narrow(config)
  config.width = 8
  config.cpu_microbatch = 0  # Layers as narrow stay in the caches whole.
  config.total_steps = 500
  config.eval_every = config.checkpoint_every = 100
  original = dict(
    discriminator_rate=1e-4,
    generator_rate=1e-4,
    critic_steps=5,
    total_steps=165,
    log_every=11,
    eval_every=33,
    checkpoint_every=33,
  )
  return variants.apply(
    config, variant, original=original, smoke=dcgan_celeba64.smoke
  )
