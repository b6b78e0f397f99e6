"""Features that come batch by batch, where a program has its own loop.

    state = running.start()
    for images in loader:
      (chunk,) = fid.features(net, iter([images]), len(images))
      state = running.update(state, chunk)
    side = feature_distance.collected("mine", state, net.protocol)
    feature_distance.compare(real, side)["distance"]

A state is a value: `update` returns another, and leaves the one it was given as
it was, so that a distance can be looked at on the way. It serves the features
of any metric here, and memory does not grow with the number of rows.
"""

import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.errors import InputError
from common.stats import frechet

PARTS = 10  # Of the samples, for error bars.
KEEP = 5_000  # Rows of features kept for the scores that need them.
_DEAL = 5_120  # Rows that are dealt to the parts at a time.


class State(NamedTuple):
  """What is known of the rows so far.

  Attributes:
    n: how many rows.
    dealt: moments of disjoint random parts of the rows, but those that wait.
    waiting: float32 [< _DEAL, d], the rows that are not dealt yet.
    kept: float32 [<= KEEP, d], a uniform sample of the rows.
    priority: [len(kept)], by which they were drawn.
    shuffle: draws the parts.
    lottery: draws the priorities.
  """

  n: int
  dealt: tuple[frechet.Moments, ...]
  waiting: np.ndarray
  kept: np.ndarray
  priority: np.ndarray
  shuffle: np.random.Generator
  lottery: np.random.Generator


def start(seed: int = 0) -> State:
  """The state before the first row.

  Args:
    seed: of the drawing. Which part a row goes to, and whether it is kept, is
      drawn from it and the row's number: how rows come in batches changes
      nothing.

  Raises:
    InputError: a negative seed.
  """
  if seed < 0:
    raise InputError(f"seed={seed}: it can be 0 or more")
  nothing = np.empty((0, 0), np.float32)
  empty = frechet.Moments(0, np.empty(0), np.empty((0, 0)))
  draws = (np.random.default_rng([seed, i]) for i in range(2))
  return State(0, (empty,) * PARTS, nothing, nothing, np.empty(0), *draws)


def update(state: State, features: npt.ArrayLike) -> State:
  """The state with some more rows.

  Args:
    state: from `start`, or from the last `update`.
    features: [b, d].

  Raises:
    InputError: not 2-D, another d than before, or values that are not finite.
  """
  try:
    x = np.asarray(features, np.float32)
  except (TypeError, ValueError) as error:
    raise InputError(f"features are no array of numbers: {error}") from error
  if x.ndim != 2 or (state.n and x.shape[1] != state.kept.shape[1]):
    raise InputError(
      f"features of shape {x.shape} after {state.n} samples of "
      f"{state.kept.shape[1]}: give [samples, features], always as many"
    )
  bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
  if bad.size:
    raise InputError(
      f"sample {state.n + bad[0]} (from 0) has features that are not finite; "
      "look at it, or leave it out"
    )
  n, dealt, waiting, kept, priority, *draws = state
  shuffle, lottery = copy.deepcopy(draws)  # Those of `state` stay.
  if not n:
    waiting = kept = np.empty((0, x.shape[1]), np.float32)
    dealt = (frechet.moments(waiting),) * PARTS
  waiting = np.concatenate([waiting, x])
  while len(waiting) >= _DEAL:
    dealt = _deal(dealt, waiting[:_DEAL], shuffle)
    waiting = waiting[_DEAL:]
  # The rows of least priority, of all so far, are a uniform sample.
  kept = np.concatenate([kept, x])
  priority = np.concatenate([priority, lottery.random(len(x))])
  if len(kept) > KEEP:
    best = np.sort(np.argpartition(priority, KEEP)[:KEEP])
    kept, priority = kept[best], priority[best]
  return State(n + len(x), dealt, waiting, kept, priority, shuffle, lottery)


def parts(state: State) -> tuple[frechet.Moments, ...]:
  """Moments of disjoint random parts of all rows, those that are not empty."""
  shuffle = copy.deepcopy(state.shuffle)
  found = _deal(state.dealt, state.waiting, shuffle)
  return tuple(part for part in found if part.n)


def _deal(
  parts: tuple[frechet.Moments, ...],
  rows: np.ndarray,
  shuffle: np.random.Generator,
) -> tuple[frechet.Moments, ...]:
  """The parts, each with its share of the rows, drawn at random."""
  shares = np.array_split(shuffle.permutation(len(rows)), PARTS)
  return tuple(
    frechet.merge(part, frechet.moments(rows[share]))
    for part, share in zip(parts, shares, strict=True)
  )
