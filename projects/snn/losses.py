"""Losses and scores, masked where rows or labels are missing."""

from collections.abc import Callable

import jax
import optax
from jax import numpy as jnp


def cross_entropy(logits: jax.Array, y: jax.Array, classes: int) -> jax.Array:
  """Mean of -log softmax(logits)[y], over the first `classes` logits only.

  Args:
    logits: `[batch, outputs]`; those from `classes` on are padding.
    y: int `[batch]`.
    classes: how many there are; may be traced.
  """
  logits = without_padding(logits, classes)
  return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, y))


def without_padding(logits: jax.Array, classes: jax.Array | int) -> jax.Array:
  """Logits `[batch, outputs]` with those from `classes` on out of the race."""
  real = (jnp.arange(logits.shape[1]) < classes)[None]
  return jnp.where(real, logits, -1e9)


def multi_task(logits: jax.Array, y: jax.Array) -> jax.Array:
  """Binary cross-entropy, summed over a molecule's labels; mean over molecules.

  Labels that are missing add nothing: one assay's gradient does not depend on
  how many others were done.

  Args:
    logits: `[batch, tasks]`.
    y: float `[batch, tasks]`, 0, 1, or NaN where a label is missing.
  """
  known = ~jnp.isnan(y)
  # Replaced before the loss: NaN times 0 is NaN, in the gradient too.
  each = optax.sigmoid_binary_cross_entropy(logits, jnp.where(known, y, 0.0))
  return jnp.mean(jnp.sum(jnp.where(known, each, 0.0), axis=1))


def make_loss(
  kind: str, classes: jax.Array | int
) -> Callable[[jax.Array, jax.Array], jax.Array]:
  """Returns `loss(logits, y)` for labels that are "classes" or "tasks"."""
  if kind == "tasks":
    return multi_task
  return lambda logits, y: cross_entropy(logits, y, classes)


def accuracy(
  logits: jax.Array, y: jax.Array, mask: jax.Array, classes: jax.Array | int
) -> jax.Array:
  """Share of the rows in `mask` whose largest logit is that of their class.

  Only the first `classes` logits stand for election: the others are padding.
  """
  chosen = jnp.argmax(without_padding(logits, classes), axis=1)
  right = (chosen == y) & mask
  return jnp.sum(right) / jnp.maximum(jnp.sum(mask), 1)


def auc(scores: jax.Array, y: jax.Array, mask: jax.Array) -> jax.Array:
  """Area under the ROC curve: P(positive > negative) + P(equal) / 2.

  Args:
    scores: `[rows]`.
    y: `[rows]`, positive where > 0.5.
    mask: bool `[rows]`; false for rows that do not count.

  Returns:
    A scalar; NaN where a class is absent.
  """
  positive, negative = mask & (y > 0.5), mask & ~(y > 0.5)
  order = jnp.argsort(scores)
  s = scores[order]
  # Negatives below each row, ties counted half, by cumulative sums.
  total = jnp.concatenate(
    [jnp.zeros(1), jnp.cumsum(negative[order].astype(jnp.float32))]
  )
  below = total[jnp.searchsorted(s, s, side="left")]
  upto = total[jnp.searchsorted(s, s, side="right")]
  wins = jnp.sum(jnp.where(positive[order], 0.5 * (below + upto), 0.0))
  return wins / (jnp.sum(positive) * jnp.sum(negative))


def mean_auc(logits: jax.Array, y: jax.Array, mask: jax.Array) -> jax.Array:
  """The AUC averaged over the tasks that have both classes.

  Args:
    logits: `[rows, tasks]`, or two classes `[rows, 2]` with `y` `[rows]`.
    y: `[rows, tasks]` with NaN where missing; or int `[rows]`.
    mask: bool `[rows]`.
  """
  if y.ndim == 1:
    return auc(logits[:, 1] - logits[:, 0], y, mask)
  known = ~jnp.isnan(y) & mask[:, None]
  return jnp.nanmean(jax.vmap(auc, (1, 1, 1))(logits, y, known))


def make_score(
  name: str, classes: jax.Array | int
) -> Callable[[jax.Array, jax.Array, jax.Array], jax.Array]:
  """Returns `score(logits, y, mask)`: "accuracy" or "auc"."""
  if name == "auc":
    return mean_auc
  return lambda logits, y, mask: accuracy(logits, y, mask, classes)
