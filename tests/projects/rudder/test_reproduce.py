"""Tables: quantiles and growth with censored trials, rows, a real cell."""

import subprocess
import sys

import numpy as np
import pytest

from configs.rudder import trace_back
from projects.rudder import schema
from projects.rudder.tabular import (
  delayed_mdp,
  figures,
  result_tables,
  sweep_runner,
)

pytestmark = pytest.mark.slow

STAMP = {"device": "a machine", "commit": "abc"}


def cell(delay, episodes, budget=1000, method="rudder"):
  episodes = np.asarray(episodes, float)
  return {
    "method": method,
    "delay": delay,
    "seeds": len(episodes),
    "budget": budget,
    "episodes": np.minimum(episodes, budget).astype(int).tolist(),
    "solved": (episodes < budget).tolist(),
    "minutes": 1.0,
    "compile_seconds": 30.0,
    "provenance": STAMP,
  }


def test_a_trial_beyond_its_budget_counts_as_longer():
  one = cell(5, [10, 20, 30, 2000, 3000])
  assert sweep_runner.quantiles(one) == [30, 30, np.inf]
  assert result_tables.spread(one) == "30 [30, > 1,000], 2 censored"
  assert sweep_runner.quantiles(cell(5, [10, 20, 30])) == [20, 20, 30]


@pytest.mark.parametrize("budget", [10**9, 3_000])
def test_growth_is_found_in_spite_of_censoring(budget):
  rng = np.random.default_rng(0)
  cells = [
    cell(d, np.exp(5 + 0.1 * d + 0.4 * rng.normal(size=200)), budget)
    for d in (5, 15, 25, 35)
  ]
  assert (budget > 1e6) == all(all(c["solved"]) for c in cells)
  fit = sweep_runner.growth(cells)
  assert fit["low"] < 0.1 < fit["high"]
  assert fit["high"] - fit["low"] < 0.02
  np.testing.assert_allclose(fit["b"], 0.1, atol=0.008)
  if budget < 1e6:  # Dropped or taken as the budget, they would flatten it.
    delay = np.repeat([c["delay"] for c in cells], 200)
    episodes = np.concatenate([c["episodes"] for c in cells])
    naive = np.polyfit(delay, np.log(episodes), 1)[0]
    assert naive < fit["low"]


def test_growth_needs_two_delays_that_were_solved():
  assert sweep_runner.growth([cell(5, [10, 20]), cell(9, [2000, 3000])]) is None


def test_tables_and_figures_of_cells(tmp_path):
  slow = [cell(d, [d * 40, d * 50, d * 90], method="q_lambda") for d in (5, 9)]
  cells = {
    ("choice", "rudder"): [cell(5, [100, 110, 90]), cell(9, [120, 95, 105])],
    ("choice", "q_lambda"): slow,
  }
  lines = result_tables.tasks(cells, {"choice": 10}).splitlines()
  assert len(lines) == 4
  assert "5: 100 [100, 110]; 9: 105 [105, 120]" in lines[2]
  assert "3.0, a machine, abc" in lines[2]
  figures.tasks_figure(tmp_path / "tasks.png", cells)
  watch = result_tables.watch({"rudder": cells["choice", "rudder"][0]})
  assert "| RUDDER | 1,900 to 3,800 | 100 [100, 110] | 90 to 110 |" in watch
  study = {
    "methods": ["TD", "MC", "RUDDER"],
    "bias_delays": [5, 10],
    "variance_delays": [5, 10],
    "samples": [[100.0, float("nan")], [50.0, 60.0], [20.0, 20.0]],
    "high_variance": [[10, 100], [1, 1], [20, 200]],
    "bias": np.geomspace(1, 1e-3, 18).reshape(3, 2, 3).tolist(),
    "episodes": [0, 50, 100],
  }
  rows = result_tables.bias_variance(study).splitlines()
  assert "| 10 | - | 60 | 20 | 100 | 1 | 200 |" in rows
  figures.bias_variance_figure(tmp_path / "bias.png", study)
  for name in ("tasks", "bias"):
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_a_method_is_a_config_with_its_budget():
  """`test_rounds.py` has a cell of them."""
  config = trace_back.get_config("smoke").unlock()
  config.max_episodes, config.rivals_episodes = 30, 50
  one = sweep_runner.of_method(config, "look_back")
  assert (one.learner, one.shaping) == ("sarsa_lambda", "look_back")
  assert one.max_episodes == 50
  assert sweep_runner.of_method(config, "rudder").max_episodes == 30


def test_without_the_delay_all_is_paid_at_once():
  config = trace_back.get_config("smoke").unlock()
  for method in ("q_lambda", "q_lambda_at_once"):
    own = sweep_runner.of_method(config, method)
    _, params = delayed_mdp.of_config(own)
    assert params.delayed == (method == "q_lambda")
    assert own.learner == "q_lambda"
    schema.check(own)


@pytest.mark.processes
def test_tables_import_neither_environments_nor_emulators(root):
  code = (
    "import sys, projects.rudder.reproduce, projects.rudder.train; "
    "print([m for m in ('gymnax', 'ale_py') if m in sys.modules])"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], cwd=root, capture_output=True, text=True
  )
  assert done.stdout.strip() == "[]", done.stderr
