"""Metrics on disk: one JSON object a line, and the same in TensorBoard files.

`metrics.jsonl` is the record; everything drawn or tabulated is read from it.
TensorBoard files are written by tensorboardX, without TensorFlow.
"""

import contextlib
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from .data import atomic


def read(workdir: str | os.PathLike[str]) -> list[dict[str, Any]]:
  """Returns the records of a workdir's `metrics.jsonl`, in order.

  Damaged lines, as a last one cut off by a killed process, are left out; no
  file is no records.
  """
  path = pathlib.Path(workdir) / "metrics.jsonl"
  records = []
  for line in path.read_bytes().splitlines() if path.exists() else []:
    with contextlib.suppress(ValueError):  # No JSON, or not even text.
      records.append(json.loads(line))
  return records


class Log:
  """An open log; records after `step`, of a killed run, are dropped."""

  def __init__(self, workdir: pathlib.Path, step: int):
    from tensorboardX import SummaryWriter  # Imports slowly: only on process 0.

    path = workdir / "metrics.jsonl"
    kept = [r for r in read(workdir) if r["step"] <= step]
    with atomic.replacing(path) as part:
      part.write_text("".join(json.dumps(r) + "\n" for r in kept))
    self._file = path.open("a")
    self._board = SummaryWriter(
      str(workdir / "tensorboard"),
      purge_step=step + 1 if step else None,
    )

  def write(self, step: int, values: Mapping[str, float]) -> None:
    """Appends one record; readable by another process at once."""
    try:
      self._file.write(json.dumps({"step": step, **values}) + "\n")
      self._file.flush()
    except OSError as error:  # That of a file that is open names none.
      error.filename = self._file.name
      raise
    for name, value in values.items():
      self._board.add_scalar(name, value, step)

  def image(self, step: int, name: str, pixels: Any) -> None:
    """Shows a picture, uint8 `[height, width, channels]`, in TensorBoard."""
    self._board.add_image(name, pixels, step, dataformats="HWC")

  def close(self) -> None:
    """Closes both; what TensorBoard cannot write is lost to TensorBoard only.

    Its curves are a copy, and its error, of a full disk, would hide the one
    that has stopped the run.
    """
    self._file.close()
    writer = getattr(self._board.file_writer, "event_writer", None)
    try:
      self._board.close()
    except OSError as error:
      print(f"warning: TensorBoard's curves are cut: {error}", file=sys.stderr)
      if writer:
        writer.close = lambda: None  # It is called at exit once more.
