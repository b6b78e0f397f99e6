"""A clock for contenders that take turns, and our trainings as one of them.

Compiling has a clock of its own, and so have the machine's products of
matrices. A process that measures our side alone, on one core, is the same
module in another process; see `alone`.
"""

import contextlib
import functools
import io
import itertools
import math
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import jax
import ml_collections
from jax import numpy as jnp
from jax.experimental.compilation_cache import compilation_cache

from benchmarks import operations
from common import experiment, population

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


def row(
  what: str,
  ours_s: float | None,
  peer: str | None = None,
  peer_s: float | None = None,
  **more,
) -> dict[str, Any]:
  """A row of a table: no peer without its seconds; with cells of `more`."""
  return {
    "what": what,
    "ours_s": ours_s,
    "peer": peer if peer_s else None,
    "peer_s": peer_s,
    "ratio": peer_s / ours_s if peer_s and ours_s else None,
    "error": None,
    **more,
  }


def ratio_range(ours: float, peer: float | None) -> list[float] | None:
  """The least and the largest ratio of a round, where sides took turns."""
  if not (isinstance(ours, Seconds) and isinstance(peer, Seconds)):
    return None
  ratios = [b / a for a, b in zip(ours.rounds, peer.rounds, strict=True)]
  return [min(ratios), max(ratios)]


def interleaved(contenders: dict, rounds: int) -> dict[Any, Seconds]:
  """Returns the median seconds of a step for each contender.

  Alone, only those whose names begin with "ours" run, at most three times and
  once where that takes seconds, and the others' seconds are not a number.

  Args:
    contenders: name -> `advance(calls)`, calls in a round, steps in a call
      (of all its networks together).
    rounds: how many times all of them take their turn.
  """
  if alone():
    ours = {n: c for n, c in contenders.items() if n.startswith("ours")}
    others = dict.fromkeys(contenders.keys() - ours, Seconds([math.nan]))
    contenders = ours
  else:
    others = {}
  start = time.perf_counter()
  for advance, calls, _ in contenders.values():
    advance(calls)
  if alone():
    slow = time.perf_counter() - start > 2
    rounds = 1 if slow else min(rounds, 3)
  seconds = {name: [] for name in contenders}
  for _ in range(rounds):
    for name, (advance, calls, steps) in contenders.items():
      start = time.perf_counter()
      advance(calls)
      elapsed = time.perf_counter() - start
      seconds[name].append(elapsed / (calls * steps))
  return {name: Seconds(s) for name, s in seconds.items()} | others


def seconds_of(
  advance: Callable[[int], None], calls: int, rounds: int, steps: int = 1
) -> Seconds:
  """`interleaved` of ours alone."""
  return interleaved({"ours": (advance, calls, steps)}, rounds)["ours"]


def repeated(function: Callable, *args: Any) -> Callable[[int], None]:
  """`advance(calls)`, which calls a function on the same arguments."""

  def advance(calls):
    for _ in range(calls):
      jax.block_until_ready(function(*args))

  return advance


def alone() -> bool:
  """Whether this process measures our side only, on one core.

  The command starts it for "All cores to one"; see `benchmarks.__main__`.
  """
  return os.environ.get("BENCHMARK_ALONE") == "1"


def compiled(
  lower: Callable[[], Any], steps: float = 1, unknown: int | None = None
) -> tuple[Callable, dict[str, Any]]:
  """Returns a compiled program, and a row's cells about it.

  It is compiled with an empty folder for programs, as by a command that is
  started for the first time, and once more from that folder; traced anew both
  times. Alone, it is compiled once, without a folder. So it is where JAX's
  cache is on, as in tests and if quick: such times mean nothing.

  Args:
    lower: makes a new function and traces it: `jax.jit(f).lower(...)`.
    steps: that a call of it makes, to divide its operations by.
    unknown: see `operations.of_program`.
  """
  if alone():
    return lower().compile(), {}
  config = jax.config
  on = config.jax_enable_compilation_cache and config.jax_compilation_cache_dir
  if on:
    program, cold = _compile(lower)
    warm = cold
  else:  # Cleared caches: else it would be traced already.
    with tempfile.TemporaryDirectory() as folder, _programs_in(folder):
      jax.clear_caches()
      program, cold = _compile(lower)
      jax.clear_caches()
      _, warm = _compile(lower)
  memory = program.memory_analysis()
  count = operations.of_program(program, unknown)
  large = (
    memory.argument_size_in_bytes
    + memory.output_size_in_bytes
    + memory.temp_size_in_bytes
    - memory.alias_size_in_bytes
  )
  return program, {
    "compile_s": cold,
    "cached_compile_s": warm,
    "temporaries_mb": memory.temp_size_in_bytes / 2**20,
    "program_mb": large / 2**20,
    "operations": count and count / steps,
  }


def _compile(lower):
  start = time.perf_counter()
  program = lower().compile()
  return program, time.perf_counter() - start


@contextlib.contextmanager
def _programs_in(folder: str) -> Iterator[None]:
  """JAX keeps all programs that it compiles in this folder, and no other."""
  options = {
    "jax_enable_compilation_cache": True,
    "jax_compilation_cache_dir": folder,
    "jax_compilation_cache_max_size": -1,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
  }
  before = {name: getattr(jax.config, name) for name in options}
  try:
    for name, value in options.items():
      jax.config.update(name, value)
    compilation_cache.reset_cache()  # It holds on to the folder that it had.
    yield
  finally:
    for name, value in before.items():
      jax.config.update(name, value)
    compilation_cache.reset_cache()


@functools.cache
def peak(n: int = 2_048) -> float:
  """Operations a second of large float32 products on this process's cores.

  The best of five, one product on each device at once.
  """
  a = jnp.ones((len(jax.local_devices()), n, n), jnp.float32)
  product = population.compiled(lambda x, _: x @ x, 1)
  seconds = []
  for _ in range(6):  # The first compiles.
    start = time.perf_counter()
    jax.block_until_ready(product(a, 0))
    seconds.append(time.perf_counter() - start)
  return len(a) * 2 * n**3 / min(seconds[1:])


@contextlib.contextmanager
def conditions(quick: bool) -> Iterator[None]:
  """No persistent cache; if quick, what makes no difference to the rows.

  That is one thread of PyTorch, which cannot spin, and hasty compiling.
  """
  cache = jax.config.jax_enable_compilation_cache
  hasty = jax.config.read("jax_disable_most_optimizations")
  threads = torch.get_num_threads() if torch else 0
  if not quick:
    jax.config.update("jax_enable_compilation_cache", False)
  else:
    jax.config.update("jax_disable_most_optimizations", True)
    if torch:
      torch.set_num_threads(1)
  try:
    yield
  finally:
    jax.config.update("jax_enable_compilation_cache", cache)
    jax.config.update("jax_disable_most_optimizations", hasty)
    if torch:
      torch.set_num_threads(threads)


@contextlib.contextmanager
def training(
  config: ml_collections.ConfigDict,
  train: ModuleType,
  data: ModuleType,
  options: dict[str, str],
) -> Iterator[tuple[Callable[[int], None], dict[str, Any], Any]]:
  """Yields `advance(calls)`, cells about the program, the state's shapes.

  The steps are those of `Run`, as a user's are.

  Args:
    config: of the training, which here does not end.
    train: the project's module.
    data: the project's module.
    options: of the compiler.
  """
  endless = config.copy_and_resolve_references().unlock()
  endless.total_steps = 10**9
  with (
    tempfile.TemporaryDirectory() as workdir,
    experiment.Run(endless, workdir) as run,
  ):
    # Run would finish a step and save first; here Ctrl-C means at once.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    state = run.restore_or(lambda key: train.init(key, config))
    shapes = jax.eval_shape(lambda: state)
    steps = run.steps(state, data.batches(config, run.key("data")))
    with contextlib.redirect_stderr(io.StringIO()):  # The progress bar.
      _, batch = next(steps)

    def lower():
      step = train.make_train_step(config)
      return run.compile(step, options).lower(state, batch)

    update, facts = compiled(lower, config.steps_per_call)

    def advance(calls):
      nonlocal state
      for _, batch in itertools.islice(steps, calls):
        state, _ = update(state, batch)
      jax.block_until_ready(state)

    yield advance, facts, shapes


def beside_pytorch(
  what: str,
  config: ml_collections.ConfigDict,
  train: ModuleType,
  data: ModuleType,
  options: dict[str, str],
  peer: Callable[..., tuple[Callable[[int], None], int]] | None,
  rounds: int,
  goal: float,
  trained: Callable[[Any], Any] = lambda state: state.params,
) -> dict[str, Any]:
  """A row of our step and PyTorch's, which take turns, a step each.

  Args:
    what: the row's name.
    config: see `training`.
    train: see `training`.
    data: see `training`.
    options: see `training`.
    peer: `peer(config) -> advance, number of parameters`; None: there is none.
    rounds: how many.
    goal: how many times the peer's speed ours is to have.
    trained: of our state, all that is trained.
  """
  theirs = None
  with training(config, train, data, options) as (advance, cells, state):
    contenders = {"ours": (advance, 1, 1)}
    if peer:
      advance, theirs = peer(config)
      contenders["peer"] = (advance, 1, 1)
    seconds = interleaved(contenders, rounds)
  return row(
    what,
    seconds["ours"],
    "PyTorch, eager",
    seconds.get("peer"),
    goal=goal,
    parameters=sum(leaf.size for leaf in jax.tree.leaves(trained(state))),
    peer_parameters=theirs,
    **cells,
  )
