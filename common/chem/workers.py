"""A function of many chunks, over processes that know nothing of the caller.

Not multiprocessing: its processes import the caller's script, and with it JAX,
for longer than molecules take; a script needs a guard for them; and they begin
with the working directory on their path, where a user's random.py would stand
in for Python's.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from common.errors import InputError

# Python's own modules and the user's PYTHONPATH come before what else the
# caller can import. It is told on standard input, which is never too small.
_BEGIN = """
import json, sys
first, *others = json.loads(sys.stdin.buffer.readline())
sys.path[:0] = [first]
sys.path += [path for path in others if path not in sys.path]
from common.chem import workers
workers.answer()
"""


def mapped(
  function: Callable[[Any], Any],
  chunks: Sequence[Any],
  processes: int = 1,
  progress: Callable[[Any], object] = lambda chunk: None,
) -> list[Any]:
  """`[function(chunk) for chunk in chunks]`, whatever `processes` is.

  Args:
    function: one that a module has by name, or a `functools.partial` of it;
      processes import it.
    chunks: what it is called with; picklable, as are its results.
    processes: 1 works in this one, and so does any number for one chunk.
    progress: called with each chunk when it is done.

  Raises:
    InputError: `processes` below 1, or one of them has died.
    Exception: what `function` raises.
  """
  if processes < 1:
    raise InputError(f"processes = {processes}: it takes 1 or more")
  found: list[Any] = [None] * len(chunks)
  todo = iter(range(len(chunks)))  # Shared by the threads: next() is atomic.

  def work(compute):
    for i in todo:
      found[i] = compute(chunks[i])
      progress(chunks[i])

  def elsewhere():
    with _process(function) as compute:
      work(compute)

  if processes == 1 or len(chunks) < 2:
    work(function)
    return found
  workers = min(processes, len(chunks))
  with concurrent.futures.ThreadPoolExecutor(workers) as pool:
    try:
      started = [pool.submit(elsewhere) for _ in range(workers)]
      for future in concurrent.futures.as_completed(started):
        future.result()
    finally:  # After an error, the others end with the chunk that they are at.
      list(todo)
  return found


@contextlib.contextmanager
def _process(function: Callable[[Any], Any]) -> Iterator[Callable[[Any], Any]]:
  """A process that computes `function`, as a function."""
  path = [str(pathlib.Path(__file__).parents[2]), *sys.path]
  with subprocess.Popen(
    [sys.executable, "-P", "-c", _BEGIN],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  ) as process:
    asked, answered = process.stdin, process.stdout
    assert asked and answered

    def compute(chunk):
      try:
        pickle.dump(chunk, asked)
        asked.flush()
        well, result = pickle.load(answered)
      except (OSError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
          "one of several processes has died, perhaps for want of memory; ask "
          "for one alone (processes=1)"
        ) from error
      if not well:
        raise result
      return result

    with contextlib.suppress(BrokenPipeError):  # `compute` says that it died.
      asked.write(json.dumps(path).encode() + b"\n")
      pickle.dump(function, asked)
    try:
      yield compute
    finally:
      with contextlib.suppress(BrokenPipeError):
        asked.close()


def answer() -> None:
  """What a process does: a function comes in, then chunks; results go out."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # The caller is who stops.
  out = os.fdopen(os.dup(1), "wb")
  os.dup2(2, 1)  # What a library prints is no answer.
  function = pickle.load(sys.stdin.buffer)
  while True:
    try:
      chunk = pickle.load(sys.stdin.buffer)
    except EOFError:
      return
    try:
      result = True, function(chunk)
    except Exception as error:
      result = False, error
    pickle.dump(result, out)
    out.flush()
