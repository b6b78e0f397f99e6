"""How features stream into statistics: time and memory as n grows.

  python -m benchmarks streaming

The peer keeps all features and takes `numpy.mean` and `numpy.cov`, as FID codes
do. Ours (`feature_distance.collect`) also deals the rows to parts for error
bars, and keeps a sample of them. Memory is the most that the whole process had
in use meanwhile (Linux), libraries included; each measurement has a process of
its own. Features are made in chunks of 1,000 and cost both sides the same.
Goal: memory of ours does not grow with n.
"""

import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

from benchmarks import timing
from common.metrics import feature_distance

HOW_TO_ADD_PEER = "numpy.cov"
_CHUNK = 1_000


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per number of features."""
  d = 32 if quick else 512
  sizes = (2_000,) if quick else (10_000, 100_000, 1_000_000)
  if timing.alone():
    sizes = sizes[:2]
  rows = []
  for n in sizes:
    ours = _measured("ours", n, d)
    # At a million its features alone are 2 GB, and their float64 copy 4 GB.
    peer = None
    if n <= 100_000 and not timing.alone():
      peer = _measured("peer", n, d)
    rows.append(
      timing.row(
        f"n={n:,}, d={d}",
        ours["seconds"],
        "numpy.cov of all features",
        peer and peer["seconds"],
        memory_mb=ours["mb"],
        peer_memory_mb=peer and peer["mb"],
      )
    )
  return rows


def _measured(which, n, d) -> dict[str, float]:
  command = [
    sys.executable,
    "-m",
    "benchmarks.streaming",
    which,
    str(n),
    str(d),
  ]
  done = subprocess.run(command, check=True, capture_output=True, text=True)
  return json.loads(done.stdout)


def _chunks(n: int, d: int) -> Iterator[np.ndarray]:
  random = np.random.default_rng(0)
  for start in range(0, n, _CHUNK):
    rows = min(_CHUNK, n - start)
    yield random.standard_normal((rows, d), np.float32) + 0.5


def _main(which: str, n: int, d: int) -> None:

  # Code that is there whatever n is.
  feature_distance.collect("warm up", _chunks(2_000, d), {"score": ""}, {})
  process = pathlib.Path("/proc/self")
  (process / "clear_refs").write_text("5")  # Forgets the peak so far.
  start = time.perf_counter()
  if which == "ours":
    feature_distance.collect("features", _chunks(n, d), {"score": ""}, {})
  else:
    features = np.concatenate(list(_chunks(n, d)))
    np.mean(features, axis=0)
    np.cov(features, rowvar=False)
  seconds = time.perf_counter() - start
  status = (process / "status").read_text()
  peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
  print(json.dumps({"seconds": seconds, "mb": peak}))


if __name__ == "__main__":
  _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
