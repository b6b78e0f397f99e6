"""Layers of the video models, with the batch in the minor dimension.

Maps are `[c, h, w, b]`, square: so a convolution is one matrix product, and a
kernel of each sample's own multiplies rows that lie side by side in memory. The
norms are those of one sample, but for `BatchNorm`.

References: convolutional LSTM, arXiv:1506.04214; layer normalisation over a
whole map, as the code of arXiv:1605.07157; instance normalisation,
arXiv:1607.08022; spectral normalisation, arXiv:1802.05957.
"""

from collections.abc import Callable
from typing import Any

import jax
from flax import linen as nn
from jax import numpy as jnp

from common.nn import convolution
from common.nn.batch_last import Conv, per_channel
from common.nn.convolution import Geometry

State = tuple[jax.Array, jax.Array]  # Of an LSTM: c and h.
_LAYER_EPSILON = 1e-12  # Of the authors' library.
_INSTANCE_EPSILON = 1e-6
_BATCH_EPSILON = 1e-5
_BATCH_MOMENTUM = 0.1  # PyTorch's: the share of what is new.


class Deconv(nn.Module):
  """The transpose of a convolution, `[c, h, w, b] -> [features, h', w', b]`.

  Attributes:
    features: channels that come out.
    size: of the square kernel.
    stride: h' = stride * h under "SAME"; 1 / size of a pixel without padding.
    valid: whether nothing was padded, so that one pixel becomes a kernel.
    kernel_init: of the kernel `[size, size, features, c]`.
  """

  features: int
  size: int
  stride: int = 1
  valid: bool = False
  kernel_init: Callable = nn.initializers.glorot_uniform()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (self.size, self.size, self.features, x.shape[0])
    kernel = self.param("kernel", self.kernel_init, shape)
    if self.valid:
      side = (x.shape[1] - 1) * self.stride + self.size
      where = Geometry(self.stride)
    else:
      side = x.shape[1] * self.stride
      where = convolution.same(side, self.size, self.stride)
    x = convolution.transpose(x, kernel, where, (side, side))
    bias = self.param("bias", nn.initializers.zeros, (self.features,))
    return x + per_channel(bias)


class Norm(nn.Module):
  """Normalises each sample, with a scale and a shift per channel.

  Attributes:
    axes: of the moments: (0, 1, 2) is layer, (1, 2) instance normalisation.
    epsilon: beside the variance.
  """

  axes: tuple[int, ...]
  epsilon: float

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    mean = x.mean(self.axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(self.axes, keepdims=True)
    channels = (x.shape[0],)
    scale = self.param("scale", nn.initializers.ones, channels)
    shift = self.param("shift", nn.initializers.zeros, channels)
    x = (x - mean) * jax.lax.rsqrt(variance + self.epsilon)
    return x * per_channel(scale) + per_channel(shift)


def layer_norm(name: str) -> Norm:
  """Moments over all of a sample's map."""
  return Norm((0, 1, 2), _LAYER_EPSILON, name=name)


def instance_norm(name: str) -> Norm:
  """Moments over each channel of a sample's map."""
  return Norm((1, 2), _INSTANCE_EPSILON, name=name)


class BatchNorm(nn.Module):
  """Batch normalisation, `[c, h, w, b] -> [c, h, w, b]`.

  Training normalises by the batch, and keeps running means in the collection
  "stats", of the unbiased variance as PyTorch; else those are used, so that no
  clip depends on the others.

  Attributes:
    train: which of both.
  """

  train: bool

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    channels = (x.shape[0],)
    zeros, ones = nn.initializers.zeros, nn.initializers.ones
    start = lambda init: lambda: init(None, channels)
    mean = self.variable("stats", "mean", start(zeros))
    variance = self.variable("stats", "variance", start(ones))
    scale = self.param("scale", _around_one, channels)
    shift = self.param("shift", zeros, channels)
    if self.train:
      axes = (1, 2, 3)
      m = x.mean(axes, keepdims=True)
      v = ((x - m) ** 2).mean(axes, keepdims=True)
      x = (x - m) * jax.lax.rsqrt(v + _BATCH_EPSILON)
      if not self.is_initializing():
        n = x[0].size
        for kept, new in ((mean, m), (variance, v * n / max(n - 1, 1))):
          new = jax.lax.stop_gradient(new[:, 0, 0, 0])
          kept.value += _BATCH_MOMENTUM * (new - kept.value)
    else:
      x = (x - per_channel(mean.value)) * per_channel(
        jax.lax.rsqrt(variance.value + _BATCH_EPSILON)
      )
    return x * per_channel(scale) + per_channel(shift)


def _around_one(key, shape):
  """N(1, .02), as the networks of arXiv:1802.07687 begin."""
  return 1 + 0.02 * jax.random.normal(key, shape)


class ConvLSTM(nn.Module):
  """One step of a convolutional LSTM.

  One convolution of [x, h] gives all four gates:

      c' = c sigmoid(f + 1) + sigmoid(i) tanh(j),  h' = sigmoid(o) tanh(c')

  Attributes:
    features: channels of c and h.
    size: of the kernel.
    normalise: instance normalisation of the gates and of c', and no bias, as
      in arXiv:1804.01523.
    kernel_init: of the kernel.
  """

  features: int
  size: int = 5
  normalise: bool = False
  kernel_init: Callable = nn.initializers.glorot_uniform()

  @nn.compact
  def __call__(
    self, state: State, x: jax.Array, z: jax.Array | None = None
  ) -> tuple[State, jax.Array]:
    """Numbers `z [z, b]`, if any, stand on every pixel beside x."""
    c, h = state
    conv = Conv if z is None else LatentConv
    gates = conv(
      4 * self.features,
      self.size,
      bias=not self.normalise,
      kernel_init=self.kernel_init,
      name="gates",
    )
    gates = gates(jnp.concatenate([x, h])) if z is None else gates(x, z, h)
    if self.normalise:
      gates = instance_norm("gates_norm")(gates)
    i, j, f, o = jnp.split(gates, 4)
    c = c * jax.nn.sigmoid(f + 1) + jax.nn.sigmoid(i) * jnp.tanh(j)
    if self.normalise:
      c = instance_norm("cell_norm")(c)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (c, h), h


def blank(features: int, side: int, batch: int) -> State:
  """The zeros that a convolutional LSTM starts from."""
  zeros = jnp.zeros((features, side, side, batch))
  return zeros, zeros


def pool(x: jax.Array) -> jax.Array:
  """Maxima of 2x2 squares, `[c, h, w, b] -> [c, h/2, w/2, b]`."""
  c, h, w, b = x.shape
  squares = x.reshape(c, h // 2, 2, w // 2, 2, b)
  # Not `max`: its gradient looks for the maximum among numbers that XLA may
  # compute again, otherwise rounded, and divides by how often it was found.
  rows = jnp.maximum(squares[:, :, 0], squares[:, :, 1])
  return jnp.maximum(rows[:, :, :, 0], rows[:, :, :, 1])


def enlarge(x: jax.Array) -> jax.Array:
  """Bilinear, half-pixel centres, `[c, h, w, b] -> [c, 2h, 2w, b]`."""
  for axis in (1, 2):
    n = x.shape[axis]
    before = jnp.take(x, jnp.maximum(jnp.arange(n) - 1, 0), axis)
    after = jnp.take(x, jnp.minimum(jnp.arange(n) + 1, n - 1), axis)
    both = jnp.stack(
      [0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1
    )
    shape = list(x.shape)
    shape[axis] = 2 * n
    x = both.reshape(shape)
  return x


class LatentConv(nn.Module):
  """A convolution of maps, and of numbers that stand on every pixel.

  The map and the parameters of `Conv` of `[x, z, h]` as channels, those of z
  flat. But a flat channel has one product per place of the kernel, not one per
  pixel: of the small SAVP's channels a third need no patches.

  Attributes:
    features: channels that come out.
    size: odd.
    bias: whether there is one.
    halve: gives means of 2x2 squares, folded into the kernel.
    kernel_init: of the kernel `[size, size, c, features]`.
  """

  features: int
  size: int
  bias: bool = True
  halve: bool = False
  kernel_init: Callable = nn.initializers.glorot_uniform()

  @nn.compact
  def __call__(
    self, x: jax.Array, z: jax.Array, h: jax.Array | None = None
  ) -> jax.Array:
    """`[c, h, w, b], [z, b] (and more channels) -> [features, h, w, b]`."""
    maps = x if h is None else jnp.concatenate([x, h])
    first, side = len(x), x.shape[1]
    shape = (self.size, self.size, len(maps) + len(z), self.features)
    kernel = self.param("kernel", self.kernel_init, shape)
    of_x, of_z, of_h = jnp.split(kernel, [first, first + len(z)], axis=2)
    of_maps = jnp.concatenate([of_x, of_h], axis=2)
    if self.halve:
      out, stride = convolution.convolve_down(maps, of_maps), 2
      of_z = convolution.halved_kernel(of_z)
    else:
      where, stride = convolution.same(side, self.size, 1), 1
      out = convolution.convolve(maps, of_maps, where)
    taps = jnp.einsum("uvzf,zb->uvfb", of_z, z)
    rows = spread(taps.swapaxes(0, 1), side, 2, stride)
    out += spread(rows, side, 1, stride)
    if self.bias:
      bias = self.param("bias", nn.initializers.zeros, (self.features,))
      out += per_channel(bias)
    return out


def spread(taps: jax.Array, side: int, axis: int, stride: int = 1) -> jax.Array:
  """`[k, ...] -> [...]` with a new axis: at each place a sum of taps.

  It is of those that a kernel of this size, laid there, has inside of a line of
  `side` ones: of all but near its ends.

  Args:
    taps: the first stands (k - 1) // 2 before a place.
    side: length of the line.
    axis: of what comes out.
    stride: from place to place.
  """
  k, n = len(taps), side // stride
  r = (k - 1) // 2
  at = lambda i: jnp.expand_dims(
    taps[max(r - stride * i, 0) : side + r - stride * i].sum(0), axis
  )
  start = min(-(-r // stride), n)
  stop = max(start, (side + r - k) // stride + 1)
  inside = [jnp.repeat(at(start), stop - start, axis)] if stop > start else []
  ends = [at(i) for i in range(start)], [at(i) for i in range(stop, n)]
  return jnp.concatenate([*ends[0], *inside, *ends[1]], axis)


def unit_kernels(raw: jax.Array) -> jax.Array:
  """Kernels without negative weights, whose sum is 1 (arXiv:1605.07157).

  Args:
    raw: `[kernels, size, size, b]`. Where nothing of a kernel is positive, it
      becomes a flat one.
  """
  tiny = 1e-12
  positive = jax.nn.relu(raw - tiny) + tiny
  return positive / positive.sum((1, 2), keepdims=True)


def each(f: Callable[..., Any], *many: Any, at_once: bool = False) -> Any:
  """`f(*one)` of every frame or sample, which leaves of `many` begin with.

  A CPU takes one after the other, unless `at_once`: what one leaves in
  between then fits into its caches, and the gradient of an `f` that convolves
  by patches takes less memory. Others take all at once.
  """
  if jax.default_backend() == "cpu" and not at_once:
    return jax.lax.map(lambda one: f(*one), many)
  return jax.vmap(f)(*many)


def warp(x: jax.Array, kernels: jax.Array, mode: str) -> jax.Array:
  """Each sample moved by kernels of its own, the same for all colours.

  A weight right of the middle moves the picture to the left.

  Args:
    x: `[c, h, w, b]`.
    kernels: `[kernels, size, size, b]`, of odd size.
    mode: of the border, as `jnp.pad` has it: "constant" is zeros.

  Returns:
    `[kernels, c, h, w, b]`.
  """
  size = kernels.shape[1]
  room = (size // 2, size // 2)
  padded = jnp.pad(x, ((0, 0), room, room, (0, 0)), mode)

  @jax.checkpoint  # Kept, the patches of all samples would take longer.
  def move(one, kernels):
    patches = convolution.patches(one[..., None], size, Geometry(1))
    return jnp.einsum(
      "kp,pn->kn",
      kernels.reshape(len(kernels), -1),
      patches.reshape(size * size, -1),
      precision="highest",  # So that an accelerator, too, copies exactly.
    )

  # A product for each sample: the patches of one fit into a CPU's caches. With
  # those of all, laid out for it, SAVP's takes 29 ms in place of 11.
  samples = padded.transpose(3, 0, 1, 2), kernels.transpose(3, 0, 1, 2)
  moved = each(move, *samples)  # [b, kernels, c h w]
  return moved.transpose(1, 2, 0).reshape(len(kernels), *x.shape)


def compose(masks: jax.Array, pictures: jax.Array) -> jax.Array:
  """Pictures `[k, c, h, w, b]` by masks `[k, h, w, b]`, summed over k."""
  # A product: as a sum, a CPU takes six times as long for it and its gradients.
  return jnp.einsum("khwb,kchwb->chwb", masks, pictures, precision="highest")


class SpectralNorm(nn.Module):
  """A kernel over its largest singular value (arXiv:1802.05957).

  The singular vector u is kept in the collection "stats"; where that can be
  written, a step of the power iteration moves it on. Gradients take u and v as
  constants, as the paper does.

  Attributes:
    shape: of the kernel, with what comes out last.
    kernel_init: of the kernel.
  """

  shape: tuple[int, ...]
  kernel_init: Callable

  @nn.compact
  def __call__(self) -> jax.Array:
    kernel = self.param("kernel", self.kernel_init, self.shape)
    matrix = kernel.reshape(-1, self.shape[-1])
    start = lambda: jax.random.normal(
      self.make_rng("params"), (self.shape[-1],)
    )
    kept = self.variable("stats", "u", start)
    fixed = jax.lax.stop_gradient(matrix)
    v = unit(fixed @ kept.value)
    u = unit(v @ fixed)
    if self.is_mutable_collection("stats") and not self.is_initializing():
      kept.value = u
    return kernel / (v @ matrix @ u)


def unit(a: jax.Array) -> jax.Array:
  """A vector of length 1."""
  return a / jnp.maximum(jnp.linalg.norm(a), 1e-12)
