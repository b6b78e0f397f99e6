"""What a setting costs, from records made up."""

import pytest

from projects.snn import setting_costs

NETWORKS = ("selu", "batch_norm")


def record(task, method, depth, *members):
  """Members are (learning rate, dropout, validation, test or None)."""
  names = ("learning_rate", "dropout", "validation", "test")
  return {
    "task": task,
    "method": method,
    "depth": depth,
    "width": 64,
    "members": [
      {
        "repetition": 0,
        "diverged": member[-1] is None,
        **dict(zip(names, member, strict=True)),
      }
      for member in members
    ],
  }


def records():
  """Of two tasks at depth 2, of which one has depth 8, and of a third."""
  return [
    record(
      "a",
      "selu",
      2,
      (0.1, 0.0, 0.9, 0.8),  # Chosen, though not the best of the test.
      (1.0, 0.0, 0.5, 0.9),
      (0.1, 0.05, 0.7, 0.7),  # The best with dropout, by validation.
      (1.0, 0.05, 0.6, 0.6),
    ),
    record(
      "b",
      "selu",
      2,
      (0.1, 0.0, 0.2, 0.4),
      (1.0, 0.0, 0.9, None),  # Diverged: it cannot be chosen.
      (0.1, 0.05, 0.3, 0.5),
      (1.0, 0.05, 0.1, 0.1),
    ),
    record("a", "batch_norm", 2, (0.1, 0.0, 0.9, 0.8), (1.0, 0.0, 0.8, 0.7)),
    record("b", "batch_norm", 2, (0.1, 0.0, 0.7, 0.3), (1.0, 0.0, 0.8, 0.6)),
    record("a", "selu", 8, (0.1, 0.0, 0.9, 0.8), (1.0, 0.0, 0.9, None)),
    record("a", "batch_norm", 8, (0.1, 0.0, 0.9, 0.8), (1.0, 0.0, 0.9, 0.9)),
    record("b", "selu", 8, (0.1, 0.0, 0.9, 0.1), (1.0, 0.0, 0.9, 0.1)),
    record("c", "selu", 2, (0.1, 0.0, 0.9, 0.1), (1.0, 0.0, 0.9, 0.1)),
  ]


def test_a_cost_is_what_the_chosen_setting_has_more():
  found = setting_costs.costs(records(), NETWORKS)
  snn = found["2"]["selu"]
  # Task c, and b at depth 8, lack batch norm.
  assert [one["tasks"] for one in found["2"].values()] == [2, 2]
  assert [one["tasks"] for one in found["8"].values()] == [1, 1]
  # 0.8 - 0.8 and 0.5 - 0.4; 0.8 - 0.9, and diverged.
  assert snn["rates"]["0.1"] == [pytest.approx(5), 0]
  assert snn["rates"]["1"] == [pytest.approx(-10), 0.5]
  # 0.8 - 0.7 and 0.5 - 0.5.
  assert snn["dropout"] == [pytest.approx(5), 0]
  # 0.8 - 0.8 and 0.6 - 0.3; 0.8 - 0.7 and 0.6 - 0.6.
  norm = found["2"]["batch_norm"]
  assert norm["rates"]["0.1"] == [pytest.approx(15), 0]
  assert norm["rates"]["1"] == [pytest.approx(5), 0]
  assert norm["dropout"] is None
  assert found["8"]["selu"]["rates"]["1"] == [None, 1]
  assert found["8"]["selu"]["dropout"] is None


def test_the_table_says_points_and_how_many_diverged():
  table = setting_costs.table(setting_costs.costs(records(), NETWORKS))
  head, _, *rows = table.splitlines()
  assert head == "| rates 0.1, 1 | depth 2, 2 tasks | depth 8, 1 tasks |"
  assert rows[:3] == [
    "| SNN | 5.0 / -10.0 (50%) | 0.0 / - (100%) |",
    "| SNN, with dropout | 5.0 | - |",
    "| BatchNorm | 15.0 / 5.0 | 0.0 / -10.0 |",
  ]
  little = setting_costs.costs(
    [record("a", "selu", 2, (0.1, 0, 0.9, 0.8))], NETWORKS[:1]
  )
  little["2"]["selu"]["rates"]["0.1"] = [-0.01, 0.0]
  assert "| SNN | 0.0 |" in setting_costs.table(little)
  assert setting_costs.table({}) == ""


def test_a_depth_that_a_method_lacks_is_the_others():
  some = [r for r in records() if (r["method"], r["depth"]) != ("selu", 8)]
  assert [*setting_costs.costs(some, NETWORKS)] == ["2"]  # Of no whole task.
  found = setting_costs.costs(some, NETWORKS, {("selu", 8)})
  assert [*found["8"]] == ["batch_norm"]
  table = setting_costs.table(found)
  assert (
    "depth 8, 1 tasks" in table and "| SNN, with dropout | 5.0 | - |" in table
  )
  assert "| SNN | 5.0 / -10.0 (50%) | - |" in table
