"""What a video model is: four pure functions and the names of its players."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class Model(NamedTuple):
  """One of the four models, at one size.

  Attributes:
    players: who moves in a training step, in this order; each has parameters
      of its own, of which the others' losses are no function that it descends.
    init: `key -> {"params": {player: tree}, "stats": {player: tree}}`; the
      statistics are what training keeps without a gradient.
    make: `(params, video, key, step) -> made`: what the last player, by its
      own parameters, shows to all; `nothing` where it plays alone. Others move
      before it, so a step makes it once. `video` is `[b, t, h, w, c]`, uint8 or
      float32 in 0..1; noise comes from `key`, schedules from `step`.
    loss: `(variables, video, key, step, player, made) -> value, (metrics,
      stats)`: what the player descends, and all players' statistics after it.
      The last player descends through `made`, too; to others it is a constant.
    predict: `(variables, context, key, steps) -> [b, steps, h, w, c]`: what
      follows the `context`, `[b, t, h, w, c]`; float32 in 0..1.
  """

  players: tuple[str, ...]
  init: Callable[[jax.Array], dict[str, Any]]
  make: Callable[..., Any]
  loss: Callable[..., tuple[jax.Array, tuple[dict[str, jax.Array], Any]]]
  predict: Callable[..., jax.Array]


def nothing(*_: Any) -> tuple[()]:
  """The `make` of a model of one player."""
  return ()
