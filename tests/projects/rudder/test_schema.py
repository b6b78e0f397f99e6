"""What a config can be: each room's rules, before anything is compiled."""

import importlib

import ml_collections
import pytest

from common.errors import InputError
from projects.rudder import schema, train


def config_of(name, variant="", **changes):
  module = importlib.import_module(f"configs.rudder.{name}")
  config = module.get_config(variant).unlock()
  config.update(changes)
  return config


def test_every_config_passes_and_no_other_projects_does(root):
  for path in (root / "configs" / "rudder").glob("*.py"):
    for variant in ("", "smoke"):
      schema.check(config_of(path.stem, variant))
  for variant in ("ppo", "original,ppo"):
    schema.check(config_of("breakout", variant))
  for variant in ("venture,ppo", "seaquest", "solaris,original_code"):
    schema.check(config_of("atari", variant))
  # As another project's: a fork beside this one has configs of this very kind.
  for name in ("trace_back", "cartpole", "atari"):
    config = {**config_of(name), "generator_features": 64}
    other = ml_collections.ConfigDict(config)
    with pytest.raises(InputError, match="no key 'generator_features'"):
      schema.check(other)


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
    ("watch_repair", dict(learner="ppo"), "the config has no key"),
    ("cartpole", dict(activation="rellu"), "did you mean 'relu'"),
    ("cartpole", dict(env="package:"), "a name of gymnax's, or package"),
    ("cartpole", dict(learner="ppo", share=1.5), "config.share is 1.5"),
    ("atari", dict(safe_exploration="fix"), "did you mean 'fixed'"),
    ("atari", dict(episode="games"), "did you mean 'game'"),
    ("atari", dict(contributions="difference"), "did you mean 'differences'"),
    ("atari", dict(method="ppo", time_code="new"), "config.time_code is 'new'"),
  ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, name, changes, says):
  config = config_of(name, **changes)
  for call in (
    lambda: train.train(config, str(tmp_path / "run")),
    lambda: train.make_train_step(config),
  ):
    with pytest.raises(InputError, match=says) as caught:
      call()
    assert "\n" not in str(caught.value)
  assert not (tmp_path / "run").exists()
