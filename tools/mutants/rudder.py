"""Mutants of RUDDER."""

from tools.mutants.mutant import of

TESTS = "tests/projects/rudder/"

MUTANTS = (
  *of(
    "projects/rudder/ppo/ppo.py",
    f"{TESTS}test_ppo.py",
    ("total - config.entropy", "total + config.entropy"),
    ("policy + config.value_coefficient * value_loss", "policy"),
    ("jnp.clip(ratio, 1 - clip, 1 + clip)", "ratio"),
    ("gamma * gae_lambda * jnp", "gamma * jnp"),
    ("jnp.where(end, 0.0, later)", "later"),
    ("jnp.where(terminated, 0.0, next_value)", "next_value"),
    ("value_loss = 0.5 * jnp", "value_loss = jnp"),
    ("policy = -jnp.mean", "policy = jnp.mean"),
    ("(values - jnp.mean(values)) /", "values /"),
  ),
  *of(
    "projects/rudder/losses.py",
    f"{TESTS}test_losses.py",
    ("(last(prediction, mask) - ", "(prediction[-1] - "),
    ("return main + auxiliary_weight *", "return main + 0 *"),
  ),
  *of(
    "projects/rudder/redistribution.py",
    f"{TESTS}test_redistribution.py",
    ("return values - previous", "return values + previous"),
    ("error < threshold, 1.0 - error", "error < threshold, 1.0"),
    ("jnp.where(error < threshold,", "jnp.where(error < 1.0,"),
    ("contributions + error / steps", "contributions"),
    ("r + trace * later", "r + later"),
    ("reward + kappa\n", "reward\n"),
    ("(1 - trace) * kappa_next", "kappa_next"),
    ("quality * redistributed +", "-quality * redistributed +"),
    ("attribution = (x - baseline) *", "attribution = x *"),
  ),
)
