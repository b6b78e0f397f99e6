"""Says how accurate networks are, from their weights, by a zoo's predictor.

    python -m projects.cnn_zoo.predict --zoo=DIR network.npz other.safetensors

DIR is a zoo's folder, or a file of statistics that `reproduce` has written. Of
its networks, some grow the trees on 56 statistics, some stop them, and the rest
say how wide the interval is: wide enough for a share (`config.coverage`) of
networks drawn as the zoo's are. Of networks trained in another way, or on other
data, it says little. FILE is .npz, .npy, .safetensors or a torch state dict; a
plain vector is in the order of layout.csv, bias before kernel.
"""

import math
import pathlib
from typing import NamedTuple

import ml_collections
import numpy as np

from common import cli, config_schema

from . import (
  boosting,
  collection,
  features,
  network_files,
  pictures,
  predictors,
  protocols,
  scores,
  studies,
)
from .collection import Collection
from .schema import PREDICTORS


class Judge(NamedTuple):
  """A predictor with its margin.

  Attributes:
    predict: features [n, k] to accuracies [n].
    margin: half the interval's width; infinite where too few networks are left
      to say it.
    about: what it was learned from, in a sentence.
  """

  predict: predictors.Predict
  margin: float
  about: str


def judge(found: Collection, config: ml_collections.ConfigDict) -> Judge:
  """Grows trees on a zoo's networks at their last epoch.

  The margin is the split-conformal one: the k-th smallest absolute residual of
  m other networks, k = ceil((m + 1) coverage) (Lei et al., 2018,
  arXiv:1604.04173).
  """
  parts = protocols.sides(found, config)
  x, y = studies.statistics(found), protocols.accuracies(found)
  predict, _ = protocols.fitted("gbm", config, x, y, parts)
  truth, predicted = y[parts.test], predict(x[parts.test])
  residuals = np.sort(np.abs(truth - np.clip(predicted, 0, 1)))
  k = math.ceil((len(residuals) + 1) * config.coverage)
  margin = residuals[k - 1] if k <= len(residuals) else math.inf
  r2 = scores.scores(truth, predicted)["r2"]
  said = f"{r2:.2f}" if math.isfinite(r2) else "undefined"
  share = f"{config.coverage:.0%}"
  width = f"too few for an interval of {share}"
  if math.isfinite(margin):
    width = f"intervals of {share}: ±{margin:.3f}"
  return Judge(
    lambda x: np.clip(predict(x), 0, 1),
    float(margin),
    f"{boosting.name()}, learned from {len(parts.learned)} networks of "
    f"{pictures.named(found.name)} after {found.epochs[-1]} epochs; on "
    f"{len(parts.test)} others R2 {said}; {width}",
  )


def predictions(
  judge: Judge, found: Collection, path: str | pathlib.Path
) -> list[tuple[float, float, float] | None]:
  """(accuracy, low, high) of each network in a file; None of one that diverged.

  Raises:
    InputError: it cannot be read, is another architecture, or all are NaN.
  """
  weights = network_files.read(path, found.layout)
  name = features.names_of(found.layout).every
  fine = np.asarray(np.isfinite(weights).all(axis=1))
  x = features.of_weights(found.layout)[name](weights[fine])
  values = map(float, judge.predict(x))
  each = ((p, p - judge.margin, p + judge.margin) for p in values)
  bounded = ((p, max(0.0, low), min(1.0, high)) for p, low, high in each)
  return [next(bounded) if ok else None for ok in fine]


def main() -> None:
  """The command."""
  parser = cli.Parser(description=__doc__)
  add = parser.add_argument
  zoo = "folder of a trained zoo, or a file of statistics, results/cnn_zoo/"
  add("--zoo", required=True, metavar="DIR", help=f"{zoo}zoo_mnist.npz")
  default = "configs/cnn_zoo/predictors.py"
  how = "how networks are predicted"
  add("--config", default=default, metavar="FILE", help=how)
  kinds = "a network's weights: .npz, .npy, .safetensors, or of torch"
  add("files", nargs="+", metavar="FILE", help=kinds)
  arguments = parser.parse_args()
  with cli.sentences():
    config = cli.load_config(arguments.config)
    config_schema.check(config, PREDICTORS)
    found = collection.read(arguments.zoo, config)
    learned = judge(found, config)
    print(learned.about)
    for path in arguments.files:
      each = predictions(learned, found, path)
      for i, one in enumerate(each):
        said = "its weights are not finite"
        if one is not None:
          value, low, high = one
          said = f"{value:.3f} [{low:.3f}, {high:.3f}]"
        print(f"{path if len(each) == 1 else f'{path}[{i}]'}: {said}")


if __name__ == "__main__":
  main()
