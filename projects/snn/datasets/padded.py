"""Data sets padded to a few sizes, on the device.

Padding is what lets many tables share one compiled program: rows, features and
classes are rounded up to a few sizes, and the true numbers are traced.
"""

from typing import NamedTuple

import flax.struct
import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from .loading import Dataset

# Few: each combination is one more program to compile, for every graph. Rows
# cost memory only, since loops end at the last true one.
_FEATURES = (16, 64, 256, 1024)
_OUTPUTS = (4, 16, 64, 256)
_ROWS = (2048, 65_536)
_SORTED = (2048, 8192, 32_768)


@flax.struct.dataclass
class Part:
  """Rows to train on, to choose by, or to test on."""

  x: jax.Array  # float32 [padded rows, padded features]
  y: jax.Array  # int32 [padded rows], or float32 [padded rows, tasks]
  rows: jax.Array  # int32, how many are no padding

  def batches(self, batch_size):
    """How many batches an epoch has."""
    return (self.rows + batch_size - 1) // batch_size

  def order(self, key):
    """All rows in random order, `[padded rows]`, padding last."""
    size = len(self.x)
    u = jax.random.uniform(key, (size,))
    u = jnp.where(jnp.arange(size) < self.rows, u, jnp.inf)
    # To sort all padding takes longer than the batches of a small table.
    lengths = (*(n for n in _SORTED if n < size), size)
    first = lambda n: (
      lambda u: jnp.append(jnp.argsort(u[:n]), jnp.arange(n, size))
    )
    which = jnp.searchsorted(np.array(lengths), self.rows)
    return jax.lax.switch(which, [first(n) for n in lengths], u)


class PaddedDataset(NamedTuple):
  """The parts "train", "validation" and "test", and their true sizes."""

  name: str
  parts: dict[str, Part]
  features: int
  classes: int  # or tasks


def pad(dataset: Dataset) -> PaddedDataset:
  """Pads features, and the rows of each part; puts them on the device."""
  rows, width = padded_shape(dataset)
  features = dataset.x.shape[1]
  x = np.pad(dataset.x, ((0, 0), (0, width - features)))
  parts = {
    name: pad_part(x[at], dataset.y[at], rows)
    for name, at in zip(
      ("train", "validation", "test"), dataset.split, strict=True
    )
  }
  return PaddedDataset(dataset.name, parts, features, dataset.classes)


def padded_shape(dataset: Dataset) -> tuple[int, int]:
  """Rows of a part, and features, after `pad`."""
  train, validation, test = map(len, dataset.split)
  rows, features = max(train, validation + test), dataset.x.shape[1]
  if dataset.name == "tox21":  # Nothing else has its shape.
    return rows, features
  rows = max(rows, len(dataset.x) - train)
  return rounded(rows, _ROWS), rounded(features, _FEATURES)


def pad_part(x: np.ndarray, y: np.ndarray, rows: int) -> Part:
  """A part of `rows` rows, most of them padding perhaps."""
  pad = lambda a: np.pad(a, ((0, rows - len(a)),) + ((0, 0),) * (a.ndim - 1))
  return Part(jnp.asarray(pad(x)), jnp.asarray(pad(y)), jnp.int32(len(x)))


def joined(first: Part, second: Part) -> Part:
  """The rows of one part, then those of the other."""
  true = lambda part, a: np.asarray(a)[: int(part.rows)]
  both = lambda name: np.concatenate(
    [true(part, getattr(part, name)) for part in (first, second)]
  )
  return pad_part(both("x"), both("y"), len(first.x))


def outputs(
  config: ml_collections.ConfigDict, dataset: Dataset | PaddedDataset
) -> int:
  """Units of the last layer: one a task, or classes, rounded up."""
  if config.data.kind == "tasks":
    return dataset.classes
  return rounded(dataset.classes, _OUTPUTS)


def rounded(n: int, sizes: tuple[int, ...]) -> int:
  """The smallest of `sizes` that holds n; multiples of the largest beyond."""
  fitting = [s for s in sizes if s >= n]
  return fitting[0] if fitting else -(-n // sizes[-1]) * sizes[-1]


def with_sizes(
  config: ml_collections.ConfigDict, dataset: PaddedDataset
) -> ml_collections.ConfigDict:
  """The config with the data set's sizes in it, and the steps to be done.

  They are those of all epochs, or `config.total_steps` where that is fewer.
  """
  config = config.copy_and_resolve_references()
  config.unlock()
  config.data.present = dataset.features
  config.data.features = dataset.parts["train"].x.shape[1]
  config.data.classes = dataset.classes
  config.data.outputs = outputs(config, dataset)
  per_epoch = int(dataset.parts["train"].batches(config.batch_size))
  config.total_steps = min(per_epoch * config.epochs, config.total_steps)
  return config.lock()
