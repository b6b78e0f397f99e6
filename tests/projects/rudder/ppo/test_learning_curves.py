"""Curves of seeds: which is which, with a known winner."""

import importlib
import types

import jax
import ml_collections
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder.ppo import learning_curves, result_curves

pytestmark = pytest.mark.slow


def summary(values):
  values = sorted(values)
  return {
    "median": float(np.median(values)),
    "quartiles": [float(values[1]), float(values[-2])],
    "values": values,
  }


def cell(low, high, scores=(1.0, 2.0)):
  """`low` and `high` are (last, mean) of seeds at the two lambdas."""
  chosen = [
    {
      "gae_lambda": gae_lambda,
      "learning_rate": rate,
      "score": score,
      "last": summary(last),
      "mean": summary(mean),
      "returns": np.outer(last, np.arange(1, 21)).tolist(),
    }
    for gae_lambda, rate, score, (last, mean) in zip(
      learning_curves.LAMBDAS, (3e-4, 1e-3), scores, (low, high), strict=True
    )
  ]
  return {"chosen": chosen, "steps_per_update": 1000, "seeds": 4, "minutes": 1}


LEVEL = [7, 7, 7, 7]
CELLS = {
  ("cartpole", "original"): cell(([90, 91, 93, 94], LEVEL), ([9] * 4, LEVEL)),
  ("cartpole", "delayed"): cell(
    ([20, 21, 23, 24], [5, 6, 8, 9]), ([60, 61, 63, 64], LEVEL)
  ),
  ("cartpole", "rudder"): cell(
    ([50, 51, 53, 54], [5, 6, 8, 9]), ([80, 81, 83, 84], LEVEL), (2.0, 1.0)
  ),
}


def test_the_table_tells_the_winner_at_each_lambda():
  """RUDDER's seeds are all above PPO's at equal lambda, below when it chooses.

  Of the 70 ways to lay 4 beside 4, two are as far apart.
  """
  header, _, *rows = (
    [part.strip() for part in line.strip("|").split("|")]
    for line in result_curves.table(CELLS).splitlines()
  )
  low, high, chosen = (dict(zip(header, row, strict=True)) for row in rows)
  assert [row["λ"] for row in (low, high, chosen)] == ["0.95", "1", "chosen"]
  assert low["task"] == "CartPole"
  assert low["last tenth: PPO, original"] == "92 [91, 93]"
  assert low["last tenth: PPO, delayed"] == "22 [21, 23]"
  assert high["last tenth: PPO, delayed"] == "62 [61, 63]"
  assert chosen["last tenth: PPO, delayed"] == "62 [61, 63]"
  assert low["last tenth: PPO+RUDDER, delayed"] == "52 [51, 53]"
  assert chosen["last tenth: PPO+RUDDER, delayed"] == "52 [51, 53]"
  # Three equal p-values: each is three times as large by Holm.
  for row in (low, high, chosen):
    assert float(row["last tenth: p (Holm)"]) == pytest.approx(6 / 70, 0.03)
    assert float(row["whole training: p (Holm)"]) == 1
    assert row["steps of a seed"] == "20,000"
    assert row["minutes"] == "3.0" and row["seeds"] == "4"
  assert low["whole training: PPO, delayed"] == "7 [6, 8]"
  told = [row["learning rates of the three"] for row in (low, high, chosen)]
  assert told == [
    "0.0003, 0.0003, 0.0003",
    "0.001, 0.001, 0.001",
    "0.001 at 1, 0.001 at 1, 0.0003 at 0.95",
  ]


def test_a_comparison_that_is_told_twice_is_one_test():
  """Both choose lambda 1: two tests, not three."""
  last = [80, 81, 83, 84]
  own = cell(([50, 51, 53, 54], LEVEL), (last, LEVEL))
  text = result_curves.table({**CELLS, ("cartpole", "rudder"): own})
  header, _, *rows = (line.split(" | ") for line in text.splitlines())
  column = header.index("last tenth: p (Holm)")
  found = [float(row[column]) for row in rows]
  np.testing.assert_allclose(found, 4 / 70, rtol=0.03)


def test_the_figure_smooths_over_the_last_updates(tmp_path):
  values = np.array([[1.0, 2, 3, 4, 5, 6, 7]])
  got = result_curves.smooth(values, width=3)
  np.testing.assert_allclose(got, [[1, 1.5, 2, 3, 4, 5, 6]])
  result_curves.figure(tmp_path / "curves.png", CELLS)
  assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_a_method_chooses_on_seeds_that_are_not_reported(monkeypatch):
  """A learner whose return tells its seed, lambda, rate and step.

  At lambda 0.95 the higher rate is better, at 1 the lower.
  """
  draw = lambda key: jax.random.uniform(key)

  def make_train_step(config):
    better = jnp.where(config.gae_lambda < 1, 1.0, -1.0)

    def step(state, batch):
      assert batch is None
      own, count = state
      told = own + 100 * config.gae_lambda + 1e4 * better * config.learning_rate
      return (own, count + 1), {"return": told + count, "quality": 2 * own}

    return step

  learner = types.SimpleNamespace(
    init=lambda key, config: (draw(key), jnp.float32(0)),
    make_train_step=make_train_step,
  )
  monkeypatch.setattr(learning_curves.trainings, "learner", lambda _: learner)
  numbers = dict(learner="ppo", gae_lambda=0.5, learning_rate=0.5)
  sizes = dict(steps_per_call=5, total_steps=20, batch_size=3, rollout_steps=7)
  config = ml_collections.ConfigDict(numbers | sizes)
  train = learning_curves.make_trainings(config, "of nothing")
  choice = learning_curves.choose(config, train, 3)
  found = learning_curves.curves(config, train, choice, 2)
  of = lambda i: float(
    draw(learning_curves.keys.named(jax.random.key(i), "init"))
  )
  own = np.array([of(i) for i in range(5)])
  assert [look["learning_rate"] for look in choice["looked_at"]] == [
    3e-4,
    1e-3,
  ] * 2
  scores = [look["score"] for look in choice["looked_at"]]
  shift = np.array([95 + 3, 95 + 10, 100 - 3, 100 - 10])
  np.testing.assert_allclose(scores, own[:3].mean() + 9.5 + shift, rtol=1e-5)
  low, high = found["chosen"]
  assert (low["gae_lambda"], low["learning_rate"]) == (0.95, 1e-3)
  assert (high["gae_lambda"], high["learning_rate"]) == (1.0, 3e-4)
  for part, base in ((low, 105), (high, 97)):
    want = base + np.add.outer(own[3:], np.arange(20.0))
    np.testing.assert_allclose(part["returns"], want, atol=0.006)
    # The last tenth of 20 updates are two.
    last = want[:, 18:].mean(axis=1)
    np.testing.assert_allclose(part["last"]["values"], last, rtol=1e-5)
    np.testing.assert_allclose(part["mean"]["values"], want.mean(1), rtol=1e-5)
    np.testing.assert_allclose(part["quality"], 2 * own[3:].mean(), atol=1e-3)
    assert part["lesson_loss"] is None
  assert found["steps_per_update"] == 21 and found["seeds"] == 2
  assert found["settings"] == 4 and found["choosing_seeds"] == 3


@pytest.mark.parametrize("task", learning_curves.TASKS)
def test_a_kind_is_what_its_label_says(task):
  name, variant, label = learning_curves.TASKS[task]
  module = importlib.import_module(f"configs.rudder.{name}")
  for kind, (variants, said, _) in learning_curves.KINDS.items():
    config = module.get_config(",".join(filter(None, [variants, variant])))
    assert config.delayed == ("delayed" in said) == (kind != "original")
    assert (config.learner == "ppo_rudder") == ("RUDDER" in said)
    assert ("RUDDER" in said) == (kind == "rudder")
    assert (config.reward_noise > 0) == ("noisy" in label)
    # What is paid late may not be worth less for it.
    assert (config.gamma == 1) == config.delayed
