"""Mutants of First Order GAN, its text and its n-grams."""

from tools.mutants.mutant import of

TESTS = "tests/projects/first_order_gan/"

MUTANTS = (
  *of(
    "projects/first_order_gan/losses.py",
    f"{TESTS}test_losses.py",
    ("* (x - made)", "* (made - x)"),
    (
      "return jnp.mean(f_x) - jnp.mean(f_x_prime)",
      "return jnp.mean(f_x_prime) - jnp.mean(f_x)",
    ),
    ("length = _norm(x - x_prime)", "length = _norm(x - x_prime) ** 2"),
    (
      "return wasserstein(f_x, f_x_prime) - weight * penalty",
      "return wasserstein(f_x, f_x_prime) + weight * penalty",
    ),
    ("length**3", "length**2"),
    (
      "towards -= jnp.sum(pull, axis=0)",
      "towards += jnp.sum(pull, axis=0)",
    ),
    ("/ jnp.sum(1 / length, axis=0)", "/ jnp.mean(1 / length, axis=0)"),
    (
      "f_x, f_x_prime, x, x_prime = jax.lax.stop_gradient(\n    "
      "(f_x, f_x_prime, _flat(x), _flat(x_prime))\n  )",
      "x, x_prime = _flat(x), _flat(x_prime)",
    ),
    ("1 / (2 * jnp.float32(weight))", "1 / jnp.float32(weight)"),
    ("return jnp.mean((slope - target) ** 2)", "return jnp.mean(slope**2)"),
    ("return tau - weight * penalty", "return tau - penalty"),
    ("return -tau", "return tau"),
    ("return -jnp.mean(f_x_prime)", "return jnp.mean(f_x_prime)"),
    ("above = squares > 0", "above = squares >= 0"),
  ),
  *of(
    "projects/first_order_gan/model.py",
    f"{TESTS}test_model.py",
    ('norm="none"', 'norm="layer"'),
    ("momentum=config.norm_momentum", "momentum=0.99"),
    (
      "return generator.apply(variables, z, True)",
      "return generate(params, averages, z)[0]",
    ),
    (
      "_truncated = nn.initializers.truncated_normal(0.02)",
      "_truncated = _normal",
    ),
    ("kernel_init=_normal", "kernel_init=_truncated"),
    ("output=jnp.tanh", "output=jnp.sin"),
    ("config.critic_activation\n", "'elu'\n"),
  ),
  *of(
    "common/gan/distances.py",
    f"{TESTS}test_losses.py tests/projects/coulomb_gan/test_losses.py",
    ("b_norm - 2 * gram", "b_norm + 2 * gram"),
  ),
  *of(
    "projects/first_order_gan/train.py",
    f"{TESTS}test_step.py",
    ("turn(move_critic, state, i)", "turn(move_critic, state, 0)"),
    (
      "new(params, adam, config.generator_learning_rate)",
      "new(params, adam, config.critic_learning_rate)",
    ),
    (
      "gradient_penalty(f, x_prime, x, mixing)",
      "gradient_penalty(f, x, x, mixing)",
    ),
    (
      "wgan_critic_loss(f(x_prime), f(x))",
      "wgan_critic_loss(f(x), f(x_prime))",
    ),
    ("config.gradient_penalty * penalty", "penalty"),
    (
      "tau_f = losses.first_order(tau, penalty, config.slope_weight)",
      "tau_f = tau",
    ),
    ("if config.calculate_slope:", "if True:"),
    ("config.interpolation * share)", "share)"),
    (
      "jnp.where(state.step > 0, new, old)",
      "jnp.where(state.step >= 0, new, old)",
    ),
    (
      'if config.update_order == "generator_first":',
      "if False:",
    ),
    ("averages=averages)", "averages=state.averages)"),
    (
      "turn(move_critic, state, i)",
      "turn(move_critic, state, moves - 1)",
    ),
  ),
  *of(
    "projects/first_order_gan/train.py",
    f"{TESTS}test_train.py",
    ("jax.random.fold_in(key, i))\n      )", "key)\n      )"),
    ("ids[:count]), 1)", "ids), 1)"),
    ("x = networks.sample(generator", "x, _ = networks.generate(generator"),
  ),
  *of(
    "projects/first_order_gan/data.py",
    f"{TESTS}test_train.py",
    (
      'held_out if which == "test" else ~held_out',
      'held_out if which == "test" else held_out | True',
    ),
    ("% held_out_every != 0", "% held_out_every >= 0"),
    (
      'config.train_split if which == "train" else config.test_split',
      "config.train_split",
    ),
    ("held_out[: config.eval_samples]", "held_out[-config.eval_samples :]"),
  ),
  *of(
    "projects/first_order_gan/directions.py",
    f"{TESTS}test_directions.py",
    ("2 * weight * laplacian, push", "weight * laplacian, push"),
    ("weight * rise**2 / length**3", "weight * rise**2 / length**2"),
    ('return -np.einsum("nk', 'return np.einsum("nk'),
    ("x[columns] - x_prime[rows]", "x[rows] - x_prime[rows]"),
  ),
  *of(
    "common/stats/ngrams.py",
    "tests/common/test_ngrams.py",
    ("m = (p + q) / 2\n  shared", "m = p + q\n  shared"),
    ("q_only = 1 - p[both].sum(), 1", "q_only = 1 - p.sum(), 1"),
    ("np.where(numbers[ranks] == windows, ranks, -1)", "ranks"),
    ("np.where(begun < 0, -1, begun * vocabulary + last)", "begun + last"),
    (
      "counts / counts.sum(), seen / windows.size",
      "seen / seen.sum(), seen / windows.size",
    ),
  ),
  *of(
    "common/data/text.py",
    "tests/common/test_text.py",
    ("if len(line) < 2:", "if len(line) < 1:"),
    ("elif line in lines:", "elif False:"),
    ("np.argsort(-counts", "np.argsort(counts"),
    ("where + 1, UNKNOWN", "where, UNKNOWN"),
  ),
)
