"""An LSTM whose gates and connections are chosen part by part.

    paper = LSTM(
      features=16,
      cell_input=Part(forward=normal(0.1), bias=normal(1.0)),
      input_gate=Part(recurrent=normal(0.1), bias=normal(1.0, mean=-3.0)),
    )
    carry, h = paper.apply(params, x)  # x [time, ..., inputs]

A part has the connections that it has initialisers for; a gate that is None is
always open. The example is RUDDER's: what enters a cell depends on the input
alone, whether it enters on the past alone, and what is stored stays.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import chex
import flax.linen as nn
import jax
from jax import numpy as jnp

Carry = tuple[jax.Array, jax.Array]


def normal(std: float, mean: float = 0.0) -> Callable:
  """Initialises with N(mean, std^2)."""

  def init(key, shape, dtype=jnp.float32):
    return mean + std * jax.random.normal(key, shape, dtype)

  return init


def truncated_normal(std: float, mean: float = 0.0) -> Callable:
  """Initialises with N(mean, std^2) within two standard deviations."""

  def init(key, shape, dtype=jnp.float32):
    return mean + std * jax.random.truncated_normal(key, -2, 2, shape, dtype)

  return init


class Part(NamedTuple):
  """Initialisers of the cell input or of a gate; None is no connection."""

  forward: Callable | None = None
  recurrent: Callable | None = None
  bias: Callable = nn.initializers.zeros_init()


# Part -> whether it has (forward, recurrent) connections: RUDDER's wiring.
_GATHERS = {"cell_input": (True, False), "input_gate": (False, True)}


def identity(c: jax.Array) -> jax.Array:
  """The output activation of RUDDER's LSTM."""
  return c


class LSTM(nn.Module):
  """c_t = f_t c_{t-1} + i_t z_t,  h_t = o_t output(c_t), from c = h = 0.

  z_t = tanh(W_z x_t + R_z h_{t-1} + b_z) is the cell input; the gates i, f, o
  are sigmoids of such sums. The forward terms of all steps are one product,
  before the loop; the recurrent ones are one product a step.
  """

  features: int
  cell_input: Part
  input_gate: Part
  forget_gate: Part | None = None
  output_gate: Part | None = None
  output_activation: Callable = identity
  unroll: int = (
    1  # Steps in a turn of the loop; from 6 on only compiling grows.
  )

  def _parts(self) -> dict[str, Part]:
    names = ("cell_input", "input_gate", "forget_gate", "output_gate")
    parts = {name: getattr(self, name) for name in names}
    return {name: part for name, part in parts.items() if part is not None}

  def _kernels(self, kind: str, rows: int) -> dict[str, jax.Array]:
    """The weights `[rows, features]` of the parts with such connections."""
    return {
      name: self.param(f"{name}_{kind}", init, (rows, self.features))
      for name, part in self._parts().items()
      if (init := getattr(part, kind)) is not None
    }

  @nn.compact
  def __call__(
    self, x: jax.Array, carry: Carry | None = None
  ) -> tuple[Carry, jax.Array]:
    """Runs through a sequence; padding at its end changes nothing before it.

    Args:
      x: `[time, ..., inputs]`.
      carry: (c, h) to start from, `[..., features]` each; zeros by default.

    Returns:
      The carry after the last step, and h `[time, ..., features]`.
    """
    chex.assert_axis_dimension_gt(x, 0, 0)
    kernels = self._kernels("forward", x.shape[-1])
    net = jnp.concatenate([*kernels.values()], axis=1) if kernels else None
    return self._recur(None if net is None else x @ net, x.shape[:-1], carry)

  @nn.compact
  def from_net_inputs(self, net: jax.Array) -> tuple[Carry, jax.Array]:
    """The same, from the forward terms `[time, ..., forward parts * features]`.

    They are the inputs by which the authors' Atari code explains a prediction;
    the parts follow one another as in the order of the fields.
    """
    return self._recur(net, net.shape[:-1], None)

  def net_inputs(self, x: jax.Array) -> jax.Array:
    """The forward terms of an initialised network, for `from_net_inputs`."""
    names = [n for n, part in self._parts().items() if part.forward is not None]
    kernels = [self.get_variable("params", f"{name}_forward") for name in names]
    return x @ jnp.concatenate(kernels, axis=1)

  def _recur(self, net, shape, carry):
    parts = self._parts()
    forward = [n for n, part in parts.items() if part.forward is not None]
    recurrent = self._kernels("recurrent", self.features)
    kernel = jnp.concatenate([*recurrent.values()], 1) if recurrent else None
    bias = {
      name: jnp.broadcast_to(
        self.param(f"{name}_bias", part.bias, (self.features,)),
        (*shape[1:], self.features),
      )
      for name, part in parts.items()
    }
    if carry is None:
      zeros = jnp.zeros((*shape[1:], self.features))
      carry = (zeros, zeros)

    def split(sums, names):
      return dict(zip(names, jnp.split(sums, len(names), -1), strict=True))

    def bounded(name, sums):
      return jnp.tanh(sums) if name == "cell_input" else jax.nn.sigmoid(sums)

    ahead = split(net, forward) if forward else {}
    ahead = {name: terms + bias[name][None] for name, terms in ahead.items()}
    # What the past has no part in is done for all steps at once.
    ahead |= {
      name: bounded(name, terms)
      for name, terms in ahead.items()
      if name not in recurrent
    }

    wiring = {n: (n in forward, n in recurrent) for n in parts}
    if wiring == _GATHERS and self.output_activation is identity:
      unroll = min(self.unroll, shape[0])
      h = gather(unroll, ahead["cell_input"], kernel, bias["input_gate"], carry)
      return (h[-1], h[-1]), h

    def step(carry, ahead):
      c, h = carry
      back = split(h @ kernel, recurrent) if recurrent else {}

      def value(name):
        if name not in parts:
          return 1.0
        if name not in back:
          return ahead[name] if name in ahead else bounded(name, bias[name])
        return bounded(name, back[name] + ahead.get(name, bias[name]))

      c = value("forget_gate") * c + value("input_gate") * value("cell_input")
      h = value("output_gate") * self.output_activation(c)
      return (c, h), h

    return jax.lax.scan(
      step, carry, ahead, length=shape[0], unroll=min(self.unroll, shape[0])
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def gather(
  unroll: int, z: jax.Array, kernel: jax.Array, bias: jax.Array, carry: Carry
) -> jax.Array:
  """The cells of an LSTM that only gathers: c_t = c_{t-1} + i_t z_t, h_t = c_t.

  i_t = sigmoid(h_{t-1} R + b): RUDDER's wiring (arXiv:1806.07857), by the
  caption of the LSTM on its NeurIPS poster and by the authors' demonstration
  code, which cites "Appendix S4.2.1". Its derivative is written out: the
  products of the gates' slopes are made for all steps at once, and the loop
  back has one product a step where differentiating the loop has two, and a
  third for R's gradient.

  Args:
    unroll: steps in a turn of the loop.
    z: cell inputs `[time, ..., features]`.
    kernel: R, `[features, features]`.
    bias: b, `[..., features]`.
    carry: (c, h) before the first step, `[..., features]` each.

  Returns:
    c, which is h, `[time, ..., features]`.
  """
  return _gather(unroll, z, kernel, bias, carry)[0]


def _gather(unroll, z, kernel, bias, carry):
  def step(carry, z):
    c, h = carry
    i = jax.nn.sigmoid(h @ kernel + bias)
    c += i * z
    return (c, c), (c, i)

  _, (cells, gates) = jax.lax.scan(step, carry, z, unroll=unroll)
  return cells, (z, kernel, carry, cells, gates)


def _gather_back(unroll, kept, slope):
  z, kernel, carry, cells, gates = kept
  gate_slope = z * gates * (1 - gates)

  def step(d, at):
    slope, gate_slope = at
    d += slope
    p = d * gate_slope
    return d + p @ kernel.T, (d, p)

  _, (d, p) = jax.lax.scan(
    step,
    jnp.zeros_like(slope[0]),
    (slope, gate_slope),
    reverse=True,
    unroll=unroll,
  )
  before = jnp.concatenate([carry[1][None], cells[:-1]])
  every = tuple(range(z.ndim - 1))
  d_kernel = jnp.tensordot(before, p, (every, every))
  return d * gates, d_kernel, p.sum(0), (d[0], p[0] @ kernel.T)


gather.defvjp(_gather, _gather_back)
