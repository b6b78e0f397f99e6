"""Set-up of all tests: strict JAX, four virtual devices, the shared data."""

import os
import pathlib

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
# Beside another worker, OpenBLAS's threads wait for each other, ten times over.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import jax
import pytest

ROOT = pathlib.Path(__file__).parent.parent

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
def root() -> pathlib.Path:
  """The root of the repository."""
  return ROOT
