"""How good predictions are, with intervals by the bootstrap over networks.

A score that does not exist is NaN: R2 and Kendall's tau where all networks have
the same accuracy, tau also where all predictions are the same.
"""

from collections.abc import Callable

import ml_collections
import numpy as np
from scipy import stats

from common.errors import InputError

NAMES = ("r2", "mse", "mad", "tau")


def scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
  """Scores of `predicted` [n] where `truth` [n] is right.

  r2   1 - MSE / variance, the population's (divided by n)
  mse  the mean of squared errors
  mad  the mean of absolute errors
  tau  Kendall's tau-b of the two rankings

  Raises:
    InputError: fewer than two networks, or a value that is not finite.
  """
  truth, predicted = (np.asarray(x, np.float64) for x in (truth, predicted))
  if len(truth) < 2 or truth.shape != predicted.shape:
    raise InputError(
      f"scores of {predicted.shape} predictions for {truth.shape} networks: "
      "there must be one each, of two networks or more"
    )
  if not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
    raise InputError("an accuracy or a prediction is not finite: leave it out")
  error = predicted - truth
  mse, variance = np.mean(error**2), np.var(truth)
  constant = np.ptp(truth) == 0
  flat = constant or np.ptp(predicted) == 0
  return {
    "r2": np.nan if constant else float(1 - mse / variance),
    "mse": float(mse),
    "mad": float(np.mean(np.abs(error))),
    "tau": np.nan if flat else float(stats.kendalltau(truth, predicted)[0]),
  }


def with_intervals(
  truth: np.ndarray, predicted: np.ndarray, config: ml_collections.ConfigDict
) -> dict[str, list[float | None]]:
  """Each score as [value, low, high]; None stands for what does not exist."""
  truth, predicted = np.asarray(truth), np.asarray(predicted)
  each = _resampled(lambda i: scores(truth[i], predicted[i]), truth, config)
  whole = scores(truth, predicted)
  return {
    name: [_known(whole[name]), *_interval([s[name] for s in each], config)]
    for name in NAMES
  }


def r2_difference(
  truth: np.ndarray,
  one: np.ndarray,
  other: np.ndarray,
  config: ml_collections.ConfigDict,
) -> list[float | None]:
  """R2 of `one` less that of `other`, paired by network: [value, low, high]."""
  truth, one, other = map(np.asarray, (truth, one, other))

  def difference(i):
    variance = np.var(truth[i])
    if not variance:
      return np.nan
    gained = (other[i] - truth[i]) ** 2 - (one[i] - truth[i]) ** 2
    return np.mean(gained) / variance

  each = _resampled(difference, truth, config)
  whole = difference(np.arange(len(truth)))
  return [_known(whole), *_interval(each, config)]


def _resampled(
  function: Callable, truth: np.ndarray, config: ml_collections.ConfigDict
) -> list:
  """`function` of the rows of each bootstrap sample, the same each time."""
  rng = np.random.default_rng(config.seed)
  n = len(truth)
  return [function(rng.integers(0, n, n)) for _ in range(config.resamples)]


def _interval(values, config):
  """Percentiles of those that exist."""
  found = np.asarray(values, np.float64)
  found = found[np.isfinite(found)]
  if not len(found):
    return [None, None]
  tail = 100 * (1 - config.level) / 2
  return [float(v) for v in np.percentile(found, [tail, 100 - tail])]


def _known(value):
  return float(value) if np.isfinite(value) else None
