"""SAVP's video discriminator, and the least-squares losses (arXiv:1611.04076).

Its convolutions in time and space are convolutions in space over the frames
that a kernel sees, laid side by side as channels.
"""

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common.nn import convolution

from . import layers

_SLOPE = 0.1
_INIT = nn.initializers.truncated_normal(0.02)
# Kernel, stride in time, stride in space, width over the first one's; padded
# by 1 on all sides.
_LAYERS = (
  (3, 1, 1, 1),
  (4, 1, 2, 2),
  (3, 1, 1, 2),
  (4, 1, 2, 4),
  (3, 1, 1, 4),
  (4, 2, 2, 8),
  (3, 1, 1, 8),
)


def convolve_3d(
  x: jax.Array, kernel: jax.Array, stride: tuple[int, int]
) -> jax.Array:
  """`[t, c, h, w, b]`, padded by 1, and `[k, k, k, c, f]` -> `[t', f, ...]`.

  Args:
    x: the video.
    kernel: time first.
    stride: in time and in space.
  """
  in_time, in_space = stride
  k, *_, c, f = kernel.shape
  b = x.shape[-1]
  x = jnp.pad(x, ((1, 1), (0, 0), (0, 0), (0, 0), (0, 0)))
  last = len(x) - k
  seen = [x[i : i + last + 1 : in_time] for i in range(k)]
  stacked = jnp.concatenate(seen, axis=1)  # [t', k c, h, w, b]
  t, _, h, w, _ = stacked.shape
  flat = stacked.transpose(1, 2, 3, 0, 4).reshape(k * c, h, w, t * b)
  # Rows: time, then channels.
  square = kernel.transpose(1, 2, 0, 3, 4).reshape(k, k, k * c, f)
  where = convolution.Geometry(in_space, 1, 1)
  out = convolution.convolve(flat, square, where)
  _, h, w, _ = out.shape
  return out.reshape(f, h, w, t, b).transpose(3, 0, 1, 2, 4)


class Discriminator(nn.Module):
  """`[t, c, h, w, b] -> [b]`, spectrally normalised throughout.

  Attributes:
    width: of the first layer.
  """

  width: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    def bias(name, features):
      return self.param(name, nn.initializers.zeros, (features,))

    for i, (k, in_time, in_space, times) in enumerate(_LAYERS):
      features = times * self.width
      shape = (k, k, k, x.shape[1], features)
      kernel = layers.SpectralNorm(shape, _INIT, name=f"conv_{i}")()
      x = convolve_3d(x, kernel, (in_time, in_space))
      x = x + bias(f"bias_{i}", features)[None, :, None, None, None]
      x = nn.leaky_relu(x, _SLOPE)
    flat = x.reshape(-1, x.shape[-1])
    weights = layers.SpectralNorm((len(flat), 1), _INIT, name="out")()
    return (weights.T @ flat)[0] + bias("bias_out", 1)


def network(config: ml_collections.ConfigDict) -> Discriminator:
  """The discriminator of a config."""
  return Discriminator(config.discriminator_width)


def own_loss(real: jax.Array, fake: jax.Array) -> jax.Array:
  """E[(D(x) - 1)^2] + E[D(g)^2]."""
  return jnp.mean((real - 1) ** 2) + jnp.mean(fake**2)


def generator_loss(fake: jax.Array) -> jax.Array:
  """E[(D(g) - 1)^2]."""
  return jnp.mean((fake - 1) ** 2)
