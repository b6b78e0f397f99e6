"""Mutants of Slot Attention."""

from tools.mutants.mutant import of

TESTS = "tests/projects/slot_attention/"

MUTANTS = (
  *of(
    "projects/slot_attention/train.py",
    f"{TESTS}test_step.py {TESTS}test_train.py",
    ("jax.random.fold_in(state.key, state.step)", "state.key"),
    (
      "value, grads = jax.value_and_grad(loss)(state.params, batch, noise)",
      "value, grads = jax.value_and_grad(lambda *a: -loss(*a))"
      "(state.params, batch, noise)",
    ),
    ('"gradient": optax.tree.norm(grads)', '"gradient": value'),
    (
      "adam = optax.adam(learning_rate(config))",
      "adam = optax.adam(config.learning_rate)",
    ),
    ("config.decay_rate ** (step", "config.decay_rate ** (0 * step"),
    ("jnp.minimum(1.0, step", "jnp.maximum(1.0, step"),
    (
      "noise, config.iterations)\n    return losses",
      "0 * noise, config.iterations)\n    return losses",
    ),
  ),
  *of(
    "projects/slot_attention/matching.py",
    f"{TESTS}test_matching.py",
    ("max(predictions.shape[1] - targets.shape[1], 0)", "0"),
  ),
  *of(
    "projects/slot_attention/files.py",
    f"{TESTS}test_files.py",
    ("[index, : config.max_objects]", "[index]"),
    ("[few, : config.eval_max_objects]", "[few]"),
  ),
  *of(
    "projects/slot_attention/sprites.py",
    f"{TESTS}test_sprites.py",
    ("lambda state: ~state[1][0]", "lambda state: state[0] < 1"),
    ("fits.all()", "fits.any()"),
  ),
  *of(
    "projects/slot_attention/model.py",
    f"{TESTS}test_networks.py",
    ("initializers.glorot_uniform()", "initializers.lecun_normal()"),
    ("nn.LayerNorm(epsilon=self.norm_epsilon,", "nn.LayerNorm("),
    ("jax.nn.sigmoid(logits)", "logits"),
    ("nn.relu(a) if i < len(widths) - 1 else a", "a"),
    ("a = nn.relu(slot_attention.Conv(", "a = (slot_attention.Conv("),
    ('slot_attention.SoftPositionEmbedding(name="position")(a)', "a"),
    ("jax.nn.softmax(logits, axis=1)", "jax.nn.sigmoid(logits)"),
  ),
  *of(
    "common/nn/slot_attention.py",
    "tests/common/test_slot_attention.py",
    ("initializers.glorot_uniform()", "initializers.lecun_normal()"),
    ("initializers.orthogonal()", "initializers.lecun_normal()"),
    ("conv(nn.relu(a))", "conv(a)"),
    ("grid, 1 - grid", "grid, grid"),
    ("a = conv(position(a))", "a = conv(a)"),
    ("everywhere=slots", "everywhere=0 * slots"),
    (
      'self.param("log_sigma", _glorot, (1, 1, d))',
      'self.param("log_sigma", nn.initializers.zeros, (1, 1, d))',
    ),
    ("keys, q * d**-0.5", "keys, q"),
    ("jnp.tanh(x_c + r * h_c)", "jnp.tanh(x_c + h_c)"),
    ("weights = attention + self.epsilon", "weights = attention + 1e-2"),
  ),
  *of(
    "projects/slot_attention/folder.py",
    f"{TESTS}test_folder.py",
    ("Image.Resampling.NEAREST", "Image.Resampling.BILINEAR"),
    ("(tall - side) // 2", "0"),
    ("pixels.shape != (tall, wide)", "pixels.ndim != 2"),
  ),
  *of(
    "common/data/image_files.py",
    "tests/common/test_image_files.py tests/common/test_image_sources.py",
    ("turned = ImageOps.exif_transpose(image)", "turned = image"),
    ("+ 128) // 257", ") // 257"),
    ("(0, 0, 0, 255)", "(255, 255, 255, 255)"),
  ),
)
