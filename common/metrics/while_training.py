"""How far generated images are from real ones, again and again in a training.

By the network that a config names: "inception" is the FID, and needs its
weights; "squeezenet" and "pixels" are something else, and called so.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from . import feature_distance, fid

FEATURES = (*fid.FEATURES, "pixels")
_BLOCKS = 4  # of an image in each direction, for "pixels"


def network(features: str, weights: str, size: int) -> fid.Network:
  """The network that makes features of images in 0..255.

  Args:
    features: one of `FEATURES`.
    weights: the file with its weights; "" where they are usually kept.
    size: height and width of the images, a multiple of 4 for "pixels".

  Raises:
    InputError: its weights are not there.
  """
  if features != "pixels":
    return fid.network(features, weights or None)

  def means(_, x):
    side = x.shape[1] // _BLOCKS
    shape = (len(x), _BLOCKS, side, _BLOCKS, side, x.shape[-1])
    return (x / 255).reshape(shape).mean((2, 4)).reshape(len(x), -1)

  protocol = {
    "score": "pixel distance (not FID)",
    "layer": f"means of {_BLOCKS}x{_BLOCKS} blocks of each colour, 0..1",
  }
  return fid.Network(jax.jit(means), {}, size, protocol)


def name_of(protocol: dict[str, Any]) -> str:
  """What a score is called in metrics: "fid" where it is one."""
  score = protocol["score"]
  if score == "FID":
    return "fid"
  short = score.split("(")[0].split(",")[0].strip().lower().replace("é", "e")
  return short.replace(" ", "_")


def make_distance(
  net: fid.Network, real: Iterable[np.ndarray], batch_size: int, seed: int
) -> Callable[[Iterable[np.ndarray]], dict[str, float]]:
  """Returns `distance(generated) -> {name of the score: distance}`.

  The statistics of the real images are made once, here. Both sides are chunks
  of images in 0..255, `[b, h, w, 1 or 3]`. Generated ones that are not finite,
  as of a training that diverged, are at the distance NaN.

  Args:
    net: from `network`.
    real: chunks of the reference.
    batch_size: images at a time in the network.
    seed: of the random parts that moments are made of.
  """

  def collect(name, chunks):
    found = fid.features(net, batches(chunks, batch_size), batch_size)
    return feature_distance.collect(name, found, net.protocol, {}, seed)

  reference = collect("real", real)

  def distance(generated):
    try:
      judged = collect("generated", _finite(generated))
    except FloatingPointError:
      return {name_of(net.protocol): float("nan")}
    found = feature_distance.compare(reference, judged, distance_only=True)
    return {name_of(net.protocol): float(found["distance"])}

  return distance


def _finite(chunks):
  for chunk in chunks:
    if not np.isfinite(chunk).all():
      raise FloatingPointError
    yield chunk


def batches(chunks: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
  """Images of three channels, at most `size` at a time, from larger chunks."""
  for chunk in chunks:
    x = np.asarray(chunk)
    x = np.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
    yield from (x[i : i + size] for i in range(0, len(x), size))
