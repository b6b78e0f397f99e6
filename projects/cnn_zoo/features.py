"""What a predictor sees of networks: the paper's sets of features.

Weights are `[networks, weights]`, features float64 `[networks, features]`. A
layer is its bias, then its kernel: two tensors that follow each other.
"""

from collections.abc import Callable, Sequence

import numpy as np

from .model import Tensor

QUANTILES = (0, 25, 50, 75, 100)  # Per cent, interpolated linearly.


def statistics(values: np.ndarray) -> np.ndarray:
  """Five quantiles, the standard deviation, the mean: `[n, k] -> [n, 7]`.

  In the order of the released code, which has the deviation where the paper's
  text has the variance.
  """
  values = np.asarray(values, np.float64)
  quantiles = np.percentile(values, QUANTILES, axis=1)
  rest = values.std(axis=1), values.mean(axis=1)
  return np.column_stack([*quantiles, *rest])


def layers(layout: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
  """The tensors of each layer: (bias, kernel)."""
  return [tuple(layout[i : i + 2]) for i in range(0, len(layout), 2)]


def layer_weights(
  weights: np.ndarray, layout: Sequence[Tensor], layer: int
) -> np.ndarray:
  """All weights of one layer; -1 is the last."""
  bias, kernel = layers(layout)[layer]
  return np.asarray(weights[:, bias.start : kernel.end], np.float64)


def layer_statistics(
  weights: np.ndarray, layout: Sequence[Tensor], which: Sequence[int]
) -> np.ndarray:
  """Seven statistics of each tensor of these layers: 56 of all four."""
  found = layers(layout)
  return np.concatenate(
    [
      statistics(weights[:, tensor.start : tensor.end])
      for layer in which
      for tensor in found[layer]
    ],
    axis=1,
  )


def layer_norms(
  weights: np.ndarray, layout: Sequence[Tensor], order: int
) -> np.ndarray:
  """The L1 or L2 norm of each layer, bias and kernel together."""
  return np.column_stack(
    [
      np.linalg.norm(layer_weights(weights, layout, i), order, axis=1)
      for i in range(len(layers(layout)))
    ]
  )


def of_weights(
  layout: Sequence[Tensor],
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
  """The sets that need weights alone, by the released file's names."""
  count = len(layers(layout))
  every, ends, last = range(count), (0, count - 1), (count - 1,)
  quantiles = ",".join(map(str, QUANTILES))

  def named(which):
    return f"wstats-layers:{','.join(map(str, which))}-qts:{quantiles}"

  norms = f"wnorm-layers:{','.join(map(str, every))}"
  return {
    **{
      f"weights.{i}": lambda w, i=i: layer_weights(w, layout, i) for i in every
    },
    "weights": lambda w: np.asarray(w, np.float64),
    "wstats-glob": statistics,
    f"{norms}-l1": lambda w: layer_norms(w, layout, 1),
    f"{norms}-l2": lambda w: layer_norms(w, layout, 2),
    named(ends): lambda w: layer_statistics(w, layout, ends),
    named(last): lambda w: layer_statistics(w, layout, last),
    named(every): lambda w: layer_statistics(w, layout, every),
  }
