"""What the hyperparameters say of the accuracy, without and with the optimiser.

The authors' set of hyperparameters leaves the optimiser out; here accuracy
depends on it more than on all others together.
"""

from typing import Any

import ml_collections
import numpy as np

from . import collection, features, paper, scores, studies
from .collection import Collection
from .protocols import accuracies, fitted, sides, split

KNOWN = features.WITH_OPTIMIZER  # All that differs between networks.
SETS = ("hyper", KNOWN, paper.STATISTICS)
ALONE = ("hyper", paper.STATISTICS)  # Of one optimiser's networks.


def of_hyperparameters(
  found: Collection, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """Honest trees on the hyperparameters; accuracies, and R2, by optimiser.

  Returns:
    `percentiles`: test accuracies at those of `paper.PERCENTILES`.
    `r2`: of trees on each of `SETS`, [value, low, high].
    `difference`: R2 on the statistics less that on `KNOWN`, likewise.
    `optimizers`: of each, how many `networks`, quartiles of their `accuracy`,
      and `r2` on the hyperparameters and on the statistics of trees that learn
      from its networks alone, and are judged on others of them; None where
      these are fewer than `config.fewest`.

  Raises:
    InputError: the zoo's metrics lack a hyperparameter.
  """
  parts, y = sides(found, config), accuracies(found)
  x = {name: collection.of_set(found, name) for name in ("hyper", KNOWN)}
  x[paper.STATISTICS] = studies.statistics(found)

  def judged(name, parts):
    predict, _ = fitted("gbm", config, x[name], y, parts)
    predicted = predict(x[name][parts.test])
    return predicted, scores.with_intervals(y[parts.test], predicted, config)

  every = {name: judged(name, parts) for name in SETS}
  predicted = {name: guess for name, (guess, _) in every.items()}
  used = np.concatenate(parts)
  optimizer = np.asarray(found.columns[features.OPTIMIZER])
  groups = {}
  for name in np.unique(optimizer[used]):
    rows = np.sort(used[optimizer[used] == name])
    own = split(rows, config) if len(rows) >= config.fewest else None
    groups[str(name)] = {
      "networks": len(rows),
      "accuracy": np.percentile(y[rows], (25, 50, 75)).tolist(),
      "r2": own and {one: judged(one, own)[1]["r2"] for one in ALONE},
    }
  return {
    **studies.about(found, parts),
    "percentiles": np.percentile(y[used], paper.PERCENTILES).tolist(),
    "r2": {name: score["r2"] for name, (_, score) in every.items()},
    "difference": scores.r2_difference(
      y[parts.test], predicted[paper.STATISTICS], predicted[KNOWN], config
    ),
    "optimizers": groups,
  }
