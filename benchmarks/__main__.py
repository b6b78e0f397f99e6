"""Runs the benchmarks: prints a table each, keeps the numbers in results/.

  python -m benchmarks [--quick] [--tables] [NAME ...]

Names are those of `MODULES`, by default all of them, and of `BY_NAME`, which
take minutes each and run only when they are named.
`--quick` shows within two minutes that everything works: small sizes, programs
kept on the disk, two processes beside each other, times that mean nothing, and
so no results are kept. `--tables` writes the tables again from those that are.
Every module has `run(quick) -> rows`; a time is the median of several, a ratio
above 1 means that ours is faster. Beside all cores, our side is measured on
one, by another process (Linux; not if quick).
"""

import argparse
import contextlib
import fnmatch
import importlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from common import errors, flags

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
BY_NAME = ("rudder_trials", "cnn_zoo_trees", "fvd_memory")
EVERY = MODULES + BY_NAME
# Those that can share a process with such as have a device of each core; the
# first three have, and come first, before JAX has counted.
ON_ALL_CORES = (
  "fcd",
  "snn",
  "cnn_zoo",
  "frechet",
  "streaming",
  "rudder",
  "interpretable_drugs",
)
HERE = pathlib.Path(__file__).parent
RESULTS = HERE.parent / "results" / "benchmarks"
ANOTHER = "epyc_avx2"  # The folder of the same benchmarks, measured elsewhere.
# The front README's rows: the benchmarks, and which rows stand for them.
HEADLINES = {
  "Coulomb GAN": {
    "coulomb_gan": ("toy step*a call: 100", "32x32 step*", "64x64 step*")
  },
  "Self-normalizing networks": {
    "snn": ("4x32, 64 *, against PyTorch", "4x1024, 64 *, against PyTorch")
  },
  "FID, FVD: the distance": {
    "frechet": ("d=2048, n=10000, full rank", "d=2048, n=500, from features")
  },
  "TTUR": {"ttur": ("DCGAN*", "WGAN-GP*", "BEGAN*")},
  "FCD": {"fcd": ("FCD of 10,000 and 10,000 SMILES",)},
  "RUDDER": {
    "rudder_trials": ("watch repair, RUDDER, 24 at once: a solved trial",),
    "rudder": ("PPO on CartPole, 4 environments: a step",),
  },
  "Slot Attention": {"slot_attention": ("step at 35x35, batch 64",)},
  "CNN zoo": {
    "cnn_zoo": ("*against PyTorch, channels last", "*against torch.func.vmap")
  },
  "First Order GAN": {"first_order_gan": ("language step, 32 wide, batch 64",)},
  "Interpretable drugs": {
    "interpretable_drugs": ("graph network*, beside PyTorch",)
  },
  "Video models": {
    "fvd_models": ("cdna, *", "sv2p, *", "svp_fp, *", "savp, *")
  },
}
COLUMNS = {
  "what": "What",
  "ours_s": "Ours",
  "peer_s": "Peer",
  "ratio": "Ratio",
  "ratio_range": "Ratio of a round",
  "goal": "Goal",
  "molecules_per_s": "Ours, molecules/s",
  "growth": "To the row above",
  "to_base": "To the base",
  "share": "Share of a step",
  "peak": "Of the peak",
  "cores": "All cores to one",
  "error": "Error",
  "peer_error": "Peer's error",
  "compile_s": "Compile",
  "cached_compile_s": "Compile, cached",
  "temporaries_mb": "Temporaries, MB",
  "program_mb": "Peak memory, MB",
  "parameters": "Parameters",
  "peer_parameters": "Peer's parameters",
  "memory_mb": "Memory, MB",
  "peer_memory_mb": "Peer's memory, MB",
}
# What a cell is to be: the row's key that says so, at least or at most, words.
GOALS = {
  "ratio": ("goal", 1, "{:g}"),
  "peak": ("peak_goal", 1, "{:.0%} of the peak"),
  "growth": ("most_growth", -1, "at most {:g} times the row above"),
  "share": ("most_share", -1, "at most {:.0%} of a step"),
}


def main() -> None:
  """Runs what the command line asks for."""
  parser = flags.Parser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  add("names", nargs="*", metavar="NAME", help=", ".join(EVERY))
  add("--quick", action="store_true", help="small sizes; nothing is kept")
  add("--tables", action="store_true", help="write them from the results")
  add("--one-core", metavar="FILE", help=argparse.SUPPRESS)
  add("--together", action="store_true", help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  for name in set(arguments.names) - set(EVERY):
    flags.leave(str(errors.unknown(name, name, EVERY)), 2)
  # Read when NumPy is imported, which is below; see frechet.py for the reason.
  # JAX and (on x86) PyTorch have threads of their own.
  os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
  names = arguments.names or MODULES
  if arguments.tables:
    there = [n for n in EVERY if (RESULTS / f"{n}.json").exists()]
    write_tables(arguments.names or there)
    return
  if arguments.one_core:
    os.environ["BENCHMARK_ALONE"] = "1"
    # Before JAX counts cores and starts its threads.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    measure_alone(names[0], arguments.quick, pathlib.Path(arguments.one_core))
    return
  if arguments.together:
    for name in names:  # A table at a time, beside the other process.
      with contextlib.redirect_stdout(io.StringIO()) as out:
        measure(name, arguments.quick)
      print(out.getvalue(), end="", flush=True)
    return
  if len(names) == 1:
    measure(names[0], arguments.quick)
    return
  command = [sys.executable, "-m", "benchmarks"]
  if arguments.quick:
    # Beside each other; and two imports of everything, not a dozen.
    command += ["--quick", "--together"]
    halves = in_halves(names)
    running = [subprocess.Popen(command + half) for half in halves if half]
    sys.exit(max([process.wait() for process in running], key=abs))
  # Each in a process of its own: they want JAX's devices differently.
  for name in names:
    subprocess.run([*command, name], check=True)


def in_halves(names: Sequence[str]) -> tuple[list[str], list[str]]:
  """Deals benchmarks to two processes, by the devices that they want."""
  first = [name for name in ON_ALL_CORES if name in names]
  return first, [name for name in names if name not in first]


def measure(name: str, quick: bool) -> None:
  """Runs the module `name`, prints its table and keeps its rows."""
  from common.provenance import provenance
  from common.tables import cells

  module = prepared(name, quick)
  facts = settings()
  print(f"\n## {name}{', quick: times mean nothing' if quick else ''}\n")
  head = {**provenance(), **facts}
  print(", ".join(f"{k} {v}" for k, v in head.items()) + "\n", flush=True)
  # First, while this process has no memory that it would keep.
  start = time.perf_counter()
  wanted = not quick and timed_on_one_core(module)
  single = on_one_core(name, quick) if wanted else {}
  rows = completed(module.run(quick), single, *(256,) * quick)
  minutes = (time.perf_counter() - start) / 60
  peers = {row["peer"] for row in rows if row["peer"]}
  print(f"Peer: {', '.join(sorted(peers)) or module.HOW_TO_ADD_PEER}\n")
  print(f"{table(rows)}\n{minutes:.1f} minutes", flush=True)
  if not quick:
    path = RESULTS / f"{name}.json"
    cells.save(path, {"settings": facts, "minutes": minutes, "rows": rows})
    write_tables([name])


def prepared(name: str, quick: bool) -> Any:
  """Imports a module, with JAX's devices and the allocator as it wants them."""
  from common import xla_options

  if quick:  # Then no program is compiled twice, nor for long.
    xla_options.keep_programs()
    xla_options.compile_in_haste()
  else:
    xla_options.keep_memory()  # For both sides.
  module = importlib.import_module(f"benchmarks.{name}")
  if not quick and getattr(module, "CALLS_WAIT", True):
    xla_options.calls_that_wait()  # As the project's trainings.
  if hasattr(module, "prepare"):
    module.prepare()
  return module


def measure_alone(name: str, quick: bool, path: pathlib.Path) -> None:
  """Writes the seconds of our side, by row; the process has one core."""
  rows = prepared(name, quick).run(quick)
  path.write_text(json.dumps({row["what"]: row["ours_s"] for row in rows}))


def timed_on_one_core(module: Any) -> bool:
  """Whether there is a second core to do without, and something to measure."""
  import jax

  return (
    hasattr(os, "sched_setaffinity")
    and len(os.sched_getaffinity(0)) > 1
    and jax.default_backend() == "cpu"
    and getattr(module, "ONE_CORE", True)
  )


def on_one_core(name: str, quick: bool) -> dict[str, float | None]:
  """Seconds of our side on one core, by row; none where that fails."""
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "seconds.json"
    command = [sys.executable, "-m", "benchmarks", name, f"--one-core={path}"]
    done = subprocess.run(command + ["--quick"] * quick)
    if done.returncode:
      print(f"{name}: not measured on one core, see above", file=sys.stderr)
      return {}
    return json.loads(path.read_text())


def completed(
  rows: list[dict[str, Any]], single: dict[str, float | None], *size: int
) -> list[dict[str, Any]]:
  """Adds to rows what follows from their times, and the gain of all cores.

  Args:
    rows: of a module.
    single: seconds on one core, by the name of a row; some may be missing.
    *size: of the products of matrices that the peak is taken from.
  """
  from benchmarks import timing

  for row in rows:
    row["ratio_range"] = timing.ratio_range(row["ours_s"], row["peer_s"])
    one, count = single.get(row["what"]), row.get("operations")
    row["cores"] = one / row["ours_s"] if one and row["ours_s"] else None
    if count and row["ours_s"]:
      row["peak"] = count / row["ours_s"] / timing.peak(*size)
  return rows


def write_tables(names: Sequence[str]) -> None:
  """Writes the tables of modules, and the front README's, from the results."""
  from common.tables import cells, markdown

  for name in names:
    kept = cells.load(RESULTS / f"{name}.json")
    head = {**kept["provenance"], **kept["settings"]}
    where = ", ".join(f"{k} {v}" for k, v in head.items())
    text = f"{where}\n\n{table(kept['rows'])}"
    markdown.insert(HERE / "README.md", name, text)
  markdown.insert(HERE / "README.md", "processors", beside_another())
  markdown.insert(HERE.parent / "README.md", "speed", summary())


def beside_another() -> str:
  """Ratios with a goal beside those of the machine whose files are kept too.

  A peer may be missing on one of them: "-" then, not a row less.
  """
  from common.tables import cells, markdown

  def ratio(row):
    low_and_high = row.get("ratio_range")
    ends = [cell("ratio", end) for end in low_and_high or ()]
    text = cell("ratio", row.get("ratio"))
    return text + f" [{', '.join(ends)}]" * bool(ends)

  lines = []
  for name in MODULES:
    path = RESULTS / ANOTHER / f"{name}.json"
    if not path.exists():
      continue
    here, there = (
      {row["what"]: row for row in cells.load(file)["rows"]}
      for file in (RESULTS / path.name, path)
    )
    for what in here | there:
      both = here.get(what, {}), there.get(what, {})
      goals = [r["goal"] for r in both if r.get("goal") and r.get("ratio")]
      if goals:
        lines.append([what, f"{goals[0]:g}", *map(ratio, both)])
  header = ["What", "Goal", "The tables below", f"`{ANOTHER}`"]
  return markdown.table(header, lines)


def summary() -> str:
  """The front README's table: a row a paper, ratios as they were measured."""
  from common.tables import cells, markdown

  lines = []
  for title, benchmarks in HEADLINES.items():
    kept = {name: cells.load(RESULTS / f"{name}.json") for name in benchmarks}
    rows = [
      # Missing here is a renamed row: rather an error than a shorter table.
      next(r for r in kept[name]["rows"] if fnmatch.fnmatch(r["what"], what))
      for name, whats in benchmarks.items()
      for what in whats
    ]
    ratios = "; ".join(f"{r['what']}: **{shown('ratio', r)}**" for r in rows)
    peers = "; ".join(dict.fromkeys(r["peer"] or "-" for r in rows))
    devices = dict.fromkeys(k["provenance"]["device"] for k in kept.values())
    lines.append([title, ratios, peers, "; ".join(devices)])
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
    if key in always or any(shown(key, row) != "-" for row in rows)
  ]
  cells = [[shown(key, row) for key in filled] for row in rows]
  return markdown.table([COLUMNS[key] for key in filled], cells)


def shown(key: str, row: dict[str, Any]) -> str:
  """Returns a row's cell, with a mark where it is short of its goal."""
  value = row.get(key)
  if key == "goal":
    words = [
      text.format(row[goal])
      for goal, _, text in GOALS.values()
      if row.get(goal) is not None
    ]
    return "; ".join(words) or "-"
  goal, sign, _ = GOALS.get(key, (None, 1, ""))
  known = value is not None and row.get(goal) is not None
  return cell(key, value) + " †" * (known and sign * (value - row[goal]) < 0)


def cell(key: str, value: Any) -> str:
  """Returns a value with its unit, "-" for none."""
  if value is None:
    return "-"
  if key in ("ours_s", "peer_s", "compile_s", "cached_compile_s"):
    # Of three digits: .9996 s is not "1e+03 ms".
    unit = 0 if value >= 0.9995 else 1 if value >= 0.9995e-3 else 2
    return f"{value * 1000**unit:.3g} {('s', 'ms', 'µs')[unit]}"
  if key in ("ratio", "growth", "to_base", "cores"):
    return f"{value:.2f}"
  if key == "ratio_range":
    return " to ".join(f"{ratio:.2f}" for ratio in value)
  if key in ("share", "peak"):
    return f"{value:.1%}"
  if "error" in key:
    return f"{value:.0e}"
  if isinstance(value, float):
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
  return str(value)


if __name__ == "__main__":
  main()
