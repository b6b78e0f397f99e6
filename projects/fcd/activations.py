"""ChemNet's features of any number of molecules, over all devices."""

import collections
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, PartitionSpec

from common.metrics import streaming

from . import model, tokens

BATCH_SIZE = 512
WINDOW = 16_384  # Molecules that are sorted by length, and yielded, at a time.
_ROWS = 16  # A device's share of a batch is a multiple of it.


def activations(
  smiles: Sequence[str],
  params: Any,
  rule: str = "1.2",
  batch_size: int = BATCH_SIZE,
  progress: Callable[[int], object] = lambda done: None,
) -> Iterator[np.ndarray]:
  """Yields features, float32 `[b, 512]`, of molecules in their order.

  Within `WINDOW` molecules those of like length go through the network
  together, and those that occur more than once go through it once. There is one
  program for all batches; the last is filled up with empty strings, and cut.
  Memory does not grow with n, but for the strings.

  Args:
    smiles: `[n]`, in the form that is to be scored: canonical, usually.
    params: of `model.released`.
    rule: one of `tokens.RULES`.
    batch_size: molecules at a time, on all devices together, about.
    progress: called with the number of molecules, as they are done.
  """
  length = tokens.padded_length(smiles, rule)
  devices = jax.local_device_count()
  params = jax.tree.map(np.asarray, params)
  rows = 0
  for start in range(0, len(smiles), WINDOW):
    window = smiles[start : start + WINDOW]
    times = collections.Counter(window)
    distinct = sorted(times, key=lambda text: (len(text), text))
    rows = rows or _rows(len(distinct), batch_size, devices)
    batches = [distinct[i : i + rows] for i in range(0, len(distinct), rows)]

    def results():
      for batch in batches:
        inputs = tokens.encode(batch, rule, length)
        filled = ((0, rows - len(batch)), (0, 0))
        inputs = np.pad(inputs, filled, constant_values=model.PADDING)
        yield len(batch), _program()(params, inputs)

    parts = []
    read = streaming.read_back(results())
    for batch, part in zip(batches, read, strict=True):
      parts.append(part)
      progress(sum(times[text] for text in batch))
    places = {text: place for place, text in enumerate(distinct)}
    yield np.concatenate(parts)[[places[text] for text in window]]


def _rows(n: int, batch_size: int, devices: int) -> int:
  """Rows of a batch, so that n molecules fill whole ones, nearly."""
  share = -(-n // -(-n // batch_size))
  unit = _ROWS * devices
  return -(-share // unit) * unit


@functools.cache
def _program():
  """`program(params, tokens)`, compiled once for each shape of the tokens.

  Each device takes its share of the rows, and as many steps as these need.
  """
  devices = jax.local_devices()
  mesh = jax.make_mesh(
    (len(devices),), ("data",), (AxisType.Auto,), devices=devices
  )
  split = PartitionSpec("data")
  apply = jax.shard_map(
    lambda params, inputs: model.ChemNet().apply({"params": params}, inputs),
    mesh=mesh,
    in_specs=(PartitionSpec(), split),
    out_specs=split,
    check_vma=False,  # Zeros that a loop begins with are the same everywhere.
  )
  return jax.jit(apply)
