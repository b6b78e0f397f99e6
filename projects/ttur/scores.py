"""How far generated images are from real ones, while training.

By the network that `config.features` names: "inception" is the FID, and needs
its weights; "squeezenet" and "pixels" are something else, and called so.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common.metrics import feature_distance, fid

from . import model

_BLOCKS = 4  # of an image in each direction, for "pixels"


def network(config: ml_collections.ConfigDict) -> fid.Network:
  """The network that makes features of images in 0..255.

  Raises:
    InputError: its weights are not there.
  """
  if config.features != "pixels":
    return fid.network(config.features, config.weights or None)

  def means(_, x):
    side = x.shape[1] // _BLOCKS
    shape = (len(x), _BLOCKS, side, _BLOCKS, side, x.shape[-1])
    return (x / 255).reshape(shape).mean((2, 4)).reshape(len(x), -1)

  protocol = {
    "score": "pixel distance (not FID)",
    "layer": f"means of {_BLOCKS}x{_BLOCKS} blocks of each colour, 0..1",
  }
  return fid.Network(jax.jit(means), {}, config.image_size, protocol)


def name_of(protocol: dict[str, Any]) -> str:
  """What a score is called in metrics: "fid" where it is one."""
  score = protocol["score"]
  if score == "FID":
    return "fid"
  short = score.split("(")[0].split(",")[0].strip().lower().replace("é", "e")
  return short.replace(" ", "_")


def as_pixels(x: np.ndarray, game: str) -> np.ndarray:
  """[-1, 1] to 0..255 as each game's code does before its FID, float32.

  DCGAN's neither rounds nor clips, WGAN-GP's cuts off what is behind the point,
  BEGAN's clips. One channel becomes three.
  """
  pixels = (np.asarray(x, np.float32) + 1) * np.float32(127.5)
  if game == "wgan_gp":
    pixels = np.floor(pixels)
  elif game == "began":
    pixels = np.clip(pixels, 0, 255)
  if pixels.shape[-1] == 1:
    pixels = np.repeat(pixels, 3, axis=-1)
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
  net = network(config)
  size = config.feature_batch

  def collect(name, chunks):
    found = fid.features(net, chunks, size)
    return feature_distance.collect(name, found, net.protocol, {}, config.seed)

  def read():
    for i in range(0, len(real), size):
      x = np.asarray(real[i : i + size], np.float32)
      x = x if real.dtype == np.uint8 else 127.5 * (x + 1)
      yield np.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x

  reference = collect("real", read())

  draw = sampled(config)

  def made(state, key):
    for x in draw(state, key, config.eval_samples):
      pixels = as_pixels(x, config.game)
      yield from (pixels[i : i + size] for i in range(0, len(pixels), size))

  def evaluate(state, key):
    judged = collect("generated", made(state, key))
    found = feature_distance.compare(reference, judged, distance_only=True)
    return {name_of(net.protocol): float(found["distance"])}

  return evaluate
