"""Networks of the Atari games: the policy, and the model of the reward.

Maps have the batch in the minor dimension, `[c, h, w, b]`, which is the form
that CPUs are fast at (see `common.nn.convolution`).
"""

from typing import Any

import flax.linen as nn
import jax
import ml_collections
from jax import numpy as jnp

from common.nn import convolution
from common.nn.batch_last import Conv
from common.nn.recurrent import LSTM, Part, truncated_normal

_FRAMES_AT_ONCE = 50  # whose patches a CPU's caches hold


class Convolutions(nn.Module):
  """Convolutions and ReLUs: `[c, h, w, batch]` to `[batch, features]`."""

  widths: tuple[int, ...]
  kernels: tuple[int, ...]
  strides: tuple[int, ...]

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    layers = zip(self.widths, self.kernels, self.strides, strict=True)
    for i, (width, kernel, stride) in enumerate(layers):
      x = Conv(
        width,
        kernel,
        stride,
        padding=0,
        kernel_init=nn.initializers.orthogonal(2**0.5),
        name=f"conv_{i}",
      )(x)
      x = nn.relu(x)
    return _flat(x)


def _flat(x: jax.Array) -> jax.Array:
  """`[c, h, w, b]` to `[b, h w c]`, Flax's order."""
  return convolution.batch_first(x).reshape(x.shape[-1], -1)


def _pooled(x: jax.Array) -> jax.Array:
  """Maxima of 2x2 squares of `[c, h, w, b]`, at the far edges of what is there.

  XLA's own pooling has a gradient that CPUs find place by place.
  """
  c, h, w, b = x.shape
  room = ((0, 0), (0, h % 2), (0, w % 2), (0, 0))
  x = jnp.pad(x, room, constant_values=-jnp.inf)
  return x.reshape(c, -(-h // 2), 2, -(-w // 2), 2, b).max((2, 4))


class AtariPolicy(nn.Module):
  """The network of DQN (Nature), seeing the reward model's features, too."""

  actions: int
  widths: tuple[int, ...] = (32, 64, 64)
  hidden: int = 512

  def setup(self):
    # The name decides what is drawn for its weights.
    self.eyes = Convolutions(self.widths, (8, 4, 3), (4, 2, 1))
    dense = lambda width, gain: nn.Dense(
      width, kernel_init=nn.initializers.orthogonal(gain)
    )
    self.hidden_layer = dense(self.hidden, 2**0.5)
    self.policy, self.value = dense(self.actions, 0.01), dense(1, 1.0)

  def see(self, stack: jax.Array) -> jax.Array:
    """Visual features of uint8 `[batch, 84, 84, 4]`."""
    pixels = convolution.batch_last(stack)
    return self.eyes(pixels.astype(jnp.float32) / 255)

  def __call__(
    self, stack: jax.Array, others: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Logits `[batch, actions]` and values `[batch]`.

    Args:
      stack: uint8 `[batch, 84, 84, 4]`, the newest frame last.
      others: `[batch, n]`, what the reward model sees (n = 0 without one).
    """
    x = jnp.concatenate([self.see(stack), others], axis=1)
    x = nn.relu(self.hidden_layer(x))
    return self.policy(x), self.value(x)[:, 0]


class AtariReturnModel(nn.Module):
  """The authors' Atari reward model: frame and frame delta, LSTM, four outputs.

  All gates, as in their code; a forget gate that begins at 12 forgets nothing.
  """

  widths: tuple[int, int] = (64, 32)
  features: int = 64

  def setup(self):
    first = lambda: Conv(
      self.widths[0],
      8,
      2,
      padding=0,
      kernel_init=nn.initializers.orthogonal(0.1),
    )
    self.of_frame, self.of_delta = first(), first()
    self.joint = Conv(
      self.widths[1], 3, padding=0, kernel_init=nn.initializers.orthogonal(0.1)
    )
    draw = truncated_normal
    gate = lambda bias: Part(draw(0.1), draw(0.001), draw(0.1, bias))
    self.lstm = LSTM(
      self.features,
      cell_input=Part(draw(0.0001), draw(0.001), draw(0.1)),
      input_gate=gate(-5.0),
      forget_gate=gate(12.0),
      output_gate=gate(-5.0),
    )
    self.read_out = nn.Dense(4, kernel_init=draw(1.0))

  def see(self, stack: jax.Array) -> jax.Array:
    """Visual features of the newest frame and its delta, `[batch, features]`.

    Args:
      stack: uint8 `[batch, 84, 84, 4]`, as the policy's.
    """
    pixels = convolution.batch_last(stack[..., 2:]).astype(jnp.float32)
    old, new = pixels[:1], pixels[1:]
    frame = _pooled(nn.relu(self.of_frame(new / 127.5 - 1)))
    delta = _pooled(nn.relu(self.of_delta((new - old) / 255)))
    x = self.joint(jnp.concatenate([frame, delta]))
    return _flat(_pooled(nn.relu(x)))

  def __call__(self, x: jax.Array) -> jax.Array:
    """Predictions `[time, 4]` from inputs `[time, inputs]`."""
    return self.read_out(self.lstm(x)[1])

  def net_inputs(self, x: jax.Array) -> jax.Array:
    """The LSTM's forward terms, which attributions are made of."""
    return self.lstm.net_inputs(x)

  def from_net_inputs(self, net: jax.Array) -> jax.Array:
    """Predictions `[time, 4]` from the forward terms."""
    return self.read_out(self.lstm.from_net_inputs(net)[1])


def seen(
  network: AtariPolicy | AtariReturnModel, weights: Any, stack: jax.Array
) -> jax.Array:
  """`network.see` of a chunk or a rollout, `[batch, features]`.

  A CPU takes some frames after the others, and their patches once more for the
  gradient: kept, those of 500 frames are 0.4 GB, and writing them takes longer
  than the products. Others take all at once.
  """
  see = lambda part: jnp.asarray(network.apply(weights, part, method="see"))
  batch, size = len(stack), _FRAMES_AT_ONCE
  if jax.default_backend() != "cpu" or batch <= size:
    return see(stack)
  parts = -(-batch // size)
  room = ((0, parts * size - batch), *[(0, 0)] * (stack.ndim - 1))
  split = jnp.pad(stack, room).reshape(parts, size, *stack.shape[1:])
  found = jax.lax.map(jax.checkpoint(see), split)
  return found.reshape(parts * size, -1)[:batch]


def atari_networks(
  config: ml_collections.ConfigDict, actions: int
) -> tuple[AtariPolicy, AtariReturnModel]:
  """The policy and the reward model of a config."""
  return (
    AtariPolicy(actions, tuple(config.policy_widths), config.policy_hidden),
    AtariReturnModel(tuple(config.model_widths), config.lstm_features),
  )
