"""Random forest and SVM under the same protocol, by scikit-learn.

One setting is chosen by the accuracy on the validation rows, from a small grid;
the accuracy on the test rows is that of the model trained without the
validation rows, as the networks'.
"""

import itertools
import time
from typing import Any

import ml_collections
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

from . import tasks

METHODS = ("random_forest", "svm")


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
  if rows > grid.svm_rows:
    return []
  return [
    ({"C": c, "gamma": gamma}, SVC(C=c, gamma=gamma))
    for c, gamma in itertools.product(grid.svm_c, grid.svm_gamma)
  ]


def record(
  config: ml_collections.ConfigDict, task: tasks.Task, method: str
) -> dict[str, Any]:
  """Trains a method's grid on a task; what the journal keeps of it."""
  start = time.perf_counter()
  part = {}
  for name, p in task.parts.items():
    rows = int(p.rows)
    x = np.asarray(p.x)[:rows, : task.features]
    part[name] = x, np.asarray(p.y)[:rows]
  best: dict[str, Any] = {}
  for setting, model in models(config, method, len(part["train"][1])):
    if len(np.unique(part["train"][1])) < 2:
      break  # An SVM refuses to learn from one class.
    model.fit(*part["train"])
    validation = float(model.score(*part["validation"]))
    if not best or validation > best["validation"]:
      test = float(model.score(*part["test"]))
      best = {**setting, "validation": validation, "test": test}
  return {
    "task": task.name,
    "method": method,
    "best": best,
    "seconds": time.perf_counter() - start,
  }
