"""Fashion-MNIST, padded to 32x32: real images within reach of two CPU cores.

    python -m projects.first_order_gan.train --workdir=runs/fashion_mnist \\
      --config=configs/first_order_gan/fashion_mnist.py

Reproduces: nothing of First Order GAN's paper (arXiv:1802.04591), which has no
such experiment; losses and weights are its (see celeba64.py). Ours: an eighth
of its width, 3,000 steps, and five times its rates for as few. Variants as of
celeba64.py, but `small`, which it is already.
"""

import ml_collections

from configs.first_order_gan import celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = celeba64.get_config()
  config.unlock()
  config.dataset = "fashion_mnist"
  config.image_size = 32
  config.image_channels = 1
  config.generator_features = 64
  config.critic_features = 8
  config.generator_learning_rate = 5e-4
  config.critic_learning_rate = 5e-4
  config.total_steps = 3_000
  config.log_every = 20
  config.eval_every = config.checkpoint_every = 200
  return celeba64.change(config, variant)
