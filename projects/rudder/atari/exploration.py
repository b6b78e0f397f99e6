"""Safe exploration: for a stretch of an episode, the less likely of the good.

As in the authors' Atari code: once in an episode, in a window, an actor chooses
uniformly among "safe" actions, those whose logit is not far below the best.
The i-th actor of n calls safe what is above 1 - i / (n - 1) * (1 - margin) on
the scale from the worst logit (0) to the best (1).
"""

import numpy as np


def window(rng: np.random.Generator, length: float) -> tuple[int, int]:
  """First step and end of an episode's exploration.

  Args:
    rng: of this episode.
    length: L, how long episodes are; start ~ triangular(0, L, L), duration ~
      uniform over 1 .. L.
  """
  length = max(length, 1.0)
  start = int(rng.triangular(0.0, length, length))
  return start, start + int(rng.integers(1, int(length) + 1))


def safe(
  logits: np.ndarray, actor: int, actors: int, margin: float
) -> np.ndarray:
  """Which actions actor `actor` of `actors` may try: bool `[actions]`.

  Args:
    logits: `[actions]`.
    actor: from 0, who is the most careful, on.
    actors: how many there are.
    margin: the last actor's threshold; 0.01 in the authors' code.
  """
  low, high = logits.min(), logits.max()
  if low == high:
    return np.ones(len(logits), bool)
  scaled = (logits - low) / (high - low)
  bold = actor / max(actors - 1, 1)
  # Less a rounding error, so that the best is always safe.
  return scaled >= 1.0 - bold * (1.0 - margin) - 1e-6


def choose(
  rng: np.random.Generator,
  allowed: np.ndarray,
  previous: int,
  first: bool,
  mask: str,
) -> int:
  """An action within a window.

  The previous one while it is safe; but at the window's first step, and where
  its number is a multiple of 5, one that is drawn.

  Args:
    rng: of this step.
    allowed: bool `[actions]`, of `safe`.
    previous: the last action.
    first: whether this is the window's first step.
    mask: "fixed"; or "original": the authors' code gives the mask of zeros and
      ones where log-probabilities are due, and an unsafe action is drawn e
      times less often than a safe one, not never.
  """
  if allowed[previous] and previous % 5 and not first:
    return previous
  weight = allowed.astype(float)
  weight = np.exp(weight) if mask == "original" else weight
  return int(rng.choice(len(allowed), p=weight / weight.sum()))
