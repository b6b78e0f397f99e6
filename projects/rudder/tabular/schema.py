"""What the values of a config with a table can be."""

import ml_collections

from common import config_schema
from common.config_schema import (
  at_least,
  between,
  choice,
  fraction,
  of,
  positive,
  several,
)
from common.errors import InputError

from . import delayed_mdp, judge, model, rudder, shaping, td_learning

LEARNERS = ("rudder", *td_learning.METHODS)
number = between(-1e9, 1e9)


def environment(value):
  """A task, "package.module:Class"; `delayed_mdp.of_config` makes it."""
  if isinstance(value, str) and all(value.partition(":")):
    return None
  return "it can be a task with a table, as package.module:Class"


def a_number(value):
  """A number, or a tuple of them: one for each brand of watches."""
  return (several(number) if isinstance(value, tuple | list) else number)(value)


def numbers(task):
  """Rules of the numbers that are there; `of_config` says which can be."""
  if not isinstance(task, ml_collections.ConfigDict):
    return lambda _: "it can be a dict of numbers of the task's parameters"
  rule = lambda name: fraction if name.endswith("probability") else a_number
  own = dict.fromkeys(("delayed", "along_the_way"), of(bool))
  return {name: own.get(name) or rule(name) for name in task}


SCHEMA = {
  "learner": choice(*LEARNERS),
  "env": environment,
  "delay": at_least(0),  # Which `of_config` refuses.
  "max_delay": positive(int),
  "eval_episodes": positive(int),
  "epsilon": fraction,
  "q_rate": fraction,
  "q_start": number,
  "time_in_table": of(bool),
  "trace": fraction,
  "shaping": choice(*shaping.KINDS),
  "potential": choice(*shaping.POTENTIALS),
  "exploration": at_least(0.0),
  "delays": several(positive(int)),
  "seeds": positive(int),
  "trials_at_once": positive(int),
  "max_episodes": positive(int),
  "rivals_episodes": positive(int),
  "judged_by": choice(*judge.JUDGES),
  "check_every": positive(int),
  "solved_window": positive(int),
  "count_window": of(bool),
  "solved_share": fraction,
  "solved_regret": at_least(0.0),
  "q_estimate": choice(*rudder.ESTIMATES),
  "kappa_trace": fraction,
  "contribution": choice(*rudder.CONTRIBUTIONS),
  "integration_points": positive(int),
  "compensate": of(bool),
  "lstm_features": positive(int),
  "lstm_gates": choice(*model.GATES),
  "lstm_forget_gate": of(bool),
  "lstm_output_gate": of(bool),
  "lstm_weight_std": at_least(0.0),
  "lstm_input_gate_bias": number,
  "lstm_unroll": positive(int),
  "lstm_learning_rate": at_least(0.0),
  "lstm_weight_decay": at_least(0.0),
  "return_scale": positive(float),
  "auxiliary_weight": at_least(0.0),
  "loss_start": at_least(0.0),
  "loss_rate": fraction,
  "loss_threshold": at_least(0.0),
  "max_updates": positive(int),
  "lessons": positive(int),
  "warmup_episodes": at_least(0),
}
# Of the study of bias and variance.
STUDY = {
  "bias_delays": several(positive(int)),
  "variance_delays": several(positive(int)),
  "variance_threshold": at_least(0.0),
  "every": positive(int),
  "checkpoints": positive(int),
}


def check(config: ml_collections.ConfigDict) -> None:
  """Raises InputError if a value, or values together, cannot be."""
  study = STUDY if "bias_delays" in config else {}
  task = {"task": numbers(config.get("task"))}
  config_schema.check(config, {**SCHEMA, **task, **study})
  if config.shaping != "none" and config.learner == "rudder":
    raise InputError(
      f"config.shaping is {config.shaping!r}, which config.learner='rudder' "
      "does not use: set it to 'none', or learn with 'q_lambda'"
    )
  if config.learner == "rudder" and config.warmup_episodes >= config.lessons:
    raise InputError(
      f"config.warmup_episodes is {config.warmup_episodes}, and the reward "
      "model learns from more lessons than that: the buffer holds "
      f"config.lessons = {config.lessons}, so raise that"
    )
  if config.shaping != "none" and not config.time_in_table:
    raise InputError("config.shaping needs config.time_in_table")
  if config.shaping == "none" and config.potential != "value":
    raise InputError(
      f"config.potential is {config.potential!r}, which config.shaping='none' "
      "does not use: set it to 'value', or config.shaping to 'reward'"
    )
  delayed_mdp.of_config(config)
