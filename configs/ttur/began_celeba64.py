"""BEGAN on CelebA at 64x64, with two learning rates.

    python -m projects.ttur.train --workdir=runs/began_celeba64 \\
      --config=configs/ttur/began_celeba64.py \\
      --config.data_dir=~/tensorflow_datasets

Reproduces: TTUR (arXiv:1706.08500, version 1; later ones leave BEGAN out): FID
25.0 with rates 6e-5 (discriminator) and 4e-5 (generator), mean of the runs
26.6; with one rate of 5e-5 (variant `original`) 24.2, mean 27.0. Ours has not
been run: it needs the faces, a GPU (days) and Inception's weights.

The paper's (or its code's): networks, latents, batch size, both rates, halved
every 100,000 steps, 500,000 steps, lambda_k, gamma, the FID every 1,000 steps;
Adam's betas are TensorFlow's defaults, since the code parses others and does
not pass them on. Ours: the crop, and the faces, TensorFlow Datasets' 162,770 of
`train` where the paper has all 202,599: see dcgan_celeba64.

Variants: `original`, one rate; `smoke`, seconds on generated discs.
"""

import ml_collections

from configs.ttur import dcgan_celeba64


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config of a variant; several are joined with commas."""
  config = dcgan_celeba64.base()
  config.game = "began"
  config.network = "began"
  config.width = 128
  config.latent_dim = 64
  config.batch_size = 16
  config.adam_b1 = 0.9
  config.discriminator_rate = 6e-5
  config.generator_rate = 4e-5
  config.halve_every = 100_000
  config.total_steps = 500_000
  config.eval_every = config.checkpoint_every = 1_000
  return dcgan_celeba64.change(config, variant, one_rate=5e-5)
