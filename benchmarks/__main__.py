"""Runs the benchmarks: prints a table each, keeps the numbers in results/.

  python -m benchmarks [--quick] [frechet] [streaming] [fcd] [coulomb_gan]
    [snn] [rudder] [slot_attention]

`--quick` shows in seconds that everything works: small sizes, times that mean
nothing, and so no results are kept. Every module has `run(quick) -> rows`; a
time is the median of several, a ratio above 1 means that ours is faster.
"""

import argparse
import importlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

MODULES = (
  *("frechet", "streaming", "fcd", "coulomb_gan", "snn", "rudder"),
  "slot_attention",
)
RESULTS = pathlib.Path(__file__).parent.parent / "results" / "benchmarks"
README = RESULTS.parents[1] / "README.md"
COLUMNS = {
  "what": "What",
  "ours_s": "Ours",
  "peer_s": "Peer",
  "ratio": "Ratio",
  "goal": "Goal",
  "steps_per_s": "Ours, steps/s",
  "peer_steps_per_s": "Peer, steps/s",
  "molecules_per_s": "Ours, molecules/s",
  "growth": "To the row above",
  "to_base": "To the base",
  "share": "Share of a step",
  "error": "Error",
  "peer_error": "Peer's error",
  "compile_s": "Compile",
  "parameters": "Parameters",
  "peer_parameters": "Peer's parameters",
  "memory_mb": "Memory, MB",
  "peer_memory_mb": "Peer's memory, MB",
}


def main() -> None:
  """Runs what the command line asks for."""
  parser = argparse.ArgumentParser(prog="python -m benchmarks")
  parser.add_argument("names", nargs="*", metavar="name", help=str(MODULES))
  parser.add_argument("--quick", action="store_true")
  arguments = parser.parse_args()
  for name in set(arguments.names) - set(MODULES):
    parser.error(f"no benchmark {name!r}; there are {', '.join(MODULES)}")
  # Read when NumPy is imported, which is below; see frechet.py for the reason.
  # JAX and (on x86) PyTorch have threads of their own.
  os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
  names = arguments.names or MODULES
  if len(names) == 1:
    measure(names[0], arguments.quick)
    return
  # Each in a process of its own: they want JAX's devices differently.
  for name in names:
    command = [sys.executable, "-m", "benchmarks", name]
    subprocess.run(command + ["--quick"] * arguments.quick, check=True)


def measure(name: str, quick: bool) -> None:
  """Runs the module `name`, prints its table and keeps its rows."""
  from common.provenance import provenance
  from common.tables import cells, markdown

  module = importlib.import_module(f"benchmarks.{name}")
  if hasattr(module, "prepare"):
    module.prepare()
  facts = settings()
  print(f"\n## {name}{', quick: times mean nothing' if quick else ''}\n")
  head = {**provenance(), **facts}
  print(", ".join(f"{k} {v}" for k, v in head.items()) + "\n", flush=True)
  rows = module.run(quick)
  peers = {row["peer"] for row in rows if row["peer"]}
  print(f"Peer: {', '.join(sorted(peers)) or module.HOW_TO_ADD_PEER}\n")
  print(table(rows), flush=True)
  if not quick:
    path = RESULTS / f"{name}.json"
    cells.save(path, {"settings": facts, "rows": rows})
    where = ", ".join(f"{k} {v}" for k, v in head.items())
    markdown.insert(README, name, f"{where}\n\n{table(rows)}")


def settings() -> dict[str, Any]:
  """Returns what times depend on beside the versions: threads, peers."""
  import scipy

  from benchmarks import coulomb_gan, frechet

  return {
    "blas_threads": frechet.THREADS,
    **coulomb_gan.settings(),
    "scipy": scipy.__version__,
  }


def table(rows: Sequence[dict[str, Any]]) -> str:
  """Returns the rows in Markdown; optional columns only if filled."""
  from common.tables import markdown

  always = ("what", "ours_s", "peer_s", "ratio")
  filled = [
    key
    for key in COLUMNS
    if key in always or any(row.get(key) is not None for row in rows)
  ]
  cells = [[cell(key, row.get(key)) for key in filled] for row in rows]
  return markdown.table([COLUMNS[key] for key in filled], cells)


def cell(key: str, value: Any) -> str:
  """Returns a value with its unit, "-" for none."""
  if value is None:
    return "-"
  if key in ("ours_s", "peer_s", "compile_s"):
    unit = 0 if value >= 1 else 1 if value >= 1e-3 else 2
    return f"{value * 1000**unit:.3g} {('s', 'ms', 'µs')[unit]}"
  if key in ("ratio", "growth", "to_base"):
    return f"{value:.2f}"
  if key == "share":
    return f"{value:.1%}"
  if key == "goal":
    return f"{value:g}"
  if "error" in key:
    return f"{value:.0e}"
  if isinstance(value, float):
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
  return str(value)


if __name__ == "__main__":
  main()
