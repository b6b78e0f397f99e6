"""Mutants of what papers on GANs share."""

from tools.mutants.mutant import of

MUTANTS = (
  *of(
    "common/gan/losses.py",
    "tests/common/test_gan.py tests/projects/coulomb_gan/test_step.py",
    ("return real + fake", "return real - fake"),
    (
      "log_sigmoid(d_x))\n\n\ndef wgan_critic",
      "log_sigmoid(-d_x))\n\n\ndef wgan_critic",
    ),
    ("jnp.mean(d_x) - jnp.mean(d_y)", "jnp.mean(d_y) - jnp.mean(d_x)"),
    ("between = t * y + (1 - t) * x", "between = (1 - t) * y + t * x"),
    ("(norm - 1.0) ** 2", "norm ** 2"),
  ),
  *of(
    "common/gan/players.py",
    "tests/common/test_gan.py",
    ("step = -decay * player.rate", "step = decay * player.rate"),
    ("step = -decay * player.rate", "step = -player.rate"),
  ),
  *of(
    "common/gan/gaussian_grid.py",
    "tests/common/test_gan.py tests/projects/coulomb_gan/test_train.py",
    (
      "within = jnp.min(r2, axis=1) <= (3 *",
      "within = jnp.min(r2, axis=1) <= (2 *",
    ),
    ("0.5 * jnp.sum(jnp.abs(shares", "jnp.sum(jnp.abs(shares"),
    ("missed + 1 - jnp.sum(inside)", "missed + 1 + jnp.sum(inside)"),
  ),
)
