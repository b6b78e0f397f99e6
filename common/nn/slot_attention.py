"""Slot Attention and what stands around it (arXiv:2006.15055).

Arithmetic, initialisers and epsilons are those of the authors' Keras code:
Glorot-uniform kernels, layer norms with 1e-3, a GRU whose reset gate comes
after the recurrent product.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from jax import numpy as jnp

_glorot = nn.initializers.glorot_uniform()


class SlotAttention(nn.Module):
  """Slots that compete for inputs (Algorithm 1).

  The number of slots is that of the noise, so that more of them can be asked
  for than there were in training; with `initial="learned"` it is fixed.

  Attributes:
    hidden: width of the MLP (the paper: twice the slots').
    epsilon: added to the attention, so that no slot divides by zero.
    norm_epsilon: of the layer norms; Keras' default is 1e-3, Flax's 1e-6.
    softmax: over "slots", which makes them compete, or over "inputs".
    aggregation: "mean" of the values, by attention, or their "sum".
    gru: whether a GRU updates the slots; else they are replaced.
    initial: "gaussian", one for all slots with learned mean and deviation, or
      "learned", a vector for each slot and no noise.
  """

  hidden: int
  epsilon: float = 1e-8
  norm_epsilon: float = 1e-3
  softmax: str = "slots"
  aggregation: str = "mean"
  gru: bool = True
  initial: str = "gaussian"

  @nn.compact
  def __call__(
    self, inputs: jax.Array, noise: jax.Array, iterations: int
  ) -> tuple[jax.Array, jax.Array]:
    """Groups `inputs` `[batch, n, channels]`, of any order, into slots.

    Args:
      inputs: float32.
      noise: standard normal `[batch, k, d]`: k slots of d numbers.
      iterations: 1 or more.

    Returns:
      slots `[batch, k, d]`, and the attention of every iteration, as the
      softmax gives it, `[iterations, batch, n, k]`.
    """
    _, k, d = noise.shape
    norm = nn.LayerNorm(epsilon=self.norm_epsilon, name="norm_inputs")
    inputs = norm(inputs)  # [batch, n, channels]
    keys = _dense(d, "key", bias=False)(inputs)  # [batch, n, d]
    values = _dense(d, "value", bias=False)(inputs)  # [batch, n, d]

    if self.initial == "learned":
      mu = self.param("mu", _glorot, (1, k, d))
      slots = jnp.broadcast_to(mu, noise.shape)
    else:
      mu = self.param("mu", _glorot, (1, 1, d))
      log_sigma = self.param("log_sigma", _glorot, (1, 1, d))
      slots = mu + jnp.exp(log_sigma) * noise  # [batch, k, d]

    step = _Iteration(
      self.hidden,
      self.epsilon,
      self.norm_epsilon,
      self.softmax,
      self.aggregation,
      self.gru,
      parent=None,
    )
    # The parameters of a loop's body are this module's: lax.scan stays plain.
    params = self.param(
      "iteration", lambda key: step.init(key, slots, keys, values)["params"]
    )

    def iterate(slots, _):
      pair: Any = step.apply({"params": params}, slots, keys, values)
      return pair

    return jax.lax.scan(iterate, slots, length=iterations)


class _Iteration(nn.Module):
  """One round: slots look at the inputs, and are updated by what they see."""

  hidden: int
  epsilon: float
  norm_epsilon: float
  softmax: str
  aggregation: str
  gru: bool

  @nn.compact
  def __call__(self, slots, keys, values):
    d = slots.shape[-1]
    norm = lambda name: nn.LayerNorm(epsilon=self.norm_epsilon, name=name)
    previous = slots  # The GRU's state is not normalised.
    q = _dense(d, "query", bias=False)(norm("norm_slots")(slots))
    logits = jnp.einsum("bnd,bkd->bnk", keys, q * d**-0.5)  # [batch, n, k]
    axis = -1 if self.softmax == "slots" else -2
    attention = jax.nn.softmax(logits, axis)  # [batch, n, k]
    weights = attention + self.epsilon
    if self.aggregation == "mean":
      weights /= jnp.sum(weights, axis=-2, keepdims=True)
    slots = jnp.einsum("bnk,bnd->bkd", weights, values)  # [batch, k, d]
    if self.gru:
      slots = GRUCell(name="gru")(previous, slots)
    hidden = nn.relu(_dense(self.hidden, "mlp_0")(norm("norm_mlp")(slots)))
    return slots + _dense(d, "mlp_1")(hidden), attention


class GRUCell(nn.Module):
  """Keras' GRU: states `[..., d]`, inputs `[..., c]` to new states `[..., d]`.

  The reset gate comes after the recurrent product. Kernels are one matrix for
  all three gates, by which Keras initialises them: Flax's own cell starts with
  inputs 1.4 times as strong.
  """

  @nn.compact
  def __call__(self, states: jax.Array, inputs: jax.Array) -> jax.Array:
    d = states.shape[-1]
    x = _dense(3 * d, "input")(inputs)
    orthogonal = nn.initializers.orthogonal()
    h = nn.Dense(3 * d, kernel_init=orthogonal, name="recurrent")(states)
    (x_z, x_r, x_c), (h_z, h_r, h_c) = (jnp.split(a, 3, -1) for a in (x, h))
    z, r = nn.sigmoid(x_z + h_z), nn.sigmoid(x_r + h_r)
    return z * states + (1 - z) * jnp.tanh(x_c + r * h_c)


def position_grid(height: int, width: int) -> np.ndarray:
  """Distances to the four borders, `[height, width, 4]`, each from 0 to 1."""
  ticks = [np.linspace(0, 1, n, dtype=np.float32) for n in (height, width)]
  grid = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1)
  return np.concatenate([grid, 1 - grid], axis=-1)


class SoftPositionEmbedding(nn.Module):
  """Adds a learned linear map of the position grid to `[..., h, w, d]`."""

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    h, w, d = a.shape[-3:]
    embedding = _dense(d, "grid")(position_grid(h, w))  # [h, w, d]
    return a + embedding.reshape((1,) * (a.ndim - 3) + (h, w, d))


class SpatialBroadcastDecoder(nn.Module):
  """Every slot, repeated over a grid with positions, becomes a picture.

  Attributes:
    grid: (height, width) of the broadcast.
    features: channels of the layers; ReLU after all but the last.
    kernels: their sizes, odd.
    strides: 1, a convolution, or 2, a transposed one that doubles the size.
  """

  grid: tuple[int, int]
  features: Sequence[int]
  kernels: Sequence[int]
  strides: Sequence[int]

  @nn.compact
  def __call__(self, slots: jax.Array) -> jax.Array:
    """`[n, d]` slots to `[n, height, width, channels]`."""
    n, d = slots.shape
    h, w = self.grid
    position = SoftPositionEmbedding(name="position")
    layers = zip(self.features, self.kernels, self.strides, strict=True)
    a = slots
    for i, (features, size, stride) in enumerate(layers):
      kind = Conv if stride == 1 else UpConv
      conv = kind(features, size, name=f"conv_{i}")
      if i:
        a = conv(nn.relu(a))
      elif stride == 1:
        # A convolution is linear: of the positions once for all slots, and of
        # pictures that are one vector everywhere, which is a small product.
        a = conv(position(jnp.zeros((1, h, w, d))), everywhere=slots)
      else:
        a = jnp.broadcast_to(slots[:, None, None], (n, h, w, d))
        a = conv(position(a))  # [n, 2h, 2w, features]
    return a


class Conv(nn.Module):
  """A convolution, `[n, h, w, c] -> [n, h/stride, w/stride, features]`.

  Padded as TensorFlow's "SAME".
  """

  features: int
  size: int
  stride: int = 1

  @nn.compact
  def __call__(
    self, a: jax.Array, everywhere: jax.Array | None = None
  ) -> jax.Array:
    """The convolution of `a`, for vectors `everywhere` `[m, c]` of `a + them`.

    Then stride is 1, size odd, and m is n, or n is 1.
    """
    shape = (self.size, self.size, a.shape[-1], self.features)
    kernel = self.param("kernel", _glorot, shape)
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    out = _convolve(a, kernel, self.stride) + bias.reshape(1, 1, 1, -1)
    if everywhere is None:
      return out
    # Tap (s, t) sees a pixel of the picture, and not the padding, in here:
    down, across = (_inside(n, self.size) for n in a.shape[1:3])
    taps = jnp.einsum("mc,stcf->mstf", everywhere, kernel)
    return out + jnp.einsum("hs,wt,mstf->mhwf", down, across, taps)


class UpConv(nn.Module):
  """5x5 transposed convolution of stride 2, `[n, h, w, c] -> [n, 2h, 2w, f]`.

  Keras' Conv2DTranspose with "same": tap t of the kernel takes input pixel i to
  output pixel 2i + t - 1. Computed as one 3x3 convolution to four times the
  channels, one set for each of the four pixels that an input pixel becomes: the
  same numbers, gradients ten times faster on XLA's CPU.
  """

  features: int
  size: int = 5

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    if self.size != 5:
      raise ValueError(f"UpConv is for kernels of 5, not {self.size}")
    n, h, w, c = a.shape
    f = self.features
    kernel = self.param("kernel", _glorot, (5, 5, c, f))
    bias = self.param("bias", nn.initializers.zeros, (f,))
    # Output pixel 2m + r sees input m + u - 1 through tap 2(2 - u) + r - 1.
    taps = jnp.pad(kernel, ((1, 0), (1, 0), (0, 0), (0, 0)))
    taps = taps.reshape(3, 2, 3, 2, c, f)[::-1, :, ::-1]
    taps = taps.transpose(0, 2, 4, 1, 3, 5).reshape(3, 3, c, 4 * f)
    pixels = _convolve(a, taps, 1).reshape(n, h, w, 2, 2, f)
    pixels = pixels.transpose(0, 1, 3, 2, 4, 5)
    return pixels.reshape(n, 2 * h, 2 * w, f) + bias.reshape(1, 1, 1, f)


def _convolve(a, kernel, stride):
  return jax.lax.conv_general_dilated(
    a,
    kernel,
    (stride, stride),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )


def _inside(n, size):
  """`[n, size]`: 1 where tap t at pixel i sees a pixel among n."""
  seen = np.arange(n)[:, None] + np.arange(size) - size // 2
  return ((seen >= 0) & (seen < n)).astype(np.float32)


def _dense(features, name, bias=True):
  return nn.Dense(features, use_bias=bias, kernel_init=_glorot, name=name)
