"""Fashion-MNIST, padded to 32x32: real images within reach of two CPU cores.

    python -m projects.coulomb_gan.train --workdir=runs/fashion_mnist \\
      --config=configs/coulomb_gan/fashion_mnist.py

Ours: the paper has no such experiment. Kernel, latents and batch size are the
paper's (see celeba64.py). Ours, for 3,000 steps in place of 500,000, which are
12 minutes on two cores: a sixteenth of the generator's width and an eighth of
the discriminator's; a faster discriminator (the paper's is the slower one);
layer in place of batch normalisation in it, but for the first convolution, for
all three methods; no self-interaction; and a discriminator that learns 30 times
the potential, whose differences, about 0.01, are else lost in its first output.
With the paper's settings 1,000 steps give one grey average. On a GPU, `:full`
takes the paper's values for all of that, and 100,000 steps.

Variants: `full`; `narrow`, smaller networks for more steps, of the README's
table; `gan` and `wgan_gp`, the baselines with the same networks and as many
updates of the generator; `smoke`, seconds without any data.
"""

import ml_collections

from configs import variants
from configs.coulomb_gan import celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  return of_set("fashion_mnist", 1, variant)


def of_set(
  dataset: str, channels: int, variant: str
) -> ml_collections.ConfigDict:
  """The config for a set of images of 32x32, with so many channels."""
  config = celeba64.get_config()
  config.unlock()
  config.dataset = dataset
  config.image_size = 32
  config.image_channels = channels
  config.generator_features = 64
  config.discriminator_features = 16
  config.generator_learning_rate = 3e-4
  config.discriminator_learning_rate = 6e-4
  config.adam_b1 = 0.5
  config.discriminator_norm = "layer"
  config.self_interaction = "drop"
  config.potential_scale = 30.0
  config.features = "pixels"  # needs no weights, and is no FID
  config.total_steps = 3_000
  config.log_every = 20
  config.eval_every = 200
  config.checkpoint_every = 200
  return variants.apply(
    config,
    variant,
    full=dict(
      generator_features=1024,
      discriminator_features=128,
      generator_learning_rate=1e-4,
      discriminator_learning_rate=5e-5,
      adam_b1=0.9,
      discriminator_norm="batch",
      self_interaction="keep",
      potential_scale=1.0,
      total_steps=100_000,
      log_every=100,
      eval_every=2_000,
      checkpoint_every=2_000,
    ),
    # Half the widths and half the batch: a quarter of a step's time. Under
    # constant rates the energy falls no further after 8,000 steps.
    narrow=dict(
      generator_features=32,
      discriminator_features=8,
      batch_size=64,
      generator_learning_rate=1e-4,
      total_steps=50_000,
      decay_steps=50_000,
      log_every=100,
      eval_every=1_000,
      checkpoint_every=1_000,
    ),
    # DCGAN's (arXiv:1511.06434): both rates 2e-4, beta1 0.5.
    gan=dict(
      method="gan",
      generator_learning_rate=2e-4,
      discriminator_learning_rate=2e-4,
      adam_b1=0.5,
      update_order="sequential",
    ),
    # WGAN-GP as arXiv:1706.08500 has it, with a rate for each player in place
    # of five critic steps: as many updates of the generator take twice the
    # others' time, not ten times. Of arXiv:1704.00028: penalty 10, beta2 0.9,
    # beta1 0.5 (of its DCGAN), layer in place of batch norm in the critic.
    wgan_gp=dict(
      method="wgan_gp",
      generator_learning_rate=1e-4,
      discriminator_learning_rate=3e-4,
      adam_b1=0.5,
      adam_b2=0.9,
      update_order="sequential",
      discriminator_norm="layer",
    ),
    smoke=celeba64.smoke,
  )
