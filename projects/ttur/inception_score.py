"""The Inception Score of a set of images, printed beside the FID by many.

    python -m projects.ttur.inception_score IMAGES ... [--weights=FILE]
      [--resize=clean-fid] [--splits=10] [--json] ...

    from projects.ttur.inception_score import score
    score("generated/")["mean"]

IMAGES are a folder of images, a zip archive, an .npy or .npz array, or a data
set of TensorFlow Datasets; see `common.metrics.image_sources.find`. Several are
one set: files in the order in which they are named, then arrays.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from common import cli
from common.data import sources
from common.errors import InputError
from common.metrics import feature_distance, fid, image_arrays, image_sources
from common.stats.inception_score import inception_score


def score(
  source: str | os.PathLike | np.ndarray | Sequence[str],
  *,
  splits: int = 10,
  weights: str | os.PathLike | None = None,
  resize: str = "tf1",
  network: fid.Network | None = None,
  batch_size: int = 64,
  **options: Any,
) -> dict[str, Any]:
  """The score over `splits` parts of the images, in the order that they have.

  Args:
    source: what `image_sources.find` takes.
    splits: how many parts.
    weights: of Inception; None looks where they are kept.
    resize: whose rule brings images to Inception's size: see `fid.network`.
    network: one loaded before, `fid.network(tap="logits_unbiased")`.
    batch_size: images at a time.
    **options: of `image_sources.find`.

  Returns:
    "mean" and "std" over the splits, "n", "splits", "protocol", "notes".

  Raises:
    InputError: no weights, no images, or fewer than splits.
  """
  pictures = image_sources.find(source, **options)
  if splits < 1 or splits > (pictures.count or splits):
    raise InputError(
      f"splits={splits}: of {pictures.count or 'these'} images it can be 1 to "
      "their number"
    )
  net = network or fid.network("inception", weights, "logits_unbiased", resize)
  batches = image_sources.batches(
    pictures.images, batch_size, net.size, pictures.notes, net.stretch
  )
  logits = np.concatenate(list(fid.features(net, batches, batch_size)))
  found = inception_score(logits, splits)
  name = "Inception Score"
  if fid.ANOTHER in net.protocol["score"]:
    name = f"{name}, {fid.ANOTHER}"
  if resize != "tf1":
    name = f"{name} by {resize}'s resize"
  protocol = {**net.protocol, "score": name}
  return {
    **found._asdict(),
    "n": len(logits),
    "splits": splits,
    "protocol": protocol,
    "notes": dict(pictures.notes),
  }


def main() -> None:
  """The command."""
  parser = cli.Parser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  images = (
    "a folder or .zip of images, an image, a quoted pattern, - (paths on "
  )
  images += "standard input), an .npy or .npz array of images, a prepared data "
  images += "set of TensorFlow Datasets (cifar10:test); several are one set"
  add("images", metavar="IMAGES", nargs="+", help=images)
  where = "of Inception, if they are not in ~/.cache/weights"
  add("--weights", metavar="FILE", help=where)
  number = {"type": int, "metavar": "N"}
  add("--splits", default=10, help="parts that it is the mean over", **number)
  many = "images that pass the network at once; the result is the same"
  add("--batch-size", default=64, help=many, **number)
  rule = "how images are brought to Inception's size"
  add("--resize", choices=fid.RESIZES, default="tf1", help=rule)
  strict = "images that would be left out or converted are errors"
  add("--strict", action="store_true", help=strict)
  values = "range of pixels that are floats, of arrays"
  add("--floats", choices=image_arrays.RANGES, default="0..255", help=values)
  add("--json", action="store_true", help="print JSON, with all digits")
  given = parser.parse_args()
  with cli.sentences():
    one, *more = given.images
    found = score(
      given.images if more else one,
      splits=given.splits,
      weights=given.weights,
      resize=given.resize,
      batch_size=given.batch_size,
      strict=given.strict,
      floats=given.floats,
    )
  if given.json:
    print(json.dumps(found, indent=2))
    return
  print(
    f"{found['protocol']['score']}: {found['mean']:.4g} ± {found['std']:.2g} "
    f"over {found['splits']} splits of n = {found['n']:,}"
  )
  if notes := feature_distance.described(found["notes"]):
    print(f"  {sources.title(given.images)}: {notes}")


if __name__ == "__main__":
  main()
