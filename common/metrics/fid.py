"""The Fréchet inception distance of two sets of images, Eq. 6 of the paper.

    python -m projects.ttur.fid A B [--more-a PATH ...] [--more-b PATH ...]
      [--weights=FILE] [--features=squeezenet] [--save-stats=FILE.npz]
      [--batch-size=N] [--json] [--strict] ...

    from common.metrics import fid
    fid.fid("real/", "generated.npz")["distance"]

A and B are folders of images, zip archives, patterns, "-" for a list of paths
on standard input, .npy or .npz arrays, data sets of TensorFlow Datasets
("cifar10:test"), or saved statistics; see `image_sources.find`. Several are one
side by --more-a and --more-b.
"""

import argparse
import collections
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from common import errors, xla_options
from common.data import sources

from . import (
  command,
  feature_distance,
  image_arrays,
  image_sources,
  inception,
  inception_weights,
  squeezenet,
  streaming,
  weights,
)
from . import resize as resizes

FEATURES = ("inception", "squeezenet")
RESIZES = ("tf1", "pytorch-fid", "clean-fid")  # By whose rule.
SQUEEZENET = "squeezenet_v1.0.caffemodel"
ANOTHER = "NOT OF FID'S NETWORK"  # Of Inception with other numbers.


class Network(NamedTuple):
  """What makes features of images.

  Attributes:
    apply: (parameters, images [b, h, w, 3] in 0..255) -> float32 [b, d].
    parameters: replicated over the devices.
    size: height and width that `apply` resizes to.
    protocol: what belongs beside a score: see `feature_distance.Samples`.
    stretch: see `image_sources.batches`.
  """

  apply: Callable[[Any, jax.Array], jax.Array]
  parameters: Any
  size: int
  protocol: dict[str, Any]
  stretch: Callable[[np.ndarray, int, int], np.ndarray] | None = None


def network(
  features: str = "inception",
  path: str | os.PathLike | None = None,
  tap: str = "pool",
  resize: str = "tf1",
) -> Network:
  """Loads a network.

  Args:
    features: "inception", for FID, or "squeezenet", for something else.
    path: of its weights; None looks where they are kept.
    tap: of Inception, which layer: see `inception.TAPS`.
    resize: of Inception, whose rule brings images to its size: "tf1", as FID
      was made; "pytorch-fid", bilinear by half pixels, and pixels x / 127.5 - 1
      as it has them; "clean-fid", bicubic with averaging.

  Raises:
    InputError: unknown names, or no such weights.
  """
  if features not in FEATURES:
    raise errors.InputError(
      f"features={features!r}: it can be {' or '.join(FEATURES)}"
    )
  for option, value, choices, usual in (
    ("tap", tap, inception.TAPS, "pool"),
    ("resize", resize, RESIZES, "tf1"),
  ):
    if value not in choices:
      raise errors.InputError(
        f"{option}={value!r}: it can be {', '.join(choices)}"
      )
    if features != "inception" and value != usual:
      raise errors.InputError(
        f"{option}={value!r} is for features='inception' alone: leave it out, "
        "or leave out the features"
      )
  path = None if path is None else os.path.expanduser(path)
  if features == "inception":
    try:
      loaded = inception_weights.load(path)
    except errors.InputError as error:
      if path is not None:
        raise
      raise errors.InputError(
        f"{error}; or say --features=squeezenet for a freer network, whose "
        "scores are no FID"
      ) from error
    name = "FID" if loaded.published else f"Fréchet distance, {ANOTHER}"
    if resize != "tf1":
      name = f"{name} by {resize}'s resize"
    if tap != "pool":
      name = f"{name} of layer {tap}"
    parameters, size = loaded.parameters, inception.SIZE
    module = inception.Inception()
    apply = lambda p, x: getattr(module.apply({"params": p}, x), tap)
    described = {
      "network": "Inception 2015-12-05",
      "weights": loaded.fingerprint,
      "values": "RGB 0..255, (x - 128) / 128",
    }
    file = loaded.file
  else:
    path = weights.folder() / SQUEEZENET if path is None else path
    parameters, size = squeezenet.load(path), squeezenet.SIZE
    name, tap = "SqueezeNet distance (not FID)", "fire9"
    module = squeezenet.SqueezeNet()
    apply = lambda p, x: module.apply({"params": p}, x)
    flat = {
      f"{layer}.{kind}": array
      for layer, kinds in parameters.items()
      for kind, array in kinds.items()
    }
    described = {
      "network": "SqueezeNet 1.0, ImageNet",
      "weights": inception_weights.fingerprint(flat),
      "values": "BGR 0..255, x - (104, 117, 123)",
    }
    file = f"{os.path.basename(path)} {weights.sha256(path)}"
  protocol = {
    "score": name,
    **described,
    "layer": tap,
    "resize": f"TF1 bilinear to {size}x{size}",
    **_RULES.get(resize, {}),
    "channels": "gray repeated, alpha dropped",
    "versions": feature_distance.versions("pillow") | {"weights file": file},
  }
  apply = jax.jit(
    apply,
    out_shardings=streaming.by_rows(),
    compiler_options=xla_options.convolutions(),
  )
  stretch = _STRETCHES.get(resize)
  kept = streaming.everywhere(parameters)
  return Network(apply, kept, size, protocol, stretch)


def _as_pytorch_fid(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """What (x - 128) / 128, of the network, turns into its x / 127.5 - 1."""
  found = resizes.half_pixel_bilinear(image, height, width)
  return found * np.float32(128 / 127.5)


_STRETCHES = {
  "pytorch-fid": _as_pytorch_fid,
  "clean-fid": resizes.pillow_bicubic,
}
# What these say in a protocol, instead of TF1's.
_RULES = {
  "pytorch-fid": {
    "resize": f"bilinear by half pixels to {inception.SIZE}x{inception.SIZE}",
    "values": "RGB 0..255, x / 127.5 - 1",
  },
  "clean-fid": {
    "resize": f"Pillow's bicubic to {inception.SIZE}x{inception.SIZE}",
  },
}


def features(
  network: Network, batches: Iterator[np.ndarray], batch_size: int
) -> Iterator[np.ndarray]:
  """Yields features, float32 [b, d], of each batch of images.

  The last batch is filled up to the size of the others, so that nothing is
  compiled for it, and cut again. Several devices take equal shares.

  Args:
    network: see `network`.
    batches: [b, h, w, 3] each, b <= batch_size.
    batch_size: of all but the last.
  """
  full = streaming.full_batch(batch_size)
  started = (
    (
      len(batch),
      network.apply(network.parameters, streaming.placed(batch, full)),
    )
    for batch in batches
  )
  return streaming.read_back(started)


def samples(
  name: str,
  pictures: image_arrays.Pictures,
  network: Network,
  batch_size: int = 64,
  seed: int = 0,
) -> feature_distance.Samples:
  """Returns the statistics of the features of images.

  Args:
    name: for messages.
    pictures: from `image_sources.find`.
    network: from `network`.
    batch_size: images at a time; the result does not depend on it.
    seed: of the random parts behind the error bar.

  Raises:
    InputError: fewer than two images, or one that cannot be used.
  """
  sizes: collections.Counter[tuple[int, ...]] = collections.Counter()

  def seen():
    with streaming.progress(name, "images", pictures.count) as bar:
      for image in pictures.images:
        sizes[image.shape[:2]] += 1
        yield image
        bar.update()

  batches = image_sources.batches(
    seen(), batch_size, network.size, pictures.notes, network.stretch
  )
  chunks = features(network, batches, batch_size)
  found = feature_distance.collect(
    name, chunks, network.protocol, pictures.notes, seed
  )
  protocol = {**network.protocol, "images": streaming.resolution(sizes)}
  return found._replace(protocol=protocol)


def fid(
  a: Any,
  b: Any,
  *,
  features: str | Network = "inception",
  weights: str | os.PathLike | None = None,
  tap: str = "pool",
  resize: str = "tf1",
  batch_size: int = 64,
  seed: int = 0,
  any_protocol: bool = False,
  distance_only: bool = False,
  **options: Any,
) -> dict[str, Any]:
  """Compares two sets of images; the distance is in "distance".

  Images that a program has in memory, with a network that is loaded once:

      net = fid.network("squeezenet", path)   # Or "inception", for the FID.
      side = fid.samples("real", image_sources.find(real), net)
      found = fid.fid(side, generated, features=net, floats="-1..1")
      found["protocol"]["score"]              # "SqueezeNet distance (not FID)"

  A generator streams: what it yields, images or batches of them, is never in
  memory at once. Arrays are uint8 [n, h, w, 3] in 0..255, or floats in the
  range that `floats` says, "0..255", "0..1" or "-1..1"; it leaves uint8 alone.

  Args:
    a: the reference: what `image_sources.find` takes (a list of paths is one
      set), a file of saved statistics, or `feature_distance.Samples`.
    b: what is judged.
    features: "inception", "squeezenet", or a `network` loaded before.
    weights: see `network`.
    tap: see `network`.
    resize: see `network`.
    batch_size: images at a time.
    seed: of the error bar, and of the drawing of images.
    any_protocol: see `feature_distance.compare`.
    distance_only: see `feature_distance.compare`.
    **options: of `image_sources.find`.

  Returns:
    What `feature_distance.compare` does.

  Raises:
    InputError: anything that the two sides lack.
  """
  load = functools.cache(
    lambda: (
      features
      if isinstance(features, Network)
      else network(features, weights, tap, resize)
    )
  )

  def read(name, side):
    pictures = image_sources.find(side, seed=seed, **options)
    return samples(name, pictures, load(), batch_size, seed)

  sides = feature_distance.sides(a, b, read)
  return feature_distance.compare(
    *sides, any_protocol=any_protocol, distance_only=distance_only
  )


def record(a: Any, b: Any, network: Network) -> dict[str, Any]:
  """What a cell of a table keeps of `fid` of two sets, by `network`.

  Returns:
    "distance", "standard_error", "n" and "protocol".
  """
  found = fid(a, b, features=network)
  kept = ("distance", "standard_error", "n", "protocol")
  return {name: found[name] for name in kept}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
  add = parser.add_argument
  network = "inception makes the FID; squeezenet another distance, no FID"
  add("--features", choices=FEATURES, default="inception", help=network)
  where = "of the network, if they are not in ~/.cache/weights"
  add("--weights", metavar="FILE", help=where)
  layer = "layer of inception that is compared; pool is the FID's"
  add("--tap", choices=tuple(inception.TAPS), default="pool", help=layer)
  rule = "how images are brought to inception's size; tf1 is the FID's way"
  add("--resize", choices=RESIZES, default="tf1", help=rule)
  drawn = "draw N images of each set; else all are taken"
  add("--images", type=int, metavar="N", help=drawn)
  values = "range of pixels that are floats, of arrays"
  ranges = image_arrays.RANGES
  add("--floats", choices=ranges, default="0..255", help=values)
  split = "of a data set that is named without one"
  add("--split", default="test", metavar="NAME", help=split)
  prepared = "where TensorFlow Datasets has prepared data sets"
  add("--data-dir", metavar="DIR", help=prepared)
  size = "bring a data set's images to N x N; else to the paper's size"
  add("--size", type=int, metavar="N", help=size)


def main() -> None:
  """The command."""
  load = functools.cache(network)

  def find(
    source: command.Source, arguments: argparse.Namespace, glance: bool = False
  ) -> image_arrays.Pictures:
    return image_sources.find(
      source,
      count=arguments.images,
      seed=arguments.seed,
      strict=arguments.strict,
      floats=arguments.floats,
      split=arguments.split,
      data_dir=arguments.data_dir,
      size=arguments.size,
      glance=glance,
    )

  def check(
    source: command.Source, arguments: argparse.Namespace
  ) -> dict[str, str]:
    pictures = find(source, arguments, glance=True)
    sizes = collections.Counter(image.shape[:2] for image in pictures.images)
    return {"images": streaming.resolution(sizes)} if len(sizes) == 1 else {}

  def net_of(given: argparse.Namespace) -> Network:
    return load(given.features, given.weights, given.tap, given.resize)

  def made(arguments: argparse.Namespace) -> command.Made:
    net = net_of(arguments)
    rows = streaming.full_batch(1)
    batch = np.zeros((rows, net.size, net.size, 3), np.float32)
    found = jax.eval_shape(net.apply, net.parameters, batch)
    return net.protocol, found.shape[1]

  def read(
    source: command.Source, arguments: argparse.Namespace
  ) -> feature_distance.Samples:
    pictures = find(source, arguments)
    net, name = net_of(arguments), sources.title(source)
    return samples(name, pictures, net, arguments.batch_size, arguments.seed)

  title = __doc__.splitlines()[0]
  sets = (
    "a folder or .zip of images, an image, a quoted pattern, - (paths on "
    "standard input), an .npy or .npz array of images, a prepared data set of "
    "TensorFlow Datasets (cifar10:test)"
  )
  command.main(title, _add_arguments, read, None, check, made, sets)


if __name__ == "__main__":
  main()
