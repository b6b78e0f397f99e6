"""Features of a stream: batches over all devices, read back while others run.

    full = streaming.full_batch(batch_size)
    started = (
      (len(batch), apply(parameters, streaming.placed(batch, full)))
      for batch in batches
    )
    chunks = streaming.read_back(started)   # float32 [b, d] each

Every batch has the same number of rows, the last one filled up, so that nothing
is compiled for it.
"""

import collections
import functools
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np
import tqdm
from jax.sharding import AxisType, NamedSharding, PartitionSpec

_IN_FLIGHT = 2  # Batches that the device may have waiting.


@functools.cache  # It is asked for with every batch.
def mesh() -> jax.sharding.Mesh:
  """All devices, along the axis "data"."""
  return jax.make_mesh(
    (jax.device_count(),), ("data",), axis_types=(AxisType.Auto,)
  )


def by_rows() -> NamedSharding:
  """Rows in equal shares over the devices."""
  return NamedSharding(mesh(), PartitionSpec("data"))


def everywhere(tree: Any) -> Any:
  """A copy of the arrays of `tree` on every device."""
  return jax.device_put(tree, NamedSharding(mesh(), PartitionSpec()))


def full_batch(batch_size: int) -> int:
  """The rows of a batch: `batch_size`, rounded up to fill the devices."""
  return -(-batch_size // jax.device_count()) * jax.device_count()


def placed(batch: Any, full: int) -> jax.Array:
  """A batch `[b, ...]`, b <= full, as `[full, ...]` with zeros, on the devices.

  Args:
    batch: NumPy or JAX array.
    full: from `full_batch`.
  """
  pad = jax.numpy.pad if isinstance(batch, jax.Array) else np.pad
  fill = [(0, full - len(batch)), *[(0, 0)] * (batch.ndim - 1)]
  return jax.device_put(pad(batch, fill), by_rows())


def read_back(
  started: Iterable[tuple[int, jax.Array]],
) -> Iterator[np.ndarray]:
  """Yields the results of batches in their order, while later ones run.

  Args:
    started: (rows that count, result `[full, d]`) of each batch, which is
      started when it is asked for.

  Yields:
    `[rows, d]` of each batch.
  """
  waiting: collections.deque[tuple[int, jax.Array]] = collections.deque()

  def finished():
    count, result = waiting.popleft()
    return np.asarray(result)[:count]

  for each in started:
    waiting.append(each)
    if len(waiting) > _IN_FLIGHT:
      yield finished()
  while waiting:
    yield finished()


def resolution(sizes: collections.Counter[tuple[int, ...]]) -> str:
  """What a protocol says of pictures' heights and widths, from their counts.

  Statistics hold only at the size that they were made at: enlarged pictures are
  blurred, which the network sees. A tenth may have stray sizes.
  """
  ((size, share),) = sizes.most_common(1)
  mixed = share < 0.9 * sizes.total()
  return "mixed" if mixed else "x".join(map(str, size))


def progress(
  title: str, unit: str, total: int | None = None, leave: bool = True
) -> tqdm.tqdm:
  """A progress bar with the time left, where there is a terminal."""
  return tqdm.tqdm(
    desc=title,
    total=total,
    unit=f" {unit}",
    leave=leave,
    dynamic_ncols=True,
    disable=not sys.stderr.isatty(),
  )
