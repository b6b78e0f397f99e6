"""What a predictor sees of networks: the paper's 14 sets of features.

Weights are `[networks, weights]`, features float64 `[networks, features]`. A
layer is its bias, then its kernel: two tensors that follow each other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from common.errors import InputError

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
  """The tensors of each layer: (bias, kernel).

  Raises:
    InputError: a layer is something else, as where the columns are shuffled.
  """
  found = [tuple(layout[i : i + 2]) for i in range(0, len(layout), 2)]
  for layer in found:
    (out, *more), *kernel = (tensor.shape for tensor in layer)
    fits = len(kernel) == 1 and len(kernel[0]) > 1 and kernel[0][-1] == out
    if more or not fits:
      names = " and ".join(f"{tensor.name} {tensor.shape}" for tensor in layer)
      raise InputError(
        f"the layout has {names} where a layer should be: a bias (out,), then "
        "its kernel (..., out)"
      )
  return found


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
  """The L1 or L2 norm of each layer, bias and kernel together.

  Our reading of the set's name: the authors' notebook has no code for it.
  """
  return np.column_stack(
    [
      np.linalg.norm(layer_weights(weights, layout, i), order, axis=1)
      for i in range(len(layers(layout)))
    ]
  )


class Names(NamedTuple):
  """What the released file calls some sets."""

  whole: str  # Seven statistics of all weights together.
  l1: str  # A norm a layer.
  l2: str
  every: str  # Seven statistics of each tensor of all layers: 56 of four.
  ends: str  # Of the first and the last layer's.
  last: str


def names_of(layout: Sequence[Tensor]) -> Names:
  """The names, which say the layers."""
  every = range(len(layers(layout)))
  joined = lambda which: ",".join(map(str, which))
  quantiles = joined(QUANTILES)
  return Names(
    "wstats-glob",
    f"wnorm-layers:{joined(every)}-l1",
    f"wnorm-layers:{joined(every)}-l2",
    *(
      f"wstats-layers:{joined(which)}-qts:{quantiles}"
      for which in (every, (0, every[-1]), (every[-1],))
    ),
  )


def of_weights(
  layout: Sequence[Tensor],
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
  """The sets that need weights alone, by the released file's names."""
  names, every = names_of(layout), range(len(layers(layout)))
  ends, last = (0, len(every) - 1), (len(every) - 1,)
  return {
    **{
      f"weights.{i}": lambda w, i=i: layer_weights(w, layout, i) for i in every
    },
    "weights": lambda w: np.asarray(w, np.float64),
    names.whole: statistics,
    names.l1: lambda w: layer_norms(w, layout, 1),
    names.l2: lambda w: layer_norms(w, layout, 2),
    names.ends: lambda w: layer_statistics(w, layout, ends),
    names.last: lambda w: layer_statistics(w, layout, last),
    names.every: lambda w: layer_statistics(w, layout, every),
  }


# The released table's columns that make the set `hyper`: neither the optimiser
# nor the biases' initialiser, as in the authors' code.
HYPERPARAMETERS = (
  "config.w_init",
  "config.activation",
  "config.learning_rate",
  "config.init_std",
  "config.l2reg",
  "config.train_fraction",
  "config.dropout",
)
CHOICES = ("config.w_init", "config.activation")  # One column a value.
OPTIMIZER = "config.optimizer"  # Another choice.
WITH_OPTIMIZER = "hyper+optimizer"  # A set of ours: theirs, and the optimiser.


def hyper(
  columns: Mapping[str, np.ndarray], names: Sequence[str] = HYPERPARAMETERS
) -> np.ndarray:
  """The seven hyperparameters, those that are choices as 0 and 1."""
  found = []
  for name in names:
    values = np.asarray(columns[name])
    if name in (*CHOICES, OPTIMIZER):
      found += [values == option for option in np.unique(values)]
    else:
      found.append(values)
  return np.column_stack(found).astype(np.float64)


def learning_rate(columns: Mapping[str, np.ndarray]) -> np.ndarray:
  """One column, as it is: no logarithm."""
  return np.asarray(columns["config.learning_rate"], np.float64)[:, None]


def hyper_and_weights(
  columns: Mapping[str, np.ndarray], weights: np.ndarray
) -> np.ndarray:
  """The seven hyperparameters beside all weights."""
  return np.concatenate([hyper(columns), np.asarray(weights, float)], axis=1)


def of_layers(every: np.ndarray, which: Sequence[int]) -> np.ndarray:
  """Of `layer_statistics` of all layers, the columns of some; -1 is the last.

  `[n, 14 layers] -> [n, 14 len(which)]`.
  """
  each = every.reshape(len(every), -1, 2 * (len(QUANTILES) + 2))
  return each[:, list(which)].reshape(len(every), -1)
