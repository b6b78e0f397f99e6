"""Mutants of the CNN zoo."""

from tools.mutants.mutant import of

RULES = "tests/projects/cnn_zoo/test_rules.py"

MUTANTS = (
  *of(
    "projects/cnn_zoo/optimizers.py",
    RULES,
    ("EPSILON = 1e-7", "EPSILON = 1e-8"),
    ("RHO = 0.9 ", "RHO = 0.99 "),
    ("(jnp.sqrt(square) + EPSILON)", "jnp.sqrt(square + EPSILON)"),
    ("t = step + 1.0", "t = step + 2.0"),
    ("jnp.where(sgd, gradient, scaled)", "scaled"),
  ),
  *of(
    "projects/cnn_zoo/losses.py",
    RULES,
    ("l2 * jnp.sum(mask * weights**2)", "l2 * jnp.sum(weights**2)"),
    ("return -jnp.sum(", "return jnp.sum("),
  ),
  *of(
    "projects/cnn_zoo/train.py",
    RULES,
    ("1 / (1 - rate)", "1.0"),
    ("loss / examples, model", "loss, model"),
    ("slope += jax.grad", "slope -= jax.grad"),
  ),
  *of(
    "projects/cnn_zoo/features.py",
    "tests/projects/cnn_zoo/test_features.py",
    ("values.std(axis=1)", "values.var(axis=1)"),
    ("QUANTILES = (0, 25,", "QUANTILES = (0, 20,"),
  ),
)
