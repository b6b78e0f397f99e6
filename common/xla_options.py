"""What XLA and the allocator are told, where they do not find it themselves."""

import ctypes
import functools
import hashlib
import importlib.metadata
import os
import pathlib
import platform

import jax

# Of glibc's malloc.h: keep what was freed, and map no large blocks.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4

PROGRAMS_BYTES = 2**30  # Of compiled programs kept; the least recent go first.
_WORTH_KEEPING = 0.1  # Seconds that compiling took.
_HASTY = (
  "--xla_cpu_use_fusion_emitters=false",
  "--xla_cpu_parallel_codegen_split_count=1",
  "--xla_cpu_prefer_vector_width=128",
)


def keep_memory() -> bool:
  """Asks glibc to keep freed memory for the next step; returns whether it does.

  XLA's CPU programs allocate their large temporaries at every call. By default
  glibc maps them anew each time, and the kernel clears each page again: up to
  two thirds of a step's time. Kept, a process holds its peak until it ends.
  A block above 64 MB is kept for the main thread only: see `calls_that_wait`.
  Without effect with other allocators, or where the environment variable
  `KEEP_MEMORY` is 0; accelerators' memory is not glibc's.
  """
  if os.environ.get("KEEP_MEMORY") == "0" or platform.libc_ver()[0] != "glibc":
    return False
  mallopt = ctypes.CDLL(None).mallopt
  return bool(
    mallopt(_M_MMAP_MAX, 0)
    and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    and mallopt(_M_TOP_PAD, 2**28)
  )


def calls_that_wait() -> None:
  """Has a CPU's program run in the thread that calls it, to its end.

  By default a thread of JAX's takes it and its temporaries, and glibc unmaps
  those above 64 MB at every step, whatever `keep_memory` asks. That all threads
  share the main one's memory would cure it, too, and costs small programs up to
  half of their speed: they wait for the allocator's lock. For trainings, before
  JAX first computes. Left alone are metrics, which read images meanwhile, and
  graph networks, whose small programs take 1.4 times as long so; programs of
  several devices, and of accelerators, run as before.
  """
  jax.config.update("jax_cpu_enable_async_dispatch", False)


def keep_programs() -> pathlib.Path | None:
  """Keeps compiled programs on the disk: a second start compiles nothing.

  They are in `$XDG_CACHE_HOME/xla_programs` (`~/.cache`), those of each kind of
  processor apart, since others might not know its instructions.

  Returns:
    The folder. None where JAX has been told otherwise (by the environment
    variables `JAX_COMPILATION_CACHE_DIR`, or `JAX_ENABLE_COMPILATION_CACHE=0`),
    or the folder cannot be made.
  """
  told = jax.config.jax_compilation_cache_dir
  if told or not jax.config.jax_enable_compilation_cache:
    return None
  base = os.environ.get("XDG_CACHE_HOME", "")
  if not os.path.isabs(base):  # As the specification says.
    base = pathlib.Path.home() / ".cache"
  folder = pathlib.Path(base) / "xla_programs" / _processor()
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError:
    return None
  jax.config.update("jax_compilation_cache_dir", str(folder))
  jax.config.update("jax_compilation_cache_max_size", PROGRAMS_BYTES)
  if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
    least = "jax_persistent_cache_min_compile_time_secs"
    jax.config.update(least, _WORTH_KEEPING)
  return folder


def _processor() -> str:
  """A name for what the processor can do."""
  text = "\n".join([platform.processor(), *_abilities()])
  digest = hashlib.sha256(text.encode()).hexdigest()
  return f"{platform.machine()}_{digest[:8]}"


def _abilities() -> list[str]:
  """Lines that tell kinds of processors apart: names, and what they know."""
  try:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
  except OSError:
    return []
  # "flags" of x86, "Features" of ARM.
  return sorted({x for x in lines if x.lower().startswith(("model name", "f"))})


def compile_in_haste() -> None:
  """Has XLA compile in half the time what then runs slower: trials, tests.

  Its older code for fused operations, each program in one piece, and narrow
  vectors: as jaxlib 0.10 knows them. Other versions are left alone, since one
  that does not know a flag would end the process. Call it before JAX first
  computes; processes that are started later inherit it.
  """
  if not importlib.metadata.version("jaxlib").startswith("0.10."):
    return
  flags = os.environ.get("XLA_FLAGS", "").split()
  given = {flag.partition("=")[0] for flag in flags}
  hasty = [flag for flag in _HASTY if flag.partition("=")[0] not in given]
  os.environ["XLA_FLAGS"] = " ".join(flags + hasty)


@functools.cache
def convolutions() -> dict[str, str]:
  """Compiler options for convolutional networks, as `jax.jit` takes them.

  On CPUs they turn off jaxlib 0.10's newer convolutions, whose gradients take
  up to five times as long; elsewhere, and in versions that do not know the
  option, they are empty.
  """
  return _if_known({"xla_cpu_experimental_ynn_fusion_type": ""})


@functools.cache
def wide_vectors() -> dict[str, str]:
  """Compiler options for small networks whose work stays in a core's cache.

  Vectors of 512 bits in place of XLA's 256, on processors that have them
  (AVX-512): worth 1.07 times of the CNN zoo's step on an AMD EPYC, and nothing
  on an Intel Xeon (0.98, between 0.81 and 1.03), nor in other projects' steps
  there. Elsewhere, and in versions that do not know it, they are empty.
  """
  if not any("avx512f" in line.split() for line in _abilities()):
    return {}
  return _if_known({"xla_cpu_prefer_vector_width": "512"})


def _if_known(options: dict[str, str]) -> dict[str, str]:
  """The options, on CPUs and where this version of XLA takes them."""
  if jax.default_backend() != "cpu":
    return {}
  try:
    jax.jit(lambda x: x + 1, compiler_options=options)(1)
  except jax.errors.JaxRuntimeError:
    return {}
  return options
