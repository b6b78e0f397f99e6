"""25 Gaussians on a 5x5 grid in the plane: the default experiment.

    python -m projects.coulomb_gan.train --workdir=runs/gaussian_grid \\
      --config=configs/coulomb_gan/gaussian_grid.py
"""

import ml_collections


def get_config(variant: str = "") -> ml_collections.ConfigDict:
  config = ml_collections.ConfigDict()
  config.seed = 0
  config.method = "coulomb"  # coulomb, gan, wgan_gp

  config.total_steps = 40_000
  config.batch_size = 256
  config.steps_per_call = 100
  config.log_every = 500
  config.eval_every = 1_000
  config.checkpoint_every = 5_000
  config.keep_checkpoints = 3

  config.dataset = "gaussian_grid"
  config.grid_side = 5
  config.mode_std = 0.05
  config.weight_ratio = 1.0
  config.mode_found_share = 0.1

  config.network = "mlp"
  config.latent_dim = 2
  config.data_dim = 2
  config.generator_widths = (128,) * 5
  config.generator_frequencies = 0
  config.generator_bandwidth = 1.0
  config.discriminator_widths = (128,) * 3
  config.discriminator_frequencies = 64
  config.discriminator_bandwidth = 3.0

  config.kernel_exponent = 1.0
  config.kernel_epsilon = 0.1
  config.self_interaction = "drop"
  config.gradient_penalty = 10.0
  config.l2_penalty = 0.0

  config.update_order = "simultaneous"
  config.critic_steps = 1
  config.generator_learning_rate = 1e-3
  config.discriminator_learning_rate = 1e-3
  config.adam_b1 = 0.9
  config.adam_b2 = 0.999
  config.decay_steps = 40_000

  config.eval_samples = 10_000
  config.energy_samples = 2_000
  config.picture_samples = 1_000
  if variant == "smoke":
    config.total_steps = config.decay_steps = 200
    config.eval_every = config.checkpoint_every = config.log_every = 100
  return config.lock()
