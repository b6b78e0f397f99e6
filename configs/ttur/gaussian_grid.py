"""25 Gaussians on a 5x5 grid: the field on which rates are compared.

    python -m projects.ttur.train --workdir=runs/rates \\
      --config=configs/ttur/gaussian_grid.py
    python -m projects.ttur.reproduce --table=rates

Ours: TTUR (arXiv:1706.08500) has no such experiment. DCGAN's game (one step of
the discriminator, then one of the generator, on the same latents) with small
dense networks, so that every pair of 12 by 12 rates can be tried with 5 seeds.
The paper's: the game, Adam's beta1 of 0.5, constant rates. Networks, batch size
and steps are sized for two CPU cores; a run takes seconds.

Variant: `smoke`, a second.
"""

import ml_collections

from configs import variants

# 1e-5 to 3e-2, two and a bit a factor of ten: eleven equal ratios.
RATES = tuple(float(f"{1e-5 * 3000 ** (i / 11):.3g}") for i in range(12))


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  """Returns the config; `smoke` takes few steps and rates."""
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.game = "dcgan"

  config.total_steps = 2_000
  config.batch_size = 64
  config.steps_per_call = 100
  config.log_every = 200
  config.eval_every = 200
  config.checkpoint_every = 1_000
  config.keep_checkpoints = 3

  config.dataset = "gaussian_grid"
  config.grid_side = 5
  config.mode_std = 0.1  # the modes are 1 apart
  config.weight_ratio = 1.0
  config.mode_found_share = 0.1  # of its due, for a mode to count as found

  config.network = "mlp"
  config.latent_dim = 2
  config.latent = "normal"
  config.widths = (32, 32)
  config.activation = "relu"
  config.frequencies = 32  # random Fourier features of the discriminator
  config.bandwidth = 2.0

  config.critic_steps = 1
  config.discriminator_rate = 1e-3
  config.generator_rate = 1e-3
  config.halve_every = 0  # 0: constant rates
  config.adam_b1 = 0.5
  config.adam_b2 = 0.999
  config.gradient_penalty = 10.0  # wgan_gp only

  config.eval_samples = 2_000
  config.sample_batch = 2_000
  config.picture_samples = 1_000

  config.sweep_discriminator_rates = RATES
  config.sweep_generator_rates = RATES
  config.sweep_seeds = 5
  config.sweep_chunk = 60  # members at a time, between two lines of the journal
  config.sweep_at_once = 8  # of them side by side on a device

  smoke = dict(
    total_steps=20,
    steps_per_call=10,
    log_every=10,
    eval_every=10,
    checkpoint_every=10,
    widths=(8, 8),
    frequencies=4,
    eval_samples=200,
    sample_batch=200,
    sweep_discriminator_rates=(1e-3, 1e-2),
    sweep_generator_rates=(1e-3, 1e-2),
    sweep_seeds=2,
    sweep_chunk=4,
  )
  return variants.apply(config, variant, smoke=smoke)
