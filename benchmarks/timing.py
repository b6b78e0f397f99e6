"""A clock for contenders that take turns, and our trainings as one of them."""

import contextlib
import io
import itertools
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import jax
import ml_collections

from common import experiment

try:
  import torch
except ImportError:  # Then there is no such peer.
  torch = None


class Seconds(float):
  """The median of `rounds`, which it keeps: one number for each turn."""

  rounds: list[float]

  def __new__(cls, rounds: list[float]) -> "Seconds":
    median = super().__new__(cls, statistics.median(rounds))
    median.rounds = rounds
    return median


def ratio_range(ours: float, peer: float | None) -> list[float] | None:
  """The least and the largest ratio of a round, where sides took turns."""
  if not (isinstance(ours, Seconds) and isinstance(peer, Seconds)):
    return None
  ratios = [b / a for a, b in zip(ours.rounds, peer.rounds, strict=True)]
  return [min(ratios), max(ratios)]


def interleaved(contenders: dict, rounds: int) -> dict[Any, Seconds]:
  """Returns the median seconds of a step for each contender.

  Args:
    contenders: name -> `advance(calls)`, calls in a round, steps in a call
      (of all its networks together).
    rounds: how many times all of them take their turn.
  """
  for advance, calls, _ in contenders.values():
    advance(calls)
  seconds = {name: [] for name in contenders}
  for _ in range(rounds):
    for name, (advance, calls, steps) in contenders.items():
      start = time.perf_counter()
      advance(calls)
      elapsed = time.perf_counter() - start
      seconds[name].append(elapsed / (calls * steps))
  return {name: Seconds(s) for name, s in seconds.items()}


@contextlib.contextmanager
def conditions(quick: bool) -> Iterator[None]:
  """No persistent cache; if quick, one thread of PyTorch, which cannot spin."""
  cache = jax.config.jax_enable_compilation_cache
  threads = torch.get_num_threads() if torch else 0
  if not quick:
    jax.config.update("jax_enable_compilation_cache", False)
  elif torch:
    torch.set_num_threads(1)
  try:
    yield
  finally:
    jax.config.update("jax_enable_compilation_cache", cache)
    if torch:
      torch.set_num_threads(threads)


@contextlib.contextmanager
def training(
  config: ml_collections.ConfigDict,
  train: ModuleType,
  data: ModuleType,
  options: dict[str, str],
) -> Iterator[tuple[Callable[[int], None], float, Any]]:
  """Yields `advance(calls)`, seconds to compile the step, the state's shapes.

  The steps are those of `Run`, as a user's are.

  Args:
    config: of the training; it does not end.
    train: the project's module.
    data: the project's module.
    options: of the compiler.
  """
  config = config.copy_and_resolve_references()
  config.unlock()
  config.total_steps = 10**9
  with (
    tempfile.TemporaryDirectory() as workdir,
    experiment.Run(config, workdir) as run,
  ):
    # Run would finish a step and save first; here Ctrl-C means at once.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    state = run.restore_or(lambda key: train.init(key, config))
    shapes = jax.eval_shape(lambda: state)
    update = run.compile(train.make_train_step(config), options)
    steps = run.steps(state, data.batches(config, run.key("data")))
    with contextlib.redirect_stderr(io.StringIO()):  # The progress bar.
      _, batch = next(steps)
    start = time.perf_counter()
    update.lower(state, batch).compile()
    compile_s = time.perf_counter() - start

    def advance(calls):
      nonlocal state
      for _, batch in itertools.islice(steps, calls):
        state, _ = update(state, batch)
      jax.block_until_ready(state)

    yield advance, compile_s, shapes
