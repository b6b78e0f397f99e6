"""The masked loss of both networks, and how their scores are judged."""

import jax
import numpy as np
import optax
from jax import numpy as jnp
from sklearn import metrics

from common.errors import InputError


def cross_entropy(logits: jax.Array, y: jax.Array) -> jax.Array:
  """Binary cross-entropy, the mean over all labels that are known.

  Args:
    logits: `[batch, tasks]`.
    y: float `[batch, tasks]`, 0, 1, or NaN where a label is missing.
  """
  known = ~jnp.isnan(y)
  # Replaced before the loss: NaN times 0 is NaN, in the gradient too.
  each = optax.sigmoid_binary_cross_entropy(logits, jnp.where(known, y, 0.0))
  total = jnp.sum(jnp.where(known, each, 0.0))
  return total / jnp.maximum(jnp.sum(known), 1)


def aucs(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
  """The area under the ROC curve of each task; NaN where a class is absent.

  Args:
    logits: `[n, tasks]`.
    y: `[n, tasks]`, 0, 1, or NaN where a label is missing.
  """
  found = np.full(y.shape[1], np.nan)
  for task, (score, label) in enumerate(zip(logits.T, y.T, strict=True)):
    known = ~np.isnan(label)
    if len(np.unique(label[known])) == 2:
      found[task] = metrics.roc_auc_score(label[known], score[known])
  return found


def mean_auc(logits: np.ndarray, y: np.ndarray) -> float:
  """The mean of `aucs` over the tasks that have one.

  Raises:
    InputError: no task has.
  """
  found = aucs(logits, y)
  if np.isnan(found).all():
    raise InputError(
      f"no assay has both actives and inactives among {len(y)} molecules: an "
      "AUC needs both; take more molecules"
    )
  return float(np.nanmean(found))
