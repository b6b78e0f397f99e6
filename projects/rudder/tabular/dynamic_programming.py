"""Exact values of a task by dynamic programming, and what follows from them.

Values are of rewards as they are earned, whenever they are paid: a state's
value is what can still be earned, the delayed task's that plus what is owed.
Advantages, policies and expected returns are those of the delayed task.

Pure and jittable, in the precision of the day: under `jax.enable_x64` in
float64. Tables are `[max_steps, states_per_time, actions]`, zero from the
episode's end on, so that the delay may be traced.
"""

from typing import Any

import jax
from jax import numpy as jnp

from .delayed_mdp import DelayedMDP, Outcomes


def q_values(
  env: DelayedMDP, params, policy: jax.Array | None = None
) -> jax.Array:
  """Expected earnings from each state and action on, exactly.

  Args:
    env: the task.
    params: its parameters.
    policy: probabilities `[max_steps, states_per_time, actions]` of the actions
      that follow; the optimal ones if not given.

  Returns:
    q: `[max_steps, states_per_time, actions]`.
  """

  def step(value, inputs):  # Of the time after: [states_per_time].
    time, chances = inputs
    possible, after = outcomes(env, params, time)
    gain = possible.now + possible.later + value[after]
    q = jnp.sum(possible.probability * gain, 2)
    q = jnp.where(time >= params.max_steps_in_episode, 0.0, q)
    value = jnp.max(q, 1) if policy is None else jnp.sum(chances * q, 1)
    return value, q

  zeros = jnp.zeros(env.states_per_time)
  inputs = (jnp.arange(env.max_steps), policy)
  return jax.lax.scan(step, zeros, inputs, reverse=True)[1]


def states(env: DelayedMDP, params, time: jax.Array | int = 0) -> Any:
  """All states of a time that a table knows: leaves `[states_per_time]`."""
  rows = time * env.states_per_time + jnp.arange(env.states_per_time)
  return jax.vmap(env.state_at, (0, None))(rows, params)


def outcomes(env: DelayedMDP, params, time) -> tuple[Outcomes, jax.Array]:
  """All that may happen at a time.

  Returns:
    The outcomes `[states_per_time, actions, k]`, and the rows to which they
    lead, among those of the time after.
  """
  each = jax.vmap(jax.vmap(env.outcomes, (None, 0, None)), (0, None, None))
  possible = each(
    states(env, params, time), jnp.arange(env.num_actions), params
  )
  following = env.index_in_time
  for _ in range(3):  # Of states, actions and outcomes.
    following = jax.vmap(following, (0, None))
  return possible, following(possible.state, params)


def start_value(env: DelayedMDP, params, q: jax.Array) -> jax.Array:
  """The optimal expected return: the mean over starts of max_a q."""
  return jnp.mean(jnp.max(q[0], 1)[env.start_rows(params)])


def regrets(q: jax.Array) -> jax.Array:
  """What each action gives away, max_a q - q, of optimal values q.

  A policy's expected return is the optimal one less the regrets that it meets:
  an exact figure wherever they do not depend on luck.
  """
  return jnp.max(q, -1, keepdims=True) - q
