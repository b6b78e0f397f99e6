"""A dense network for data in the plane, as generator or discriminator."""

from collections.abc import Sequence

import jax
from flax import linen as nn
from jax import numpy as jnp

# Variance scaling with fan_avg, by the factor that ReLU asks for and without.
_relu_init = nn.initializers.variance_scaling(2.0, "fan_avg", "normal")
_linear_init = nn.initializers.variance_scaling(1.0, "fan_avg", "normal")


class MLP(nn.Module):
  """Dense layers, `[batch, n] -> [batch, outputs]`, for data in the plane.

  With `frequencies` > 0 the input is joined by that many sines and cosines of
  fixed random projections: a plain MLP is slow to learn detail that is 20 times
  finer than the data's extent (arXiv:2006.10739). With `skip` a linear map of
  the input is added to the output: a generator that starts without it can fall
  on one point before the discriminator has learned to push samples apart.

  The activation "adaptive_tanh" is tanh(exp(n s) a) with an s learned for each
  unit, from 0 (after arXiv:1906.01170, whose slope is n s): a generator of
  separate modes must be flat on each and steep in between, and Adam, whose
  steps are small, needs very many to make ReLUs steep.
  """

  widths: Sequence[int]
  outputs: int
  activation: str  # of flax.linen, "relu", "silu", ..., or "adaptive_tanh"
  steepness: float = 1.0  # n of the adaptive tanh
  frequencies: int = 0
  bandwidth: float = 1.0
  skip: bool = False

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    inputs = a
    if self.frequencies:
      # Fixed, not trained, and the same for every seed.
      waves = jax.random.normal(
        jax.random.key(0), (a.shape[-1], self.frequencies)
      )
      phase = self.bandwidth * a @ waves
      a = jnp.concatenate([a, jnp.sin(phase), jnp.cos(phase)], axis=-1)
    for i, width in enumerate(self.widths):
      a = nn.Dense(width, kernel_init=_relu_init, name=f"dense_{i}")(a)
      if self.activation == "adaptive_tanh":
        s = self.param(f"slope_{i}", nn.initializers.zeros, (1, width))
        a = jnp.tanh(jnp.exp(self.steepness * s) * a)
      else:
        a = getattr(nn, self.activation)(a)
    a = nn.Dense(self.outputs, kernel_init=_linear_init, name="out")(a)
    if self.skip:
      a += nn.Dense(self.outputs, kernel_init=_linear_init, name="skip")(inputs)
    return a
