"""Videos as a model goes on with them; and two baselines that learn nothing."""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common.errors import InputError

from . import schema
from .models import choice

AT_ONCE = 32  # Clips; the last of them are filled up to as many.


def variables(state: Any) -> dict[str, Any]:
  """What a model is applied with, of a training state."""
  return {"params": state.params, "stats": state.stats}


def to_pixels(video: jax.Array) -> jax.Array:
  """0..1 to uint8; what lies outside is cut off."""
  return jnp.round(jnp.clip(video, 0.0, 1.0) * 255).astype(jnp.uint8)


def make_predict(config: ml_collections.ConfigDict, steps: int) -> Callable:
  """Returns `draw(variables, context, key) -> uint8 [n, steps, h, w, 3]`.

  `context` is [n, t, h, w, 3], uint8 or float32 in 0..1. A clip's prediction
  depends on the key, its place in `context`, and itself. More frames of context
  or steps than in training are allowed; nothing says that the model can.

  Raises:
    InputError: fewer than one step; in `draw`, a context that is shorter than
      the config's, or of another size.
  """
  if steps < 1:
    raise InputError(f"{steps} frames to predict: ask for one at least")
  model = choice.model_of(config)

  @jax.jit
  def some(variables, context, key):
    return to_pixels(model.predict(variables, context, key, steps))

  def draw(variables, context, key):
    schema.check_video(context.shape, config, config.context)
    made, size = [], min(AT_ONCE, len(context))
    for start in range(0, len(context), size):
      part = np.asarray(context[start : start + size])
      room = [(0, size - len(part))] + [(0, 0)] * 4
      full = np.pad(part, room)
      one = some(variables, full, jax.random.fold_in(key, start))
      made.append(np.asarray(one)[: len(part)])
    return np.concatenate(made)

  return draw


def copy_last(context: np.ndarray, steps: int) -> np.ndarray:
  """The last frame again and again, uint8 [n, steps, h, w, 3].

  Args:
    context: uint8 [n, t, h, w, 3].
    steps: frames to predict.
  """
  return np.repeat(context[:, -1:], steps, axis=1)


def extrapolate(context: np.ndarray, steps: int) -> np.ndarray:
  """Each pixel goes on along a line through the last two frames.

  Args:
    context: uint8 [n, t, h, w, 3], t >= 2.
    steps: frames to predict.

  Raises:
    InputError: one frame of context, through which there is no line.
  """
  if context.shape[1] < 2:
    raise InputError("one frame of context has no line to go on along")
  last, before = (context[:, i].astype(np.int32) for i in (-1, -2))
  made = [last + s * (last - before) for s in range(1, steps + 1)]
  return np.clip(np.stack(made, 1), 0, 255).astype(np.uint8)


BASELINES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
  "copy the last frame": copy_last,
  "extrapolate": extrapolate,
}
