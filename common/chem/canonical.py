"""SMILES in RDKit's canonical form, over several processes.

Run as a program, it is what `canonicalise` starts once a core: a line of JSON,
a list of SMILES, comes in, and one goes out.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from rdkit import Chem, rdBase

from common.errors import InputError

_CHUNK = 256  # Molecules that a process answers at a time.
_MIN_FOR_PROCESSES = 2_000  # From so many on, processes repay their start.


def canonicalise(
  smiles: Sequence[str],
  processes: int = 1,
  progress: Callable[[int], object] = lambda done: None,
) -> list[str | None]:
  """RDKit's canonical SMILES, in order; None for what it rejects.

  The result does not depend on `processes`. An empty text is a molecule to
  RDKit, of no atoms, and stays one.

  Args:
    smiles: `[n]`.
    processes: 1 works in this one, and so does any number for few molecules.
    progress: called with the number of molecules, as they are done.

  Raises:
    InputError: `processes` below 1.
  """
  if processes < 1:
    raise InputError(f"processes = {processes}: it takes 1 or more")
  chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
  found: list[list[str | None]] = [[] for _ in chunks]
  todo = iter(range(len(chunks)))  # Shared by the threads: next() is atomic.

  def here():
    for i in todo:
      found[i] = _canonical(chunks[i])
      progress(len(chunks[i]))

  def elsewhere():
    with _start() as process:
      assert process.stdin and process.stdout
      for i in todo:
        with contextlib.suppress(BrokenPipeError):
          process.stdin.write(json.dumps(chunks[i]).encode() + b"\n")
          process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
          raise InputError(
            f"one of {processes} processes that canonicalise has died, perhaps "
            "for want of memory; ask for --processes=1"
          )
        found[i] = json.loads(answer)
        progress(len(chunks[i]))

  if processes == 1 or len(smiles) < _MIN_FOR_PROCESSES:
    here()
  else:
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
      for future in [pool.submit(elsewhere) for _ in range(processes)]:
        future.result()
  return [text for chunk in found for text in chunk]


def _start() -> subprocess.Popen:
  # Not multiprocessing: its processes import the command, and with it JAX, for
  # longer than the molecules take.
  root = pathlib.Path(__file__).parents[2]
  return subprocess.Popen(
    [sys.executable, "-m", __name__],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    env={**os.environ, "PYTHONPATH": str(root)},
  )


def _canonical(smiles: Sequence[str]) -> list[str | None]:
  found: list[str | None] = []
  with rdBase.BlockLogs():  # It reports each; the caller does, with the line.
    for text in smiles:
      molecule = Chem.MolFromSmiles(text)
      found.append(None if molecule is None else Chem.MolToSmiles(molecule))
  return found


def _answer(lines: Iterator[str]) -> None:
  for line in lines:
    print(json.dumps(_canonical(json.loads(line))), flush=True)


if __name__ == "__main__":
  _answer(iter(sys.stdin.readline, ""))
