"""Loads the data set that a config names, and splits and standardises it."""

from typing import NamedTuple

import ml_collections
import numpy as np

from common.chem import tox21
from common.data import standardise
from common.errors import InputError

from . import csv_table, htru2, image_sets, tables, uci

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


class Dataset(NamedTuple):
  """Features and labels, and whose they are.

  Attributes:
    name: of the table.
    x: float32 `[rows, features]`, standardised on the rows trained on.
    y: int32 `[rows]`, classes; or float32 `[rows, tasks]`, 0, 1 or NaN.
    split: rows for training, for choosing, and for the test.
    classes: their number, or that of the tasks.
    notes: counts of what was found and done.
    moments: that `x` was standardised to; None where rows have several.
  """

  name: str
  x: np.ndarray
  y: np.ndarray
  split: Rows
  classes: int
  notes: dict[str, int]
  moments: standardise.Moments | None = None


def load(config: ml_collections.ConfigDict) -> Dataset:
  """Reads what `config.data` names, and splits it; errors are those of both."""
  return split(config, read(config))


def read(config: ml_collections.ConfigDict) -> tables.Table | tox21.Assays:
  """Reads the table that `config.data` names: the same for all of its folds.

  Raises:
    InputError: data that cannot be read.
  """
  source, folder = config.data.source, config.data_dir
  kind, score = config.data.kind, config.data.score
  if source == "tox21" and kind != "tasks":
    raise InputError(
      "Tox21 has twelve tasks, some not measured: set config.data.kind='tasks'"
    )
  if kind == "tasks" and score != "auc":
    raise InputError(
      f"config.data.score is {score!r}, and tasks are scored by the area under "
      "their ROC curves: set config.data.score='auc'"
    )
  if source != "blobs" and not folder:
    raise InputError(
      f"config.data.source is {source!r}: say where its files are with "
      "--config.data_dir=DIR"
    )
  cache = config.cache_dir or None
  if source == "tox21":
    return tox21.load(
      folder,
      cache,
      config.data.processes,
      fingerprints=tuple(config.data.fingerprints),
      share=config.data.fingerprint_share,
    )
  if source == "htru2":
    return htru2.read(folder, config.data.split_seed)
  if source == "uci":
    return uci.read(folder, config.data.name, cache)
  if source == "images":
    if config.data.name not in image_sets.SIDES:
      raise InputError(
        f"config.data.name is {config.data.name!r}: the image sets are "
        + ", ".join(image_sets.SIDES)
      )
    return image_sets.read(config.data.name, folder, cache)
  if source == "csv":
    data = config.data
    return csv_table.read(
      folder,
      data.name,
      tuple(data.categorical),
      seed=data.split_seed,
      separator={"tab": "\t"}.get(data.separator, data.separator),
      header=data.header,
      missing=tuple(data.missing),
    )
  return blobs(config.data.split_seed, config.data.classes)


def split(
  config: ml_collections.ConfigDict, table: tables.Table | tox21.Assays
) -> Dataset:
  """Splits what `read` returned, and standardises it.

  Raises:
    InputError: data that cannot be split or scored as the config says.
  """
  found = _split(config, table)
  if config.data.score == "auc":
    _check_auc(found)
  return found


def _split(config, table):
  if isinstance(table, tox21.Assays):
    return Dataset(
      "tox21", table.x, table.y, table.split, len(table.tasks), table.notes
    )
  several = config.data.kind == "classes" and len(table.classes) != 2
  if config.data.score == "auc" and several:
    raise InputError(
      f"{table.name} has {len(table.classes)} classes, and the area under the "
      "ROC curve is for two; set config.data.score='accuracy'"
    )
  if not 0 <= config.data.fold < len(table.splits):
    raise InputError(
      f"config.data.fold is {config.data.fold}; {table.name} has "
      f"{len(table.splits)} split(s), from 0"
    )
  if config.data.source == "htru2":
    fold = tables.nested_folds(table.y, 10, config.data.split_seed)
    return from_table(table, tables.nested_splits(fold)[config.data.fold])
  train, test = table.splits[config.data.fold]
  kept, validation = tables.validation_split(
    table.y, train, config.data.validation_share, config.data.split_seed
  )
  if config.data.kind == "tasks":
    # Whether a row is of a class is one task each.
    each = table.y[:, None] == np.arange(len(table.classes))
    table = table._replace(y=each.astype(np.float32))
  return from_table(table, (kept, validation, test))


def _check_auc(found):
  """Refuses parts that have no area under the ROC curve, before training."""
  parts = ("train", "validation", "test")
  for part, rows in zip(parts, found.split, strict=True):
    y = found.y[rows].reshape(len(rows), -1)
    if not ((y > 0.5).any(0) & (y <= 0.5).any(0)).any():
      raise InputError(
        f"the {part} part of {found.name}, {len(rows)} rows, has one class "
        "alone, and the area under the ROC curve needs both: try another "
        "config.data.split_seed, a larger config.data.validation_share, or "
        "config.data.score='accuracy'"
      )


def from_table(table: tables.Table, split: Rows) -> Dataset:
  """A data set of a table, standardised on the rows trained on."""
  moments = standardise.moments(table.x[split[0]])
  x = standardise.scaled(table.x, moments)
  facts = len(table.classes), table.notes, moments
  return Dataset(table.name, x, table.y, split, *facts)


def blobs(seed: int, classes: int) -> tables.Table:
  """Overlapping Gaussians in four dimensions: for smoke runs."""
  random = np.random.default_rng(seed)
  y = np.arange(300, dtype=np.int32) % classes
  centres = 1.5 * np.eye(classes, 4)
  x = (centres[y] + random.normal(size=(300, 4))).astype(np.float32)
  rows = np.arange(300)
  splits = ((rows[:225], rows[225:]),)
  return tables.Table("blobs", x, y, tuple("abcd"[:classes]), splits, {})
