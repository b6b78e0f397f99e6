"""A round of episodes, for any learner with a table.

    learner = rudder.make(env, params, config)      # or td_learning.make
    state = init(key, env, config, learner)
    state, metrics = make_round(env, params, optimum, config, learner)(state)

A round is `config.check_every` episodes, each played and learnt from; then the
learner finishes the round, and its policy is judged. How to play, learn and
finish are the learner's parts, whether the task is solved the judge's.

Under `vmap(..., axis_name=TRIALS)` trials that are done stand still until the
last one is: the loops' conditions are common to all, so that no table is ever
copied.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import ml_collections
from jax import numpy as jnp

from . import dynamic_programming, judge
from .delayed_mdp import DelayedMDP

TRIALS = "trials"


@flax.struct.dataclass
class State:
  """All that a trial is: arrays only."""

  step: jax.Array  # int32, rounds done
  key: jax.Array
  q: jax.Array  # [rows, actions]
  memory: Any  # what the learner keeps beside the table
  recent: jax.Array  # [solved_window] the last figures that one judges by
  solved_at: jax.Array  # int32, episodes until then; 0: not yet


class Learner(NamedTuple):
  """The parts of a round that differ between learners: pure functions."""

  init: Callable  # (key, q) -> q, memory
  play: Callable  # (state, number of the episode) -> lesson, Episode
  learn: Callable  # (state, lesson, Episode, rate) -> state
  finish: Callable  # (state) -> state, metrics


def init(
  key: jax.Array,
  env: DelayedMDP,
  config: ml_collections.ConfigDict,
  learner: Learner,
) -> State:
  """The state before the first episode."""
  rows = env.table_size if config.time_in_table else env.states_per_time
  # With its type: after a round it has one, and all would be compiled anew.
  q = jnp.full((rows, env.num_actions), config.q_start, jnp.float32)
  q, memory = learner.init(key, q)
  return State(
    step=jnp.int32(0),
    key=key,
    q=q,
    memory=memory,
    recent=jnp.zeros(config.solved_window),
    solved_at=jnp.int32(0),
  )


def make_round(
  env: DelayedMDP,
  params: Any,
  optimum: jax.Array,
  config: ml_collections.ConfigDict,
  learner: Learner,
) -> Callable[[State], tuple[State, dict[str, jax.Array]]]:
  """Returns `round(state) -> state, metrics`, to be run under `vmap`.

  Args:
    env: the delayed-reward MDP.
    params: its parameters.
    optimum: `dynamic_programming.q_values(env, params)`, an argument and no
      constant: XLA would spend minutes on folding it.
    config: `check_every`, `q_rate`; of the judge `judged_by`, `solved_window`,
      `solved_share`, `solved_regret`, `count_window`.
    learner: its parts.
  """
  greedy, window = config.judged_by == "greedy", config.solved_window
  regret = dynamic_programming.regrets(optimum).reshape(-1, env.num_actions)

  def episode(state, number):
    lesson, played = learner.play(state, number)
    rate = jnp.where(state.solved_at > 0, 0.0, config.q_rate)
    state = learner.learn(state, lesson, played, rate)
    lost = jnp.where(played.inside, regret[played.rows, played.actions], 0.0)
    fine = jnp.where(jnp.sum(lost) <= config.solved_regret, 1.0, 0.0)
    if not greedy:
      recent = state.recent.at[number % window].set(fine)
      state = state.replace(recent=recent)
    return state, (jnp.sum(played.rewards), fine)

  def round_(state):
    count = config.check_every
    numbers = state.step * count + jnp.arange(count)
    state, (returns, fine) = jax.lax.scan(episode, state, numbers)
    state, metrics = learner.finish(state)
    recent = state.recent
    if greedy:
      share = judge.greedy_share(env, params, state.q, optimum)
      recent = recent.at[state.step % window].set(share)
    solved = (state.solved_at == 0) & (jnp.mean(recent) >= config.solved_share)
    step = state.step + 1
    needed = jnp.maximum(step * count - judge.confirming(config), count)
    state = state.replace(
      step=step,
      recent=recent,
      solved_at=jnp.where(solved, needed, state.solved_at),
    )
    return state, metrics | {
      "return": jnp.mean(returns),
      "optimal": jnp.mean(fine),
      "score": jnp.mean(recent),
      "solved_at": state.solved_at,
    }

  return round_


def any_trial(condition: jax.Array) -> jax.Array:
  """True for all trials of the `vmap` if it is for one."""
  return jax.lax.pmax(condition.astype(jnp.int32), TRIALS) > 0
