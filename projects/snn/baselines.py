"""Other classifiers under the same protocol, by scikit-learn.

One setting is chosen by the score on the validation rows, from a small grid;
the score on the test rows is that of the model trained without the
validation rows, as the networks'.
"""

import itertools
import time
from typing import Any

import ml_collections
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from .datasets.padded import PaddedDataset

METHODS = ("random_forest", "svm", "naive_bayes", "decision_tree")


def models(
  config: ml_collections.ConfigDict, method: str, rows: int
) -> list[tuple[dict[str, Any], Any]]:
  """(setting, model) for each point of a method's grid.

  Empty for an SVM on more than `config.references.svm_rows` rows, whose time
  grows with their square.
  """
  grid = config.references
  if method == "random_forest":
    return [
      (
        {"max_features": share},
        RandomForestClassifier(
          grid.trees, max_features=share, random_state=config.seed
        ),
      )
      for share in grid.max_features
    ]
  if method == "naive_bayes":
    return [({}, GaussianNB())]
  if method == "decision_tree":
    return [
      (
        {"min_samples_leaf": n},
        DecisionTreeClassifier(min_samples_leaf=n, random_state=config.seed),
      )
      for n in grid.min_samples_leaf
    ]
  if rows > grid.svm_rows:
    return []
  return [
    ({"C": c, "gamma": gamma}, SVC(C=c, gamma=gamma))
    for c, gamma in itertools.product(grid.svm_c, grid.svm_gamma)
  ]


def score(model: Any, x: np.ndarray, y: np.ndarray, name: str) -> float:
  """The accuracy, or the area under the ROC curve of class 1, of a model."""
  if name == "accuracy":
    return float(model.score(x, y))
  if hasattr(model, "predict_proba"):
    return float(roc_auc_score(y > 0, model.predict_proba(x)[:, 1]))
  return float(roc_auc_score(y > 0, model.decision_function(x)))


def record(
  config: ml_collections.ConfigDict, dataset: PaddedDataset, method: str
) -> dict[str, Any]:
  """Trains a method's grid on a task; what the journal keeps of it."""
  start = time.perf_counter()
  part = {}
  for name, p in dataset.parts.items():
    rows = int(p.rows)
    x = np.asarray(p.x)[:rows, : dataset.features]
    part[name] = x, np.asarray(p.y)[:rows]
  best: dict[str, Any] = {}
  for setting, model in models(config, method, len(part["train"][1])):
    if len(np.unique(part["train"][1])) < 2:
      break  # An SVM refuses to learn from one class.
    model.fit(*part["train"])
    validation = score(model, *part["validation"], config.data.score)
    if not best or validation > best["validation"]:
      test = score(model, *part["test"], config.data.score)
      best = {**setting, "validation": validation, "test": test}
  return {
    "task": dataset.name,
    "method": method,
    "best": best,
    "seconds": time.perf_counter() - start,
  }
