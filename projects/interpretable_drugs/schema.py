"""What the values of a config can be; `train` checks it first."""

from common.config_schema import (
  at_least,
  choice,
  dropout_rate,
  fraction,
  of,
  positive,
  text,
)

SCHEMA = {
  "dataset": choice("tox21", "alcohols", "ames", "generated"),
  "data_dir": text,
  "cache_dir": text,
  "split_seed": at_least(0),
  "validation_share": fraction,
  "test_share": fraction,
  "permute_labels": of(bool),
  "max_device_bytes": at_least(0),
  "model": choice("selu", "graph_conv"),
  "tasks": positive(int),
  "width": positive(int),
  "depth": positive(int),
  "dropout": dropout_rate,
  "bits": positive(int),
  "radius": at_least(0),
  "graph": {
    "hidden": positive(int),
    "bond_code": choice("repeated", "present"),
    "scale": positive(float),
    "atom_slots": at_least(0),
    "neighbour_slots": at_least(0),
  },
  "alcohols": {
    "positives": positive(int),
    "oxygen_free": positive(int),
    "acids": positive(int),
  },
  "learning_rate": at_least(0.0),
  "eval_batch": positive(int),
  "attribution": {
    "target": choice("logit", "probability"),
    "steps": positive(int),
    "block": positive(int),
    "pieces": positive(int),
    "samples": positive(int),
    "noise": at_least(0.0),
    "molecules": positive(int),
  },
  "neurons": {
    "least": positive(int),
    "alpha": fraction,
    "units_at_once": positive(int),
  },
  "substructures": {
    "count": positive(int),
    "radius": at_least(0),
    "few": at_least(0),
    "confidence": fraction,
  },
}
