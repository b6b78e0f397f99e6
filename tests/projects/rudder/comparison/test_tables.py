"""Tables: growth with censored trials, rows, a real cell; whole trials."""

import jax
import numpy as np
import pytest

from common import keys
from configs.rudder import charge_discharge, trace_back
from projects.rudder.comparison import figures, result_tables, sweep_runner
from projects.rudder.tabular import (
  delayed_mdp,
  environments,
  grids,
  rounds,
  schema,
  td_learning,
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
    "config": {"count_window": True},
  }


def test_a_trial_beyond_its_budget_counts_as_longer():
  one = cell(5, [10, 20, 30, 2000, 3000])
  assert sweep_runner.quantiles(one) == [30, 30, np.inf]
  assert result_tables.spread(one) == "30 [30, > 1,000], 2 censored"
  assert sweep_runner.quantiles(cell(5, [10, 20, 30])) == [20, 20, 30]


def test_a_window_that_does_not_count_leaves_less_than_the_budget():
  """Of 1,000 episodes the last 4 looks, 100, can only confirm."""
  looks = {"judged_by": "greedy", "solved_window": 4, "check_every": 25}
  cells = [cell(d, [d * 40, d * 90, 9000]) for d in (5, 9)]
  for one in cells:
    one["config"] = {**looks, "count_window": False}
  assert result_tables.spread(cells[0]) == "450 [450, > 900], 1 censored"
  assert "| 200 to > 900 |" in result_tables.watch({"rudder": cells[0]})
  # What is written for a trial that was not solved is of no account.
  again = [{**c, "episodes": [*c["episodes"][:2], 900]} for c in cells]
  assert sweep_runner.growth(cells) == sweep_runner.growth(again)


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
  assert "3.0, a machine, abc" in lines[2] and "| 3 |" in lines[2]
  assert result_tables.trials([*slow, cell(20, [9, 9])]) == "3, 2 at 20"
  figures.tasks_figure(tmp_path / "tasks.png", cells)
  watch = result_tables.watch({"rudder": cells["choice", "rudder"][0]})
  theirs = "1,900 to 3,800 (before its bug fix)"
  assert f"| RUDDER | {theirs} | 100 [100, 110] | 90 to 110 |" in watch
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
  config = trace_back.get_config("smoke").unlock()
  config.max_episodes, config.rivals_episodes = 30, 50
  one = sweep_runner.of_method(config, "look_back")
  assert (one.learner, one.shaping) == ("sarsa_lambda", "look_back")
  assert one.max_episodes == 50
  # RUDDER is there twice, as on the poster.
  for method, q in (("rudder", "direct"), ("rudder_q_lambda", "q_lambda")):
    assert method in sweep_runner.TASKS["trace_back"]
    one = sweep_runner.of_method(config, method)
    assert (one.max_episodes, one.q_estimate) == (30, q)


def test_without_the_delay_all_is_paid_at_once():
  config = trace_back.get_config("smoke").unlock()
  for method in ("q_lambda", "q_lambda_at_once"):
    own = sweep_runner.of_method(config, method)
    _, params = delayed_mdp.of_config(own)
    assert params.delayed == (method == "q_lambda")
    assert own.learner == "q_lambda"
    schema.check(own)


def test_whole_trials_solve_their_task_each_on_its_own(tmp_path, monkeypatch):
  """The LSTM trains, the stop is found; a trial does not see its neighbours."""
  config = charge_discharge.get_config("smoke").unlock()
  config.update(
    delay=3,
    max_delay=3,
    max_updates=40,
    warmup_episodes=20,
    lessons=64,
    lstm_features=8,
    batch_size=8,
    return_scale=10.0,
    max_episodes=800,
    check_every=20,
    epsilon=0.5,
    solved_share=0.99,
    q_estimate="traces",
  )
  # A cell of a table: as many trials, by one program, which is kept.
  cell = sweep_runner.cell(config, "rudder", 3, 4)
  assert cell["config"]["delay"] == cell["delay"] == 3
  assert len(cell["episodes"]) == len(cell["solved"]) == cell["seeds"] == 4
  assert cell["budget"] == 800 and all(cell["solved"])
  own = sweep_runner.of_method(config, "rudder")
  run, _ = sweep_runner.compiled(own.to_json(), 4)
  order = np.arange(4)[::-1]
  key = keys.named(jax.random.key(config.seed), "rudder, 3")
  roots = jax.random.split(key, 4)
  results = jax.device_get(run(roots, np.int32(3)))
  assert results["episodes"].tolist() == cell["episodes"]
  assert results["solved"].all()
  assert results["episodes"].max() < 800
  assert results["updates"].min() > 0
  turned = jax.device_get(run(roots[order], np.int32(3)))
  for name in ("episodes", "updates", "q"):
    np.testing.assert_array_equal(turned[name][::-1], results[name])
  # The same trials in programs of two, stopped behind the first and gone on.
  config.trials_at_once = 2
  runs, train = tmp_path / "runs", sweep_runner._trials

  def stopped(*args):
    if runs.exists():
      raise KeyboardInterrupt
    return train(*args)

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(sweep_runner, "_trials", stopped)
    sweep_runner.cell(config, "rudder", 3, 4, runs)
  assert [path.name for path in runs.iterdir()] == ["trials_0.json"]
  trained = []
  monkeypatch.setattr(
    sweep_runner, "_trials", lambda *a: trained.append(a[1]) or train(*a)
  )
  again = sweep_runner.cell(config, "rudder", 3, 4, runs)
  assert len(trained) == 1 and (trained[0] == roots[2:]).all()
  assert again["episodes"] == cell["episodes"]
  assert again["solved"] == cell["solved"]
  assert again["compile_seconds"] > 0
  # Those of another config do not count.
  config.max_updates = 41
  part = {"episodes": [1, 1], "solved": [True] * 2, "minutes": 1.0}
  part["compile_seconds"] = 1.0
  monkeypatch.setattr(sweep_runner, "_trials", lambda *_: part)
  other = sweep_runner.cell(config, "rudder", 3, 4, runs)
  assert (other["episodes"], other["minutes"]) == ([1] * 4, 2.0)


CHARGE = environments.ChargeDischarge(3)


def numbers(**changed):
  config = charge_discharge.get_config("smoke").unlock()
  config.update(q_rate=0.1, max_episodes=3000, check_every=10)
  config.update(solved_window=3, solved_share=0.99)
  config.update(changed)
  return config


def program(method, env, **changed):
  """`trials(keys, delay)`, compiled once for three keys."""
  trial = sweep_runner.make_trial(
    td_learning.make, env, numbers(learner=method, **changed)
  )
  trials = jax.jit(jax.vmap(trial, (0, None), axis_name=rounds.TRIALS))
  return lambda keys, delay: jax.device_get(trials(keys, delay))


KEYS = jax.random.split(jax.random.key(3), 3)


def test_a_learner_solves_what_is_easy():
  """SARSA(lambda); a trial does not see its neighbours."""
  trials = program("sarsa_lambda", CHARGE)
  done = trials(KEYS, 3)
  assert done["solved"].all(), done
  assert (done["episodes"] < 3000).all() and (done["score"] >= 0.99).all()
  assert len(set(done["episodes"].tolist())) > 1
  # A trial that had solved early stood still until the last one had.
  first = int(done["episodes"].argmin())
  alone = trials(KEYS[np.full(3, first)], 3)
  assert alone["episodes"][0] == done["episodes"][first]
  np.testing.assert_allclose(alone["q"][0], done["q"][first], atol=1e-5)


def test_trials_that_do_not_solve_are_reported():
  trials = program(
    "monte_carlo",
    CHARGE,
    max_episodes=40,
    solved_share=1.1,
    judged_by="decisions",
    solved_window=40,
    check_every=1,
  )
  done = trials(KEYS, 3)
  assert not done["solved"].any()
  assert done["episodes"].tolist() == [40] * 3
  assert (done["score"] < 1).all()


def test_the_exact_value_as_advice_solves_at_once():
  trials = program(
    "q_lambda", grids.TraceBack(6), shaping="look_back", max_episodes=200
  )
  done = trials(KEYS, 6)
  # Two moves to know, no matter what comes after them.
  assert done["solved"].all() and (done["episodes"] <= 80).all()
