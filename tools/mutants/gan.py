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
  *of(
    "common/gan/dcgan.py",
    "tests/common/test_gan_networks.py",
    ("nn.leaky_relu(a, 0.2)", "nn.leaky_relu(a, 0.1)"),
    ("for i in range(1, depth):", "for i in range(1, depth - 1):"),
    ("a = nn.relu(norm(i, a))", "a = norm(i, nn.relu(a))"),
    ("a = nn.relu(norm(0, a))", "a = norm(0, a)"),
    ("if not self.norm_first:\n      a = nn.relu(a)", "if True:\n      a = a"),
    ("momentum=self.momentum", "momentum=0.99"),
    ("use_running_average=averages", "use_running_average=False"),
    (
      "return self.output(convolution.batch_first(a))",
      "return convolution.batch_first(a)",
    ),
    (
      "where = convolution.same(size[0], 5, 2)",
      "where = convolution.Geometry(2, 2, 1)",
    ),
    (
      '"reduction_axes": (0, 1, 2), "feature_axes": 0',
      '"reduction_axes": 0, "feature_axes": 0',
    ),
  ),
  *of(
    "common/gan/resnet.py",
    "tests/common/test_gan_networks.py",
    ("inside = self.features if up else a.shape[0]", "inside = self.features"),
    ('("up", "") if up', '("", "up") if up'),
    ("norm = _batch_norm if up else _layer_norm", "norm = _batch_norm"),
    ('else ("", "down")', 'else ("down", "")'),
    ("shortcut(halved(a))", "halved(shortcut(a)) * 0"),
    ("variance_scaling(gain / 2", "variance_scaling(gain / 6"),
    ("(8, 4, 2, 1)", "(4, 4, 2, 1)"),
    ("(2, 4, 8, 8)", "(2, 4, 4, 8)"),
    (
      'conv(self.channels, 3, 4.0, "conv")',
      'conv(self.channels, 3, 2.0, "conv")',
    ),
    ('conv(self.dim, 3, 2.0, "conv")', 'conv(self.dim, 3, 4.0, "conv")'),
    (
      'a = nn.relu(_batch_norm("norm")(a))',
      'a = _batch_norm("norm")(a)',
    ),
    ("return jnp.tanh(conv", "return (conv"),
    ("a.transpose(0, 3, 1, 2)", "a"),
    (
      "axis=0,\n    name=name,",
      "axis=(0, 3),\n    name=name,",
    ),
    ("glorot_uniform()", "lecun_normal()"),
    ("epsilon=1e-5,\n    use_fast", "epsilon=1e-3,\n    use_fast"),
    ('feature_axes": 0}\n  return', 'feature_axes": (0, 1, 2)}\n  return'),
  ),
  *of(
    "common/gan/language.py",
    "tests/common/test_gan_networks.py",
    ("_SHARE = 0.3", "_SHARE = 1.0"),
    ("_KERNEL = 5", "_KERNEL = 3"),
    (
      'f"conv_{i}{half}")(activation(inside))',
      'f"conv_{i}{half}")(inside)',
    ),
    ("use_scale=False", "use_scale=True"),
    ('{"position": -2, "channel": -1}', '{"position": -1, "channel": -2}'),
    ("variance_scaling(2,", "variance_scaling(1,"),
    (
      "_linear_init = nn.initializers.variance_scaling(1",
      "_linear_init = nn.initializers.variance_scaling(2",
    ),
    ("return nn.softmax(a)", "return nn.sigmoid(a)"),
    ("if self.noise_norm:", "if False:"),
    (
      'if self.norm != "none":\n      a = norm(a, "norm_dense", -1)',
      'if False:\n      a = norm(a, "norm_dense", -1)',
    ),
    ("getattr(nn, self.activation))", "nn.relu)"),
  ),
  *of(
    "common/gan/mlp.py",
    "tests/common/test_gan_networks.py",
    ("variance_scaling(2.0", "variance_scaling(1.0"),
    ("phase = self.bandwidth * a", "phase = a"),
    ("jnp.exp(self.steepness * s)", "jnp.exp(s)"),
    ('name="skip")(inputs)', 'name="skip")(0 * inputs)'),
  ),
)
