"""Layers over maps with the batch in the minor dimension, `[c, h, w, b]`.

What two networks or more are made of; see `convolution` for the layout.
"""

import jax
from flax import linen as nn
from jax import numpy as jnp

from common.nn import convolution

Initializer = nn.initializers.Initializer


def per_channel(a: jax.Array) -> jax.Array:
  """`[c] -> [c, 1, 1, 1]`."""
  return a[:, None, None, None]


class Conv(nn.Module):
  """A convolution, `[c, h, w, b] -> [features, h', w', b]`.

  The map and the parameters of `nn.Conv`, batch last.

  Attributes:
    features: channels that come out.
    size: of the square kernel.
    stride: in both directions.
    padding: zeros on every side; None for "SAME".
    bias: whether there is one.
    resample: "up": of pixels doubled before; "down": 2x2 means of what comes
      out; both for odd sizes, stride 1 and "SAME", and folded into the kernel.
    xla: as `convolution.convolve` has it; only at stride 1 and from 16
      channels on, in and out.
    kernel_init: of the kernel `[size, size, c, features]`.

  Raises:
    ValueError: `resample` beside a stride, a padding or `xla`.
  """

  features: int
  size: int
  stride: int = 1
  padding: int | None = None
  bias: bool = True
  resample: str = ""
  xla: bool = False
  kernel_init: Initializer = nn.initializers.glorot_uniform()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (self.size, self.size, x.shape[0], self.features)
    kernel = self.param("kernel", self.kernel_init, shape)
    if self.resample:
      if self.stride != 1 or self.padding is not None or self.xla:
        raise ValueError(
          f"Conv {self.name}: resample={self.resample!r} takes no stride, "
          "padding or xla"
        )
      fold = {"up": convolution.convolve_up, "down": convolution.convolve_down}
      x = fold[self.resample](x, kernel)
    else:
      if self.padding is None:
        where = convolution.same(x.shape[1], self.size, self.stride)
      else:
        where = convolution.Geometry(self.stride, self.padding, self.padding)
      many = min(x.shape[0], self.features) >= 16
      x = convolution.convolve(
        x, kernel, where, self.xla and self.stride == 1 and many
      )
    if self.bias:
      x = x + per_channel(
        self.param("bias", nn.initializers.zeros, (self.features,))
      )
    return x


def doubled(x: jax.Array) -> jax.Array:
  """Each pixel four times, `[c, h, w, b] -> [c, 2h, 2w, b]`."""
  return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def halved(x: jax.Array) -> jax.Array:
  """Means of 2x2 squares, `[c, h, w, b] -> [c, h/2, w/2, b]`."""
  c, h, w, b = x.shape
  return x.reshape(c, h // 2, 2, w // 2, 2, b).mean((2, 4))
