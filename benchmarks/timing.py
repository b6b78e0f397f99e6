"""A clock for contenders that take turns."""

import statistics
import time
from typing import Any


def interleaved(contenders: dict, rounds: int) -> dict[Any, float]:
  """Returns the median seconds of a step for each contender.

  Args:
    contenders: name -> `advance(calls)`, calls in a round, steps in a call
      (of all its networks together).
    rounds: how many times all of them take their turn.
  """
  for advance, calls, _ in contenders.values():
    advance(calls)
  seconds = {name: [] for name in contenders}
  for _ in range(rounds):
    for name, (advance, calls, steps) in contenders.items():
      start = time.perf_counter()
      advance(calls)
      elapsed = time.perf_counter() - start
      seconds[name].append(elapsed / (calls * steps))
  return {name: statistics.median(s) for name, s in seconds.items()}
