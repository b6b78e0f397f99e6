"""Do hidden units detect toxicophores? Every unit against every alert."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from . import inputs, model, rank_tests


def activations(
  config: ml_collections.ConfigDict, params: Any, bits: np.ndarray
) -> list[np.ndarray]:
  """Each hidden layer's activations of all molecules, float32 `[n, width]`."""
  network = model.network(config)
  apply = jax.jit(lambda params, x: network.apply({"params": params}, x)[1])
  parts = [
    [np.asarray(layer)[: len(rows)] for layer in apply(params, x)]
    for rows, x in inputs.chunks(bits, config.eval_batch)
  ]
  return [np.concatenate(layer) for layer in zip(*parts, strict=True)]


def tested(groups: np.ndarray, least: int) -> np.ndarray:
  """Which alerts are tested, int64: those of `least` molecules, but not all."""
  count = groups.sum(axis=0)
  return np.flatnonzero((count >= least) & (count < len(groups)))


def study(
  layers: Sequence[np.ndarray],
  groups: np.ndarray,
  sizes: Sequence[int],
  given: ml_collections.ConfigDict,
) -> dict[str, Any]:
  """Tests all units of all layers against all alerts, corrected together.

  Args:
    layers: values `[n, units]` of each.
    groups: bool `[n, alerts]`, molecules with an alert.
    sizes: atoms of each alert.
    given: `config.neurons`.

  Returns:
    Plain data: counts of `tests` and `alerts`; how many alerts have a unit
    (`found`, two-sided with Bonferroni's correction; `found_greater`,
    one-sided; `found_bh` at the false discovery rate alpha); the share of
    `significant` tests; of each layer the number of alerts `first` found there
    and their mean `size` with its standard error; and a `best` unit of each
    alert, by p.
  """
  tests = [
    rank_tests.mann_whitney(layer, groups, columns_at_once=given.units_at_once)
    for layer in layers
  ]
  log_p = np.concatenate([one.log_p for one in tests])
  auc = np.concatenate([one.auc for one in tests])
  layer_of = np.repeat(np.arange(len(layers)), [x.shape[1] for x in layers])
  significant = rank_tests.bonferroni(log_p, given.alpha)
  # Half of the two-sided p where the group is above: the one-sided one.
  greater = np.where(auc > 0.5, log_p - np.log(2), 0)
  found = significant.any(axis=0)
  first = np.where(significant, layer_of[:, None], len(layers)).min(axis=0)
  best = log_p.argmin(axis=0)
  columns = np.arange(groups.shape[1])
  return {
    "tests": int(log_p.size),
    "alerts": len(columns),
    "molecules": len(groups),
    "found": int(found.sum()),
    "found_greater": int(
      rank_tests.bonferroni(greater, given.alpha).any(axis=0).sum()
    ),
    "found_bh": int(
      rank_tests.benjamini_hochberg(log_p, given.alpha).any(axis=0).sum()
    ),
    "significant": float(significant.mean()),
    "layers": [
      _of_layer(np.asarray(sizes)[first == i]) for i in range(len(layers))
    ],
    "best": {
      "layer": layer_of[best].tolist(),
      "unit": [
        int(unit - np.searchsorted(layer_of, layer_of[unit])) for unit in best
      ],
      "log10_p": (log_p[best, columns] / np.log(10)).tolist(),
      "auc": auc[best, columns].tolist(),
      "found": found.tolist(),
    },
  }


def _of_layer(sizes: np.ndarray) -> dict[str, Any]:
  count = len(sizes)
  return {
    "first": count,
    "size": float(sizes.mean()) if count else None,
    "error": float(sizes.std(ddof=1) / count**0.5) if count > 1 else None,
  }


def separation(found: Mapping[str, Any]) -> float:
  """How well best units tell alerts apart: the median of 0.5 + |AUC - 0.5|."""
  return float(np.median(0.5 + np.abs(np.asarray(found["best"]["auc"]) - 0.5)))
