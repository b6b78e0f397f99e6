"""Networks of the DCGAN family (arXiv:1511.06434), batch last inside.

A generator doubles the image with every 5x5 transposed convolution of stride 2
and halves the width; a discriminator does the reverse. Papers differ in where
norms stand, in initialisers and in the last function: all that is an attribute,
and nothing has a hidden default but the sizes of the kernels.
"""

import math
from collections.abc import Callable

import jax
from flax import linen as nn

from common.nn import convolution
from common.nn.batch_last import Conv, per_channel

Initializer = nn.initializers.Initializer


class Generator(nn.Module):
  """`[batch, z]` to images `[batch, size, size, channels]`.

  Dense to start x start, then transposed convolutions, each halving the width,
  batch normalisation and ReLU after all but the last (and, by `norm_first`,
  the dense layer).

  Attributes:
    features: channels at start x start.
    start: height and width of the first picture.
    size: height and width of the images, `start` times a power of two.
    channels: of the images.
    norm_first: whether the dense layer has a batch norm, too.
    epsilon: of the norms.
    momentum: of their moving averages.
    dense_init: of the first kernel.
    kernel_init: of the transposed convolutions' kernels,
    last_init: but for the last one's.
    output: the last function, for instance `jnp.tanh`.
  """

  features: int
  start: int
  size: int
  channels: int
  norm_first: bool
  epsilon: float
  momentum: float
  dense_init: Initializer
  kernel_init: Initializer
  last_init: Initializer
  output: Callable[[jax.Array], jax.Array]

  @nn.compact
  def __call__(self, z: jax.Array, averages: bool = False) -> jax.Array:
    """`averages`: normalise by moving averages, not by the batch at hand."""

    def norm(i, a):
      return nn.BatchNorm(
        use_running_average=averages,
        epsilon=self.epsilon,
        momentum=self.momentum,
        use_fast_variance=False,
        axis=0,
        name=f"norm_{i}",
      )(a)

    side, width = self.start, self.features
    a = nn.Dense(side**2 * width, kernel_init=self.dense_init, name="dense")(z)
    if not self.norm_first:
      a = nn.relu(a)
    a = convolution.batch_last(a.reshape(-1, side, side, width))
    if self.norm_first:
      a = nn.relu(norm(0, a))
    depth = int(math.log2(self.size // side))
    for i in range(1, depth):
      a = UpConv(width >> i, self.kernel_init, name=f"deconv_{i}")(a)
      a = nn.relu(norm(i, a))
    a = UpConv(self.channels, self.last_init, name=f"deconv_{depth}")(a)
    return self.output(convolution.batch_first(a))


class Discriminator(nn.Module):
  """`[batch, h, w, c]` to `[batch]`.

  Convolutions, each doubling the width, leaky ReLU 0.2, then a linear layer.

  Attributes:
    features: channels of the first convolution.
    depth: how many convolutions.
    norm: after each of them: "batch" (always of the batch at hand), "layer"
      (over a whole sample, as WGAN-GP needs: its penalty is on one sample's
      gradient), or "none".
    norm_first: whether the first convolution has a norm, too.
    bias: whether convolutions before a norm have one, which the norm takes
      away; those without a norm always have.
    epsilon: of batch norms.
    kernel_init: of the convolutions' kernels.
    last_init: of the linear layer's.
  """

  features: int
  depth: int
  norm: str
  norm_first: bool
  bias: bool
  epsilon: float
  kernel_init: Initializer
  last_init: Initializer

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    a = convolution.batch_last(a)  # [c, h, w, batch]
    for i in range(self.depth):
      norm = self.norm if i or self.norm_first else "none"
      width, bias = self.features << i, self.bias or norm == "none"
      a = Conv(
        width,
        5,
        2,
        bias=bias,
        kernel_init=self.kernel_init,
        name=f"conv_{i}",
      )(a)
      if norm == "batch":
        a = nn.BatchNorm(
          use_running_average=False,
          epsilon=self.epsilon,
          use_fast_variance=False,
          axis=0,
          name=f"norm_{i}",
        )(a)
      elif norm == "layer":
        axes = {"reduction_axes": (0, 1, 2), "feature_axes": 0}
        a = nn.LayerNorm(**axes, name=f"norm_{i}")(a)
      a = nn.leaky_relu(a, 0.2)
    a = convolution.batch_first(a)
    a = a.reshape(a.shape[0], -1)
    return nn.Dense(1, kernel_init=self.last_init, name="out")(a)[:, 0]


class UpConv(nn.Module):
  """5x5 transposed convolution of stride 2, `[c, h, w, n] -> [f, 2h, 2w, n]`.

  The map and the parameters of `nn.ConvTranspose(f, (5, 5), (2, 2))`, batch
  last: as Flax has it, the kernel is that of the convolution it transposes,
  turned round.
  """

  features: int
  kernel_init: Initializer

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    shape = (5, 5, a.shape[0], self.features)
    kernel = self.param("kernel", self.kernel_init, shape)
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    size = (2 * a.shape[1], 2 * a.shape[2])
    where = convolution.same(size[0], 5, 2)
    out = convolution.transpose(a, turned, where, size)
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    return out + per_channel(bias)
