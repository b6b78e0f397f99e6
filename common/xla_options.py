"""What XLA is told, where it does not find the best by itself."""

import functools

import jax


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
