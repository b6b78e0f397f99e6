"""Potential-based reward shaping with three potentials, RUDDER's competitor.

    F_t = phi(s_{t+1}) - phi(s_t)                    "reward" (Ng et al., 1999)
    F_t = Phi(s_{t+1}, a_{t+1}) - Phi(s_t, a_t)      "look_ahead"
    F_t = Phi(s_t, a_t) - Phi(s_{t-1}, a_{t-1})      "look_back"

with gamma = 1 and no potential after the end. Look-ahead advice chooses by
Q + Phi; for learners with a constant rate that is the same as a table that
starts at Q + Phi, and so it is done here (Wiewiora, arXiv:1106.5267).

Which potentials the paper had is not known to us; these are ours:

    "moves"     what the moves made so far have cost, paid back: phi = 50 made
    "distance"  to the field where both moves end: plausible, and of no help
    "value"     the exact optimal value, with what is owed: the best there is
"""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from jax import numpy as jnp

from common.errors import InputError, check_choice

from .. import redistribution
from . import dynamic_programming
from .delayed_mdp import DelayedMDP

KINDS = ("none", "reward", "look_ahead", "look_back")
POTENTIALS = ("moves", "distance", "value")


def potentials(
  env: DelayedMDP, params, name: str
) -> tuple[jax.Array, jax.Array]:
  """phi of states, Phi of states and actions.

  phi(s) is the potential, Phi(s, a) the expected one of what follows; of
  "value", v(s) and q(s, a).

  Args:
    env: the task; "moves" and "distance" are those of `grids.TraceBack`.
    params: its parameters.
    name: of `POTENTIALS`.

  Returns:
    phi: `[max_steps * states_per_time]`.
    Phi: `[max_steps * states_per_time, actions]`.

  Raises:
    InputError: an unknown potential, or a task that has no such thing.
  """
  check_choice("potential", name, POTENTIALS)
  rows = jnp.arange(env.max_steps * env.states_per_time)
  states = jax.vmap(env.state_at, (0, None))(rows, params)
  if name == "value":
    q = dynamic_programming.q_values(env, params).reshape(-1, env.num_actions)
    owed = jnp.broadcast_to(states.owed, rows.shape)
    return owed + jnp.max(q, 1), owed[:, None] + q
  if not hasattr(states, "made"):
    raise InputError(
      f"config.potential is {name!r}, which {env.name} has not: use 'value'"
    )
  # Both first moves, up and right, end one field from the start.
  target = env.side // 2 + 1
  if name == "moves":
    phi = lambda state: -params.cost * state.made
  else:
    phi = lambda state: (
      -(abs(state.x - target) + abs(state.y - target)).astype(jnp.float32)
    )

  def of_action(state, action):
    possible = env.outcomes(state, action, params)
    return jnp.sum(possible.probability * jax.vmap(phi)(possible.state))

  of_actions = jax.vmap(of_action, (None, 0))
  actions = jnp.arange(env.num_actions)
  return (
    jax.vmap(phi)(states),
    jax.vmap(of_actions, (0, None))(states, actions),
  )


def ahead(potential: jax.Array, inside: jax.Array) -> jax.Array:
  """F_t = phi_{t+1} - phi_t of one episode, `[steps]`; see `behind`."""
  potential = jnp.where(inside, potential, 0.0)
  following = jnp.concatenate([potential[1:], jnp.zeros_like(potential[:1])])
  return jnp.where(inside, following - potential, 0.0)


def behind(potential: jax.Array, inside: jax.Array) -> jax.Array:
  """F_t = phi_t - phi_{t-1} of one episode, `[steps]`.

  Args:
    potential: `[steps]`, phi(s_t) or Phi(s_t, a_t).
    inside: `[steps]` bool, false beyond the episode's end.
  """
  potential = jnp.where(inside, potential, 0.0)
  return jnp.where(inside, redistribution.changes(potential), 0.0)


def make(
  env: DelayedMDP, params: Any, config: ml_collections.ConfigDict
) -> tuple[Callable, Callable]:
  """Returns `advise(q) -> q`, for the first table, and `shape(episode)`.

  `shape` returns the episode's rewards `[steps]`, r_t + F_t.

  Args:
    env: the delayed-reward MDP.
    params: its parameters.
    config: `shaping`, of `KINDS`; `potential`, of `POTENTIALS`.
  """
  advise, shape = lambda q: q, lambda played: played.rewards
  if config.shaping == "none":
    return advise, shape
  phi, advice = potentials(env, params, config.potential)
  if config.shaping == "look_ahead":
    return lambda q: q.at[: len(advice)].add(advice), shape
  if config.shaping == "reward":
    extra = lambda of: ahead(phi[of.rows], of.inside)
  else:
    extra = lambda of: behind(advice[of.rows, of.actions], of.inside)
  return advise, lambda played: played.rewards + extra(played)
