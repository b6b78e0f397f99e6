"""Other classifiers under the same protocol, by scikit-learn.

One setting is chosen by the score on the validation rows, from a small grid;
the score on the test rows is that of the model trained without the
validation rows, as the networks'. Where a table has several tasks, each has a
model of its own on the rows where it was measured, and all the same setting.
"""

import itertools
import time
from typing import Any

import ml_collections
import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel
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


def _of_classes(
  model: Any, part: dict[str, tuple[np.ndarray, np.ndarray]], name: str
) -> dict[str, float]:
  """The scores of a model; none where the rows trained on have one class."""
  if len(np.unique(part["train"][1])) < 2:
    return {}  # An SVM refuses to learn from one class.
  model.fit(*part["train"])
  return {n: score(model, *part[n], name) for n in ("validation", "test")}


def _of_tasks(
  model: Any, part: dict[str, tuple[np.ndarray, np.ndarray]], name: str
) -> dict[str, float]:
  """The scores of a model of each task, averaged over the tasks.

  As the networks', over the tasks that have both outcomes in the part; here
  also in the rows trained on.
  """
  part = {n: (x.astype(np.float32), y) for n, (x, y) in part.items()}
  kernel = isinstance(model, SVC)
  if kernel:  # The same for all tasks, so that it is computed once.
    whole = part["train"][0]
    gamma = model.gamma
    if gamma == "scale":
      gamma = 1 / (whole.shape[1] * whole.var())
    part = {n: (rbf_kernel(x, whole, gamma), y) for n, (x, y) in part.items()}
    model = SVC(C=model.C, kernel="precomputed")
  scores: dict[str, list[float]] = {"validation": [], "test": []}
  x, labels = part["train"]
  for task in range(labels.shape[1]):
    rows = np.flatnonzero(~np.isnan(labels[:, task]))
    if len(np.unique(labels[rows, task])) < 2:
      continue
    columns = rows if kernel else np.arange(x.shape[1])
    one = clone(model).fit(x[np.ix_(rows, columns)], labels[rows, task])
    for n, found in scores.items():
      others, outcomes = part[n]
      known = np.flatnonzero(~np.isnan(outcomes[:, task]))
      truth = outcomes[known, task]
      if len(np.unique(truth)) == 2:
        found.append(score(one, others[np.ix_(known, columns)], truth, name))
  if not all(scores.values()):
    return {}
  return {n: float(np.mean(found)) for n, found in scores.items()}


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
  tasks = config.data.kind == "tasks"
  each = _of_tasks if tasks else _of_classes
  for setting, model in models(config, method, len(part["train"][1])):
    found = each(model, part, config.data.score)
    if found and (not best or found["validation"] > best["validation"]):
      best = {**setting, **found}
  return {
    "task": dataset.name,
    "method": method,
    "features": dataset.features,
    "best": best,
    "seconds": time.perf_counter() - start,
  }
