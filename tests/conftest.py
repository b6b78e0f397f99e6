"""Set-up of all tests: strict JAX, four virtual devices, the shared data.

It also keeps the suite within its budgets: a worker forgets compiled programs
when it has grown too large, and a project whose tests take too long is named.
"""

import collections
import contextlib
import ctypes
import gc
import os
import pathlib
import platform

# Before JAX is imported, which it is below; processes of tests inherit it.
os.environ["XLA_FLAGS"] = (
  os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compiling is most of the suite's time, and the programs are the same again.
os.environ.setdefault(
  "JAX_COMPILATION_CACHE_DIR",
  str(pathlib.Path(__file__).parent.parent / ".jax_cache"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Where bits matter, a test's process is optimised as a user's is.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "True")
# A worker gives memory back when it has grown too large.
os.environ.setdefault("KEEP_MEMORY", "0")
# Beside another worker, OpenBLAS's threads wait for each other, ten times over.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import jax
import pytest

from common import xla_options

ROOT = pathlib.Path(__file__).parent.parent
WORKER_BYTES = 2 * 2**30  # Above it, compiled programs are dropped.
PROJECT_SECONDS = 60  # Of a project's tests, on PROJECT_CORES.
PROJECT_CORES = 2

xla_options.compile_in_haste()
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_legacy_prng_key", "error")

hypothesis.settings.register_profile(
  "suite",
  deadline=None,  # The first call compiles.
  derandomize=True,
  max_examples=20,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
  """The folder of real data and golden values, where there is one."""
  path = os.environ.get("RESEARCH_SHARED", "")
  if not path or not pathlib.Path(path).is_dir():
    pytest.skip("needs real data: set RESEARCH_SHARED to the folder with them")
  return pathlib.Path(path)


@pytest.fixture(scope="session")
def optimised():
  """A context in which programs are compiled as users' are.

  Of those that run for seconds: unoptimised, they take four times as long.
  """

  @contextlib.contextmanager
  def context():
    jax.config.update("jax_disable_most_optimizations", False)
    try:
      yield
    finally:
      jax.config.update("jax_disable_most_optimizations", True)

  return context


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
  """The root of the repository."""
  return ROOT


@pytest.fixture(autouse=True, scope="module")
def bounded_memory():
  """Drops compiled programs after a module, once the worker is too large.

  Every program that was ever compiled stays in memory, else: 5 GB by the end.
  Those that are asked for again come from the compile cache on the disk.
  """
  yield
  if resident_bytes() > WORKER_BYTES:
    jax.clear_caches()
    gc.collect()
    # Freed memory is not given back by itself: without this every module after
    # the first large one would begin with empty caches.
    if platform.libc_ver()[0] == "glibc":
      ctypes.CDLL(None).malloc_trim(0)


def resident_bytes() -> int:
  """The memory that this process has in use; 0 where it cannot be read."""
  try:
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
  except OSError:
    return 0
  return int(pages) * os.sysconf("SC_PAGE_SIZE")


def pytest_collection_modifyitems(items):
  """The tests of the whole tree first: they are the longest.

  At the end a worker would wait for the other to finish one.
  """
  items.sort(key=lambda item: item.path.parent != ROOT / "tests")


def pytest_terminal_summary(terminalreporter):
  """Names the projects whose tests take longer than they may."""
  seconds = collections.Counter()
  for reports in terminalreporter.stats.values():
    for report in reports:
      parts = pathlib.PurePath(getattr(report, "nodeid", "")).parts
      if parts[:2] == ("tests", "projects") and hasattr(report, "duration"):
        seconds[parts[2]] += report.duration
  for project, total in seconds.most_common():
    if total > PROJECT_SECONDS * PROJECT_CORES:
      terminalreporter.write_line(
        f"over budget: the tests of {project} take {total:.0f} s of one core, "
        f"and may take {PROJECT_SECONDS * PROJECT_CORES}"
      )
