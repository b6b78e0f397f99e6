"""WGAN-GP's residual networks (arXiv:1704.00028), batch last inside.

"Good" generator and discriminator of its code for 64 pixels: pre-activation
blocks; batch norm in the generator, always of the batch at hand, layer norm in
the critic. No layer has a hidden default but its sizes.
"""

import jax
from flax import linen as nn
from jax import numpy as jnp

from common.nn import convolution
from common.nn.batch_last import Conv, doubled, halved


def conv(features: int, size: int, gain: float, name: str, **more):
  """A convolution of stride 1; 4 is the code's gain "he", 2 its "glorot".

  Uniform, of variance gain / (fan_in + fan_out).
  """
  init = nn.initializers.variance_scaling(gain / 2, "fan_avg", "uniform")
  return Conv(features, size, kernel_init=init, name=name, **more)


def _batch_norm(name: str) -> nn.BatchNorm:
  return nn.BatchNorm(
    use_running_average=False,
    epsilon=1e-5,
    use_fast_variance=False,
    axis=0,
    name=name,
  )


def _layer_norm(name: str) -> nn.LayerNorm:
  """Over a whole sample, with a scale and an offset for each channel."""
  axes = {"reduction_axes": (0, 1, 2), "feature_axes": 0}
  return nn.LayerNorm(**axes, epsilon=1e-5, use_fast_variance=False, name=name)


class ResBlock(nn.Module):
  """x -> shortcut + conv(relu(norm(conv(relu(norm(x)))))), up or down by two.

  "up": pixels are doubled before the first convolution, as before the
  shortcut's, which sees one at a time and so may come first. "down": means are
  taken after the second; the shortcut takes them first. The first convolution
  has no bias, and going down keeps the width.

  Attributes:
    features: out.
    resample: "up" or "down".
  """

  features: int
  resample: str

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    up = self.resample == "up"
    norm = _batch_norm if up else _layer_norm
    shortcut = conv(self.features, 1, 2.0, "shortcut")
    shortcut = doubled(shortcut(a)) if up else shortcut(halved(a))
    inside = self.features if up else a.shape[0]
    a = nn.relu(norm("norm_1")(a))
    first, second = ("up", "") if up else ("", "down")
    a = conv(inside, 3, 4.0, "conv_1", bias=False, resample=first)(a)
    a = nn.relu(norm("norm_2")(a))
    return shortcut + conv(self.features, 3, 4.0, "conv_2", resample=second)(a)


def glorot_dense(features: int, name: str) -> nn.Dense:
  """A linear layer with Glorot's uniform kernel."""
  return nn.Dense(
    features, kernel_init=nn.initializers.glorot_uniform(), name=name
  )


class Generator(nn.Module):
  """WGAN-GP's "good" generator, `[batch, z] -> [batch, size, size, channels]`.

  Dense to 8 dim channels of 1/16 of the size, four blocks up, to dim channels.
  """

  dim: int
  size: int
  channels: int

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    side, width = self.size // 16, 8 * self.dim
    a = glorot_dense(side**2 * width, "dense")(z)
    a = convolution.batch_last(a.reshape(-1, side, side, width))
    for i, features in enumerate((8, 4, 2, 1)):
      a = ResBlock(features * self.dim, "up", name=f"block_{i}")(a)
    a = nn.relu(_batch_norm("norm")(a))
    a = conv(self.channels, 3, 4.0, "conv")(a)
    return jnp.tanh(convolution.batch_first(a))


class Critic(nn.Module):
  """WGAN-GP's "good" critic, `[batch, h, w, c]` to one number a sample.

  Attributes:
    dim: channels after the first convolution.
    four_as_one: the authors' code at 32 pixels: it reshapes the last 2x2
      pictures to 4x4 of as many channels, so that four samples that follow each
      other share one number, `[batch / 4]`.
  """

  dim: int
  four_as_one: bool

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    a = conv(self.dim, 3, 2.0, "conv")(convolution.batch_last(a))
    for i, features in enumerate((2, 4, 8, 8)):
      a = ResBlock(features * self.dim, "down", name=f"block_{i}")(a)
    a = convolution.batch_first(a)
    # Channels first, as the code flattens them.
    a = a.transpose(0, 3, 1, 2).reshape(len(a) // (4**self.four_as_one), -1)
    return glorot_dense(1, "out")(a)[:, 0]
