"""Boosted trees: LightGBM's, or scikit-learn's where it is not installed."""

import itertools
from collections.abc import Callable
from typing import Any

import ml_collections
import numpy as np
import threadpoolctl
from sklearn.ensemble import HistGradientBoostingRegressor

try:
  import lightgbm
except (ImportError, OSError):  # Its library may lack OpenMP.
  lightgbm = None


def name() -> str:
  """Whose trees are grown here."""
  return "LightGBM" if lightgbm else "scikit-learn's HistGradientBoosting"


def fit(
  config: ml_collections.ConfigDict, training: Any, stopping: Any
) -> Callable[[np.ndarray], np.ndarray]:
  """Grows trees of every setting; returns what predicts `stopping` best.

  Args:
    config: configs/cnn_zoo/predictors.py.
    training: features `x` [n, k] and accuracies `y` [n].
    stopping: others; a setting has as many trees as suit them best.

  Returns:
    Features [n, k] to predictions [n], which may leave [0, 1].
  """
  settings = config.gbm
  one = _lightgbm if lightgbm else _scikit_learn
  best, lowest = None, np.inf
  grid = itertools.product(settings.fewest_in_leaf, settings.columns)
  for fewest, columns in grid:
    predict = one(settings, config.seed, fewest, columns, training, stopping)
    error = np.mean((predict(stopping.x) - stopping.y) ** 2)
    if error < lowest:
      best, lowest = predict, error
  assert best is not None  # The schema wants settings, and features are finite.
  return best


def _lightgbm(settings, seed, fewest, columns, training, stopping):
  parameters = {
    "objective": "regression",
    "metric": "rmse",
    "learning_rate": settings.learning_rate,
    "num_leaves": settings.leaves,
    "min_data_in_leaf": fewest,
    "feature_fraction": columns,
    "bagging_fraction": settings.rows,
    "bagging_freq": 1,
    "lambda_l2": settings.penalty,
    "num_threads": settings.threads,
    "seed": seed,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
  }
  learned = lightgbm.Dataset(training.x, training.y)
  trees = lightgbm.train(
    parameters,
    learned,
    settings.rounds,
    valid_sets=[learned.create_valid(stopping.x, stopping.y)],
    callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)],
  )
  return lambda x: np.asarray(
    trees.predict(x, num_iteration=trees.best_iteration)
  )


def _scikit_learn(settings, seed, fewest, columns, training, stopping):
  """Grown to the end, then cut: its own stopping wants a part of `training`.

  So `patience` changes nothing, nor does `rows`, which it has no word for.
  """
  trees = HistGradientBoostingRegressor(
    learning_rate=settings.learning_rate,
    max_iter=settings.rounds,
    max_leaf_nodes=settings.leaves,
    min_samples_leaf=fewest,
    max_features=columns,
    l2_regularization=settings.penalty,
    early_stopping=False,
    random_state=seed,
  )
  # scikit-learn's own dependency; without it, all cores wait for each other.
  with threadpoolctl.threadpool_limits(settings.threads or None, "openmp"):
    trees.fit(training.x, training.y)
    errors = [
      np.mean((found - stopping.y) ** 2)
      for found in trees.staged_predict(stopping.x)
    ]
  after = int(np.argmin(errors))
  stage = lambda x: itertools.islice(trees.staged_predict(x), after, None)
  return lambda x: next(stage(x))
