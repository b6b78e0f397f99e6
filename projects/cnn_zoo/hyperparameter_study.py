"""What the hyperparameters say of the accuracy, without and with the optimiser.

The authors' set of hyperparameters leaves the optimiser out; here accuracy
depends on it more than on all others together.
"""

from typing import Any

import ml_collections
import numpy as np

from . import collection, features, paper, scores, studies
from .collection import Collection
from .protocols import accuracies, fitted, sides

KNOWN = "hyper+optimizer"  # A set of ours: all that differs between networks.
SETS = ("hyper", KNOWN, paper.STATISTICS)


def of_hyperparameters(
  found: Collection, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """Honest trees on the hyperparameters; accuracies, and R2, by optimiser.

  Returns:
    `percentiles`: test accuracies at those of `paper.PERCENTILES`.
    `r2`: of trees on each of `SETS`, [value, low, high].
    `difference`: R2 on the statistics less that on `KNOWN`, likewise.
    `optimizers`: of each, how many `networks`, quartiles of their `accuracy`,
      and `r2` of trees on the statistics among those of the test part.

  Raises:
    InputError: the zoo's metrics lack a hyperparameter.
  """
  parts, y = sides(found, config), accuracies(found)
  truth, predicted = y[parts.test], {}
  for name in SETS:
    seen = name
    if name == paper.STATISTICS:  # Of as many layers as there are.
      seen = features.names_of(found.layout).every
    x = collection.of_set(found, seen)
    predict, _ = fitted("gbm", config, x, y, parts)
    predicted[name] = predict(x[parts.test])
  used = np.concatenate(parts)
  optimizer = np.asarray(found.columns[features.OPTIMIZER])
  judged = lambda guess, which: scores.with_intervals(
    truth[which], guess[which], config
  )["r2"]
  groups = {}
  for name in np.unique(optimizer[used]):
    rows, test = used[optimizer[used] == name], optimizer[parts.test] == name
    groups[str(name)] = {
      "networks": len(rows),
      "accuracy": np.percentile(y[rows], (25, 50, 75)).tolist(),
      "r2": (
        judged(predicted[paper.STATISTICS], test)
        if test.sum() > 1
        else [None, None, None]
      ),
    }
  every = np.ones(len(truth), bool)
  return {
    **studies.about(found, parts),
    "percentiles": np.percentile(y[used], paper.PERCENTILES).tolist(),
    "r2": {name: judged(predicted[name], every) for name in SETS},
    "difference": scores.r2_difference(
      truth, predicted[paper.STATISTICS], predicted[KNOWN], config
    ),
    "optimizers": groups,
  }
