"""How far generated images are from real ones, while training.

By the network that `config.features` names; see `while_training`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common.metrics import while_training

from . import model


def as_pixels(x: np.ndarray, game: str) -> np.ndarray:
  """[-1, 1] to 0..255 as each game's code does before its FID, float32.

  DCGAN's neither rounds nor clips, WGAN-GP's cuts off what is behind the point,
  BEGAN's clips.
  """
  pixels = (np.asarray(x, np.float32) + 1) * np.float32(127.5)
  if game == "wgan_gp":
    pixels = np.floor(pixels)
  elif game == "began":
    pixels = np.clip(pixels, 0, 255)
  return pixels


def sampled(
  config: ml_collections.ConfigDict,
) -> Callable[[Any, jax.Array, int], Iterator[np.ndarray]]:
  """Returns `draw(state, key, n)`: images, `config.sample_batch` at a time."""
  size = config.sample_batch
  one = jax.jit(
    lambda params, averages, key, i: model.sample(
      config, params, averages, key, size, i
    )
  )

  def draw(state, key, n):
    for i in range(-(-n // size)):
      x = one(state.generator.params, state.averages, key, jnp.int32(i))
      yield np.asarray(x)[: n - i * size]

  return draw


def image_scores(
  config: ml_collections.ConfigDict, real: Any
) -> Callable[[Any, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> {name of the score: distance}`.

  The reference's statistics are made once, here.

  Args:
    config: features, weights, eval_samples, sample_batch, feature_batch.
    real: of `data.reference`: uint8, or float in [-1, 1].

  Raises:
    InputError: the network's weights are not there.
  """
  net = while_training.network(
    config.features, config.weights, config.image_size
  )
  size = config.feature_batch

  def read():
    for i in range(0, len(real), size):
      x = np.asarray(real[i : i + size], np.float32)
      yield x if real.dtype == np.uint8 else 127.5 * (x + 1)

  distance = while_training.make_distance(net, read(), size, config.seed)
  draw = sampled(config)
  made = lambda state, key: (
    as_pixels(x, config.game) for x in draw(state, key, config.eval_samples)
  )
  return lambda state, key: distance(made(state, key))
