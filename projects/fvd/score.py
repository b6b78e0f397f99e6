"""The Fréchet video distance of two sets of clips.

    python -m projects.fvd.score A B [--more-a PATH ...] [--more-b PATH ...]
      [--weights=PATH] [--features=motion] [--frames=16] [--stride=1]
      [--save-stats=FILE.npz] [--json] [--strict] ...

    from projects.fvd.score import score
    score("real/", "generated.npz")["distance"]

A and B are folders or files of clips (`clips.py` says which), several of them
one side by --more-a and --more-b, or statistics that `--save-stats` has kept.
"""

import argparse
import collections
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import numpy as jnp

from common.data import sources
from common.errors import InputError
from common.metrics import command, feature_distance, streaming

from . import clips, model, motion
from . import weights as i3d_weights

FEATURES = ("i3d", "motion")
BATCH_SIZE = 8
GAMMA = 1.0  # KVD: the kernel is (a'b + 1)^3, without the 1 / d of KID.


class Network(NamedTuple):
  """What makes features of clips.

  Attributes:
    scale: clips [n, t, h, w, 3] in 0..255, of any size -> what `apply` takes.
    apply: (parameters, scaled clips) -> float32 [n, d].
    parameters: replicated over the devices.
    fewest_frames: that a clip may have.
    protocol: what belongs beside a score: see `feature_distance.Samples`.
  """

  scale: Callable[[Any], jax.Array]
  apply: Callable[[Any, jax.Array], jax.Array]
  parameters: Any
  fewest_frames: int
  protocol: dict[str, Any]


def network(
  features: str = "i3d", path: str | os.PathLike | None = None
) -> Network:
  """Loads a network.

  Args:
    features: "i3d", for the FVD, or "motion", for something else.
    path: of the weights of I3D; None looks where they are kept.

  Raises:
    InputError: unknown names, or no such weights.
  """
  if features not in FEATURES:
    raise InputError(
      f"features={features!r}: it can be {' or '.join(FEATURES)}"
    )
  versions = feature_distance.versions("pillow")
  if features == "i3d":
    loaded = i3d_weights.load(path)
    parameters, apply = loaded.parameters, model.features
    size, fewest = model.SIZE, model.FEWEST_FRAMES
    described = {
      "score": "FVD"
      if loaded.known
      else "Fréchet distance, NOT OF FVD'S NETWORK",
      "network": "I3D, RGB, Kinetics-400",
      "weights": loaded.fingerprint,
      "layer": "logits, mean over time",
    }
    versions |= {"weights from": loaded.source, "weights file": loaded.file}
  else:
    if path is not None:
      raise InputError(
        "the motion network has no published weights: leave --weights out"
      )
    parameters, fingerprint = motion.load()
    apply, size, fewest = motion.features, motion.SIZE, motion.FEWEST_FRAMES
    described = {
      "score": "motion distance (not FVD)",
      "network": "small, trained on generated motion",
      "weights": fingerprint,
      "layer": "mean over time and space",
    }
  protocol = {
    **described,
    "resize": f"TF1 bilinear to {size}x{size}",
    "values": "RGB, 2 x / 255 - 1",
    "versions": versions,
  }
  scale = jax.jit(functools.partial(model.scaled, size=size))
  apply = jax.jit(apply, out_shardings=streaming.by_rows())
  parameters = streaming.everywhere(parameters)
  return Network(scale, apply, parameters, fewest, protocol)


def features(
  network: Network, clips: Iterable[np.ndarray], batch_size: int
) -> Iterator[np.ndarray]:
  """Yields features, float32 [b, d], of clips, b <= batch_size.

  The last batch is filled up to the size of the others, so that nothing is
  compiled for it, and cut again. Several devices take equal shares.

  Args:
    network: see `network`.
    clips: [t, h, w, 3] each, 0..255, of one length and any sizes.
    batch_size: clips at a time.
  """
  full = streaming.full_batch(batch_size)

  def started():
    batch = []
    for clip in clips:
      batch.append(clip)
      if len(batch) == full:
        yield len(batch), start(batch)
        batch = []
    if batch:
      yield len(batch), start(batch)

  def start(batch):
    if len({(clip.shape, clip.dtype) for clip in batch}) == 1:
      scaled = network.scale(streaming.placed(np.stack(batch), full))
    else:
      scaled = jnp.concatenate([network.scale(clip[None]) for clip in batch])
      scaled = streaming.placed(scaled, full)
    return network.apply(network.parameters, scaled)

  return streaming.read_back(started())


def samples(
  name: str,
  source: Any,
  network: Network,
  options: clips.Options,
  batch_size: int = BATCH_SIZE,
  seed: int = 0,
) -> feature_distance.Samples:
  """Returns the statistics of the features of clips.

  Args:
    name: for messages.
    source: what `clips.read` takes.
    network: from `network`.
    options: how clips are read.
    batch_size: clips at a time; the result does not depend on it.
    seed: of the random parts behind the error bar.

  Raises:
    InputError: fewer than two clips, or one that cannot be used.
  """
  if options.frames < network.fewest_frames:
    raise InputError(
      f"clips of {options.frames} frames are too short: this network takes "
      f"{network.fewest_frames} or more (--frames)"
    )
  notes = collections.Counter()
  sizes = collections.Counter()

  def seen(bar):
    for clip in clips.read(source, options, notes, bar):
      sizes[clip.shape[1:3]] += 1
      yield clip

  with streaming.progress(name, "clips", 0) as bar:
    chunks = features(network, seen(bar), batch_size)
    found = feature_distance.collect(
      name, chunks, network.protocol, notes, seed
    )
  return found._replace(
    protocol={
      **network.protocol,
      "clips": streaming.resolution(sizes),
      **_taken(options),
    }
  )


def _taken(options: clips.Options) -> dict[str, int]:
  """What the protocol says of how clips are cut from videos."""
  return {
    "frames": options.frames,
    "stride": options.stride,
    "frames skipped": options.skip,
  }


def score(
  a: Any,
  b: Any,
  *,
  features: str | Network = "i3d",
  weights: str | os.PathLike | None = None,
  batch_size: int = BATCH_SIZE,
  seed: int = 0,
  any_protocol: bool = False,
  distance_only: bool = False,
  **options: Any,
) -> dict[str, Any]:
  """Compares two sets of clips; the distance is in "distance".

  Args:
    a: the reference: what `clips.read` takes (paths, arrays, a generator of
      clips; a list of paths is one set), a file of saved statistics, or
      `feature_distance.Samples`.
    b: what is judged.
    features: "i3d", "motion", or a `network` loaded before.
    weights: see `network`.
    batch_size: clips at a time.
    seed: of the error bar.
    any_protocol: see `feature_distance.compare`.
    distance_only: see `feature_distance.compare`.
    **options: of `clips.Options`.

  Returns:
    What `feature_distance.compare` does; its kernel distance is the paper's
    KVD.

  Raises:
    InputError: anything that the two sides lack.
  """
  how = clips.Options(**options)
  load = functools.cache(
    lambda: (
      features if isinstance(features, Network) else network(features, weights)
    )
  )
  read = lambda name, side: samples(name, side, load(), how, batch_size, seed)
  sides = feature_distance.sides(a, b, read)
  return feature_distance.compare(*sides, any_protocol, distance_only, GAMMA)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  default = clips.Options()
  net = "i3d makes the FVD; motion another distance, no FVD, without weights"
  add("--features", choices=FEATURES, default="i3d", help=net)
  where = "of i3d, if they are not in ~/.cache/weights"
  add("--weights", metavar="PATH", help=where)
  number = {"type": int, "metavar": "N"}
  length = "of a clip; a longer video is cut into several clips"
  add("--frames", default=default.frames, help=length, **number)
  stride = "take every Nth frame of a video"
  add("--stride", default=default.stride, help=stride, **number)
  skip = "leave out the first N frames of a video, as those given to a model"
  add("--skip", default=default.skip, help=skip, **number)
  add("--clips", help="take the first N clips of each; else all", **number)
  values = "range of pixels that are floats; without it they are refused"
  add("--floats", choices=tuple(clips.RANGES), help=values)
  parser.set_defaults(batch_size=BATCH_SIZE)  # A clip is many images.


def main() -> None:
  """The command."""
  load = functools.cache(network)

  options_of = lambda arguments: clips.Options(
    frames=arguments.frames,
    stride=arguments.stride,
    skip=arguments.skip,
    floats=arguments.floats,
    count=arguments.clips,
    strict=arguments.strict,
  )

  def read(
    source: command.Source, arguments: argparse.Namespace
  ) -> feature_distance.Samples:
    options = options_of(arguments)
    net = load(arguments.features, arguments.weights)
    name = sources.title(source)
    return samples(
      name, source, net, options, arguments.batch_size, arguments.seed
    )

  def check(
    source: command.Source, arguments: argparse.Namespace
  ) -> dict[str, str]:
    clip, _ = clips.check(source, options_of(arguments))
    alone = isinstance(source, str) and os.path.isfile(source)
    # Of other files all can have sizes of their own.
    one = alone and source.lower().endswith(".npy")
    size = collections.Counter([clip.shape[1:3]])
    return {"clips": streaming.resolution(size)} if one else {}

  def made(arguments: argparse.Namespace) -> command.Made:
    net = load(arguments.features, arguments.weights)
    options = options_of(arguments)
    rows, frames = streaming.full_batch(1), options.frames
    shape = rows, max(frames, net.fewest_frames), 32, 32, 3
    apply = lambda clips: net.apply(net.parameters, net.scale(clips))
    found = jax.eval_shape(apply, np.zeros(shape, np.uint8))
    return {**net.protocol, **_taken(options)}, found.shape[1]

  title = (__doc__ or "").splitlines()[0]
  sets = (
    "a folder or .zip of videos, a quoted pattern, - (paths on standard "
    "input), an .npy or .npz array [n, t, h, w, c], an animated .gif, .webp or "
    ".png, .tfrecords; the still images of a folder are the frames of one video"
  )
  command.main(title, _add_arguments, read, GAMMA, check, made, sets)


if __name__ == "__main__":
  main()
