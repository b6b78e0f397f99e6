"""A run's directory: whose it is, which config, and its last state.

config.json  data.json  metrics.jsonl  checkpoints/  tensorboard/  and pictures
"""

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import filelock
import jax
import ml_collections

from . import checkpoint
from .data import in_memory
from .errors import InputError

# What may differ between a run and its continuation: how long, how often and
# from where, never what is computed.
BUDGETS = (
  "total_steps",
  "steps_per_call",
  "log_every",
  "eval_every",
  "checkpoint_every",
  "keep_checkpoints",
  "data_dir",
  "cache_dir",
  "max_device_bytes",
)


def lock(workdir: pathlib.Path) -> filelock.BaseFileLock:
  """Makes the directory and claims it; `release` of the result gives it back.

  Raises:
    InputError: it cannot be written, or another process has claimed it.
  """
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    # The system gives it back when the process ends, however it ends.
    claim = filelock.FileLock(workdir / ".lock", timeout=0)
    claim.acquire()
  except filelock.Timeout as error:
    raise InputError(
      f"--workdir {workdir} is in use by another process; wait for it or "
      "choose another directory"
    ) from error
  except OSError as error:
    raise InputError(
      f"--workdir {workdir} cannot be written ({error.strerror}); "
      "choose a directory that can"
    ) from error
  return claim


def save_config(
  workdir: pathlib.Path, config: ml_collections.ConfigDict
) -> None:
  """Writes `config.json`.

  Raises:
    InputError: it cannot be written.
  """
  _save(workdir / "config.json", json.loads(config.to_json()))


def _save(path: pathlib.Path, value: Any) -> None:
  try:
    checkpoint.save_json(path, value)
  except OSError as error:
    raise InputError(
      f"could not write {path} ({error.strerror}); free some space or choose "
      "another --workdir"
    ) from error


def saved_config(
  workdir: pathlib.Path,
  check: Callable[[ml_collections.ConfigDict], None] | None = None,
) -> ml_collections.ConfigDict:
  """Returns the config of the run in `workdir`, locked; lists for tuples.

  Args:
    workdir: of a run.
    check: raises InputError of what is no config of the project that asks.

  Raises:
    InputError: there is no run, or it is another project's.
  """
  path = workdir / "config.json"
  try:
    config = ml_collections.ConfigDict(json.loads(path.read_text())).lock()
  except (OSError, ValueError, TypeError) as error:
    raise InputError(
      f"{workdir} holds no run (its config.json cannot be read: {error})"
    ) from error
  try:
    if check:
      check(config)
  except InputError as error:
    raise InputError(
      f"{workdir} is a run of another project, or of an older version of this "
      "one; give the --workdir of a training of this project"
    ) from error
  return config


def saved_state(workdir: pathlib.Path, init: Callable[[jax.Array], Any]) -> Any:
  """Returns the newest sound state in `workdir`, on one device; only reads.

  Args:
    workdir: of a run, which may be going on.
    init: what made the first state, for its structure.

  Raises:
    InputError: there is no checkpoint.
  """
  one = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  like = abstract(init, jax.random.key(0), one)
  found = None
  if (workdir / "checkpoints").is_dir():
    with checkpoint.Checkpoints(workdir, read_only=True) as checkpoints:
      found = checkpoints.restore(like)
  if found is None:
    raise InputError(f"no checkpoint in {workdir} yet; train a little first")
  return found


def greeting(
  workdir: pathlib.Path,
  step: int,
  total_steps: int,
  lengths: Sequence[str] = ("total_steps",),
) -> str:
  """What is said of the run found in `workdir`, whose state is of `step`.

  Any of the keys `lengths` may have ended it.
  """
  if step < total_steps:
    return f"resuming {workdir} at step {step}"
  larger = " or ".join(f"--config.{name}" for name in lengths)
  return (
    f"{workdir} is already finished, at step {step}: to go on, give a larger "
    f"{larger}; to begin anew, another --workdir"
  )


def refuse_other_config(
  workdir: pathlib.Path,
  config: ml_collections.ConfigDict,
  lengths: Sequence[str] = (),
) -> None:
  """Raises InputError when the run in `workdir` has another config.

  BUDGETS and `lengths` may differ. The message holds each difference, old
  value first.
  """
  theirs = saved_config(workdir)
  old, new = (_flatten(json.loads(c.to_json())) for c in (theirs, config))
  lines = [
    f"  {name}: {old.get(name, '(absent)')} there, {new.get(name, '(absent)')} "
    "here"
    for name in sorted(old.keys() | new.keys())
    if old.get(name) != new.get(name) and name not in (*BUDGETS, *lengths)
  ]
  strange = sorted(old.keys() ^ new.keys())
  if len(strange) > len(old.keys() & new.keys()):
    raise InputError(
      f"--workdir {workdir} holds a run of another kind of config, perhaps of "
      f"another project ({', '.join(strange[:3])} and {len(strange) - 3} more "
      "keys are of one alone); choose another directory"
    )
  if lines:
    raise InputError(
      f"--workdir {workdir} holds a run of another config; choose another "
      "directory, or this config:\n" + "\n".join(lines)
    )


def claim_data(
  workdir: pathlib.Path, source: str, arrays: Any, begun: bool, main: bool
) -> None:
  """`experiment.Run.claim_data`, for what trains without a `Run`.

  Args:
    workdir: of the run.
    source: see there.
    arrays: see there.
    begun: whether there is a training to go on with.
    main: whether this process writes.

  Raises:
    InputError: the run in `workdir` was trained on other data.
  """
  if not jax.tree.leaves(arrays):
    return
  found = in_memory.fingerprint(arrays)
  path = "generated data"
  if source:
    path = str(pathlib.Path(source).expanduser().absolute())
  if begun:
    refuse_other_data(workdir, path, found)
  if main:
    record = {"source": path, "fingerprint": found}
    _save(workdir / "data.json", record)


def refuse_other_data(
  workdir: pathlib.Path, source: str, fingerprint: str
) -> None:
  """Raises InputError when the run in `workdir` was trained on other data.

  Where the data lies may differ. A run of before there were records passes.
  """
  try:
    saved = json.loads((workdir / "data.json").read_text())
    known = str(saved["source"]), str(saved["fingerprint"])
  except (OSError, ValueError, LookupError, TypeError):
    return
  if known[1] != fingerprint:
    raise InputError(
      f"--workdir {workdir} holds a run on other data: {known[0]} "
      f"({known[1]}), where now {source} has {fingerprint}; choose another "
      "directory, or give that data"
    )


def abstract(
  init: Callable[[jax.Array], Any], key: jax.Array, sharding: Any
) -> Any:
  """Shapes, types and placement of the state that `init(key)` would make."""
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(
      leaf.shape, leaf.dtype, sharding=sharding
    ),
    jax.eval_shape(init, key),
  )


def _flatten(tree, prefix=""):
  flat = {}
  for name, value in tree.items():
    if isinstance(value, Mapping):
      flat.update(_flatten(value, f"{prefix}{name}."))
    else:
      flat[prefix + name] = value
  return flat
