"""The rivals: learners with a table from the reward as it is paid.

    learner = td_learning.make(env, params, config)  # parts of a round

Q(lambda) of Watkins, SARSA(lambda), every-visit Monte Carlo. All three move
Q(s_t, a_t) towards a target of the recursion

    G_t = r_{t+1} + (1 - c_{t+1}) V(s_{t+1}) + c_{t+1} G_{t+1}

with V = max_a Q and c = lambda while actions are greedy (Q(lambda)), V = Q of
the next action and c = lambda (SARSA(lambda)), c = 1 (Monte Carlo). Targets are
computed at the episode's end: where rows of the table have a time, no state
comes twice, and this is what eligibility traces do step by step; without a time
it is the forward view, each visit counted.
"""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
from flax import struct
from jax import numpy as jnp

from common import keys

from . import shaping
from .delayed_mdp import DelayedMDP
from .rounds import Learner, State


@struct.dataclass
class Episode:
  """One episode, padded to the longest; `[T]` each, with T = `max_steps`."""

  rows: jax.Array  # int32, `state_index`
  actions: jax.Array  # int32
  rewards: jax.Array
  values: jax.Array  # [T, actions], Q as it was, -inf where there is no choice
  inside: jax.Array  # bool, false beyond the end


def play(
  env: DelayedMDP,
  params,
  q: jax.Array,
  key: jax.Array,
  epsilon: float,
) -> Episode:
  """One epsilon-greedy episode; ties are broken at random.

  Args:
    env, params: the task; the episode's length may be traced.
    q: `[rows, actions]`; what one is greedy for. `table_size` rows, or
      `states_per_time` of them: then the table does not know the time.
    key: of this episode.
    epsilon: share of random actions.
  """
  steps, actions = env.max_steps, env.num_actions
  draws = jax.random.uniform(keys.named(key, "act"), (steps, actions + 1))
  randomness = env.randomness(keys.named(key, "luck"), (steps,))

  def step(t, carry):
    state, episode = carry
    row = env.state_index(state, params)
    values = env.possible(q[row % len(q)], t)
    best = values == jnp.max(values)
    greedy = jnp.argmax(jnp.where(best, draws[t, :-1], -1.0))
    anything = (draws[t, -1] / epsilon * actions).astype(jnp.int32)
    action = jnp.where(draws[t, -1] < epsilon, anything, greedy)
    action = jnp.where(t < env.acting_steps, action, actions - 1)
    _, state, reward, _, _ = env.advance(randomness[t], state, action, params)
    episode = Episode(
      rows=episode.rows.at[t].set(row),
      actions=episode.actions.at[t].set(action),
      rewards=episode.rewards.at[t].set(reward),
      values=episode.values.at[t].set(values),
      inside=episode.inside.at[t].set(True),
    )
    return state, episode

  none = jnp.zeros(steps, jnp.int32)
  empty = Episode(
    none, none, jnp.zeros(steps), jnp.zeros((steps, actions)), none > 0
  )
  _, state = env.reset_env(keys.named(key, "start"), params)
  length = params.max_steps_in_episode
  return jax.lax.fori_loop(0, length, step, (state, empty))[1]


def taken(episode: Episode) -> jax.Array:
  """Q(s_t, a_t) as it was, `[T]`."""
  return jnp.take_along_axis(episode.values, episode.actions[:, None], 1)[:, 0]


def q_lambda(episode: Episode, trace: float) -> tuple[jax.Array, jax.Array]:
  """Watkins: V = max_a Q, c = lambda while actions are greedy."""
  best = jnp.max(episode.values, 1)
  return best, jnp.where(taken(episode) == best, trace, 0.0)


def sarsa_lambda(episode: Episode, trace: float) -> tuple[jax.Array, jax.Array]:
  """V = Q of the next action, c = lambda."""
  value = taken(episode)
  return value, jnp.full_like(value, trace)


def monte_carlo(episode: Episode, trace: float) -> tuple[jax.Array, jax.Array]:
  """c = 1: nothing is bootstrapped."""
  del trace
  value = taken(episode)
  return value, jnp.ones_like(value)


# The learning rule of a config: (V, c) of every step, `[T]` each.
METHODS = {
  "q_lambda": q_lambda,
  "sarsa_lambda": sarsa_lambda,
  "monte_carlo": monte_carlo,
}


def targets(episode: Episode, method: Callable, trace: float) -> jax.Array:
  """G_t of every step, `[T]`: the recursion above.

  Args:
    episode: one.
    method: of `METHODS`' values.
    trace: lambda.
  """
  value, c = method(episode, trace)

  def back(ahead, inputs):
    reward, value, c, inside = inputs
    target = jnp.where(inside, reward + ahead, 0.0)
    ahead = jnp.where(inside, (1 - c) * value + c * target, 0.0)
    return ahead, target

  inputs = (episode.rewards, value, c, episode.inside)
  return jax.lax.scan(back, 0.0, inputs, reverse=True)[1]


def learn(
  q: jax.Array, episode: Episode, target: jax.Array, rate: jax.Array
) -> jax.Array:
  """Q(s_t, a_t) += rate (G_t - Q(s_t, a_t)) for every visit."""
  change = rate * (target - taken(episode))
  change = jnp.where(episode.inside, change, 0.0)
  return q.at[episode.rows % len(q), episode.actions].add(change)


def make(
  env: DelayedMDP, params: Any, config: ml_collections.ConfigDict
) -> Learner:
  """The parts of a round of one of `METHODS`, with shaping if so configured.

  Args:
    env: the delayed-reward MDP.
    params: its parameters; the delay may be traced.
    config: `learner`, of `METHODS`; `epsilon`, `trace`, `shaping`, `potential`.
  """
  method = METHODS[config.learner]
  advise, shape = shaping.make(env, params, config)

  def learn_from(state: State, lesson: None, played: Episode, rate) -> State:
    shaped = played.replace(rewards=shape(played))
    target = targets(shaped, method, config.trace)
    return state.replace(q=learn(state.q, shaped, target, rate))

  def play_one(state: State, number: jax.Array) -> tuple[None, Episode]:
    key = jax.random.fold_in(state.key, number)
    return None, play(env, params, state.q, key, config.epsilon)

  return Learner(
    init=lambda key, q: (advise(q), ()),
    play=play_one,
    learn=learn_from,
    finish=lambda state: (state, {}),
  )
