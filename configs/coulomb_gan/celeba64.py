"""CelebA at 64x64 with the paper's DCGAN-type networks.

    python -m projects.coulomb_gan.train --workdir=runs/celeba64 \\
      --config=configs/coulomb_gan/celeba64.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: Coulomb GANs (arXiv:1708.08819), the table of FIDs, row CelebA: the
paper's FID is 9.3. Ours has not been run: the faces are no part of this
repository, and the run needs a GPU (about a day).

The paper's (or its code's): networks, batch size, Adam and both rates, kernel
exponent 1 and epsilon 1, L2 penalty, 32 latents, simultaneous updates. Ours:
the crop (DCGAN's 108 pixels), the number of steps (the code's default of
500,000; the paper's text may say 150,000), intervals of logging; and the faces:
the paper's code has all 202,599, here TensorFlow Datasets' 162,770 of `train`
are trained on, and the first 2,048 of its `test` are judged by.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` runs in seconds, on generated discs."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.method = "coulomb"  # or "gan", "wgan_gp": see fashion_mnist.py

  # In batches of 128: 316 epochs of the code's 202,599 faces, 393 of 162,770.
  config.total_steps = 500_000
  config.batch_size = 128
  config.steps_per_call = 1
  config.log_every = 100
  config.eval_every = 5_000
  config.checkpoint_every = 5_000
  config.keep_checkpoints = 3

  config.dataset = "celeb_a"  # see data.DATASETS; "folder" for your own images
  config.train_split = "train"  # for "folder": a sub-folder of data_dir
  config.test_split = "test"
  config.data_dir = "~/tensorflow_datasets"
  config.cache_dir = "~/.cache/coulomb_gan"
  config.max_device_bytes = 4 * 2**30  # beyond: rows are gathered on the host
  config.image_size = 64
  config.image_channels = 3

  config.network = "dcgan"
  config.latent_dim = 32
  config.generator_features = 1024  # channels at 4x4, halved at every layer
  config.discriminator_features = 128  # of the first layer, then doubled
  config.discriminator_depth = "image_size"  # or "batch_size": the code's quirk
  config.discriminator_norm = "batch"  # or "layer", "none"

  config.kernel_exponent = 1.0  # the paper's d; the code calls 3 what is 1 here
  config.kernel_epsilon = 1.0
  config.self_interaction = "keep"  # or "drop": unbiased
  config.smoothing_std = 0.0  # of p(a); the paper has noise, its code has none
  config.potential_scale = 1.0  # the discriminator learns this times Phi
  config.gradient_penalty = 10.0  # wgan_gp only
  # The code's 1e-7 stands beside a loss that is 4 times the paper's L_D. The
  # generator has twice this: there the code's loss is 2 L_G.
  config.l2_penalty = 2.5e-8

  config.update_order = "simultaneous"  # or "sequential"
  config.critic_steps = 1  # discriminator updates per step, if sequential
  config.generator_learning_rate = 1e-4
  config.discriminator_learning_rate = 5e-5
  config.adam_b1 = 0.9
  config.adam_b2 = 0.999
  config.warmup_steps = 0
  config.decay_steps = 0  # 0: constant rates

  config.eval_samples = 2_048
  config.energy_samples = 2_048
  config.features = "inception"  # FID while training; or "squeezenet", "pixels"
  config.weights = ""  # "": where common.metrics.weights looks
  config.feature_batch = 64
  config.picture_samples = 64

  return variants.apply(config, variant, smoke=smoke)


def smoke(config: ml_collections.ConfigDict) -> None:
  """Shrinks an image config to seconds on one core, without any data."""
  config.dataset = "discs"
  config.image_size = 8
  config.batch_size = 8
  config.generator_features = 32
  config.discriminator_features = 4
  config.total_steps = 4
  config.log_every = config.eval_every = config.checkpoint_every = 2
  config.eval_samples = config.energy_samples = config.picture_samples = 16
  config.features = "pixels"
  config.feature_batch = 16
