"""The reward model: an LSTM that predicts the return at every step."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import ml_collections
from jax import numpy as jnp

from common.errors import check_choice
from common.nn.recurrent import LSTM, Part, normal

GATES = ("recurrent", "forward", "both")


class ReturnPredictor(nn.Module):
  """g_t = w h_t + b over an LSTM: `[time, ..., inputs]` to `[time, ...]`."""

  lstm: LSTM

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    _, h = self.lstm(x)
    # PyTorch's linear layer, which the authors use.
    bound = self.lstm.features**-0.5
    uniform = lambda key, shape, dtype=jnp.float32: jax.random.uniform(
      key, shape, dtype, -bound, bound
    )
    out = nn.Dense(1, kernel_init=uniform, bias_init=uniform, name="out")(h)
    return out[..., 0]


def return_predictor(config: ml_collections.ConfigDict) -> ReturnPredictor:
  """The reward model of a config.

  `config.lstm_gates` are the connections of the gates: "recurrent" is version
  3's choice; where a task is too hard for it the authors add an output gate, a
  forget gate, then "both" connections, in this order.
  """
  check_choice("lstm_gates", config.lstm_gates, GATES)
  weights = normal(config.lstm_weight_std)
  forward = weights if config.lstm_gates != "recurrent" else None
  recurrent = weights if config.lstm_gates != "forward" else None
  gate = lambda mean: Part(forward, recurrent, normal(1.0, mean))
  return ReturnPredictor(
    LSTM(
      config.lstm_features,
      cell_input=Part(forward=weights, bias=normal(1.0)),
      input_gate=gate(config.lstm_input_gate_bias),
      forget_gate=gate(1.0) if config.lstm_forget_gate else None,
      output_gate=gate(0.0) if config.lstm_output_gate else None,
      unroll=config.lstm_unroll,
      name="lstm",
    )
  )


def predictor(
  config: ml_collections.ConfigDict, inputs: int
) -> tuple[Callable[[jax.Array], Any], Callable[[Any, jax.Array], jax.Array]]:
  """Returns `init(key) -> params` and `predict(params, x) -> g`.

  Args:
    config: see `return_predictor`.
    inputs: x is `[time, ..., inputs]`, g `[time, ...]`.
  """
  module = return_predictor(config)

  def init(key: jax.Array) -> Any:
    return module.init(key, jnp.zeros((1, inputs)))["params"]

  def predict(params: Any, x: jax.Array) -> jax.Array:
    return jnp.asarray(module.apply({"params": params}, x))

  return init, predict
