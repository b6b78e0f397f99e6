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
    ("config.decay_rate ** (step", "config.decay_rate ** (0 * step"),
    ("jnp.minimum(1.0, step", "jnp.maximum(1.0, step"),
    (
      "noise, config.iterations)\n    return losses",
      "0 * noise, config.iterations)\n    return losses",
    ),
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
    "tests/common/test_image_files.py",
    ("turned = ImageOps.exif_transpose(image)", "turned = image"),
    ("+ 128) // 257", ") // 257"),
    ("(0, 0, 0, 255)", "(255, 255, 255, 255)"),
  ),
)
