"""Populations: one pure function, mapped over many members as one program.

    fit = lambda member, shared: ...          # a whole training, in the graph
    members = {"learning_rate": [...], "rate": [...]}     # leaves [members]
    program = population.compiled(fit)
    for rows, results in population.run(program, members, shared, chunk=64):
      ...

Members differ in traced leaves only; what changes the graph (a depth, a width)
is another call. What is shared is not copied: noise and batches drawn from
shared keys are drawn once for all members, who then differ in nothing but their
own leaves. A member whose numbers become NaN changes no other's.
"""

import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from . import provenance
from .errors import InputError


def use_all_cores() -> None:
  """Makes a device of each CPU core; call it before JAX does anything.

  Small networks in one program keep one core busy, whatever its thread pool is;
  members on several devices keep all. Without effect where `XLA_FLAGS` says how
  many devices there are; accelerators do not mind.

  Raises:
    InputError: JAX has begun to work, and it is too late.
  """
  if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
    return
  try:
    jax.config.update("jax_num_cpu_devices", len(provenance.cores()))
  except RuntimeError as error:
    raise InputError(
      "use_all_cores() comes too late: call it before JAX first computes"
    ) from error


def compiled(
  function: Callable[[Any, Any], Any], at_once: int | None = None
) -> Callable[[Any, Any], Any]:
  """`function(member, shared)` for `[members, ...]`, jitted; keep and reuse it.

  The members are split over this process's devices, without a word between
  them: their number must be a multiple of the number of devices.

  Args:
    function: of one member, and of what all of them see.
    at_once: how many members a device computes side by side; None: all of them.
      On CPUs a small group is faster, since what it computes stays in a core's
      cache: 8 of small dense networks, 1 of a convolutional one, whose products
      are large already. A member's numbers are the same to rounding.
  """
  devices = jax.local_devices()
  mesh = jax.make_mesh(
    (len(devices),), ("member",), (AxisType.Auto,), devices=devices
  )

  def here(members, shared):
    one = lambda member: function(member, shared)
    if at_once is None:
      return jax.vmap(one)(members)
    return jax.lax.map(
      one, members, batch_size=at_once if at_once > 1 else None
    )

  split = PartitionSpec("member")
  mapped = jax.shard_map(
    here,
    mesh=mesh,
    in_specs=(split, PartitionSpec()),
    out_specs=split,
    check_vma=False,  # Members are whole; nothing is reduced over devices.
  )
  return jax.jit(
    mapped,
    in_shardings=(
      NamedSharding(mesh, split),
      NamedSharding(mesh, PartitionSpec()),
    ),
    out_shardings=NamedSharding(mesh, split),
  )


def run(
  program: Callable[[Any, Any], Any], members: Any, shared: Any, chunk: int
) -> Iterator[tuple[np.ndarray, Any]]:
  """Yields (member numbers, results) chunk by chunk, as they are done.

  Args:
    program: from `compiled`.
    members: pytree of arrays `[members, ...]`.
    shared: what all members see.
    chunk: members at a time, which bounds the memory. Rounded up to a multiple
      of the devices; the last chunk is filled up with copies of its last
      member, so that there is one program, and their results are left out.

  Raises:
    InputError: no members, or leaves of different lengths.
  """
  lengths = {len(leaf) for leaf in jax.tree.leaves(members)}
  if len(lengths) != 1 or not min(lengths):
    raise InputError(
      f"a population's leaves have lengths {sorted(lengths)}: all of them must "
      "be the number of members, and that is 1 or more"
    )
  total = lengths.pop()
  devices = len(jax.local_devices())
  chunk = -(-min(chunk, total) // devices) * devices
  for start in range(0, total, chunk):
    rows = np.arange(start, min(start + chunk, total))
    filled = np.minimum(np.arange(start, start + chunk), total - 1)
    # Of several processes none can split NumPy's arrays over its devices.
    cut = lambda leaf, i=filled: jnp.asarray(np.asarray(leaf)[i])
    part = jax.tree.map(cut, members)
    results = jax.device_get(program(part, shared))
    kept = len(rows)
    yield rows, jax.tree.map(lambda leaf, kept=kept: leaf[:kept], results)


def chunk_size(bytes_per_member: int, max_bytes: int) -> int:
  """How many members fit into `max_bytes` on each device, all devices together.

  Raises:
    InputError: not even one does.
  """
  if bytes_per_member > max_bytes:
    raise InputError(
      f"one member takes about {bytes_per_member:,} bytes, more than the "
      f"{max_bytes:,} allowed: raise max_bytes or make the network smaller"
    )
  return max_bytes // max(bytes_per_member, 1) * len(jax.local_devices())


class Journal:
  """Finished pieces of a sweep, one JSON line each; a sweep goes on from them.

  Every process writes a file of its own (`name.jsonl`, `name.1.jsonl`, ...) and
  reads all. A line cut short by a crash is dropped, and its piece done again.
  """

  def __init__(
    self,
    path: pathlib.Path,
    settings: Mapping[str, Any],
    process: int | None = None,
  ):
    """Opens or creates the journal at `path` (`.../name.jsonl`).

    Args:
      path: of the first process's file.
      settings: what all pieces have in common, plain data: the first line.
      process: this one's number, by default JAX's.

    Raises:
      InputError: the pieces that are there were done with other settings.
    """
    if process is None:
      process = jax.process_index()
    path.parent.mkdir(parents=True, exist_ok=True)
    self._settings = json.loads(json.dumps(settings))  # As they are read back.
    self._records: dict[str, Any] = {}
    own = path.with_suffix(f".{process}.jsonl") if process else path
    for file in (path, *sorted(path.parent.glob(f"{path.stem}.*.jsonl"))):
      self._read(file, repair=file == own)
    self._file = own.open("a")
    if not own.stat().st_size:
      self._append({"settings": self._settings})

  def _check(self, path, record):
    theirs = record.get("settings")
    if theirs is None:
      raise InputError(
        f"{path} does not begin with the settings of its sweep: move it away"
      )
    for key in sorted({*theirs, *self._settings}):
      ours = self._settings.get(key)
      if theirs.get(key) != ours:
        raise InputError(
          f"{path} was made with {key} = {theirs.get(key)!r}, and now it is "
          f"{ours!r}: move the file away, or write to another folder"
        )

  def _read(self, path, repair):
    if not path.exists():
      return
    kept = 0
    with path.open("rb") as file:
      for line in file:
        try:
          record = json.loads(line)
        except ValueError:
          break
        if not line.endswith(b"\n"):
          break
        if kept:
          self._records[record["piece"]] = record
        else:
          self._check(path, record)
        kept += len(line)
    if repair and kept < path.stat().st_size:
      os.truncate(path, kept)

  def __contains__(self, piece: str) -> bool:
    return piece in self._records

  def records(self) -> list[dict[str, Any]]:
    """All finished pieces, in the order in which they were read or written."""
    return list(self._records.values())

  def write(self, piece: str, record: Mapping[str, Any]) -> None:
    """Adds a finished piece, safely on the disk when this returns."""
    record = {"piece": piece, **record}
    self._append(record)
    self._records[piece] = record

  def _append(self, record):
    self._file.write(json.dumps(record) + "\n")
    self._file.flush()
    os.fsync(self._file.fileno())

  def __enter__(self) -> "Journal":
    return self

  def __exit__(self, *exc: object) -> None:
    self._file.close()


def share_of_this_process(pieces: list[Any]) -> list[Any]:
  """Every n-th of the pieces of a sweep, n being the number of processes."""
  return pieces[jax.process_index() :: jax.process_count()]
