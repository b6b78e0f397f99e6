"""Networks: a policy with its value, and the LSTM that predicts the return."""

from collections.abc import Callable

import flax.linen as nn
import jax
import ml_collections
from jax import numpy as jnp

from common.nn.recurrent import LSTM, Carry, Part, normal

ACTIVATIONS = {"tanh": jnp.tanh, "relu": nn.relu}


class ActorCritic(nn.Module):
  """A policy and a value, each a perceptron of its own.

  Orthogonal weights of gain sqrt(2) (tanh: 1 would do), 0.01 for the policy's
  last layer and 1 for the value's, zero biases: as in PPO's baselines.
  """

  actions: int
  widths: tuple[int, ...]
  activation: Callable

  @nn.compact
  def __call__(self, observation: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`[batch, features]` to logits `[batch, actions]`, values `[batch]`."""

    def tower(name, outputs, gain):
      x = observation
      for i, width in enumerate(self.widths):
        x = self.activation(self._dense(f"{name}_{i}", width, 2**0.5)(x))
      return self._dense(f"{name}_out", outputs, gain)(x)

    return tower("policy", self.actions, 0.01), tower("value", 1, 1.0)[:, 0]

  def _dense(self, name, width, gain):
    return nn.Dense(
      width, kernel_init=nn.initializers.orthogonal(gain), name=name
    )


def actor_critic(
  config: ml_collections.ConfigDict, actions: int
) -> ActorCritic:
  """The policy and the value of a config."""
  activation = ACTIVATIONS[config.activation]
  return ActorCritic(actions, tuple(config.widths), activation)


class ReturnModel(nn.Module):
  """The paper's LSTM without forget and output gate, and a linear read-out.

  What enters a cell comes from the input alone, whether it enters from the past
  alone; weights and biases begin as in the authors' demonstration, but for the
  read-out's: theirs are uniform, up to features**-0.5, ours Flax's defaults.
  """

  features: int
  gate_bias: float  # Negative: cells are written to seldom.

  def setup(self):
    self.lstm = LSTM(
      self.features,
      cell_input=Part(forward=normal(0.1), bias=normal(1.0)),
      input_gate=Part(recurrent=normal(0.1), bias=normal(1.0, self.gate_bias)),
    )
    self.read_out = nn.Dense(1)

  def __call__(
    self, x: jax.Array, carry: Carry | None = None
  ) -> tuple[Carry, jax.Array]:
    """Predicts the return after every step.

    Args:
      x: `[time, batch, inputs]`, differences of observations, and actions.
      carry: (c, h), `[batch, features]` each; zeros by default.

    Returns:
      The carry after the last step, and the predictions g `[time, batch]`.
    """
    carry, h = self.lstm(x, carry)
    return carry, self.read_out(h)[..., 0]


def return_model(config: ml_collections.ConfigDict) -> ReturnModel:
  """The reward model of a config."""
  return ReturnModel(config.lstm_features, config.lstm_gate_bias)
