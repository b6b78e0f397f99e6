"""RUDDER until it has solved, against a loop in NumPy with the LSTM in PyTorch.

  python -m benchmarks rudder_trials

Watch repair, delay 50: ours are 24 trials in one program, and its seconds are
divided by those that have solved; the loop (`rudder_numpy.py`) goes on until
its one trial has solved, or its episodes are used up. Once each: it takes
minutes. Float32, all cores on both sides. Measure on an idle machine. Goal: 25
times the loop.
"""

from typing import Any

import jax
import numpy as np

from benchmarks import rudder, rudder_numpy, timing
from projects.rudder.comparison import sweep_runner
from projects.rudder.tabular import delayed_mdp, rounds
from projects.rudder.tabular import rudder as learner

HOW_TO_ADD_PEER = rudder_numpy.HOW_TO_ADD_PEER
ONE_CORE = False  # Minutes more; rounds of it are among `rudder`'s rows.


def run(quick: bool = False) -> list[dict[str, Any]]:
  """Returns the one row; `quick` takes small sizes."""
  trials = 2 if quick else 24
  config = rudder.config_of(quick)
  env, _ = delayed_mdp.of_config(config)
  one = sweep_runner.make_trial(learner.make, env, config)
  many = jax.vmap(one, (0, None), axis_name=rounds.TRIALS)
  roots = jax.random.split(jax.random.key(0), trials)
  with timing.conditions(quick):
    given = roots, np.int32(config.delay)
    seconds, cells, out = rudder.seconds_of(many, *given)
    theirs = None
    if rudder.torch:
      budget = 30 if quick else config.max_episodes
      theirs = rudder_numpy.episode_loop("rudder", budget)["seconds"]
  row = timing.row(
    f"watch repair, RUDDER, {trials} at once: a solved trial",
    seconds / max(int(out["solved"].sum()), 1),
    "NumPy and PyTorch loop",
    theirs,
    goal=25,
    **cells,
  )
  return [row]
