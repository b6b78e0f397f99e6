"""What the values of a config can be, checked before anything compiles.

A project's `schema.py` has a dict from each key to a rule, nested as the config
is. A rule takes a value and says what it can be where it is not, else None:

    SCHEMA = {
      "method": choice("coulomb", "gan"),
      "slots": positive(int),
      "dropout": dropout_rate,
      "data": {"source": choice("uci", "csv"), "fold": at_least(0)},
    }
"""

from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from .errors import InputError, nearest

Rule = Callable[[Any], str | None]


def _is(kind, value):
  """Whether it is a number of the kind; an int is a float, a bool neither."""
  kinds = (int, float) if kind is float else kind
  return isinstance(value, kinds) and (kind is bool) == isinstance(value, bool)


def between(low: float, high: float) -> Rule:
  """A number from `low` to `high`, both included; whole where `low` is."""
  kind = type(low)
  return lambda value: (
    None
    if _is(kind, value) and low <= value <= high
    else f"it can be {_NAMES[kind]} from {low} to {high}"
  )


def at_least(low: float) -> Rule:
  """A number that is not below `low`; whole where `low` is."""
  kind = type(low)
  return lambda value: (
    None
    if _is(kind, value) and low <= value < float("inf")
    else f"it can be {_NAMES[kind]} of {low} or more"
  )


def positive(kind: type = int) -> Rule:
  """A number above zero, of the kind int or float."""
  return lambda value: (
    None
    if _is(kind, value) and 0 < value < float("inf")
    else f"it can be {_NAMES[kind]} above 0"
  )


def choice(*choices: Any) -> Rule:
  """One of `choices`."""

  def rule(value):
    if value in choices:
      return None
    close = nearest(str(value), [c for c in choices if isinstance(c, str)])
    return (f"did you mean {close!r}? It" if close else "it") + (
      f" can be {', '.join(map(repr, choices))}"
    )

  return rule


def several(rule: Rule) -> Rule:
  """A tuple, at least one long, of values that the rule allows."""

  def each(values):
    if not isinstance(values, tuple | list) or not values:
      return "it can be a tuple, as (8, 8)"
    found = next(filter(None, map(rule, values)), None)
    return found and f"of each of its values: {found}"

  return each


def of(kind: type) -> Rule:
  """Any value of the type."""
  return lambda value: None if _is(kind, value) else f"it can be {_NAMES[kind]}"


def dropout_rate(value: Any) -> str | None:
  """A number from 0 to below 1: of units all dropped nothing is left."""
  if _is(float, value) and 0 <= value < 1:
    return None
  return "it can be a number of 0.0 or more and below 1.0"


fraction = between(0.0, 1.0)
text = of(str)

_NAMES = {
  int: "a whole number",
  float: "a number",
  str: "a text",
  bool: "True or False",
}

# Of the names that mean the same in every project.
COMMON: dict[str, Any] = {
  "seed": between(0, 2**32 - 1),
  **{
    name: positive(int)
    for name in (
      "batch_size",
      "total_steps",
      "steps_per_call",
      "log_every",
      "eval_every",
      "checkpoint_every",
      "keep_checkpoints",
    )
  },
}


def check(config: ml_collections.ConfigDict, schema: Mapping[str, Any]) -> None:
  """Holds each value to its rule; of the fixed names, to COMMON's.

  Raises:
    InputError: a key has no rule, as that of another project; a rule no key; a
      value is not what it can be; an interval is no multiple of
      `steps_per_call`.
  """
  common = {name: rule for name, rule in COMMON.items() if name in config}
  _check(config, {**common, **schema}, "")
  _check_intervals(config)


def check_decay(
  config: ml_collections.ConfigDict, end: str, start: str | None = None
) -> None:
  """Refuses a learning rate that is zero before the training ends.

  Args:
    config: has `total_steps`.
    end: the key of the step at which the rate is zero; 0 there is a constant
      rate.
    start: the key of the step from which the rate falls; None for the first.

  Raises:
    InputError: the fall ends before it starts, or before the training does.
  """
  last = config[end] or float("inf")
  if config.total_steps <= last and (start is None or config[start] < last):
    return
  fall = f"more than config.{start} = {config[start]} and " if start else ""
  raise InputError(
    f"config.{end} is {last}, where the rate is zero: it must be {fall}at "
    f"least config.total_steps = {config.total_steps}; or 0, for a constant one"
  )


def check_common(config: ml_collections.ConfigDict) -> None:
  """Holds the fixed names to COMMON, whatever else there is.

  Raises:
    InputError: a value is not what it can be; an interval is no multiple of
      `steps_per_call`.
  """
  for name, rule in COMMON.items():
    _refuse(name, config[name], rule)
  _check_intervals(config)


def _check_intervals(config):
  for name in ("log_every", "eval_every", "checkpoint_every"):
    if name in config and config[name] % config.get("steps_per_call", 1):
      raise InputError(
        f"config.{name} is {config[name]}; it must be a multiple of "
        f"config.steps_per_call = {config.steps_per_call}"
      )


def _check(config, schema, prefix):
  for name in config:
    if name not in schema:
      raise InputError(_unknown(prefix + name, _names(schema, prefix)))
  for name, rule in schema.items():
    if name not in config:
      raise InputError(
        f"the config has no key {prefix + name!r}, which this project reads; "
        "is it of another project?"
      )
    if isinstance(rule, Mapping):
      _check(config[name], rule, f"{prefix}{name}.")
    else:
      _refuse(prefix + name, config[name], rule)


def _refuse(name, value, rule):
  said = rule(value)
  if said:
    raise InputError(f"config.{name} is {value!r}; {said}")


def unknown_key(key: str, config: ml_collections.ConfigDict) -> str:
  """One sentence: the config has no `key`, and which it may have been."""
  return _unknown(key, _names(config, ""))


def _unknown(key, names):
  close = nearest(key, names) or next(
    (name for name in names if name.split(".")[-1] == key.split(".")[-1]), ""
  )
  return f"the config has no key {key!r}" + (
    f"; did you mean {close!r}?" if close else f"; it has {', '.join(names)}"
  )


def _names(tree, prefix):
  names = []
  for name in tree:
    inside = tree[name]
    if isinstance(inside, Mapping | ml_collections.ConfigDict):
      names += _names(inside, f"{prefix}{name}.")
    else:
      names.append(prefix + name)
  return names
