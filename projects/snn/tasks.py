"""A table made ready for training: split, standardised, padded, on the device.

Padding is what lets many tables share one compiled program: rows, features and
classes are rounded up to a few sizes, and the true numbers are traced.
"""

from typing import NamedTuple

import flax.struct
import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common.chem import tox21
from common.errors import InputError, check_choice

from . import data

# Few: each combination is one more program to compile, for every graph. Rows
# cost memory only, since loops end at the last true one.
_FEATURES = (16, 64, 256, 1024)
_OUTPUTS = (4, 16, 64, 256)
_ROWS = (2048, 65_536)
SOURCES = ("uci", "htru2", "tox21", "csv", "blobs")


@flax.struct.dataclass
class Part:
  """Rows to train on, to choose by, or to test on."""

  x: jax.Array  # float32 [padded rows, padded features]
  y: jax.Array  # int32 [padded rows], or float32 [padded rows, tasks]
  rows: jax.Array  # int32, how many are no padding

  def rows_of_batch(self, key, t, batch_size):
    """Row numbers `[batch_size]` of batch t: epochs in random orders.

    A part smaller than a batch fills it by going round.
    """
    per_epoch = self.batches(batch_size)
    order = self.order(jax.random.fold_in(key, t // per_epoch))
    at = (t % per_epoch) * batch_size + jnp.arange(batch_size)
    return order[at % self.rows]

  def batches(self, batch_size):
    """How many batches an epoch has."""
    return (self.rows + batch_size - 1) // batch_size

  def order(self, key):
    """All rows in random order, `[padded rows]`, padding last."""
    u = jax.random.uniform(key, (len(self.x),))
    u = jnp.where(jnp.arange(len(self.x)) < self.rows, u, jnp.inf)
    return jnp.argsort(u)


class Task(NamedTuple):
  """The parts "train", "validation" and "test", and their true sizes."""

  name: str
  parts: dict[str, Part]
  features: int
  classes: int  # or tasks
  notes: dict[str, int]


def load(config: ml_collections.ConfigDict) -> Task:
  """Reads the table that `config.data` names, and splits it.

  Raises:
    InputError: an unknown source, or data that cannot be read or split.
  """
  check_choice("data.source", config.data.source, SOURCES)
  source, folder = config.data.source, config.data_dir
  if source != "blobs" and not folder:
    raise InputError(
      f"config.data.source is {source!r}: say where its files are with "
      "--config.data_dir=DIR"
    )
  cache = config.cache_dir or None
  if source == "tox21":
    assays = tox21.load(folder, cache, config.data.processes)
    return prepare(
      "tox21",
      assays.x,
      assays.y,
      assays.split,
      len(assays.tasks),
      assays.notes,
      pad=False,  # Nothing else has its shape.
    )
  if source == "htru2":
    table = data.htru2(folder, config.data.split_seed)
    fold = data.nested_folds(table.y, 10, config.data.split_seed)
    split = data.nested_splits(fold)[config.data.fold]
    return from_table(table, split)
  if source == "uci":
    table = data.uci(folder, config.data.name, cache)
  elif source == "csv":
    table = data.csv_table(folder, config.data.name)
  else:
    table = blobs(config.data.split_seed, config.data.classes)
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
  train, test = table.splits[config.data.fold]
  kept, validation = data.validation_split(
    table.y, train, config.data.validation_share, config.data.split_seed
  )
  if config.data.kind == "tasks":
    # Whether a row is of a class is one task each.
    each = table.y[:, None] == np.arange(len(table.classes))
    table = table._replace(y=each.astype(np.float32))
  return from_table(table, (kept, validation, test))


def from_table(
  table: data.Table, split: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Task:
  """A task of a table, standardised on the rows trained on."""
  x = data.standardised(table.x, split[0])
  return prepare(table.name, x, table.y, split, len(table.classes), table.notes)


def prepare(name, x, y, split, classes, notes, pad=True) -> Task:
  """Pads features, and the rows of each part; puts them on the device."""
  x = np.asarray(x, np.float32)
  features = x.shape[1]
  rows = max(len(split[0]), len(split[1]) + len(split[2]))
  if pad:
    x = np.pad(x, ((0, 0), (0, rounded(features, _FEATURES) - features)))
    rows = rounded(max(rows, len(x) - len(split[0])), _ROWS)
  names = ("train", "validation", "test")
  parts = {
    n: padded(x[r], y[r], rows) for n, r in zip(names, split, strict=True)
  }
  return Task(name, parts, features, classes, dict(notes))


def padded(x: np.ndarray, y: np.ndarray, rows: int) -> Part:
  """A part of `rows` rows, most of them padding perhaps."""
  pad = lambda a: np.pad(a, ((0, rows - len(a)),) + ((0, 0),) * (a.ndim - 1))
  return Part(jnp.asarray(pad(x)), jnp.asarray(pad(y)), jnp.int32(len(x)))


def joined(first: Part, second: Part) -> Part:
  """The rows of one part, then those of the other."""
  true = lambda part, a: np.asarray(a)[: int(part.rows)]
  both = lambda name: np.concatenate(
    [true(part, getattr(part, name)) for part in (first, second)]
  )
  return padded(both("x"), both("y"), len(first.x))


def outputs(config: ml_collections.ConfigDict, task: Task) -> int:
  """Units of the last layer: one a task, or classes, rounded up."""
  tasks = config.data.kind == "tasks"
  return task.classes if tasks else rounded(task.classes, _OUTPUTS)


def rounded(n: int, sizes: tuple[int, ...]) -> int:
  """The smallest of `sizes` that holds n; multiples of the largest beyond."""
  fitting = [s for s in sizes if s >= n]
  return fitting[0] if fitting else -(-n // sizes[-1]) * sizes[-1]


def described(
  config: ml_collections.ConfigDict, task: Task
) -> ml_collections.ConfigDict:
  """The config with the task's sizes in it, and the steps of its epochs."""
  config = config.copy_and_resolve_references()
  config.unlock()
  config.data.present = task.features
  config.data.features = task.parts["train"].x.shape[1]
  config.data.classes = task.classes
  config.data.outputs = outputs(config, task)
  per_epoch = int(task.parts["train"].batches(config.batch_size))
  config.total_steps = per_epoch * config.epochs
  return config.lock()


def blobs(seed: int, classes: int) -> data.Table:
  """Overlapping Gaussians in four dimensions: for smoke runs."""
  random = np.random.default_rng(seed)
  y = np.arange(300, dtype=np.int32) % classes
  centres = 1.5 * np.eye(classes, 4)
  x = (centres[y] + random.normal(size=(300, 4))).astype(np.float32)
  rows = np.arange(300)
  splits = ((rows[:225], rows[225:]),)
  return data.Table("blobs", x, y, tuple("abcd"[:classes]), splits, {})
