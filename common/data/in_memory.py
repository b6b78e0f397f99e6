"""Batches out of arrays that are in memory, as a pure function of the step."""

import zlib
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jax import core

from common.data import shuffle
from common.errors import InputError

Transform = Callable[[Any, chex.PRNGKey], Any]
_READ_BYTES = 2**28  # That a fingerprint is made of, at most, of each array.


def count(arrays: chex.ArrayTree) -> int:
  """Returns the length of the leading axis that all leaves share.

  Args:
    arrays: pytree of arrays [n, ...].

  Returns:
    n.

  Raises:
    InputError: if there is no leaf, a scalar leaf, different lengths, or n = 0.
  """
  shapes = [np.shape(leaf) for leaf in jax.tree.leaves(arrays)]
  if (
    not shapes or any(not s for s in shapes) or len({s[0] for s in shapes}) > 1
  ):
    raise InputError(
      "the arrays of a data set must share their first axis, "
      f"but their shapes are {shapes}."
    )
  if shapes[0][0] == 0:
    raise InputError("the data set is empty: its arrays have 0 rows.")
  return shapes[0][0]


def batches(
  arrays: chex.ArrayTree,
  key: chex.PRNGKey,
  batch_size: int,
  transform: Transform,
  max_device_bytes: int,
) -> Callable[[chex.Numeric], Any]:
  """Makes the function that maps a step to its batch, shuffled every epoch.

  Two placements give the same bits. Up to `max_device_bytes` the arrays go to
  the device, and the function is a `jax.tree_util.Partial`: a pytree whose
  leaves are the arrays and the key. Pass it to a jitted function as an
  argument (closing over it would bake the data into the program), or to
  `jax.device_put` to replicate it over a mesh. Above, the arrays stay where
  they are (a memory map, say), rows are gathered on the host, and the function
  cannot be traced.

  Args:
    arrays: pytree of arrays [n, ...], NumPy (memory-mapped or not) or JAX.
    key: typed random key, scalar.
    batch_size: rows in a batch, at most n.
    transform: pure function of (rows, key), where rows is like `arrays` with
      [batch_size, ...] and the key is the step's own; uint8 images to float32
      in [-1, 1] are `lambda rows, key: rows / np.float32(127.5) - 1`.
    max_device_bytes: the most that may be put on the device.

  Returns:
    Function from a step (Python or int32 scalar) to the transformed batch.

  Raises:
    InputError: see `count` and `shuffle.batch_indices`.
  """
  size = count(arrays)

  def indices(key, step):
    return shuffle.batch_indices(
      jax.random.fold_in(key, 0), step, batch_size, size
    )

  jax.eval_shape(indices, key, 0)  # Bad arguments raise here, not later.

  def finish(rows, key, step):
    # Two folds, so that no step's key is the key of the order.
    step_key = jax.random.fold_in(jax.random.fold_in(key, 1), step)
    return transform(rows, step_key)

  @jax.jit
  def draw(arrays, key, step):
    rows = indices(key, step)
    return finish(jax.tree.map(lambda a: a[rows], arrays), key, step)

  nbytes = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))
  if nbytes <= max_device_bytes:
    return jax.tree_util.Partial(draw, jax.tree.map(jnp.asarray, arrays), key)

  pick, complete = jax.jit(indices), jax.jit(finish)

  def gather(step):
    if isinstance(step, core.Tracer):
      raise TypeError(
        f"a data set of {nbytes} bytes, above max_device_bytes = "
        f"{max_device_bytes}, is read on the host, outside of jit and scan: "
        "raise max_device_bytes, or run one step a call."
      )
    rows = np.asarray(pick(key, step))
    rows = jax.tree.map(lambda a: np.asarray(a[rows]), arrays)
    return complete(rows, key, step)

  return gather


def fingerprint(arrays: chex.ArrayTree) -> str:
  """What tells these arrays from others: lengths, and a CRC-32 of the bytes.

  Of the content, not of files' names and times: data is copied and moved. Of an
  array above 256 MB rows are taken that lie evenly in it, so that a run on many
  gigabytes starts at once.

  Args:
    arrays: pytree of arrays [n, ...], memory-mapped or not.
  """
  crc, rows = 0, []
  for path, leaf in jax.tree_util.tree_leaves_with_path(arrays):
    step = max(1, -(-leaf.nbytes // _READ_BYTES))
    part = np.ascontiguousarray(leaf[::step] if step > 1 else leaf)
    label = f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}"
    crc = zlib.crc32(label.encode(), crc)
    crc = zlib.crc32(part.reshape(-1).view(np.uint8), crc)
    rows.append(str(len(leaf)) if leaf.shape else "1")
  return f"{' + '.join(rows)} rows, CRC-32 {crc:08x}"


def check_finite(array: np.ndarray, name: str) -> None:
  """Raises if a float array holds NaN or an infinity; reads it in pieces.

  Args:
    array: [n, ...]; integers pass unread.
    name: what the error calls the array.

  Raises:
    InputError: naming the first such row, counted from 0.
  """
  if not np.issubdtype(array.dtype, np.floating):
    return
  piece = max(1, 2**24 // max(1, array[:1].nbytes))
  for start in range(0, len(array), piece):
    finite = np.isfinite(array[start : start + piece])
    bad = np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1))
    if bad.size:
      raise InputError(
        f"row {start + bad[0]} of {name} holds NaN or an infinity: "
        "drop such rows or fill them in before training."
      )
