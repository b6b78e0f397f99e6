"""What XLA and the allocator are told, where they do not find it themselves."""

import ctypes
import functools
import os
import platform

import jax

# Of glibc's malloc.h: keep what was freed, and map no large blocks.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def keep_memory() -> bool:
  """Asks glibc to keep freed memory for the next step; returns whether it does.

  XLA's CPU programs allocate their large temporaries at every call. By default
  glibc maps them anew each time, and the kernel clears each page again: up to
  two thirds of a step's time. Kept, a process holds its peak until it ends.
  Every command calls it first, before JAX starts its threads, whose memory it
  would not reach. Without effect with other allocators, or where the
  environment variable `KEEP_MEMORY` is 0; accelerators' memory is not glibc's.
  """
  if os.environ.get("KEEP_MEMORY") == "0" or platform.libc_ver()[0] != "glibc":
    return False
  mallopt = ctypes.CDLL(None).mallopt
  return bool(
    mallopt(_M_ARENA_MAX, 1)  # A thread's own is given back, whatever is asked.
    and mallopt(_M_MMAP_MAX, 0)
    and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    and mallopt(_M_TOP_PAD, 2**28)
  )


@functools.cache
def convolutions() -> dict[str, str]:
  """Compiler options for convolutional networks, as `jax.jit` takes them.

  On CPUs they turn off jaxlib 0.10's newer convolutions, whose gradients take
  up to five times as long; elsewhere, and in versions that do not know the
  option, they are empty.
  """
  options = {"xla_cpu_experimental_ynn_fusion_type": ""}
  if jax.default_backend() != "cpu":
    return {}
  try:
    jax.jit(lambda x: x + 1, compiler_options=options)(1)
  except jax.errors.JaxRuntimeError:  # A version that does not know it.
    return {}
  return options
