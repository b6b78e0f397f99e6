"""The LSTM against a transcription in NumPy, and what its parts promise."""

import functools

import chex
import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.nn.recurrent import LSTM, Part, normal, truncated_normal


def part(connections):
  """Initialisers for "", "forward", "recurrent" or both."""
  return Part(
    forward=normal(0.5) if "forward" in connections else None,
    recurrent=normal(0.5) if "recurrent" in connections else None,
    bias=normal(1.0),
  )


def sigmoid(a):
  return 1 / (1 + np.exp(-a))


def transcription(params, x, output=lambda c: c):
  """One sequence `[time, inputs]`, cell by cell as in the equations."""
  p = {name: np.float64(value) for name, value in params["params"].items()}
  c = h = np.zeros(p["cell_input_bias"].shape)
  outputs = []
  for x_t in np.float64(x):
    total = {}
    for name in ("cell_input", "input_gate", "forget_gate", "output_gate"):
      if f"{name}_bias" not in p:
        continue
      total[name] = p[f"{name}_bias"]
      if f"{name}_forward" in p:
        total[name] = total[name] + x_t @ p[f"{name}_forward"]
      if f"{name}_recurrent" in p:
        total[name] = total[name] + h @ p[f"{name}_recurrent"]
    gates = {
      n: sigmoid(total[n]) if n in total else 1.0
      for n in ["input_gate", "forget_gate", "output_gate"]
    }
    c = gates["forget_gate"] * c
    c = c + gates["input_gate"] * np.tanh(total["cell_input"])
    h = gates["output_gate"] * output(c)
    outputs.append(h)
  return np.array(outputs), c


init = jax.jit(lambda lstm, key, x: lstm.init(key, x), static_argnums=0)
apply = jax.jit(LSTM.apply, static_argnums=0, static_argnames="method")
CONNECTIONS = ("forward", "recurrent", "forward+recurrent")


@pytest.mark.parametrize(
  ("cell_input", "gates"),
  [("forward", "recurrent"), ("recurrent", "forward"), (CONNECTIONS[2],) * 2],
)
@pytest.mark.parametrize("extra", [(), ("forget_gate", "output_gate")])
def test_every_wiring_is_the_equations(cell_input, gates, extra):
  more = {name: part(gates) for name in extra}
  lstm = LSTM(4, part(cell_input), part(gates), **more, unroll=2)
  x = jax.random.normal(jax.random.key(0), (7, 3, 5))
  params = init(lstm, jax.random.key(1), x)
  (c, h), out = apply(lstm, params, x)
  for b in range(3):
    expected, cell = transcription(params, x[:, b])
    np.testing.assert_allclose(out[:, b], expected, atol=2e-6)
    np.testing.assert_allclose(c[b], cell, atol=2e-6)
  np.testing.assert_array_equal(h, out[-1])
  count = 2 + len(extra)
  has = lambda text, connections: connections.count(text)
  expected = has("forward", cell_input) + has("forward", gates) * (count - 1)
  assert sum("_forward" in name for name in params["params"]) == expected
  assert sum("_bias" in name for name in params["params"]) == count


def test_the_output_activation():
  lstm = LSTM(4, part("forward"), part("recurrent"), output_activation=jnp.tanh)
  x = jax.random.normal(jax.random.key(0), (5, 2))
  params = init(lstm, jax.random.key(1), x)
  expected, _ = transcription(params, x, np.tanh)
  np.testing.assert_allclose(apply(lstm, params, x)[1], expected, atol=2e-6)


def test_a_gate_that_is_wide_open_is_no_gate():
  """Forget and output gates at sigmoid(50) = 1: the paper's network."""
  x = jax.random.normal(jax.random.key(0), (9, 2, 3))
  plain = LSTM(4, part("forward"), part("recurrent"))
  open_gate = Part(bias=normal(0.0, mean=50.0))
  gated = plain.clone(forget_gate=open_gate, output_gate=open_gate)
  params = init(plain, jax.random.key(1), x)
  more = init(gated, jax.random.key(2), x)
  both = {"params": {**more["params"], **params["params"]}}
  np.testing.assert_allclose(
    apply(gated, both, x)[1], apply(plain, params, x)[1], rtol=1e-6
  )


def test_what_is_stored_stays():
  """Without a forget gate and with a closed input gate, c does not change."""
  closed = Part(bias=normal(0.0, mean=-50.0))
  lstm = LSTM(4, part("forward"), closed)
  x = jax.random.normal(jax.random.key(0), (200, 3))
  params = init(lstm, jax.random.key(1), x)
  start = (jnp.arange(1.0, 5.0), jnp.zeros(4))
  (c, _), h = apply(lstm, params, x, start)
  np.testing.assert_array_equal(c, jnp.arange(1.0, 5.0))
  np.testing.assert_array_equal(h[0], h[-1])


def test_padding_at_the_end_changes_nothing_and_the_carry_goes_on():
  lstm = LSTM(4, part("forward"), part("recurrent"), unroll=5)
  x = jax.random.normal(jax.random.key(0), (12, 3))
  params = init(lstm, jax.random.key(1), x)
  _, whole = apply(lstm, params, x)
  carry, first = apply(lstm, params, x[:7])
  _, second = apply(lstm, params, x[7:], carry)
  np.testing.assert_allclose(whole[:7], first, atol=1e-6)
  np.testing.assert_allclose(whole[7:], second, atol=1e-6)


@pytest.mark.parametrize("gates", CONNECTIONS)
def test_from_net_inputs_is_the_same(gates):
  lstm = LSTM(4, part("forward"), part(gates))
  x = jax.random.normal(jax.random.key(0), (6, 2, 3))
  params = init(lstm, jax.random.key(1), x)
  net = apply(lstm, params, x, method="net_inputs")
  assert net.shape == (6, 2, 4 * (1 + ("forward" in gates)))
  _, h = apply(lstm, params, net, method="from_net_inputs")
  np.testing.assert_allclose(h, apply(lstm, params, x)[1], atol=1e-6)


def test_one_sequence_is_a_batch_of_one_and_seeds_are_a_vmap():
  lstm = LSTM(4, part("forward"), part("recurrent"))
  x = jax.random.normal(jax.random.key(0), (6, 2, 3))
  keys = jax.vmap(jax.random.key)(jnp.arange(3))
  params = jax.vmap(lambda key: init(lstm, key, x))(keys)
  _, h = jax.vmap(lambda p: apply(lstm, p, x))(params)
  assert h.shape == (3, 6, 2, 4)
  one = jax.tree.map(lambda leaf: leaf[1], params)
  _, alone = apply(lstm, one, x[:, 1])
  np.testing.assert_allclose(h[1, :, 1], alone, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 3), (9, 2, 3)])
def test_the_written_derivative_is_that_of_the_loop(shape):
  """RUDDER's wiring has its own; with another activation's name it has not."""
  ours = LSTM(4, part("forward"), part("recurrent"), unroll=2)
  plain = ours.clone(output_activation=lambda c: c)
  x = jax.random.normal(jax.random.key(0), shape)
  params = init(ours, jax.random.key(1), x)
  draw = lambda i, shape: jax.random.normal(jax.random.key(i), shape)
  carry = draw(2, (*shape[1:-1], 4)), draw(3, (*shape[1:-1], 4))
  weights = draw(4, (*shape[:-1], 4))

  def objective(lstm, params, x, carry):
    (c, h), out = lstm.apply(params, x, carry)
    return jnp.sum(weights * out**2) + jnp.sum(c * weights[0]) + jnp.sum(h**2)

  both = [
    jax.jit(jax.value_and_grad(functools.partial(objective, lstm), (0, 1, 2)))(
      params, x, carry
    )
    for lstm in (ours, plain)
  ]
  chex.assert_trees_all_close(*both, rtol=2e-5, atol=1e-5)


def test_initialisers():
  key = jax.random.key(0)
  values = normal(0.1, mean=-3.0)(key, (10_000,))
  np.testing.assert_allclose(jnp.mean(values), -3, atol=0.01)
  np.testing.assert_allclose(jnp.std(values), 0.1, rtol=0.05)
  cut = truncated_normal(0.1, mean=12.0)(key, (10_000,))
  assert float(jnp.max(jnp.abs(cut - 12))) <= 0.2001
