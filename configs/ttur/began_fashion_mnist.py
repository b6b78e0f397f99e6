"""BEGAN on Fashion-MNIST, padded to 32x32: within reach of two CPU cores.

    python -m projects.ttur.train --workdir=runs/began_fashion_mnist \\
      --config=configs/ttur/began_fashion_mnist.py \\
      --config.data_dir=~/tensorflow_datasets

Ours: TTUR (arXiv:1706.08500) has no such experiment. The paper's, all of
began_celeba64: networks, Adam, latents, batch size, lambda_k, gamma, and the
rates, 6e-5 for the discriminator and 4e-5 for the generator (`original`: 5e-5
for both). Ours: an eighth of the width, 1,000 steps, and a score that needs no
weights, of means of blocks, which is no FID.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs.ttur import began_celeba64, dcgan_celeba64, dcgan_fashion_mnist


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = began_celeba64.get_config().unlock()
  config.dataset = "fashion_mnist"
  config.image_size = 32
  config.image_channels = 1
  dcgan_fashion_mnist.narrow(config)
  config.cpu_microbatch = 0  # Layers as narrow stay in the caches whole.
  return dcgan_celeba64.change(config, variant, one_rate=5e-5)
