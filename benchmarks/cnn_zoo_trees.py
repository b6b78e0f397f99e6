"""What boosted trees cost the CNN zoo's predictors.

  python -m benchmarks cnn_zoo_trees

Seconds to grow the trees of all settings and to choose among them, on as many
features as statistics of weights (56), hyperparameters (7) and all weights
(4,970); they keep all cores busy. Minutes, most of them the last row's.
"""

import math
import time
from typing import Any

import ml_collections
import numpy as np

from benchmarks import timing
from configs.cnn_zoo import predictors
from projects.cnn_zoo import predictors as fits

HOW_TO_ADD_PEER = "none"
ONE_CORE = False


def run(quick: bool = False) -> list[dict[str, Any]]:
  """Returns one row (a dict) per number of features."""
  settings = predictors.get_config("smoke" if quick else "")
  networks = 40 if quick else 400
  counts = (56,) if quick else (56, 7, 4_970)
  return [_row(settings, networks, features) for features in counts]


def _row(
  settings: ml_collections.ConfigDict, networks: int, features: int
) -> dict[str, Any]:
  what = f"trees of all settings, {networks:,} networks, {features} features"
  rng = np.random.default_rng(0)
  x = rng.normal(size=(networks, features))
  y = 1 / (1 + np.exp(-x[:, :4].sum(axis=1)))
  cut = math.ceil(0.8 * networks)
  parts = fits.Part(x[:cut], y[:cut]), fits.Part(x[cut:], y[cut:])
  start = time.perf_counter()
  fits.fit("gbm", settings, *parts, True)
  return timing.row(what, time.perf_counter() - start)
