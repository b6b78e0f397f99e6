"""The paper's experiments on collections of networks, as plain numbers."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from common.errors import InputError

from . import boosting, collection, features, paper, predictors, scores
from .collection import Collection
from .predictors import Part
from .protocols import (
  PROTOCOLS,
  Split,
  accuracies,
  fitted,
  sides,
  split,
  validated,
)


def of_sets(
  found: Collection, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """All sets of features, predictors and protocols on one data set.

  Sets that need weights, and differences, are of the networks whose weights are
  at hand: such a set is None where those are fewer than `config.fewest`.
  """
  parts = sides(found, config)
  heavy = [name for name in paper.SETS if "weights" in name]
  light = [name for name in paper.SETS if name not in heavy]
  table, trees, truth = _judged(found, light, config)
  table.update(dict.fromkeys(heavy))
  some = collection.with_weights(found)
  if collection.usable(some).sum() >= config.fewest:
    again = [] if some is found else [paper.STATISTICS, "hyper"]
    weighed, others, truth = _judged(some, [*again, *heavy], config)
    table.update({name: weighed[name] for name in heavy})
    trees.update(others)
  return {
    **about(found, parts),
    "with_weights": len(some.networks),
    "sets": {name: table[name] for name in paper.SETS},
    "all_epochs": _all_epochs(found, config, parts),
    "differences": _differences(truth, trees, config),
  }


def _judged(found, names, config):
  """Scores by set, predictor and protocol; honest trees' predictions; truth.

  The last two are of the test networks. A set that these do not have is None.
  """
  parts = sides(found, config)
  y = accuracies(found)
  truth, table, trees = y[parts.test], {}, {}
  for name in names:
    try:
      x = collection.of_set(found, _named(found, name))
    except InputError:
      table[name] = None
      continue
    table[name] = {kind: {} for kind in predictors.KINDS}
    for kind, protocol in itertools.product(predictors.KINDS, PROTOCOLS):
      predict, seconds = fitted(kind, config, x, y, parts, protocol)
      predicted = predict(x[parts.test])
      table[name][kind][protocol] = {
        **scores.with_intervals(truth, predicted, config),
        "seconds": seconds,
      }
      if (kind, protocol) == ("gbm", "honest"):
        trees[name] = predicted
  return table, trees, truth


def _named(found, name):
  """The paper's set of four layers as this zoo's layers have it."""
  ours = features.names_of(found.layout)
  q = lambda which: f"wstats-layers:{which}-qts:0,25,50,75,100"
  same = {
    q("0,1,2,3"): ours.every,
    q("0,3"): ours.ends,
    q("3"): ours.last,
    "wnorm-layers:0,1,2,3-l1": ours.l1,
    "wnorm-layers:0,1,2,3-l2": ours.l2,
  }
  return same.get(name, name)


def about(found: Collection, parts: Split) -> dict[str, Any]:
  """What a cell of one data set says of its networks."""
  rows = np.concatenate(parts)
  return {
    "dataset": found.name,
    "epochs": list(found.epochs),
    "networks": len(found.networks),
    "left_out": len(found.networks) - len(rows),
    "split": parts.sizes(),
    "trees": boosting.name(),
    "accuracy": [
      float(v)
      for v in np.percentile(accuracies(found)[rows], (0, 25, 50, 75, 100))
    ],
  }


def _all_epochs(found, config, parts):
  """Trees that learn from all kept epochs, judged on the last, as all are."""
  name = features.names_of(found.layout).every
  places = range(len(found.epochs))
  fine = [collection.usable(found, place) for place in places]

  def of(rows, places):
    each = [(place, rows[fine[place][rows]]) for place in places]
    x = [found.statistics[name][r, place] for place, r in each]
    y = [found.scores["test_accuracy"][r, place] for place, r in each]
    return Part(np.concatenate(x), np.concatenate(y))

  predict = predictors.fit(
    "gbm",
    config,
    of(parts.training, places),
    of(parts.validation, places[-1:]),
    True,
  )
  test = of(parts.test, places[-1:])
  return scores.with_intervals(test.y, predict(test.x), config)


def _differences(truth, trees, config):
  """R2 of trees on one set less that on another, honest, paired."""
  pairs = {
    "statistics less weights": (paper.STATISTICS, "weights"),
    "statistics less hyperparameters": (paper.STATISTICS, "hyper"),
    "weights less hyperparameters": ("weights", "hyper"),
  }
  return {
    what: scores.r2_difference(truth, trees[one], trees[other], config)
    for what, (one, other) in pairs.items()
    if one in trees and other in trees
  }


def statistics(found: Collection, place: int = -1) -> np.ndarray:
  """The 56 statistics (of as many layers as there are) at an epoch."""
  return found.statistics[features.names_of(found.layout).every][:, place]


def transfer(
  found: Sequence[Collection],
  config: ml_collections.ConfigDict,
  most_points: int = 500,
) -> dict[str, Any]:
  """Trees trained on each data set, judged on all: on its own, its test part.

  Of another, on all networks but the twins of those that the trees have seen:
  zoos of one seed draw the same hyperparameters and first weights.

  Raises:
    InputError: networks of different numbers of layers, or of two data sets all
      are twins.
  """
  if len({statistics(one).shape[1] for one in found}) > 1:
    raise InputError(
      "the zoos' networks have different numbers of layers: see "
      "--table=architectures"
    )
  table = {}
  for one in found:
    parts, y = sides(one, config), accuracies(one)
    strangers = {
      other.name: _strangers(one, parts.learned, other)
      for other in found
      if other is not one
    }
    predict, _ = fitted("gbm", config, statistics(one), y, parts)
    table[one.name] = {}
    for other in found:
      judged = strangers.get(other.name, parts.test)
      truth = accuracies(other)[judged]
      predicted = predict(statistics(other)[judged])
      points = np.stack([truth, predicted], axis=1)[:most_points]
      table[one.name][other.name] = {
        **scores.with_intervals(truth, predicted, config),
        "networks": len(judged),
        "points": points.round(4).tolist(),
      }
  counts = {one.name: len(one.networks) for one in found}
  return {"networks": counts, "pairs": table}


def _strangers(one, seen, other):
  """Rows of `other` that were drawn otherwise than the rows `seen` of `one`.

  By the hyperparameters that both zoos' metrics have.
  """
  rows = np.flatnonzero(collection.usable(other))
  both = sorted(one.columns.keys() & other.columns.keys())
  drawn = lambda zoo, i: tuple(str(zoo.columns[name][i]) for name in both)
  known = {drawn(one, i) for i in seen} if both else set()
  found = [i for i in rows if drawn(other, i) not in known]
  if len(found) < 2:
    raise InputError(
      f"{len(rows) - len(found)} of {len(rows)} networks of {other.name} "
      f"({architecture(other)}) are twins of those of {one.name} that would be "
      "learned from, and their ranks known beforehand: train one of the zoos "
      "with another config.seed"
    )
  return np.asarray(found, int)


def of_sizes(
  found: Collection, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """R2 of trees on the 56 statistics, by the number of training networks.

  The validation part counts among them; all are judged on the same networks.
  """
  parts = sides(found, config)
  x, y = statistics(found), accuracies(found)
  learned = parts.learned
  sizes = [n for n in tuple(config.sizes) if n < len(learned)]
  curve = {}
  for size in [*sizes, len(learned)]:
    curve[str(size)] = []
    for draw in range(config.draws):
      order = np.random.default_rng([config.seed, draw]).permutation(learned)
      training, validation = validated(order[:size], config)
      part = parts._replace(training=training, validation=validation)
      predict, _ = fitted("gbm", config, x, y, part)
      found_r2 = scores.scores(y[parts.test], predict(x[parts.test]))["r2"]
      curve[str(size)].append(found_r2)
  return {**about(found, parts), "curve": curve}


def extrapolated(
  curve: Mapping[str, Sequence[float]], size: int
) -> float | None:
  """R2 at `size`: a line through log(1 - R2) against log n.

  None of fewer than three points. The further `size` lies from them, the less
  it is to be trusted.
  """
  points = [(int(n), np.median(values)) for n, values in curve.items()]
  points = [(n, r2) for n, r2 in points if np.isfinite(r2) and r2 < 1]
  if len(points) < 3:
    return None
  n, r2 = np.asarray(points).T
  slope, offset = np.polyfit(np.log(n), np.log(1 - r2), 1)
  return float(1 - np.exp(offset + slope * np.log(size)))


def of_epochs(
  found: Collection, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """The last epoch's accuracy from the statistics at each epoch.

  Beside it, what the accuracy at that epoch says of the last one's.
  """
  fine = [collection.usable(found, i) for i in range(len(found.epochs))]
  rows = np.flatnonzero(np.all(fine, axis=0))
  parts, y = split(rows, config), accuracies(found)
  table = {}
  for place, epoch in enumerate(found.epochs):
    x = statistics(found, place)
    predict, _ = fitted("gbm", config, x, y, parts)
    truth, test = y[parts.test], parts.test
    now = found.scores["test_accuracy"][test, place]
    table[str(epoch)] = {
      "weights": scores.with_intervals(truth, predict(x[test]), config),
      "accuracy": scores.with_intervals(truth, now, config),
    }
  return {**about(found, parts), "by_epoch": table}


def seen(found: Collection, other: Collection, name: str) -> np.ndarray:
  """A set's features of `other`, for what learned the same set of `found`.

  Sets of the first and the last layer, of the last, and of all weights together
  exist at any depth; those of all layers want as many layers.

  Raises:
    InputError: a predictor of the one cannot judge the other.
  """
  shapes = lambda one: [tensor.shape for tensor in one.layout]
  options = lambda one: [set(one.columns.get(n, ())) for n in features.CHOICES]
  here, there = (len(shapes(one)) // 2 for one in (found, other))
  why = None
  if "weights" in name and shapes(found) != shapes(other):
    why = "their tensors differ"
  elif ":0,1,2,3-" in name and here != there:
    why = f"they have {here} and {there} layers"
  elif name.startswith("hyper") and options(found) != options(other):
    why = "their hyperparameters have other choices"
  if why:
    raise InputError(
      f"what learned the {paper.SETS[name]} of networks of "
      f"{architecture(found)} cannot judge those of {architecture(other)}: "
      f"{why}"
    )
  return collection.of_set(other, _named(other, name))


def of_architectures(
  found: Collection,
  others: Sequence[Collection],
  config: ml_collections.ConfigDict,
) -> dict[str, Any]:
  """Trees on each set of statistics, judged on other networks.

  Its own architecture comes first; of others, twins of networks that were
  learned from do not count. A set that cannot judge an architecture is None.

  Raises:
    InputError: all networks of an architecture are twins.
  """
  parts, y = sides(found, config), accuracies(found)
  rows_of = [
    parts.test,
    *(_strangers(found, parts.learned, one) for one in others),
  ]
  predict = {
    name: fitted("gbm", config, seen(found, found, name), y, parts)[0]
    for name in paper.STATISTICS_SETS
  }
  table = []
  for one, judged in zip((found, *others), rows_of, strict=True):
    truth, sets = accuracies(one)[judged], {}
    for name, of in predict.items():
      try:
        x = seen(found, one, name)[judged]
      except InputError:
        sets[name] = None
        continue
      sets[name] = scores.with_intervals(truth, of(x), config)
    table.append(
      {
        "architecture": architecture(one),
        "dataset": one.name,
        "networks": len(judged),
        "median_accuracy": float(np.median(truth)),
        "sets": sets,
      }
    )
  return {**about(found, parts), "rows": table}


def architecture(found: Collection) -> str:
  """As "conv 16, conv 16, dense 10"."""
  kinds = {2: "dense", 4: "conv"}
  kernels = [t.shape for t in found.layout if len(t.shape) > 1]
  return ", ".join(f"{kinds.get(len(s), 'layer')} {s[-1]}" for s in kernels)


def importances(
  found: Collection, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """What R2 on the test networks loses where a statistic is shuffled.

  Returns:
    How many networks, the tensors' names, and `loss` [tensors, 7], the mean of
    several shuffles.
  """
  parts = sides(found, config)
  x, y = statistics(found), accuracies(found)
  predict, _ = fitted("gbm", config, x, y, parts)
  test, truth = x[parts.test], y[parts.test]
  whole = scores.scores(truth, predict(test))["r2"]
  rng, losses = np.random.default_rng(config.seed), []
  for column in range(x.shape[1]):
    lost = []
    for _ in range(config.repeats):
      changed = test.copy()
      changed[:, column] = rng.permutation(changed[:, column])
      lost.append(whole - scores.scores(truth, predict(changed))["r2"])
    losses.append(float(np.mean(lost)))
  tensors = [tensor.name for tensor in found.layout]
  table = np.asarray(losses).reshape(len(tensors), -1)
  return {
    "networks": len(found.networks),
    "tensors": tensors,
    "loss": table.round(5).tolist(),
  }
