"""What a video model is: three pure functions and the names of its players."""

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
    loss: `(variables, video, key, step, player) -> value, (metrics, stats)`:
      what the player descends, and all players' statistics after it. `video`
      is `[b, t, h, w, c]`, uint8 or float32 in 0..1; noise comes from `key`,
      schedules from `step`.
    predict: `(variables, context, key, steps) -> [b, steps, h, w, c]`: what
      follows the `context`, `[b, t, h, w, c]`; float32 in 0..1.
  """

  players: tuple[str, ...]
  init: Callable[[jax.Array], dict[str, Any]]
  loss: Callable[..., tuple[jax.Array, tuple[dict[str, jax.Array], Any]]]
  predict: Callable[..., jax.Array]
