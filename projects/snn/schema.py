"""What the values of a config can be; `train` checks it first."""

from common.chem import features
from common.config_schema import (
  at_least,
  choice,
  dropout_rate,
  fraction,
  of,
  positive,
  several,
  text,
)

from .model import METHODS


def each_of(rule):
  """A tuple, perhaps empty, of values that the rule allows."""
  # Saved and read again, a tuple is a list.
  return lambda values: None if values in ((), []) else several(rule)(values)


def word_or(word, rule):
  """That word, or what the rule allows."""
  or_word = lambda refused: refused and f"{refused}, or {word!r}"
  return lambda value: None if value == word else or_word(rule(value))


_FORM = choice("rectangular", "conic")

SCHEMA = {
  "data": {
    "source": choice("uci", "htru2", "tox21", "images", "csv", "blobs"),
    "name": text,
    "separator": choice(",", ";", "|", " ", "tab"),
    "header": of(bool),
    "categorical": each_of(text),
    "missing": each_of(text),
    "fold": at_least(0),
    "split_seed": at_least(0),
    "validation_share": fraction,
    "processes": positive(int),
    "fingerprints": several(choice(*features.FINGERPRINTS)),
    "fingerprint_share": fraction,
    "kind": choice("classes", "tasks"),
    "score": choice("accuracy", "auc"),
    "features": at_least(0),
    "present": at_least(0),
    "classes": at_least(0),
    "outputs": at_least(0),
  },
  "data_dir": text,
  "cache_dir": text,
  "method": choice(*METHODS),
  "form": _FORM,
  "width": positive(int),
  "depth": positive(int),
  "bottleneck": fraction,
  "block_layers": choice(2, 3),
  "norm_behind": of(bool),
  "learning_rate": at_least(0.0),
  "dropout": dropout_rate,
  "weight_decay": at_least(0.0),
  "epochs": positive(int),
  "max_steps": positive(int),
  "min_epochs": at_least(0),
  "smoothing": positive(int),
  "small_rows": positive(int),
  "repetitions": positive(int),
  "max_bytes": positive(int),
  "grid": {
    "form": several(_FORM),
    "width": several(positive(int)),
    "depth": several(positive(int)),
    "blocks": several(positive(int)),
    "bottleneck": several(fraction),
    "block_layers": several(choice(2, 3)),
    "learning_rate": several(at_least(0.0)),
    "selu_dropout": several(dropout_rate),
    "with_dropout": several(choice(*METHODS)),
    "dropout": several(dropout_rate),
    "weight_decay": several(at_least(0.0)),
    "fingerprints": several(text),
    "fingerprint_share": several(fraction),
  },
  "references": {
    "trees": positive(int),
    "max_features": several(word_or("sqrt", fraction)),
    "svm_c": several(positive(float)),
    "svm_gamma": several(word_or("scale", positive(float))),
    "svm_rows": positive(int),
    "min_samples_leaf": several(positive(int)),
  },
}
