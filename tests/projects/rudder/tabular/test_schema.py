"""What a config with a table can be, before anything is compiled."""

import importlib

import pytest

from common.errors import InputError
from projects.rudder import train


@pytest.mark.parametrize(
  ("name", "changes", "says"),
  [
    ("trace_back", dict(shaping="advice"), "config.shaping is 'advice'; it"),
    ("trace_back", dict(potential="move"), "did you mean 'moves'"),
    ("trace_back", dict(potential="moves"), "shaping='none' does not use"),
    ("trace_back", dict(exploration=-1.0), "config.exploration is -1.0; it"),
    ("trace_back", dict(env="TraceBack"), "as package.module:Class"),
    ("trace_back", dict(delay=99), "room for config.max_delay = 20"),
    ("trace_back", dict(task=dict(cost=float("nan"))), "task.cost is nan"),
    ("grid_world", dict(task=dict(probability=2.0)), "task.probability is 2"),
    ("watch_repair", dict(learner="monte_carlo", lstm_features=0), "above 0"),
    ("watch_repair", dict(learner="monte_carlo", trace=2.0), "config.trace"),
  ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, name, changes, says):
  module = importlib.import_module(f"configs.rudder.{name}")
  config = module.get_config().unlock()
  config.update(changes)
  for call in (
    lambda: train.train(config, str(tmp_path / "run")),
    lambda: train.make_train_step(config),
  ):
    with pytest.raises(InputError, match=says) as caught:
      call()
    assert "\n" not in str(caught.value)
  assert not (tmp_path / "run").exists()
