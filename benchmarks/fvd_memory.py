"""Memory of the video models' steps against the length of clips.

  python -m benchmarks fvd_memory

What XLA says that a step's program allocates beside its arguments, with and
without `remat`; nothing is run for it.
"""

from typing import Any

import jax
import ml_collections

from benchmarks import fvd_models, timing
from projects.fvd import data, train

HOW_TO_ADD_PEER = "none: nothing is run"
ONE_CORE = False
LENGTHS = (8, 16, 32)
MODELS = ("cdna", "svp_fp")


def run(quick: bool = False) -> list[dict[str, Any]]:
  """Returns a row (a dict) per model, length and `remat`."""
  variant = "smoke" if quick else "small"
  return [
    _row(name, fvd_models.config_of(name, variant), frames, remat)
    for name in MODELS[1 if quick else 0 :]
    for remat in ((True,) if quick else (False, True))
    for frames in LENGTHS[: 1 if quick else None]
  ]


def _row(
  name: str, config: ml_collections.ConfigDict, frames: int, remat: bool
) -> dict[str, Any]:
  """What a step allocates for clips of so many frames."""
  config = config.copy_and_resolve_references().unlock()
  config.frames, config.remat = frames, remat
  key = jax.random.key(config.seed)
  state = jax.eval_shape(lambda: train.init(key, config))
  batch = jax.eval_shape(data.batches(config, key), 0)

  def lower():
    step = train.make_train_step(config)
    options = train.compiler_options(config)
    return jax.jit(step, donate_argnums=0, compiler_options=options).lower(
      state, batch
    )

  _, cells = timing.compiled(lower)
  size = config.image_size
  how = "remat" if remat else "no remat"
  what = f"{name}, {size}x{size}, batch {config.batch_size}: memory of "
  what += f"{frames} frames, {how}"
  cells["operations"] = None
  return timing.row(what, None, **cells)  # It is not run.
