"""Mutants of the Coulomb GAN."""

from tools.mutants.mutant import of

TESTS = "tests/projects/coulomb_gan/"

MUTANTS = (
  *of(
    "projects/coulomb_gan/train.py",
    f"{TESTS}test_step.py {TESTS}test_train.py",
    ("fold_in(state.key, state.step)", "fold_in(state.key, 0 * state.step)"),
    (
      "        D(a_x), D(a_y), scale",
      "        *jnp.split(D(jnp.concatenate([a_x, a_y])), 2), scale",
    ),
    (
      "return value + l2(params), value\n\n    grads, value = jax.grad(loss, "
      "has_aux=True)(state.discriminator)",
      "return -value + l2(params), value\n\n    grads, value = jax.grad(loss, "
      "has_aux=True)(state.discriminator)",
    ),
    ("        flat(a_x),\n        flat(a_y),\n", ""),
    ("D(a_x), D(a_y), scale", "D(x), D(y), scale"),
    ("scale * phi_x, scale * phi_y", "scale * phi_y, scale * phi_x"),
    ("scale * phi_x, scale", "phi_x, scale"),
    ("config.gradient_penalty * penalty", "penalty"),
    ("wasserstein + config", "-wasserstein + config"),
    (
      "adam(config.generator_learning_rate),\n    adam(",
      "adam(config.discriminator_learning_rate),\n    adam(",
    ),
    ('noise("y", y)', 'noise("x", y)'),
    ("config.l2_penalty * regularizers", "0 * regularizers"),
    (
      "return value + 2 * l2(params), value",
      "return value + l2(params), value",
    ),
    ('("conv_", "deconv_")', '("conv_0", "deconv_")'),
    ('("conv_", "deconv_")', '("conv_", "deconv_1")'),
    ("if config.decay_steps:", "if False:"),
    (", b2=config.adam_b2", ""),
    ("real[i], jax.random.fold_in(key, i)", "real[i], key"),
    (
      "state, g_loss = move_generator(state, latent[-1])",
      "state, g_loss = move_generator(state, latent[0])",
    ),
    (
      "latent[i])\n        state, d_loss",
      "latent[0])\n        state, d_loss",
    ),
    (
      '"energy_u": losses.energy(flat(x), flat(real), *kernel, "drop")',
      '"energy_u": losses.energy(flat(x), flat(real), *kernel, "keep")',
    ),
  ),
  *of(
    "projects/coulomb_gan/losses.py",
    f"{TESTS}test_losses.py {TESTS}test_step.py",
    ("return attraction - repulsion", "return repulsion - attraction"),
    ("phi_x -= mean_without_own", "phi_x += mean_without_own"),
    (
      "phi_y -= jnp.mean(plummer_kernel(a_y, x",
      "phi_y -= jnp.mean(plummer_kernel(a_y, y",
    ),
    ("return jax.lax.stop_gradient((phi_x, phi_y))", "return phi_x, phi_y"),
    ("return 0.5 * mixture", "return mixture"),
    ("return -0.5 * jnp.mean(d_x)", "return 0.5 * jnp.mean(d_x)"),
    (
      "0.5 * (within(x) + within(y)) - across",
      "0.5 * (within(x) + within(y)) + across",
    ),
    ("/ (n - 1)", "/ n"),
    ("rsqrt(r2 + epsilon**2)", "rsqrt(r2 + epsilon)"),
  ),
  *of(
    "projects/coulomb_gan/model.py",
    f"{TESTS}test_model.py",
    ("1.7159 * jnp.tanh(2.0 / 3.0 * a)", "jnp.tanh(a)"),
    ("_EPSILON = 1e-3", "_EPSILON = 1e-5"),
    ("norm_first=False", "norm_first=True"),
    ('norm_first=config.discriminator_norm == "batch"', "norm_first=True"),
    ('norm_first=config.discriminator_norm == "batch"', "norm_first=False"),
    ("bias=False", "bias=True"),
    ('2.0, "fan_avg"', '1.0, "fan_avg"'),
    ('"fan_avg", "truncated_normal"', '"fan_avg", "normal"'),
    ("dense_init=_default_init", "dense_init=_hidden_init"),
    (
      "last_init=_default_init,\n    output",
      "last_init=_hidden_init,\n    output",
    ),
    ("kernel_init=_default_init", "kernel_init=_hidden_init"),
  ),
  *of(
    "projects/coulomb_gan/data.py",
    f"{TESTS}test_train.py",
    ("len(held_out) < config.energy_samples", "False"),
  ),
  *of(
    "common/experiment.py",
    "tests/common/test_experiment.py",
    ("self._progress(step)  # Else", "pass  # Else"),
  ),
  *of(
    "common/errors.py",
    "tests/common/test_signals.py",
    ("class Stopped(BaseException)", "class Stopped(Exception)"),
  ),
  *of(
    "common/workdir.py",
    "tests/common/test_experiment.py",
    ("    refuse_other_data(workdir, path, found)", "    pass"),
    ("if begun:", "if True:"),
  ),
  *of(
    "common/data/in_memory.py",
    "tests/common/test_in_memory.py",
    ("part.reshape(-1).view(np.uint8), crc)", "part[:1].copy(), crc)"),
  ),
  *of(
    "common/nn/convolution.py",
    "tests/common/test_convolution.py",
    (
      "missing // 2, missing - missing // 2",
      "missing - missing // 2, missing // 2",
    ),
    ("f <= c and", "f > c and"),
    ("< k > 1:", "< k + 9 > 1:"),
    ("jax.lax.optimization_barrier(a.T)", "a.T"),
    ("turned = kernel[::-1, ::-1]", "turned = kernel[::-1]"),
    ("halved_kernel(kernel[::-1, ::-1]", "halved_kernel(kernel[::-1]"),
    ("turned = 4 * halved", "turned = halved"),
    ("(0, 1), (1, 0)\n", "(1, 0), (1, 0)\n"),
    ("k - 1 - where.low, k", "where.low, k"),
    ("(shift, reach - 1 - shift)", "(reach - 1 - shift, shift)"),
    ("where.low : h, where.low : w", "where.high : h, where.low : w"),
  ),
)
