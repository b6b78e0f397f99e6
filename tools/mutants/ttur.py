"""Mutants of TTUR's training, its saddle and its grid of rates."""

from tools.mutants.mutant import of

TESTS = "tests/projects/ttur/"

MUTANTS = (
  *of(
    "projects/ttur/train.py",
    f"{TESTS}test_step.py",
    (
      "usual.gan_discriminator_loss(of(x), of(y))",
      "usual.gan_discriminator_loss(of(y), of(x))",
    ),
    (
      "G.apply(params, averages, z)",
      "G.apply(params, state.averages, z)",
    ),
    (
      "D.apply(discriminator.params, {}, x)[0])\n      return value, (value, m",
      "D.apply(state.discriminator.params, {}, x)[0])\n"
      "      return value, (value, m",
    ),
    ("jnp.where(state.step > 0, moved, still)", "moved"),
    ("latent[-1]", "latent[0]"),
    (
      "G.apply(generator.params, {}, z)",
      "G.apply(state.generator.params, {}, z)",
    ),
    ("value + config.gradient_penalty * penalty", "value + penalty"),
    (
      "usual.wgan_critic_loss(of(x), of(y))",
      "usual.wgan_critic_loss(of(y), of(x))",
    ),
    ("AccumulationType.MEAN", "AccumulationType.SUM"),
    ("fours = 4 if config.four_samples_as_one else 1", "fours = 1"),
    ("tree.map(loss, real_d, fake_d)", "tree.map(loss, fake_d, real_d)"),
    ("began_discriminator_loss, k=k", "began_discriminator_loss, k=1 - k"),
    (
      "jax.tree.map(losses.began_generator_loss, fake_g)",
      "jax.tree.map(lambda a: a * k, fake_g)",
    ),
    (
      "losses.balance(k, real, fake, gamma, config.balance_rate)",
      "losses.balance(k, fake, real, gamma, config.balance_rate)",
    ),
    (
      "players.new(g, adam(config), config.generator_rate)",
      "players.new(g, adam(config), config.discriminator_rate)",
    ),
    ("0.5 ** (step // config.halve_every)", "0.5 ** (step * 0)"),
  ),
  *of(
    "projects/ttur/losses.py",
    f"{TESTS}test_step.py",
    ("return real - k * fake", "return real + k * fake"),
    ("k + rate * (gamma * real - fake)", "k - rate * (gamma * real - fake)"),
    ("jnp.abs(gamma * real - fake)", "jnp.abs(real - gamma * fake)"),
    ("jnp.abs(decoded - images)", "(decoded - images) ** 2"),
  ),
  *of(
    "projects/ttur/model.py",
    f"{TESTS}test_model.py",
    ('"up" if i and not j else ""', '"up" if j and not i else ""'),
    ("a = nn.elu(conv(a))", "a = nn.relu(conv(a))"),
    ("width = (i + 1) * self.filters", "width = self.filters << i"),
    ("norm_first=True", "norm_first=False"),
    ("norm_first=False", "norm_first=True"),
    ("epsilon=1e-5,\n      momentum", "epsilon=1e-3,\n      momentum"),
    ("momentum=0.9", "momentum=0.99"),
    ("truncated_normal(0.02)", "normal(0.02)"),
    (
      "_NORMAL = nn.initializers.normal(0.02)",
      "_NORMAL = nn.initializers.normal(0.05)",
    ),
    (
      "averages=True)\n\n  return Network",
      "averages=False)\n\n  return Network",
    ),
    ('f"shrink_{i}")(a))', 'f"shrink_{i}")(a) * 0.5)'),
  ),
  *of(
    "common/gan/dcgan.py",
    f"{TESTS}test_model.py tests/projects/coulomb_gan/test_model.py",
    (
      'self.norm if i or self.norm_first else "none"',
      "self.norm",
    ),
    ('self.bias or norm == "none"', 'norm == "none"'),
  ),
  *of(
    "projects/ttur/saddle.py",
    f"{TESTS}test_saddle.py",
    ("x = x - rate_x", "x = x + rate_x"),
    ("(slope_y(x, y) + noise[1])", "(slope_y(point[0], y) + noise[1])"),
    ("-config.ball_friction * speed", "config.ball_friction * speed"),
    ("1 - friction**2 * rate", "1 - friction * rate / 2"),
  ),
  *of(
    "projects/ttur/rates.py",
    f"{TESTS}test_train.py",
    ('rated(state.generator, member["generator_rate"])', "state.generator"),
    ("here = left * count / (n - i)", "here = left * count / n"),
    ("lowest = values.min(-1)", "lowest = values.mean(-1)"),
    ("np.median(values[..., -1], -1)", "np.median(values[..., 0], -1)"),
  ),
  *of(
    "projects/ttur/scores.py",
    f"{TESTS}test_train.py",
    ("pixels = np.floor(pixels)", "pixels = np.round(pixels)"),
    (
      "real[i : i + size], np.float32)",
      "real[i : i + size], np.float32) / 255",
    ),
    ("else 127.5 * (x + 1)", "else x"),
  ),
  *of(
    "projects/ttur/data.py",
    f"{TESTS}test_train.py",
    (
      "config.train_split)\n  return array",
      "config.test_split)\n  return array",
    ),
    ("config.fid_reference or None", "None"),
  ),
  *of(
    "projects/ttur/disturbances.py",
    f"{TESTS}test_disturbances.py",
    ("row - height // 2", "row - (height - 1) / 2"),
    ("column - width // 2", "column - (width - 1) / 2"),
    ("r * np.sin(angle) + height // 2", "r * np.sin(angle) + height / 2 - 0.5"),
    ("r * np.cos(angle) + width // 2", "r * np.cos(angle) + width / 2 - 0.5"),
  ),
  *of(
    "common/metrics/while_training.py",
    f"{TESTS}test_train.py",
    ('if score == "FID":', 'if "FID" in score:'),
  ),
  *of(
    "common/metrics/while_training.py",
    f"{TESTS}test_rates.py",
    ("_finite(generated)", "generated"),
  ),
  *of(
    "projects/ttur/rates.py",
    f"{TESTS}test_rates.py",
    ("np.isfinite(values), values, np.inf)", "True, values, np.inf)"),
    ("if not np.isfinite(table[i, j]):", "if False:"),
    ("chosen if np.isfinite(others).any() else np.inf", "chosen"),
  ),
  *of(
    "projects/ttur/reproduce.py",
    f"{TESTS}test_reproduce.py",
    ("count=count or None", "count=count or 4"),
    (
      "name, clean, amount, random, config.swirl_radius",
      "name, clean, amount, random, 25.0",
    ),
    (
      "load(asked.others, config.others, *where",
      "load(asked.others, config.n, *where",
    ),
    ("if len(images) < config.n:", "if False:"),
  ),
  *of(
    "projects/ttur/rates_table.py",
    f"{TESTS}test_rates.py",
    ('[float("nan")] * (most', "[9.0] * (most"),
    ("if not lost[one[::-1]]:", "if True:"),
  ),
)
