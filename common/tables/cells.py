"""Cells of a table: computed once, kept as JSON with where they come from."""

import json
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from common import checkpoint
from common.errors import InputError
from common.provenance import provenance

ORIGIN = "minutes, device, commit"  # The column of `origin`.
PLACES = ("data_dir", "cache_dir", "weights")  # Of this machine: no result.


def cached(
  path: pathlib.Path,
  compute: Callable[[], Mapping[str, Any]],
  fresh: bool = False,
) -> dict[str, Any]:
  """The results at `path`, computed and written where there are none.

  With `fresh` they are computed in any case; what is kept is said, since other
  data or weights do not change it. A cell says how many `minutes` it took,
  unless `compute` has said so itself. That of a training which had ended, and
  was read once more, keeps its minutes, and in `trained` its commit and device.
  """
  if fresh or not path.exists():
    start = time.perf_counter()
    found = compute()
    found = {"minutes": (time.perf_counter() - start) / 60, **found}
    if found["minutes"] is None and path.exists():
      old = load(path)
      trained = old.get("trained") or old["provenance"]
      if _alike(old.get("scores"), found.get("scores")):  # Read once more.
        found |= {"minutes": old.get("minutes"), "trained": trained}
    save(path, found)
  else:
    print(f"kept: {path} (--fresh computes it again)", file=sys.stderr)
  return load(path)


def _alike(a, b):
  """Whether scores are of one training; other cores round them otherwise."""
  if not a or not b or a.keys() != b.keys():
    return False
  pairs = [[np.nan if s[k] is None else s[k] for k in a] for s in (a, b)]
  return np.allclose(*pairs, rtol=1e-3, atol=0, equal_nan=True)


def save(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Writes a results file, stamped with commit, versions and device."""
  path.parent.mkdir(parents=True, exist_ok=True)
  checkpoint.save_json(path, {**results, "provenance": provenance()})


def load(path: pathlib.Path) -> dict[str, Any]:
  """Reads a results file back."""
  return json.loads(path.read_text())


def collected(
  folder: pathlib.Path, table: str, rows: Iterable[str]
) -> dict[str, list[dict[str, Any]]]:
  """The cells `<table>_<row>_<seed>.json` that are there, by row.

  Raises:
    InputError: there are none.
  """
  found = {
    row: [load(p) for p in sorted(folder.glob(f"{table}_{row}_[0-9]*.json"))]
    for row in rows
  }
  found = {row: cells for row, cells in found.items() if cells}
  if not found:
    raise InputError(
      f"{folder} has no cell of --table={table} yet: ask for --seeds=1 or more"
    )
  return found


def recorded(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """The config as a results file keeps it: without where data lie."""
  values = json.loads(config.to_json())
  return {key: value for key, value in values.items() if key not in PLACES}


def trained(
  train: Callable[[ml_collections.ConfigDict, str], tuple[Any, Any]],
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
) -> tuple[Any, dict[str, Any]]:
  """Runs or resumes `train(config, workdir)`; returns its state and a cell.

  The cell has scores, steps, minutes (None of a run in pieces: nobody has held
  the watch) and config.
  """
  start = time.perf_counter()
  resumed = (workdir / "checkpoints").exists()
  state, scores = train(config.lock(), str(workdir))
  return state, {
    "scores": scores,
    "steps": int(state.step),
    "minutes": None if resumed else (time.perf_counter() - start) / 60,
    "config": recorded(config),
  }


def summary(values: Sequence[float]) -> dict[str, Any]:
  """Median, quartiles and range over seeds, with every value kept."""
  array = np.asarray(values, np.float64)
  low, median, high = np.quantile(array, [0.25, 0.5, 0.75])
  return {
    "median": float(median),
    "quartiles": [float(low), float(high)],
    "range": [float(array.min()), float(array.max())],
    "values": [float(v) for v in array],
  }


def median_and_range(cell: Mapping[str, Any], form: str) -> str:
  """A `summary` as "median [lowest, highest]", each in `form`, as ".3g"."""
  low, high = cell["range"]
  return f"{cell['median']:{form}} [{low:{form}}, {high:{form}}]"


def origin(
  cells: Sequence[Mapping[str, Any]], form: str = ".1f", unknown: str = "?"
) -> str:
  """Where cells come from: mean minutes, and each device and commit."""
  stamps = (cell.get("trained", cell["provenance"]) for cell in cells)
  places = dict.fromkeys(f"{one['device']}, {one['commit']}" for one in stamps)
  minutes = [c["minutes"] for c in cells if c["minutes"] is not None]
  each = f"{np.mean(minutes):{form}}" if minutes else unknown
  return f"{each}, {'; '.join(places)}"
