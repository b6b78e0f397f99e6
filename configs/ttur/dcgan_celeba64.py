"""DCGAN on CelebA at 64x64, with two learning rates.

    python -m projects.ttur.train --workdir=runs/dcgan_celeba64 \\
      --config=configs/ttur/dcgan_celeba64.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: TTUR (arXiv:1706.08500), Table 1, row DCGAN CelebA: FID 12.5 with
rates 1e-5 (discriminator) and 5e-4 (generator) at step 225,000; with one rate
of 5e-4 (variant `original`) 21.4 at step 70,000. Both are the best of 8 runs
and all evaluations; the mean runs' best are 14.2 and 30.8. Ours has not been
run: the faces are no part of this repository, and the run needs a GPU (about a
day).

The paper's (or its code's): networks, initialisers, Adam, batch size, latents,
rates, the FID of 50,000 samples every 5,000 steps against the whole training
set, as many steps. Ours: the crop (DCGAN's 108 pixels; the paper's recipe is
not known, and real faces of another crop have an FID of about 27 to the paper's
statistics); and the faces: the paper trains on all 202,599 and takes their
statistics, TensorFlow Datasets' `train`, taken here, has 162,770 of them. All:
`--config.train_split=train+validation+test`.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs import variants


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  return change(base(), variant, one_rate=5e-4)


def base() -> ml_collections.ConfigDict:
  """What all image configs start from, unlocked: this one's."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.game = "dcgan"

  # The code's 81 epochs of 202,599 faces: 81 x 3,165 whole batches of 64 are
  # 256,365, of which the last FID, every 5,000, is at 255,000.
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
  config.cache_dir = "~/.cache/ttur"
  config.max_device_bytes = 4 * 2**30  # beyond: rows are gathered on the host
  config.image_size = 64
  config.image_channels = 3

  config.network = "dcgan"
  config.width = 64  # of the discriminator's first layer, an eighth of the last
  config.latent_dim = 100
  config.latent = "uniform"  # in (-1, 1)
  config.four_samples_as_one = False  # the code's critic at 32 pixels

  config.critic_steps = 1
  config.discriminator_rate = 1e-5
  config.generator_rate = 5e-4
  config.halve_every = 0  # 0: constant rates
  config.adam_b1 = 0.5
  config.adam_b2 = 0.999
  config.gradient_penalty = 10.0  # wgan_gp only
  config.balance_rate = 1e-3  # began only: lambda_k
  config.diversity = 0.5  # began only: gamma
  config.cpu_microbatch = 4  # not dcgan; ours: samples at a time; 0: all

  config.features = "inception"  # or "squeezenet", "pixels": see scores.py
  config.weights = ""  # "": where common.metrics.weights looks
  config.eval_samples = 50_000
  config.fid_reference = 0  # real images; 0: all of train_split
  config.sample_batch = 1_000  # generated at a time
  config.feature_batch = 64
  config.picture_samples = 64

  # Of --table=rates: ours.
  config.sweep_discriminator_rates = (1e-5, 5e-5, 1e-4, 2e-4, 5e-4)
  config.sweep_generator_rates = (1e-5, 5e-5, 1e-4, 2e-4, 5e-4)
  config.sweep_seeds = 3
  return config


def change(
  config: ml_collections.ConfigDict,
  variant: str,
  one_rate: float,
  **more: variants.Change,
) -> ml_collections.ConfigDict:
  """Applies the variants of image configs; returns it, locked.

  `original` has one rate for both players, and as many steps: the paper
  compares both along one axis of minibatches.
  """
  original = dict(discriminator_rate=one_rate, generator_rate=one_rate)
  return variants.apply(config, variant, original=original, **more, smoke=smoke)


def smoke(config: ml_collections.ConfigDict) -> None:
  """Shrinks an image config to seconds on one core, without any data."""
  config.dataset = "discs"
  config.image_size = 32
  config.width = 4
  config.batch_size = 8
  config.total_steps = 4
  config.log_every = config.eval_every = config.checkpoint_every = 2
  config.features = "pixels"
  config.eval_samples = config.fid_reference = 32
  config.sample_batch = 16
  config.feature_batch = 16
  config.picture_samples = 16
  config.sweep_discriminator_rates = (1e-4, 5e-4)
  config.sweep_generator_rates = (1e-4, 5e-4)
  config.sweep_seeds = 1
