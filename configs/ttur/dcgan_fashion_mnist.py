"""DCGAN on Fashion-MNIST, padded to 32x32: within reach of two CPU cores.

    python -m projects.ttur.train --workdir=runs/dcgan_fashion_mnist \\
      --config=configs/ttur/dcgan_fashion_mnist.py \\
      --config.data_dir=~/tensorflow_datasets

Ours: TTUR (arXiv:1706.08500) has no such experiment. The paper's: networks,
initialisers, Adam, batch size, latents, and CIFAR-10's rates, 1e-4 for the
discriminator and 5e-4 for the generator (`original`: 1e-4 for both). Ours: a
quarter of the width, 1,000 steps (minutes on two cores), and a score
that needs no weights, of means of blocks, which is no FID;
`--config.features=inception` takes the FID.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs.ttur import dcgan_celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = dcgan_celeba64.base()
  config.dataset = "fashion_mnist"
  config.image_size = 32
  config.image_channels = 1
  config.discriminator_rate = 1e-4
  config.generator_rate = 5e-4
  narrow(config)
  return dcgan_celeba64.change(config, variant, one_rate=1e-4)


def narrow(config: ml_collections.ConfigDict) -> None:
  """Shrinks an image config to minutes on two cores, on real images."""
  config.width = 16
  config.total_steps = 1_000
  config.log_every = 20
  config.eval_every = config.checkpoint_every = 250
  config.features = "pixels"
  config.eval_samples = 5_000
  config.fid_reference = 10_000
