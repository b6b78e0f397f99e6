"""Training: the contract, resuming, pictures, and what a user gets wrong."""

import importlib
import shutil
import sys
import types

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import checkpoint, cli
from common.errors import InputError
from projects.rudder import train

pytestmark = pytest.mark.slow


def config_of(name, variant="smoke", **changes):
  module = importlib.import_module(f"configs.rudder.{name}")
  config = module.get_config(variant)
  config.unlock()
  config.update(changes)
  return config


def test_training_resumes_bitwise_and_leaves_its_pictures(tmp_path):
  config = config_of("trace_back", total_steps=2, eval_every=1)
  config.checkpoint_every = 1
  whole, scores = train.train(
    config.copy_and_resolve_references(), str(tmp_path / "a")
  )
  assert scores.keys() == {"eval_return", "eval_regret"}
  assert (tmp_path / "a" / "episode.png").stat().st_size > 5_000
  assert (tmp_path / "a" / "learning_curve.png").stat().st_size > 5_000
  # As if the run had been killed when it had kept its first step.
  kept = tmp_path / "a" / "checkpoints"
  assert (kept / "1").is_dir()
  shutil.rmtree(kept / "2")
  parts, _ = train.train(config, str(tmp_path / "a"))
  assert checkpoint.digest(whole) == checkpoint.digest(parts)
  assert int(whole.step) == 2
  assert bool(whole.memory.trained)


@pytest.mark.parametrize("learner", ["sarsa_lambda"])
def test_a_competitor_learns_without_a_model(learner):
  config = config_of("trace_back", learner=learner)
  state = jax.jit(lambda key: train.init(key, config))(jax.random.key(0))
  step = jax.jit(train.make_train_step(config))
  after, metrics = step(state, None)
  assert "model_updates" not in metrics
  assert float(abs(after.q - state.q).max()) > 0
  assert int(after.step) == 1
  assert not state.q.weak_type  # Else the second step would be compiled anew.


def test_an_evaluation_is_of_the_greedy_policy():
  """Charging and discharging in turn is optimal; else each step earns 1."""
  config = config_of("charge_discharge", delay=5)
  evaluate = train.make_evaluate(config)
  rows = np.arange(7 * 8)[:, None]  # Times, by counts and charged or not.
  for table, got in (
    (rows % 2 == np.arange(2), (30, 0)),
    (0 * rows + np.arange(2), (6, 24)),
  ):
    state = types.SimpleNamespace(q=jnp.float32(table))
    scores = evaluate(state, jax.random.key(0))
    assert scores == {"eval_return": got[0], "eval_regret": got[1]}


@pytest.mark.parametrize("changes", [dict(delay=1), dict(reward=40.0)])
def test_there_is_no_share_of_nothing(changes):
  config = config_of("trace_back")
  config.delay = changes.pop("delay", config.delay)
  config.task.update(changes)
  with pytest.raises(InputError, match="is 0 here, and"):
    train.make_train_step(config)
  config.judged_by = "decisions"
  train.make_train_step(config)


def test_the_command_ends_in_a_sentence(tmp_path, monkeypatch, capsys, root):
  flags = [
    f"--workdir={tmp_path}",
    f"--config={root}/configs/rudder/charge_discharge.py:smoke",
    "--config.delay=0",
  ]
  monkeypatch.setattr(sys, "argv", ["train", *flags])
  with pytest.raises(SystemExit) as stop:
    cli.main(train.train)
  assert stop.value.code == 1
  assert capsys.readouterr().err == (
    "error: config.delay is 0: nothing would be delayed\n"
  )
