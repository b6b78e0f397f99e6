"""Videos to learn from: drawn on the device, a batch from (key, step)."""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp
from jax.tree_util import Partial

from common.errors import InputError

from . import scenarios
from .scenarios import moving_mnist

MNIST = moving_mnist.NAME
SQUARE = "moving_square"  # The cheapest that moves: to see that all works.
SOURCES = (*scenarios.SCENARIOS, MNIST, SQUARE)


def moving_square(key: jax.Array, frames: int, size: int) -> jax.Array:
  """A square of one colour at a constant speed, uint8 [frames, size, size, 3].

  It is a quarter of the frame wide, moves up to 1.5 pixels a frame, and comes
  in again where it leaves.
  """
  colour, place, speed = jax.random.split(key, 3)
  colour = jax.random.uniform(colour, (3,), minval=80.0, maxval=255.0)
  start = jax.random.uniform(place, (2,), maxval=float(size))
  move = jax.random.uniform(speed, (2,), minval=-1.5, maxval=1.5)
  t = jnp.arange(frames, dtype=jnp.float32)[:, None]
  middle = start[None] + t * move[None]  # [frames, 2].
  apart = jnp.arange(size)[None, None] + 0.5 - middle[..., None]
  apart = jnp.abs((apart + size / 2) % size - size / 2)
  inside = jnp.clip(size / 8 + 0.5 - apart, 0.0, 1.0)  # [frames, 2, size].
  mask = inside[:, 0, :, None] * inside[:, 1, None, :]
  shown = 30.0 + mask[..., None] * (colour - 30.0)[None, None, None]
  return jnp.round(shown).astype(jnp.uint8)


def arrays(config: ml_collections.ConfigDict) -> dict[str, np.ndarray]:
  """All that is read, by its split; nothing where videos are drawn whole.

  Raises:
    InputError: see `digits`.
  """
  if config.scenario != MNIST:
    return {}
  return {name: np.asarray(digits(config, name)) for name in ("train", "test")}


def digits(config: ml_collections.ConfigDict, split: str) -> jax.Array | None:
  """What `videos` makes Moving MNIST of; None of other sources.

  Raises:
    InputError: MNIST is not in `config.data_dir`.
  """
  if config.scenario != MNIST:
    return None
  where = config.data_dir, config.cache_dir
  return jnp.asarray(moving_mnist.digits(*where, split, config.image_size))


def videos(
  source: str,
  split: str,
  indices: jax.Array,
  frames: int,
  size: int,
  of_digits: jax.Array | None = None,
) -> jax.Array:
  """Clips by their numbers in a split, uint8 [n, frames, size, size, 3]; pure.

  Args:
    source: of SOURCES.
    split: "train", "valid" or "test".
    indices: int [n].
    frames: of a clip.
    size: pixels a side.
    of_digits: from `digits`, for Moving MNIST.

  Raises:
    InputError: what `scenarios.videos` refuses.
  """
  if source == MNIST:
    return moving_mnist.videos(of_digits, split, indices, frames, size)[0]
  if source != SQUARE:
    return scenarios.videos(source, split, indices, frames, size)[0]
  # Splits have clips of their own.
  root = jax.random.key(list(scenarios.SPLITS).index(split))
  draw = lambda i: moving_square(jax.random.fold_in(root, i), frames, size)
  return jax.vmap(draw)(indices)


def batches(
  config: ml_collections.ConfigDict, key: jax.Array
) -> Callable[[Any], dict[str, jax.Array]]:
  """Returns `t -> {"video"}`, uint8 [b, frames, h, w, 3], of the train split.

  Which of its clips, with replacement, is a function of (key, t).

  Raises:
    InputError: see `digits`.
  """

  def batch(key, of_digits, t):
    drawn = jax.random.randint(
      jax.random.fold_in(key, t),
      (config.batch_size,),
      0,
      scenarios.SPLITS["train"],
    )
    asked = drawn, config.frames, config.image_size
    return {"video": videos(config.scenario, "train", *asked, of_digits)}

  return Partial(batch, key, digits(config, "train"))


def test(config: ml_collections.ConfigDict, key: jax.Array) -> jax.Array:
  """The first `eval_clips` of the test split, context and what follows it.

  Args:
    config: of the run.
    key: not used: these are the same clips for all seeds and models.

  Returns:
    uint8 [eval_clips, context + eval_frames, h, w, 3].
  """
  del key
  if config.eval_clips > scenarios.SPLITS["test"]:
    raise InputError(
      f"config.eval_clips is {config.eval_clips}; the test split has "
      f"{scenarios.SPLITS['test']} clips"
    )
  shape = config.context + config.eval_frames, config.image_size
  draw = jax.jit(
    lambda i, of_digits: videos(config.scenario, "test", i, *shape, of_digits)
  )
  return draw(jnp.arange(config.eval_clips), digits(config, "test"))
