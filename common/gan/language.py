"""A generator of characters and its critic, as WGAN-GP has them.

arXiv:1704.00028, section 5.3; with the variations of TTUR (no norms,
arXiv:1706.08500) and of First Order GAN (arXiv:1802.04591: norms without a
scale in the generator, on its noise too). A text is `[batch, length,
characters]`: of each place the probabilities of all characters, or ones and
zeros. Residual blocks are x + 0.3 (ReLU, convolution, ReLU, convolution).

Convolutions are XLA's own: along one axis, batch first, they reach nine tenths
of a core's peak, second derivatives included. In a loop (`scan`, `lax.map`)
they are fifty times slower on CPUs: take one step a call there, and `vmap`.
"""

import jax
from flax import linen as nn

_KERNEL = 5
_SHARE = 0.3  # Of what a block adds.
# Uniform, with standard deviations sqrt(4 / (in + out)) and sqrt(2 / (in +
# out)): the code's "he" of convolutions and "glorot" of linear layers.
_convolution_init = nn.initializers.variance_scaling(2, "fan_avg", "uniform")
_linear_init = nn.initializers.variance_scaling(1, "fan_avg", "uniform")

NORMS = ("none", "position", "channel")
ACTIVATIONS = ("relu", "elu")


class Generator(nn.Module):
  """`[batch, z]` to `[batch, length, characters]`, probabilities.

  Attributes:
    width: channels (512 in the papers).
    length: characters a line (32).
    characters: how many different ones.
    blocks: how many residual blocks (5).
    norm: batch norms, without a scale, behind the linear layer and all
      convolutions of the blocks: "none" (TTUR); "position" (First Order GAN's
      code: a mean and variance for each place in the line, over all channels,
      for its norm takes the last axis, and there that is the place);
      "channel", as is usual.
    noise_norm: whether the latents are normalised first.
    epsilon: of the norms.
    momentum: of their moving averages.
  """

  width: int
  length: int
  characters: int
  blocks: int
  norm: str
  noise_norm: bool
  epsilon: float
  momentum: float

  @nn.compact
  def __call__(self, z: jax.Array, averages: bool = False) -> jax.Array:
    """`averages`: normalise by moving averages, not by the batch at hand."""

    def norm(a, name, axis):
      return nn.BatchNorm(
        use_running_average=averages,
        epsilon=self.epsilon,
        momentum=self.momentum,
        use_scale=False,
        use_fast_variance=False,
        axis=axis,
        name=name,
      )(a)

    def in_block(a, name):
      if self.norm == "none":
        return a
      return norm(a, f"norm_{name}", {"position": -2, "channel": -1}[self.norm])

    if self.noise_norm:
      z = norm(z, "norm_noise", -1)
    units = self.length * self.width
    a = nn.Dense(units, kernel_init=_linear_init, name="dense")(z)
    if self.norm != "none":
      a = norm(a, "norm_dense", -1)  # Of each unit, before it has a place.
    a = a.reshape(-1, self.length, self.width)
    for i in range(self.blocks):
      a = _block(a, i, self.width, nn.relu, in_block)
    a = _convolution(self.characters, 1, "out")(a)
    return nn.softmax(a)


class Critic(nn.Module):
  """`[batch, length, characters]` to `[batch]`; without norms.

  Attributes:
    width: channels (512 in the papers).
    blocks: how many residual blocks (5).
    activation: "relu", or "elu", whose slope has no jumps.
  """

  width: int
  blocks: int
  activation: str

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    a = _convolution(self.width, 1, "in")(a)
    for i in range(self.blocks):
      a = _block(a, i, self.width, getattr(nn, self.activation))
    a = a.reshape(a.shape[0], -1)
    return nn.Dense(1, kernel_init=_linear_init, name="out")(a)[:, 0]


def _block(a, i, width, activation, norm=lambda a, name: a):
  inside = a
  for half in ("a", "b"):
    inside = _convolution(width, _KERNEL, f"conv_{i}{half}")(activation(inside))
    inside = norm(inside, f"{i}{half}")
  return a + _SHARE * inside


def _convolution(features, size, name):
  return nn.Conv(features, (size,), kernel_init=_convolution_init, name=name)
