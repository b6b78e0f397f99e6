"""CelebA at 64x64 with networks of the DCGAN class.

    python -m projects.first_order_gan.train --workdir=runs/celeba64 \\
      --config=configs/first_order_gan/celeba64.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: First Order GAN (arXiv:1802.04591), the table of FIDs, row CelebA:
the paper's FID is 6.0 (from memory). Ours has not been run: the faces are no
part of this repository, and the run needs a GPU.

The paper's (or its code's): losses, lambda .5 and mu 1, Adam, one critic step
before the generator's, batch 64, normal latents, TTUR's DCGAN networks without
norms in the critic, as many steps. Ours: the crop (DCGAN's 108 pixels), and the
learning rates, which the paper's code leaves to its command line: 1e-4 for
both, the name of a checkpoint that the authors left in their repository; and
the faces: the code has all 202,599, here TensorFlow Datasets' 162,770 of
`train` are trained on, and the first 2,048 of its `test` are judged by.

Variants: `penalized`, without the slope term; `wgan_gp` with the same networks
and rates; `small`, a quarter of the width; `smoke`, seconds, no data.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.method = "first_order"  # or "penalized", "wgan_gp"

  # The code's 81 epochs of 202,599 faces: 81 x 3,165 whole batches of 64 are
  # 256,365, of which the last score, every 5,000, is at 255,000.
  config.total_steps = 255_000
  config.batch_size = 64
  config.steps_per_call = 1
  config.log_every = 100
  config.eval_every = 5_000
  config.checkpoint_every = 5_000
  config.keep_checkpoints = 3

  config.dataset = "celeb_a"  # see data.DATASETS; "folder" for your own images
  config.train_split = "train"  # for "folder": a sub-folder of data_dir
  config.test_split = "test"
  config.data_dir = "~/tensorflow_datasets"
  config.cache_dir = "~/.cache/first_order_gan"
  config.max_device_bytes = 4 * 2**30  # beyond: rows are gathered on the host
  config.image_size = 64
  config.image_channels = 3

  config.network = "dcgan"
  config.latent_dim = 100
  config.generator_features = 512  # channels of the first picture, then halved
  config.critic_features = 64  # of the first convolution, then doubled
  config.norm_epsilon = 1e-5
  config.norm_momentum = 0.9

  config.lipschitz_weight = 0.5  # lambda
  config.slope_weight = 1.0  # mu
  config.calculate_slope = True  # False: the constant 1 / (2 lambda)
  config.pairs = "matched"  # or "all": of the Lipschitz penalty
  config.interpolation = 0.01  # at most that share of x' is a real sample
  config.gradient_penalty = 10.0  # wgan_gp only

  config.update_order = "critic_first"
  config.critic_steps = 1
  config.generator_learning_rate = 1e-4
  config.critic_learning_rate = 1e-4
  config.adam_b1 = 0.5
  config.adam_b2 = 0.999

  config.eval_samples = 2_048
  config.picture_samples = 64

  return change(config, variant)


def change(
  config: ml_collections.ConfigDict, variant: str
) -> ml_collections.ConfigDict:
  """Applies the variants of all image configs; returns it, locked."""
  return variants.apply(
    config,
    variant,
    penalized=dict(method="penalized"),
    wgan_gp=dict(method="wgan_gp", interpolation=0.0),
    small=small,
    smoke=dict(
      dataset="discs",
      image_size=16,
      batch_size=4,
      generator_features=16,
      critic_features=2,
      total_steps=4,
      log_every=2,
      eval_every=2,
      checkpoint_every=2,
      eval_samples=200,
      picture_samples=16,
    ),
  )


def small(config: ml_collections.ConfigDict) -> None:
  """A quarter of the width, where there is as much."""
  config.generator_features = min(config.generator_features, 128)
  config.critic_features = min(config.critic_features, 16)
