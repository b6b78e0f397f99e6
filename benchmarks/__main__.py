"""Runs the benchmarks: prints a table each, keeps the numbers in results/.

  python -m benchmarks [--quick] [--tables] [NAME ...]

Names are those of `MODULES`, by default all of them.

`--quick` shows in seconds that everything works: small sizes, times that mean
nothing, and so no results are kept. `--tables` writes the tables again from the
results that are kept. Every module has `run(quick) -> rows`; a time is the
median of several, a ratio above 1 means that ours is faster.
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
  "frechet",
  "streaming",
  "fcd",
  "coulomb_gan",
  "ttur",
  "snn",
  "rudder",
  "slot_attention",
  "interpretable_drugs",
  "cnn_zoo",
  "first_order_gan",
  "fvd_models",
)
HERE = pathlib.Path(__file__).parent
RESULTS = HERE.parent / "results" / "benchmarks"
# The front README's rows: whose benchmark, and which of its rows stand for it.
HEADLINES = {
  "Coulomb GAN": (
    "coulomb_gan",
    "toy step, batch 256, steps a call: 100",
    "32x32 step, batch 128, steps a call: 1",
    "64x64 step, batch 128, steps a call: 1",
  ),
  "Self-normalizing networks": (
    "snn",
    "4x32, 64 members, against PyTorch",
    "4x1024, 64 members, against PyTorch",
  ),
  "FID, FVD: the distance": (
    "frechet",
    "d=2048, n=10000, full rank",
    "d=2048, n=500, from features",
  ),
  "FCD": ("fcd", "FCD of 10,000 and 10,000 SMILES"),
  "RUDDER": (
    "rudder",
    "watch repair, RUDDER, 24 at once: a solved trial",
    "PPO on CartPole, 4 environments: a step",
  ),
  "Slot Attention": ("slot_attention", "step at 35x35, batch 64"),
  "CNN zoo": (
    "cnn_zoo",
    "step of a network, batch 512, 16 members, against PyTorch, channels last",
    "step of a network, batch 512, 16 members, against torch.func.vmap",
  ),
  "First Order GAN": ("first_order_gan", "language step, 32 wide, batch 64"),
  "Interpretable drugs": (
    "interpretable_drugs",
    "graph network, a step of 64 molecules, 256 units, beside PyTorch",
  ),
  "Video models": (
    "fvd_models",
    "cdna, 32x32, 16 frames, batch 16",
    "svp_fp, 32x32, 16 frames, batch 16",
  ),
}
COLUMNS = {
  "what": "What",
  "ours_s": "Ours",
  "peer_s": "Peer",
  "ratio": "Ratio",
  "ratio_range": "Ratio of a round",
  "goal": "Goal",
  "steps_per_s": "Ours, steps/s",
  "peer_steps_per_s": "Peer, steps/s",
  "molecules_per_s": "Ours, molecules/s",
  "growth": "To the row above",
  "to_base": "To the base",
  "share": "Share of a step",
  "peak": "Of the peak",
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
  parser.add_argument("--tables", action="store_true", help="from the results")
  arguments = parser.parse_args()
  for name in set(arguments.names) - set(MODULES):
    parser.error(f"no benchmark {name!r}; there are {', '.join(MODULES)}")
  # Read when NumPy is imported, which is below; see frechet.py for the reason.
  # JAX and (on x86) PyTorch have threads of their own.
  os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
  names = arguments.names or MODULES
  if arguments.tables:
    there = [n for n in MODULES if (RESULTS / f"{n}.json").exists()]
    write_tables(arguments.names or there)
    return
  if len(names) == 1:
    measure(names[0], arguments.quick)
    return
  # Each in a process of its own: they want JAX's devices differently.
  for name in names:
    command = [sys.executable, "-m", "benchmarks", name]
    subprocess.run(command + ["--quick"] * arguments.quick, check=True)


def measure(name: str, quick: bool) -> None:
  """Runs the module `name`, prints its table and keeps its rows."""
  from benchmarks import timing
  from common import xla_options
  from common.provenance import provenance
  from common.tables import cells

  if not quick:  # A test's process gives memory back.
    xla_options.keep_memory()  # For both sides.
  module = importlib.import_module(f"benchmarks.{name}")
  if hasattr(module, "prepare"):
    module.prepare()
  facts = settings()
  print(f"\n## {name}{', quick: times mean nothing' if quick else ''}\n")
  head = {**provenance(), **facts}
  print(", ".join(f"{k} {v}" for k, v in head.items()) + "\n", flush=True)
  rows = module.run(quick)
  for row in rows:
    row["ratio_range"] = timing.ratio_range(row["ours_s"], row["peer_s"])
  peers = {row["peer"] for row in rows if row["peer"]}
  print(f"Peer: {', '.join(sorted(peers)) or module.HOW_TO_ADD_PEER}\n")
  print(table(rows), flush=True)
  if not quick:
    path = RESULTS / f"{name}.json"
    cells.save(path, {"settings": facts, "rows": rows})
    write_tables([name])


def write_tables(names: Sequence[str]) -> None:
  """Writes the tables of modules, and the front README's, from the results."""
  from common.tables import cells, markdown

  for name in names:
    kept = cells.load(RESULTS / f"{name}.json")
    head = {**kept["provenance"], **kept["settings"]}
    where = ", ".join(f"{k} {v}" for k, v in head.items())
    text = f"{where}\n\n{table(kept['rows'])}"
    markdown.insert(HERE / "README.md", name, text)
  markdown.insert(HERE.parent / "README.md", "speed", summary())


def summary() -> str:
  """The front README's table: a row a paper, ratios as they were measured."""
  from common.tables import cells, markdown

  lines = []
  for title, (name, *whats) in HEADLINES.items():
    kept = cells.load(RESULTS / f"{name}.json")
    rows = {row["what"]: row for row in kept["rows"]}
    # Missing here is a renamed row: rather an error than a shorter table.
    found = [rows[what] for what in whats]
    ratios = "; ".join(f"{r['what']}: **{r['ratio']:.2f}**" for r in found)
    peers = "; ".join(dict.fromkeys(r["peer"] or "-" for r in found))
    lines.append([title, ratios, peers, kept["provenance"]["device"]])
  header = ["paper", "times as fast as the peer", "peer", "device"]
  return markdown.table(header, lines)


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
  if key == "ratio_range":
    return " to ".join(f"{ratio:.2f}" for ratio in value)
  if key in ("share", "peak"):
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
