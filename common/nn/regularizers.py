"""Regularisers whose strength may be traced, so that it may vary by member."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import core

from common.nn import initializers


def alpha_dropout(
  key: chex.PRNGKey,
  x: jax.Array,
  rate: chex.Numeric,
) -> jax.Array:
  r"""Dropout that keeps the mean and variance of SELU activations.

  With keep probability q = 1 - rate and :math:`\alpha' = -\lambda\alpha`, a
  unit is kept or set to :math:`\alpha'`, and the result is :math:`a x + b` with

  .. math::
    a = (q + \alpha'^2 q (1 - q))^{-1/2}, \quad b = -a (1 - q) \alpha'.

  Args:
    key: typed random key, scalar.
    x: activations, any shape.
    rate: probability of dropping a unit, in [0, 1); a Python float or a traced
      scalar. At 0 the result is `x`, bit by bit.

  Returns:
    Array with the shape and dtype of `x`.

  Raises:
    ValueError: if a concrete `rate` is not in [0, 1).

  Reference: Section "New dropout technique" of arXiv:1706.02515.
  """
  # Traced rates cannot be looked at; whoever makes the population checks them.
  if not isinstance(rate, core.Tracer) and not 0.0 <= float(rate) < 1.0:
    raise ValueError(f"rate must be at least 0 and below 1, but is {rate}.")
  chex.assert_rank(rate, 0)
  rate = jnp.asarray(rate, jnp.float32)
  a, b = affine(rate)
  # U >= rate is always true at rate 0: U is in [0, 1).
  keep = jax.random.uniform(key, x.shape) >= rate
  dropped = jnp.where(keep, x, jnp.asarray(initializers.SATURATION, x.dtype))
  # a = 1 and b = 0 exactly at rate 0, where 1 * x + 0 would still turn -0 to 0.
  out = dropped * a.astype(x.dtype) + b.astype(x.dtype)
  return jnp.where(rate == 0, x, out)


def affine(
  rate: chex.Numeric, mean: float = 0.0, variance: float = 1.0
) -> tuple[jax.Array, jax.Array]:
  r"""Returns the a and b of `alpha_dropout`, for any moments.

  .. math::
    a = \sqrt{\nu / (q ((1 - q)(\alpha' - \mu)^2 + \nu))}, \quad
    b = \mu - a (q \mu + (1 - q) \alpha').

  Args:
    rate: probability of dropping a unit, in [0, 1), any shape.
    mean: mean of the activations, mu.
    variance: variance of the activations, nu.

  Returns:
    a and b, the shape of `rate`, at least float32.
  """
  rate = jnp.asarray(rate, jnp.result_type(rate, jnp.float32))
  q = 1.0 - rate
  gap = initializers.SATURATION - mean
  a = jnp.sqrt(variance / (q * (rate * gap**2 + variance)))
  return a, mean - a * (q * mean + rate * initializers.SATURATION)


def is_kernel(path: tuple[Any, ...]) -> bool:
  """Tells whether a parameter's path ends in "kernel": weights, no biases."""
  return bool(path) and getattr(path[-1], "key", None) == "kernel"


def l2(
  params: chex.ArrayTree, select: Callable[[tuple[Any, ...]], bool]
) -> jax.Array:
  r"""Computes :math:`\frac12 \sum w^2`, to be added to the loss times a weight.

  This is coupled L2, as TensorFlow's `l2_regularizer` has it, which under Adam
  is not AdamW's decay. Multiply by a coefficient, traced or not.

  Args:
    params: pytree of arrays.
    select: predicate on a leaf's path (`jax.tree_util` keys), e.g. `is_kernel`.

  Returns:
    Scalar, float32 (float64 for float64 leaves).

  Raises:
    ValueError: if no leaf is selected: a penalty on nothing is a mistake.
  """
  leaves = jax.tree_util.tree_leaves_with_path(params)
  chosen = [leaf for path, leaf in leaves if select(path)]
  if not chosen:
    names = [jax.tree_util.keystr(path) for path, _ in leaves]
    raise ValueError(f"the L2 penalty selects none of {', '.join(names)}.")
  halves = [
    0.5 * jnp.sum(jnp.square(w), dtype=jnp.promote_types(w.dtype, np.float32))
    for w in chosen
  ]
  return sum(halves[1:], start=halves[0])
