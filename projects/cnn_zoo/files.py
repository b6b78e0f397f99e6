"""A zoo on the disk, in the released layout; whole, or in shards as it comes.

    layout.csv       varname, start_idx, end_idx, shape: the columns of weights
    weights.npy      float32 [rows, weights]
    metrics.csv.gz   a row each: hyperparameters, the epoch as `step`, scores

A zoo that is being trained has `layout.csv` beside `shards/<first>-<last>/`
with the other two. A shard's metrics are written last, and each file whole.
"""

import ast
import csv
import gzip
import io
import os
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from common.data import atomic, foreign, table_files
from common.errors import InputError

from . import model

METRICS, WEIGHTS, LAYOUT = "metrics.csv.gz", "weights.npy", "layout.csv"
_MEND = (  # Of a shard whose writing was cut short.
  "remove the folder if it is a shard, and the same training command makes it "
  "again"
)
SCORES = ("test_accuracy", "test_loss", "train_accuracy", "train_loss")
COLUMNS = (
  "config.activation",
  "config.b_init",
  "config.dataset",
  "config.dnn_architecture",
  "config.dropout",
  "config.epochs",
  "config.epochs_between_checkpoints",
  "config.init_std",
  "config.l2reg",
  "config.learning_rate",
  "config.num_layers",
  "config.num_units",
  "config.optimizer",
  "config.random_seed",
  "config.train_fraction",
  "config.w_init",
  "modeldir",
  "step",
  *SCORES,
)


class ZooFiles(NamedTuple):
  """A zoo that was read.

  Attributes:
    weights: float32 [rows, weights], memory-mapped where it is one file.
    rows: of the metrics, all as text, in the order of the weights.
    layout: of the columns of `weights`.
  """

  weights: np.ndarray
  rows: list[dict[str, str]]
  layout: tuple[model.Tensor, ...]


def write_layout(folder: pathlib.Path, layout: Sequence[model.Tensor]) -> None:
  """Writes `layout.csv`."""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(["varname", "start_idx", "end_idx", "shape"])
  for tensor in layout:
    writer.writerow([tensor.name, tensor.start, tensor.end, tensor.shape])
  with atomic.replacing(folder / LAYOUT) as part:
    part.write_text(text.getvalue())


def read_layout(folder: pathlib.Path) -> tuple[model.Tensor, ...]:
  """Reads `layout.csv`.

  Raises:
    InputError: it is not there, or its tensors are not one after the other.
  """
  path = folder / LAYOUT
  rows = csv.DictReader(io.StringIO(table_files.text(path)))
  found = []
  for number, row in enumerate(rows, 2):
    try:
      start, end = int(row["start_idx"]), int(row["end_idx"])
      shape = ast.literal_eval(row["shape"])
      shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
      tensor = model.Tensor(row["varname"], start, end, shape)
      sound = start == (found[-1].end if found else 0)
      sound &= int(np.prod(shape)) == end - start
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
      raise InputError(
        f"{path}, line {number}: a row has varname, start_idx, end_idx and "
        f"shape ({error})"
      ) from error
    if not sound:
      raise InputError(
        f"{path}, line {number}: {tensor.name} lies at {start}:{end} with "
        f"shape {shape}; tensors must follow each other, as many columns as "
        "the shape has numbers"
      )
    found.append(tensor)
  if not found:
    raise InputError(f"{path} names no tensors")
  return tuple(found)


def write(
  folder: pathlib.Path, weights: np.ndarray, rows: Sequence[Mapping[str, Any]]
) -> None:
  """Writes weights, then metrics; each whole or not at all."""
  with atomic.replacing(folder / WEIGHTS) as part, part.open("wb") as file:
    np.save(file, weights)
  text = io.StringIO()
  writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
  writer.writeheader()
  writer.writerows(rows)
  # Without the time of writing: the same zoo is the same bytes.
  packed = gzip.compress(text.getvalue().encode(), mtime=0)
  with atomic.replacing(folder / METRICS) as part:
    part.write_bytes(packed)


def write_shard(
  folder: pathlib.Path,
  numbers: Sequence[int],
  weights: np.ndarray,
  rows: Sequence[Mapping[str, Any]],
) -> None:
  """Writes the shard of the networks `numbers`, in place of damaged ones.

  Of any inside it, and of one that has some of its networks and is not sound.

  Raises:
    InputError: the disk is full, or cannot be written.
  """
  path = folder / "shards" / f"{numbers[0]:06d}-{numbers[-1]:06d}"
  try:
    write(path, weights, rows)
  except OSError as error:
    raise InputError(
      f"{path} cannot be written ({error.strerror}): free some space; the "
      "same command goes on from there"
    ) from error
  for other in shards(folder):
    here = set(_numbers(other))
    if other == path or here.isdisjoint(numbers):
      continue
    if here <= set(numbers) or not _sound(other):
      shutil.rmtree(other)


def shards(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """The folders of a zoo's shards, by number."""
  places = [p for p in folder.glob("shards/*-*") if _numbers(p) and p.is_dir()]
  yield from sorted(places, key=lambda place: _numbers(place)[0])


def _numbers(place):
  """Of the networks in a shard, by its name; empty if it is none's."""
  ends = re.fullmatch(r"(\d+)-(\d+)", place.name)
  return range(int(ends[1]), int(ends[2]) + 1) if ends else range(0)


def missing(folder: pathlib.Path, numbers: Sequence[int]) -> list[range]:
  """The runs of `numbers` that are in no sound shard, however it was cut."""
  left = set(numbers)
  for place in shards(folder):
    here = _numbers(place)
    if not left.isdisjoint(here) and _sound(place):
      left.difference_update(here)
  starts = [i for i in sorted(left) if i - 1 not in left]
  ends = [i for i in sorted(left) if i + 1 not in left]
  return [range(a, b + 1) for a, b in zip(starts, ends, strict=True)]


def _sound(shard):
  """Whether it can be read, and has all networks of its name."""
  try:
    _, rows = _read(shard)
  except InputError:
    return False
  return len({row["modeldir"] for row in rows}) == len(_numbers(shard))


def read(folder: str | os.PathLike) -> ZooFiles:
  """Reads a zoo: the released files, or shards; every row of it.

  Raises:
    InputError: there is none, one of its files is damaged, or they do not fit
      each other.
  """
  folder = pathlib.Path(folder).expanduser()
  whole = (folder / WEIGHTS).exists() or (folder / METRICS).exists()
  places = [folder] if whole else list(shards(folder))
  if not places:
    raise InputError(f"{folder} is no zoo: it has neither {WEIGHTS} nor shards")
  layout = read_layout(folder)
  parts = [_read(place) for place in places]
  for place, (weights, _) in zip(places, parts, strict=True):
    if weights.shape[1] != layout[-1].end:
      raise InputError(
        f"{place / WEIGHTS} has {weights.shape[1]} columns, and "
        f"{folder / LAYOUT} describes {layout[-1].end}"
      )
  weights = [part for part, _ in parts]
  joined = weights[0] if len(weights) == 1 else np.concatenate(weights)
  rows = [row for _, found in parts for row in found]
  if not rows:
    raise InputError(f"{folder} is an empty zoo: its metrics have no rows")
  return ZooFiles(joined, rows, layout)


def _read(place):
  """(weights, rows) of one folder."""
  try:
    # Of .npy alone: `np.load` opens an archive under this name, too.
    weights = np.lib.format.open_memmap(place / WEIGHTS, mode="r")
  except foreign.BROKEN as error:
    raise InputError(
      f"{place / WEIGHTS} cannot be read ({error}): {_MEND}"
    ) from error
  if weights.ndim != 2 or not np.issubdtype(weights.dtype, np.floating):
    raise InputError(
      f"{place / WEIGHTS} holds {weights.dtype} {weights.shape}: it must be "
      "numbers [rows, weights]"
    )
  path = place / METRICS
  if not path.exists():  # They are written last.
    raise InputError(f"{place} has {WEIGHTS} and no {METRICS}: {_MEND}")
  rows = list(csv.DictReader(io.StringIO(table_files.text(path))))
  for i, row in enumerate(rows, 1):
    if None in row or None in row.values():
      raise InputError(
        f"{path}, row {i}: it has {'more' if None in row else 'fewer'} cells "
        "than there are columns"
      )
  if rows:
    missing = {"modeldir", "step", "test_accuracy"} - rows[0].keys()
    if missing:
      raise InputError(f"{path} has no column {', '.join(sorted(missing))}")
  if len(rows) != len(weights):
    raise InputError(
      f"{path} has {len(rows)} rows, and {WEIGHTS} beside it {len(weights)}: "
      "they must be of the same networks"
    )
  return weights, rows
