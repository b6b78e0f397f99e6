"""Checkpoints by orbax, with a digest, and the way back when one is damaged."""

import contextlib
import io
import json
import logging as standard_logging
import os
import pathlib
import re
import shutil
import sys
import time
import zlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from .data import atomic
from .errors import InputError


def digest(state: Any) -> str:
  """CRC-32 over the path, type, shape and bytes of every leaf of `state`.

  Storage formats detect a torn file, not a flipped bit; and a restored state is
  promised to be the saved one bit for bit.
  """
  crc = 0
  for path, leaf in jax.tree_util.tree_leaves_with_path(state):
    array = np.asarray(_raw(leaf))
    label = f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}"
    crc = zlib.crc32(label.encode(), crc)
    crc = zlib.crc32(np.ascontiguousarray(array).view(np.uint8), crc)
  return f"{crc:08x}"


def _raw(leaf):
  if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    return jax.random.key_data(leaf)
  return leaf


class Checkpoints:
  """The checkpoints of a workdir: `save(step, state)`, `restore(like)`."""

  def __init__(
    self,
    workdir: pathlib.Path,
    keep: int | None = None,
    read_only: bool = False,
  ):
    """Opens the folder; `read_only` changes nothing, while another trains."""
    self.folder = workdir.absolute() / "checkpoints"
    self._damaged = workdir.absolute() / "damaged_checkpoints"
    self._keep = keep
    self._read_only = read_only
    self._open()

  def __enter__(self) -> "Checkpoints":
    return self

  def __exit__(self, *exc: object) -> None:
    self.close()

  def _open(self):
    # What a killed save left. Orbax would do it in a thread that nothing waits
    # for, and whose traceback comes behind a sentence that ends the program.
    if not self._read_only and jax.process_index() == 0:
      for part in self.folder.glob(f"*{ocp.utils.TMP_DIR_SUFFIX}*"):
        shutil.rmtree(part, ignore_errors=True)
    # Saving is synchronous: on CPU a background save may read buffers that the
    # next step has been given to overwrite (donation), and the states of these
    # papers are small.
    self._manager = ocp.CheckpointManager(
      self.folder,
      options=ocp.CheckpointManagerOptions(
        max_to_keep=self._keep,
        enable_async_checkpointing=False,
        cleanup_tmp_directories=False,
        read_only=self._read_only,
      ),
    )

  def latest(self) -> int | None:
    """The newest step on disk, or None."""
    return self._manager.latest_step()

  def save(self, step: int, state: Any, record: dict[str, Any]) -> None:
    """Writes `state` and the JSON `record`; atomic, so a kill leaves no half.

    Raises:
      InputError: the disk is full or not writable. The checkpoints before stay.
    """
    if step == self.latest():
      return
    record = {**record, "step": step, "digest": digest(state)}
    try:
      with _quiet():
        self._manager.save(
          step,
          args=ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            record=ocp.args.JsonSave(record),
          ),
        )
    except Exception as error:  # tensorstore's are ValueErrors with an OS text
      before, reason = self.latest(), _system_reason(error)
      raise InputError(
        f"could not write the checkpoint of step {step} to {self.folder} "
        f"({reason}); free some space or choose another --workdir"
        + (f"; the checkpoint of step {before} is intact" if before else "")
      ) from error

  def restore(self, like: Any) -> Any:
    """Returns the newest sound state, or None where there is none.

    A damaged checkpoint (truncated, corrupted, digest differs) is moved to
    `damaged_checkpoints/`, said so, and the one before is taken.

    Args:
      like: a tree of `jax.ShapeDtypeStruct` with shardings.

    Raises:
      InputError: checkpoints exist, and not one of them can be read.
    """
    steps = sorted(self._manager.all_steps(), reverse=True)
    damaged = []
    for step in steps:
      try:
        restored = self._manager.restore(
          step,
          args=ocp.args.Composite(
            state=ocp.args.StandardRestore(like),
            record=ocp.args.JsonRestore(),
          ),
        )
        if restored.record["digest"] != digest(restored.state):
          raise ValueError("its digest differs from the one saved with it")
      except Exception as error:
        warn(
          f"the checkpoint of step {step} in {self.folder} is damaged "
          f"({_reason(error)}); going back to the one before"
        )
        damaged.append(step)
        continue
      for bad in damaged:
        self._set_aside(bad)
      return restored.state
    if steps:
      raise InputError(
        f"none of the {len(steps)} checkpoints in {self.folder} can be read; "
        "nothing was changed; choose a new --workdir to start anew"
      )
    return None

  def _set_aside(self, step):
    if self._read_only:
      return
    if jax.process_index() == 0:
      self._damaged.mkdir(exist_ok=True)
      target = self._damaged / str(step)
      shutil.rmtree(target, ignore_errors=True)
      os.replace(self.folder / str(step), target)
    self._manager.close()
    self._open()

  def close(self) -> None:
    self._manager.close()


@contextlib.contextmanager
def _quiet():
  """Drops what orbax's threads print of an error, beside raising it.

  It is a page of tracebacks for one full disk. Where nothing is raised, what
  was printed is shown.
  """
  level, said = logging.get_verbosity(), io.StringIO()
  logging.set_verbosity(logging.FATAL)
  try:
    with contextlib.redirect_stderr(said):
      try:
        yield
      except Exception:
        # Other writers end after the first one's error, and asyncio tells of
        # theirs when it collects them, until the process ends.
        time.sleep(0.5)
        standard_logging.getLogger("asyncio").disabled = True
        raise
  finally:
    logging.set_verbosity(level)
  print(said.getvalue(), file=sys.stderr, end="")


def _system_reason(error: BaseException) -> str:
  """What the operating system said, of an error with others around it."""
  inner: BaseException | None = error
  while inner:
    if isinstance(inner, OSError) and inner.strerror:
      return inner.strerror
    # tensorstore's are ValueErrors with the number in their text.
    number = re.search(r"os_error_code='(\d+)'", str(inner))
    if number:
      return os.strerror(int(number[1]))
    inner = inner.__cause__ or inner.__context__
  return _reason(error)


def _reason(error: Exception) -> str:
  text = " ".join(str(error).split()) or type(error).__name__
  return text if len(text) <= 160 else text[:157] + "..."


@jax.jit
def finite(state: Any) -> Any:
  """Whether all numbers of each leaf are finite, `[]` bool leaves."""

  def fine(leaf):
    if jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact):
      return jax.numpy.all(jax.numpy.isfinite(leaf))
    return jax.numpy.bool_(True)

  return jax.tree.map(fine, state)


def save_json(path: pathlib.Path, value: Any) -> None:
  """Writes JSON so that a kill leaves the old file or the new one, no half."""
  with atomic.replacing(path) as part:
    part.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def warn(message: str) -> None:
  """Prints a warning for the person at the terminal."""
  print(f"warning: {message}", file=sys.stderr, flush=True)
