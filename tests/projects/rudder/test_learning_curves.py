"""Curves of seeds: which is which, with a known winner."""

import importlib
import types

import jax
import ml_collections
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder.ppo import learning_curves

pytestmark = pytest.mark.slow


def summary(values):
  values = sorted(values)
  return {
    "median": float(np.median(values)),
    "quartiles": [float(values[1]), float(values[-2])],
    "values": values,
  }


def cell(last, mean):
  return {
    "last": summary(last),
    "mean": summary(mean),
    "returns": np.outer(last, np.arange(1, 21)).tolist(),
    "steps_per_update": 1000,
    "seeds": 4,
    "seconds": 50.0,
    "compile_seconds": 10.0,
  }


CELLS = {
  ("cartpole", "original"): cell([90, 91, 93, 94], [7, 7, 7, 7]),
  ("cartpole", "delayed"): cell([20, 21, 23, 24], [5, 6, 8, 9]),
  ("cartpole", "rudder"): cell([50, 51, 53, 54], [5, 6, 8, 9]),
}


def test_the_table_tells_the_winner():
  """RUDDER's seeds are all above PPO's at the end, and alike on the whole."""
  header, _, row = (
    [part.strip() for part in line.strip("|").split("|")]
    for line in learning_curves.table(CELLS).splitlines()
  )
  told = dict(zip(header, row, strict=True))
  assert told["task"] == "CartPole"
  assert told["last tenth: PPO, original"] == "92 [91, 93]"
  assert told["last tenth: PPO, delayed"] == "22 [21, 23]"
  assert told["last tenth: PPO+RUDDER, delayed"] == "52 [51, 53]"
  # Of 70 ways to lay 4 beside 4, two are as far apart.
  assert float(told["last tenth: p"]) == pytest.approx(2 / 70, rel=0.03)
  assert float(told["whole training: p"]) == 1
  assert told["whole training: PPO, delayed"] == "7 [6, 8]"
  assert told["steps of a seed"] == "20,000"
  assert told["minutes"] == "3.0" and told["seeds"] == "4"


def test_the_figure_smooths_over_the_last_updates(tmp_path):
  values = np.array([[1.0, 2, 3, 4, 5, 6, 7]])
  got = learning_curves.smooth(values, width=3)
  np.testing.assert_allclose(got, [[1, 1.5, 2, 3, 4, 5, 6]])
  learning_curves.figure(tmp_path / "curves.png", CELLS)
  assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_a_curve_is_each_seeds_own(monkeypatch):
  """A learner whose return tells its seed and its step, and nothing else."""
  draw = lambda key: jax.random.uniform(key)

  def step(state, batch):
    assert batch is None
    own, count = state
    metrics = {"return": own + count, "quality": 2 * own}
    return (own, count + 1), metrics

  learner = types.SimpleNamespace(
    init=lambda key, config: (draw(key), jnp.float32(0)),
    make_train_step=lambda config: step,
  )
  monkeypatch.setitem(learning_curves.LEARNERS, "ppo", learner)
  config = ml_collections.ConfigDict(
    dict(
      learner="ppo",
      steps_per_call=5,
      total_steps=20,
      batch_size=3,
      rollout_steps=7,
    )
  )
  found = learning_curves.curves(config, 2, "of nothing")
  own = [
    float(draw(learning_curves.keys.named(jax.random.key(i), "init")))
    for i in range(2)
  ]
  want = np.add.outer(own, np.arange(20.0))
  np.testing.assert_allclose(found["returns"], want, atol=0.006)
  # The last tenth of 20 updates are two.
  last = want[:, 18:].mean(axis=1)
  np.testing.assert_allclose(found["last"]["values"], last, rtol=1e-5)
  np.testing.assert_allclose(found["mean"]["values"], want.mean(1), rtol=1e-5)
  np.testing.assert_allclose(found["quality"], 2 * np.mean(own), atol=1e-3)
  assert found["lesson_loss"] is None
  assert found["steps_per_update"] == 21 and found["seeds"] == 2


@pytest.mark.parametrize("task", learning_curves.TASKS)
def test_a_kind_is_what_its_label_says(task):
  module = importlib.import_module(f"configs.rudder.{task}")
  for kind, (variants, label, _) in learning_curves.KINDS.items():
    config = module.get_config(variants)
    assert config.delayed == ("delayed" in label) == (kind != "original")
    assert (config.learner == "ppo_rudder") == ("RUDDER" in label)
    assert ("RUDDER" in label) == (kind == "rudder")
