"""Variants of a config: changes to it, by name.

    return variants.apply(config, variant, slow=dict(rate=1e-4), smoke=smoke)

`--config=FILE:original,smoke` asks for them, in that order.
"""

import difflib
from collections.abc import Callable
from typing import Any

import ml_collections

Change = dict[str, Any] | Callable[[ml_collections.ConfigDict], Any]


def apply(
  config: ml_collections.ConfigDict, variant: str, /, **changes: Change
) -> ml_collections.ConfigDict:
  """Changes a config as a variant says; returns it, locked.

  Args:
    config: what all variants start from, unlocked.
    variant: names of `changes`, joined with commas; "" for none.
    **changes: of each name the values that it sets, or a function that changes
      the config it is given.

  Raises:
    ValueError: no such name.
  """
  for name in filter(None, variant.split(",")):
    if name not in changes:
      close = difflib.get_close_matches(name, changes, n=1, cutoff=0.5)
      raise ValueError(
        f"there is no variant {name!r}"
        + (f"; did you mean {close[0]!r}?" if close else ";")
        + f" It can be {', '.join(map(repr, changes))}."
      )
    change = changes[name]
    if callable(change):
      change(config)
    else:
      config.update(change)
  return config.lock()
