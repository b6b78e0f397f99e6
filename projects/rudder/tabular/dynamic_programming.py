"""Exact values of a task by dynamic programming, and what follows from them.

Values are of rewards as they are earned, whenever they are paid: a state's
value is what can still be earned, the delayed task's that plus what is owed.
Advantages, policies and expected returns are those of the delayed task.

Pure and jittable, in the precision of the day: under `jax.enable_x64` in
float64. Tables are `[max_steps, states_per_time, actions]`, zero from the
episode's end on, so that the delay may be traced.
"""

import jax
from jax import numpy as jnp

from .. import redistribution
from .delayed_mdp import DelayedMDP


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
  return _backward(env, params, policy)[0]


def moments(
  env: DelayedMDP, params, policy: jax.Array
) -> tuple[jax.Array, ...]:
  """Expectation and variance of earnings from each state and action on.

  Var[G | s, a] = E[(r + v(s') - q(s, a))^2 + Var[G | s']] + the noise of r, and
  Var[G | s'] has the variance between actions in it.

  Returns:
    q, variance: each `[max_steps, states_per_time, actions]`.
  """
  return _backward(env, params, policy)


def _backward(env, params, policy):
  states = jnp.arange(env.states_per_time)
  actions = jnp.arange(env.num_actions)
  outcomes = jax.vmap(env.outcomes, (None, 0, None))
  outcomes = jax.vmap(outcomes, (0, None, None))
  following = env.index_in_time
  for _ in range(3):  # Of states, actions and outcomes.
    following = jax.vmap(following, (0, None))

  def step(carry, inputs):
    value, spread = carry  # Of the time after: [states_per_time].
    time, chances = inputs
    rows = time * env.states_per_time + states
    possible = outcomes(
      jax.vmap(env.state_at, (0, None))(rows, params), actions, params
    )
    after = following(possible.state, params)  # [states, actions, k]
    gain = possible.now + possible.later + value[after]
    q = jnp.sum(possible.probability * gain, 2)
    off = gain - q[..., None]
    variance = jnp.sum(possible.probability * (off**2 + spread[after]), 2)
    noise = possible.now_std**2 + possible.later_std**2
    variance += jnp.broadcast_to(noise, variance.shape)
    ended = time >= params.max_steps_in_episode
    q, variance = jnp.where(ended, 0.0, q), jnp.where(ended, 0.0, variance)
    if policy is None:
      value = jnp.max(q, 1)
      spread = jnp.take_along_axis(variance, jnp.argmax(q, 1)[:, None], 1)[:, 0]
    else:
      value = jnp.sum(chances * q, 1)
      between = (q - value[:, None]) ** 2
      spread = jnp.sum(chances * (variance + between), 1)
    return (value, spread), (q, variance)

  zeros = jnp.zeros(env.states_per_time)
  inputs = (jnp.arange(env.max_steps), policy)
  if policy is None:
    inputs = (inputs[0], jnp.zeros((env.max_steps, 0)))
  return jax.lax.scan(step, (zeros, zeros), inputs, reverse=True)[1]


def start_value(env: DelayedMDP, params, q: jax.Array) -> jax.Array:
  """The optimal expected return: the mean over starts of max_a q."""
  return jnp.mean(jnp.max(q[0], 1)[env.start_rows(params)])


def regrets(q: jax.Array) -> jax.Array:
  """What each action gives away, max_a q - q, of optimal values q.

  A policy's expected return is the optimal one less the regrets that it meets:
  an exact figure wherever they do not depend on luck.
  """
  return jnp.max(q, -1, keepdims=True) - q


def redistributed(
  q: jax.Array, rows: jax.Array, actions: jax.Array, earned: jax.Array
) -> jax.Array:
  """The optimal redistribution of one episode's rewards.

  q~(s_t, a_t) - q~(s_{t-1}, a_{t-1}), with what was earned on the way as part
  of q~: afterwards nothing is expected in the future, kappa = 0.

  Args:
    q: `[max_steps, states_per_time, actions]`, of the policy that is followed.
    rows: `[steps]`, `state_index` of the states in which one acts.
    actions: `[steps]`.
    earned: `[steps]`, `info["earned"]`.

  Returns:
    rewards: `[steps]`. Their sum is the expected return of what was done.
  """
  of_action = q.reshape(-1, q.shape[-1])[rows, actions]
  return of_action - redistribution.previous(of_action - earned)
