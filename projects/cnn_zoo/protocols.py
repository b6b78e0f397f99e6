"""How networks are split to learn, to stop and to judge, by two protocols.

The paper's: linear and MLP end where the *test* networks say, trees have as
many as suit them, and they choose the setting. The honest one: all of that by a
validation part of the training networks. In both, a network with all its
checkpoints is on one side.
"""

import time
from typing import NamedTuple

import ml_collections
import numpy as np

from . import collection, predictors
from .collection import Collection
from .predictors import Part

PROTOCOLS = ("honest", "paper")


class Split(NamedTuple):
  """Rows of networks: to learn from, to stop by, to judge."""

  training: np.ndarray
  validation: np.ndarray
  test: np.ndarray

  @property
  def learned(self) -> np.ndarray:
    """All that are not judged."""
    return np.concatenate([self.training, self.validation])

  def sizes(self) -> dict[str, int]:
    """How many of each."""
    return {name: len(rows) for name, rows in self._asdict().items()}


def split(rows: np.ndarray, config: ml_collections.ConfigDict) -> Split:
  """Draws the sides, each network on one."""
  order = np.random.default_rng(config.seed).permutation(rows)
  learned = min(int(config.train_share * len(order)), config.most_training)
  return Split(*validated(order[:learned], config), order[learned:])


def sides(found: Collection, config: ml_collections.ConfigDict) -> Split:
  """Those of the networks that can be used at the last epoch."""
  return split(np.flatnonzero(collection.usable(found)), config)


def validated(
  rows: np.ndarray, config: ml_collections.ConfigDict
) -> tuple[np.ndarray, np.ndarray]:
  """(training, validation) of networks in a random order."""
  held = max(1, int(config.validation_share * len(rows)))
  return rows[held:], rows[:held]


def accuracies(found: Collection) -> np.ndarray:
  """What is predicted: the test accuracy at the last epoch, [n]."""
  return found.scores["test_accuracy"][:, -1]


def fitted(
  kind: str,
  config: ml_collections.ConfigDict,
  x: np.ndarray,
  y: np.ndarray,
  parts: Split,
  protocol: str = "honest",
) -> tuple[predictors.Predict, float]:
  """A predictor by a protocol, and the seconds that it took."""
  of = lambda rows: Part(x[rows], y[rows])
  start = time.perf_counter()
  learn, stop = parts.training, parts.validation
  if protocol == "paper":
    learn, stop = parts.learned, parts.test
  restore = protocol != "paper"
  predict = predictors.fit(kind, config, of(learn), of(stop), restore)
  return predict, time.perf_counter() - start
