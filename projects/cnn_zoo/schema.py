"""What the values of a config can be; they are checked before all else."""

from common.config_schema import (
  at_least,
  between,
  choice,
  positive,
  several,
  text,
)

from . import data, model, optimizers


def _rising(rule):
  """A pair (low, high) of values that the rule allows."""

  def each(pair):
    said = several(rule)(pair)
    if said or len(pair) != 2 or pair[0] > pair[1]:
      return said or "it can be a pair, the lower value first"
    return None

  return each


def _epochs(values):
  said = several(at_least(0))(values)
  if said or list(values) != sorted(set(values)) or not values[-1]:
    return said or "it can be epochs, rising, the last of them above 0"
  return None


def _strides(values):
  """None of a fully connected network."""
  return several(positive(int))(values) if len(values) else None


SCHEMA = {
  "first_network": at_least(0),
  "dataset": choice(*data.DATASETS),
  "data_dir": text,
  "cache_dir": text,
  "generated_images": positive(int),
  "image_size": positive(int),
  "classes": positive(int),
  "network": choice(*model.NETWORKS),
  "widths": several(positive(int)),
  "strides": _strides,
  "microbatch": positive(int),
  "checkpoints": _epochs,
  "optimizers": several(choice(*optimizers.NAMES)),
  "activations": several(choice(*model.ACTIVATIONS)),
  "initializers": several(choice(*model.INITIALIZERS)),
  "fractions": several(between(1e-9, 1.0)),
  "learning_rate": _rising(positive(float)),
  "l2": _rising(positive(float)),
  "dropout": _rising(between(0.0, 0.99)),
  "init_std": _rising(positive(float)),
}


def _hidden(values):
  """No hidden layer is a choice, too."""
  return several(positive(int))(values) if len(values) else None


_NETWORK = {
  "widths": _hidden,
  "learning_rates": several(positive(float)),
  "penalties": several(at_least(0.0)),
  "dropout": between(0.0, 0.99),
}
_SHARE = between(1e-3, 1 - 1e-3)  # Neither none nor all.

# Of configs/cnn_zoo/predictors.py.
PREDICTORS = {
  "train_share": _SHARE,
  "most_training": positive(int),
  "validation_share": _SHARE,
  "fewest": at_least(20),
  "kept_epochs": several(at_least(0)),
  "level": _SHARE,
  "resamples": positive(int),
  "patience": positive(int),
  "members": positive(int),
  "linear": _NETWORK,
  "mlp": _NETWORK,
  "gbm": {
    "rounds": positive(int),
    "patience": positive(int),
    "learning_rate": positive(float),
    "leaves": at_least(2),
    "fewest_in_leaf": several(positive(int)),
    "columns": several(between(1e-9, 1.0)),
    "rows": between(1e-9, 1.0),
    "penalty": at_least(0.0),
    "threads": at_least(0),
  },
  "sizes": several(at_least(10)),
  "draws": positive(int),
  "repeats": positive(int),
  "coverage": _SHARE,
}
