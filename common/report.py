"""Results as data files, and the tables in READMEs made from them."""

import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from . import checkpoint
from .errors import InputError


@functools.cache
def provenance() -> dict[str, str]:
  """Where a number comes from: commit, versions, device. Strings only."""
  here = pathlib.Path(__file__).parent

  def git(*args):
    try:
      done = subprocess.run(
        ["git", "-C", str(here), *args], capture_output=True, text=True
      )
    except OSError:  # No git on this machine.
      return ""
    return done.stdout.strip() if done.returncode == 0 else ""

  commit = git("rev-parse", "--short=12", "HEAD") or "unknown"
  if git("status", "--porcelain", "--untracked-files=no"):
    commit += "+changes"
  versions = {
    name: importlib.metadata.version(name)
    for name in ("jax", "jaxlib", "flax", "optax", "numpy")
  }
  return {
    "commit": commit,
    "python": platform.python_version(),
    **versions,
    "device": f"{jax.device_count()} x {device_kind()}",
  }


def device_kind() -> str:
  """The name of the accelerator, or of the processor where there is none."""
  if jax.default_backend() != "cpu":
    return jax.devices()[0].device_kind
  try:
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = text.split("model name", 1)[1].split(":", 1)[1].splitlines()[0]
  except (OSError, IndexError):
    name = platform.processor() or platform.machine()
  return f"CPU ({name.strip()}, {len(cores())} cores)"


def cores():
  """The processor cores that this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return os.sched_getaffinity(0)
  return range(os.cpu_count() or 1)


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


def save_results(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Writes a results file, stamped with commit, versions and device."""
  path.parent.mkdir(parents=True, exist_ok=True)
  checkpoint.save_json(path, {**results, "provenance": provenance()})


def load_results(path: pathlib.Path) -> dict[str, Any]:
  """Reads a results file back."""
  return json.loads(path.read_text())


def cached(
  path: pathlib.Path,
  compute: Callable[[], Mapping[str, Any]],
  fresh: bool = False,
) -> dict[str, Any]:
  """The results at `path`, computed and written where there are none.

  With `fresh` they are computed in any case.
  """
  if fresh or not path.exists():
    save_results(path, compute())
  return load_results(path)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """A Markdown table, ending in a newline."""
  lines = [header, ["---"] * len(header), *rows]
  return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def insert_table(readme: pathlib.Path, name: str, table: str) -> None:
  """Puts `table` between the markers `<!-- name -->` and `<!-- /name -->`.

  Raises:
    InputError: the file has no such markers.
  """
  text = readme.read_text()
  begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
  if begin not in text or end not in text:
    raise InputError(f"{readme} has no place for a table: add {begin} {end}")
  head, rest = text.split(begin, 1)
  tail = rest.split(end, 1)[1]
  readme.write_text(f"{head}{begin}\n{table}{end}{tail}")
