"""What a config can be, room by room, before anything is compiled."""

import importlib

import pytest

from common.errors import InputError
from projects.rudder import rooms, schema, train

# Of each room: a config, what is changed in it, what is said of that.
WRONG = {
  "atari": (
    ("atari", dict(safe_exploration="fix"), "did you mean 'fixed'"),
    ("atari", dict(episode="games"), "did you mean 'game'"),
    ("atari", dict(contributions="difference"), "did you mean 'differences'"),
    ("atari", dict(method="ppo", time_code="new"), "config.time_code is 'new'"),
    ("atari", dict(steps_per_call=2), "steps_per_call is 2; it can be 1"),
    ("atari", dict(chunk_steps=41), "chunk_steps is 41; it must be even"),
    ("atari", dict(time_span=501), "time_span is 501; it must be even"),
    (
      "atari",
      dict(time_longest=9_900),
      "time_longest is 9900; it must be",
    ),
    (
      "atari",
      dict(total_steps=53_712),
      "rate is zero: it must be at least config.total_steps = 53712",
    ),
    ("atari", dict(policy_widths=(4, 8)), "it must have 3 values"),
    ("atari", dict(model_widths=(4,)), "it must have 2 values"),
    ("atari", dict(model_widths=(4, 0)), "of each of its values"),
    ("atari", dict(safe_margin=5.0), "safe_margin is 5.0; it can be"),
    ("atari", dict(quality_threshold=1.5), "quality_threshold is 1.5; it can"),
  ),
  "ppo": (
    ("cartpole", dict(activation="rellu"), "did you mean 'relu'"),
    ("cartpole", dict(anneal_steps=59), "least config.total_steps = 60; or 0"),
    ("cartpole", dict(env="package:"), "a name of gymnax's, or package"),
    ("cartpole", dict(learner="ppo", share=1.5), "config.share is 1.5"),
  ),
  "tabular": (
    ("trace_back", dict(learner="q_lamda"), "did you mean 'q_lambda'"),
    ("trace_back", dict(shaping="advice"), "config.shaping is 'advice'; it"),
    ("trace_back", dict(potential="move"), "did you mean 'moves'"),
    ("trace_back", dict(potential="moves"), "shaping='none' does not use"),
    ("trace_back", dict(exploration=-1.0), "config.exploration is -1.0; it"),
    ("trace_back", dict(env="TraceBack"), "as package.module:Class"),
    ("trace_back", dict(warmup_episodes=512), "lessons = 512, so raise that"),
    ("trace_back", dict(delay=99), "room for config.max_delay = 20"),
    ("trace_back", dict(task=dict(cost=float("nan"))), "task.cost is nan"),
    ("grid_world", dict(task=dict(probability=2.0)), "task.probability is 2"),
    ("watch_repair", dict(learner="monte_carlo", lstm_features=0), "above 0"),
    ("watch_repair", dict(learner="monte_carlo", trace=2.0), "config.trace"),
  ),
}
VARIANTS = {
  "atari": ("atari", ("venture,ppo", "seaquest", "solaris,original_code")),
  "ppo": ("breakout", ("ppo", "original,ppo", "original")),
}
# A fork of one room has not the others.
HERE = {of.__package__.rpartition(".")[2] for of in rooms.modules("schema")}


def config_of(name, variant=""):
  module = importlib.import_module(f"configs.rudder.{name}")
  return module.get_config(variant)


@pytest.mark.parametrize("room", sorted(HERE & VARIANTS.keys()))
def test_variants_pass(room):
  name, variants = VARIANTS[room]
  for variant in variants:
    schema.check(config_of(name, variant))


@pytest.mark.parametrize(
  ("name", "changes", "says"),
  [case for room in sorted(HERE) for case in WRONG[room]],
)
def test_what_cannot_be_is_one_sentence(tmp_path, name, changes, says):
  config = config_of(name).unlock()
  config.update(changes)
  for call in (
    lambda: train.train(config, str(tmp_path / "run")),
    lambda: train.make_train_step(config),
  ):
    with pytest.raises(InputError, match=says) as caught:
      call()
    assert "\n" not in str(caught.value)
  assert not (tmp_path / "run").exists()
