"""ChemNet up to the layer that the FCD reads, as its authors released it.

    tokens -> conv 32, k4 s2, SELU -> conv 32, k4 s2, SELU
           -> LSTM 128, backwards in time -> LSTM 512, its last state

Both convolutions have no bias and pad as TensorFlow's SAME does: behind the end
of a string, where the input is zero, so is what comes out of them. This padding
is most of the 88 steps, and the first LSTM, which runs backwards, begins in it:
its states there are the same for all strings. They are computed once a batch,
and the strings' own steps only, as many as the longest string of the batch has.
The result is the plain network's, for about three quarters of its work.
"""

from collections.abc import Mapping
from typing import NamedTuple

import chex
import jax
import numpy as np
from flax import linen as nn
from jax import numpy as jnp

from common.data import torch_files
from common.metrics import weights

NAME = "ChemNet v0.13"
TOKENS = 35
PADDING = TOKENS  # The token of what is behind the end: a row of zeros.
FEATURES = 512

RELEASED = weights.File(
  name="ChemNet_v0.13_pretrained.pt",
  sha256="c22e977602b30eeabd7f81e6c790dd3234c7d7788c6c3e7979d8720ccc96951a",
  advice="run `pip download --no-deps fcd==1.2.2` where there is a network, "
  "and give --weights=FILE, the wheel or the .pt file in it",
  wheel="fcd==1.2.2",
)

_KERNEL, _STRIDE = 4, 2
_HIGHEST = jax.lax.Precision.HIGHEST  # TF32 moves an FCD by 1e-3.
_lecun_normal = nn.initializers.lecun_normal()


class ChemNet(nn.Module):
  """The released network without its last layer, that of the assays.

  Attributes:
    filters: of both convolutions.
    first: units of the LSTM that runs backwards.
    features: units of the second LSTM.
  """

  filters: int = 32
  first: int = 128
  features: int = FEATURES

  @nn.compact
  def __call__(self, tokens: jax.Array) -> jax.Array:
    """Returns the features, float32 `[batch, features]`.

    Args:
      tokens: integers `[batch, length]`: 0 to 34, `PADDING` behind the end.
    """
    chex.assert_rank(tokens, 2)
    x = TokenConv(self.filters, name="conv_1")(tokens.T)
    x = Conv(self.filters, name="conv_2")(jax.nn.selu(x))
    x = jax.nn.selu(x)  # [steps, batch, filters]
    first = LSTM(self.first, name="lstm_1")(self.filters)
    second = LSTM(self.features, name="lstm_2")(self.first)
    total, batch, _ = x.shape
    used = used_steps(tokens, total)

    # The first LSTM in the padding, down from the last step: the state behind
    # each step, and one of zeros before there is any.
    zero = State.zeros(1, self.first)
    blank = project(first, jnp.zeros((1, self.filters)))

    def through_padding(state, _):
      state = cell(first, state, blank)
      return state, state

    _, states = jax.lax.scan(through_padding, zero, None, length=total)
    padding = jax.tree.map(
      lambda s, zero: jnp.concatenate([s[::-1, 0], zero]), states, zero
    )

    # Then in the strings.
    def backwards(i, carry):
      state, outputs = carry
      t = used - 1 - i
      state = cell(first, state, project(first, x[t]))
      return state, outputs.at[t].set(state.h)

    start = jax.tree.map(
      lambda s: jnp.broadcast_to(s[used][None], (batch, self.first)), padding
    )
    outputs = jnp.zeros((total, batch, self.first))
    _, outputs = jax.lax.fori_loop(0, used, backwards, (start, outputs))

    # The second LSTM: in the strings, then in the padding, where its input is
    # again the same for all.
    inputs = project(second, padding.h)

    def in_strings(t, state):
      return cell(second, state, project(second, outputs[t]))

    def in_padding(t, state):
      return cell(second, state, inputs[t][None])

    state = State.zeros(batch, self.features)
    state = jax.lax.fori_loop(0, used, in_strings, state)
    return jax.lax.fori_loop(used, total, in_padding, state).h


def used_steps(tokens: jax.Array, total: int) -> jax.Array:
  """How many steps the longest string reaches: int32, at most `total`.

  Args:
    tokens: `[batch, length]`.
    total: steps of the LSTMs, 88 for strings padded to 350.
  """
  positions = jnp.arange(tokens.shape[1])
  last = jnp.max(jnp.where(tokens != PADDING, positions[None], 0))
  for _ in range(2):  # Output i of a convolution sees inputs 2i - 1 to 2i + 2.
    last = (last + 1) // _STRIDE
  return jnp.minimum(last + 1, total)


class TokenConv(nn.Module):
  """A convolution of one-hot tokens over 35, as sums of its kernel's rows."""

  filters: int

  @nn.compact
  def __call__(self, tokens: jax.Array) -> jax.Array:
    """`[length, batch]` to `[ceil(length / 2), batch, filters]`."""
    shape = (_KERNEL, TOKENS, self.filters)
    kernel = self.param("kernel", _lecun_normal, shape)
    # The authors' input is 1 / 35 where it is not 0.
    rows = jnp.pad(kernel / TOKENS, ((0, 0), (0, 1), (0, 0)))
    taps = _taps(tokens, PADDING)
    seen = [jnp.take(rows[k], taps[k], axis=0) for k in range(_KERNEL)]
    return jnp.sum(jnp.stack(seen), axis=0)


class Conv(nn.Module):
  """A convolution of kernel 4 and stride 2, SAME, without bias."""

  filters: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """`[length, batch, inputs]` to `[ceil(length / 2), batch, filters]`."""
    shape = (_KERNEL, x.shape[2], self.filters)
    kernel = self.param("kernel", _lecun_normal, shape)
    patches = jnp.concatenate(_taps(x, 0), axis=2)
    return _dot(patches, kernel.reshape(-1, self.filters))


def _taps(x, padding):
  """What each position of the kernel sees: 4 arrays [ceil(length / 2), ...]."""
  length = len(x)
  size = -(-length // _STRIDE)
  # One in front and one behind, or two behind an odd length.
  behind = size * _STRIDE + 1 - length
  widths = [(1, behind)] + [(0, 0)] * (x.ndim - 1)
  x = jnp.pad(x, widths, constant_values=padding)
  return [x[k : k + size * _STRIDE : _STRIDE] for k in range(_KERNEL)]


class State(NamedTuple):
  """Of an LSTM: its output and its cells, float32 `[batch, units]`."""

  h: jax.Array
  c: jax.Array

  @classmethod
  def zeros(cls, batch: int, units: int) -> "State":
    return cls(jnp.zeros((batch, units)), jnp.zeros((batch, units)))


class LSTM(nn.Module):
  """The weights of an LSTM; gates lie side by side as input, forget, new, out.

  Called with the number of inputs, it returns them by name, for `project` and
  `cell`: input `[inputs, 4 units]`, recurrent `[units, 4 units]`, bias
  `[4 units]`. Those of the sigmoid gates are halved, which is exact, since
  sigmoid(x) = (1 + tanh(x / 2)) / 2: one tanh then does for all four gates.
  Cut in four first, they cost a CPU five times as much, a fifth of the network.
  """

  units: int

  @nn.compact
  def __call__(self, inputs: int) -> dict[str, jax.Array]:
    width = 4 * self.units
    weights = {
      "input": self.param("input", _lecun_normal, (inputs, width)),
      "recurrent": self.param("recurrent", _lecun_normal, (self.units, width)),
      "bias": self.param("bias", nn.initializers.zeros, (1, width)),
    }
    halves = jnp.repeat(jnp.array([[0.5, 0.5, 1.0, 0.5]]), self.units, axis=1)
    return {name: weight * halves for name, weight in weights.items()}


def project(weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
  """What the inputs `[batch, inputs]` add to the gates: `[batch, 4 units]`."""
  return _dot(x, weights["input"]) + weights["bias"]


def cell(
  weights: Mapping[str, jax.Array], state: State, projected: jax.Array
) -> State:
  """One step of an LSTM; `projected` is of `project`, of one string or all."""
  gates = jnp.tanh(_dot(state.h, weights["recurrent"]) + projected)
  i, f, new, out = jnp.split(gates, 4, axis=1)
  c = (0.5 + 0.5 * f) * state.c + (0.5 + 0.5 * i) * new
  return State((0.5 + 0.5 * out) * jnp.tanh(c), c)


def _dot(x, y):
  return jnp.matmul(x, y, precision=_HIGHEST)


def released(
  path: weights.Path | None = None,
) -> tuple[dict[str, dict[str, np.ndarray]], str]:
  """Returns the released parameters, and the SHA-256 of their file.

  Args:
    path: of the .pt file, or of the wheel of fcd 1.2.2; None takes them from
      the cache, and fills it by pip if they are not there.

  Raises:
    InputError: the weights cannot be had, or are others.
  """
  found = weights.fetch(RELEASED, path)
  tensors = torch_files.read(found)

  def conv(name):
    return {"kernel": np.ascontiguousarray(tensors[name].transpose(2, 1, 0))}

  def lstm(name):
    # Keras has one bias, torch two, of which the file leaves one at 0.
    bias = tensors[f"{name}.bias_ih_l0"] + tensors[f"{name}.bias_hh_l0"]
    return {
      "input": np.ascontiguousarray(tensors[f"{name}.weight_ih_l0"].T),
      "recurrent": np.ascontiguousarray(tensors[f"{name}.weight_hh_l0"].T),
      "bias": bias[None],
    }

  # The file is a list of layers, each a name and a tuple of weights first.
  params = {
    "conv_1": conv("0.1.0.weight"),
    "conv_2": conv("1.1.0.weight"),
    "lstm_1": lstm("2.1.0"),
    "lstm_2": lstm("3.1.0"),
  }
  return params, weights.sha256(found)
