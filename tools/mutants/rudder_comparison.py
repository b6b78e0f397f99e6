"""Mutants of what RUDDER is compared with."""

from tools.mutants.mutant import of

TESTS = "tests/projects/rudder/"

MUTANTS = (
  *of(
    "projects/rudder/comparison/sweep_runner.py",
    f"{TESTS}comparison/test_tables.py",
    ('np.where(cell["solved"], cell["episodes"], np.inf)', 'cell["episodes"]'),
    ("jnp.where(solved, seen, longer)", "seen"),
    ('cell["budget"] - judge.confirming(config)', 'cell["budget"]'),
    ('np.where(c["solved"], c["episodes"], limit(c))', 'c["episodes"]'),
    ("jax.scipy.stats.norm.logsf(z)", "jax.scipy.stats.norm.logcdf(z)"),
    ("max_episodes = config.rivals_episodes", "max_episodes = 10"),
    (
      "roots[first : first + config.trials_at_once]",
      "roots[: config.trials_at_once]",
    ),
    ('["of"] != of', '["of"] == of'),
  ),
  *of(
    "projects/rudder/comparison/bias_variance.py",
    f"{TESTS}comparison/test_bias_variance.py",
    ("off**2 + spread[after]", "off**2"),
    ("(variance + between)", "variance"),
    ("variance += jnp.broadcast_to(noise, variance.shape)", "pass"),
    ("previous(of_action - earned)", "previous(of_action)"),
    ("of, td_learning.sarsa_lambda", "of, td_learning.monte_carlo"),
    ("of_return += (visited * randomness)[None]", "pass"),
    ("(off**2 - spread)", "off**2"),
    ("flat(weight[..., None] * chances)", "flat(0 * q + chances)"),
    ("flat(weight[..., None] * chances)", "flat(weight[..., None] + 0 * q)"),
    ("max(delays), **config.task", "max(delays)"),
  ),
  *of(
    "projects/rudder/comparison/tree_search.py",
    f"{TESTS}comparison/test_tree_search.py",
    ("jnp.log(total) / jnp.maximum(visits, 1)", "1 / jnp.maximum(visits, 1)"),
    ("means + exploration * width", "means - exploration * width"),
    ("means + exploration * width", "means + width"),
    ("(to_go - tree.means[nodes, taken]) / visits", "to_go / visits"),
    ("jnp.where(best, loses, -1.0)", "jnp.where(best, -loses, -1e9)"),
  ),
)
