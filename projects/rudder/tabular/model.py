"""The reward model: an LSTM that predicts the return at every step."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import ml_collections
import optax
from jax import numpy as jnp

from common.nn.recurrent import LSTM, Part, normal

from .. import lessons_buffer, losses
from .rounds import any_trial

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


def optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam with the weight decay inside of it, as PyTorch has it."""
  return optax.chain(
    optax.add_decayed_weights(config.lstm_weight_decay),
    optax.adam(config.lstm_learning_rate),
  )


def train(
  params: Any,
  opt: optax.OptState,
  lessons: lessons_buffer.Lessons,
  key: jax.Array,
  needed: jax.Array,
  predict: Callable[[Any, jax.Array], jax.Array],
  config: ml_collections.ConfigDict,
) -> tuple[Any, optax.OptState, dict[str, jax.Array]]:
  """Trains on lessons until the running mean of the main loss is small.

  The mean starts at `loss_start`, follows with rate `loss_rate`, and jumps to a
  loss that is twice as large, as in the demonstration; at most `max_updates`.

  Args:
    params: of the model.
    opt: the optimizer's state.
    lessons: one at least, where training is needed.
    key: of all draws from them.
    needed: bool, whether this trial trains at all.
    predict: `(params, inputs [time, batch, ...]) -> [time, batch]`.
    config: see `configs/`.
  """
  adam = optimizer(config)

  def loss(params, batch):
    g = predict(params, jnp.swapaxes(batch.inputs, 0, 1)).T
    targets = batch.returns / config.return_scale
    main = jnp.mean(jax.vmap(losses.main_loss)(g, targets, batch.mask))
    auxiliary = jax.vmap(losses.auxiliary_loss)(g, targets, batch.mask)
    return main + config.auxiliary_weight * jnp.mean(auxiliary), main

  def update(carry):
    params, opt, mean, count, active, _ = carry
    draw = jax.random.fold_in(key, count)
    which = lessons_buffer.sample(lessons, draw, config.batch_size)
    (total, main), grads = jax.value_and_grad(loss, has_aux=True)(
      params, lessons_buffer.take(lessons, which)
    )
    updates, moved = adam.update(grads, opt, params)
    new = (optax.apply_updates(params, updates), moved)
    new_mean = mean + config.loss_rate * (main - mean)
    new_mean = jnp.where(main > 2 * new_mean, total, new_mean)
    params, opt, mean = jax.tree.map(
      lambda a, b: jnp.where(active, a, b),
      (*new, new_mean),
      (params, opt, mean),
    )
    count += active
    active &= (mean > config.loss_threshold) & (count < config.max_updates)
    return params, opt, mean, count, active, any_trial(active)

  start = (
    params,
    opt,
    jnp.float32(config.loss_start),
    jnp.int32(0),
    needed,
    any_trial(needed),
  )
  params, opt, mean, count, *_ = jax.lax.while_loop(
    lambda carry: carry[-1], update, start
  )
  return params, opt, {"model_loss": mean, "model_updates": count}
