"""Two players with an optimiser each: what one of them is, and how it moves.

    adam = optax.scale_by_adam(b1=0.5)  # The rate is the player's.
    player = players.new(params, adam, rate=1e-4)
    player, value = players.move(player, adam, loss)

A rate is a leaf of the state, not a number in the program: a population of
players may have one each.
"""

from collections.abc import Callable
from typing import Any

import chex
import flax.struct
import jax
import optax
from jax import numpy as jnp

# params -> (what is minimised, what else is to be known: the value, averages).
Loss = Callable[[Any], tuple[jax.Array, Any]]


@flax.struct.dataclass
class Player:
  """A network that learns: arrays only."""

  params: Any
  opt: optax.OptState
  rate: jax.Array  # float32, the learning rate


def new(
  params: Any, optimiser: optax.GradientTransformation, rate: chex.Numeric
) -> Player:
  """The player before its first move; `optimiser` has no rate of its own."""
  return Player(params, optimiser.init(params), jnp.float32(rate))


def move(
  player: Player,
  optimiser: optax.GradientTransformation,
  loss: Loss,
  decay: chex.Numeric = 1.0,
) -> tuple[Player, Any]:
  """One step down a loss, of length `decay * player.rate`.

  Args:
    player: who moves.
    optimiser: which way, for instance `optax.scale_by_adam`; without a rate.
    loss: of the parameters; returns its value and anything else.
    decay: a factor that schedules give.

  Returns:
    The player, and the second of what `loss` returned.
  """
  grads, aux = jax.grad(loss, has_aux=True)(player.params)
  return follow(player, optimiser, grads, decay), aux


def follow(
  player: Player,
  optimiser: optax.GradientTransformation,
  grads: Any,
  decay: chex.Numeric = 1.0,
) -> Player:
  """The player after a step along gradients that are known; see `move`."""
  updates, opt = optimiser.update(grads, player.opt, player.params)
  step = -decay * player.rate
  params = jax.tree.map(lambda p, u: p + step * u, player.params, updates)
  return player.replace(params=params, opt=opt)
