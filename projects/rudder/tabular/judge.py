"""When a learner has solved its task: by its decisions, or greedily.

A judge has figures from 0 to 1, of which a window keeps the last. The task is
solved when their mean reaches `config.solved_share`.
"""

import jax
import ml_collections
from jax import numpy as jnp

from . import dynamic_programming
from .delayed_mdp import DelayedMDP

# "decisions": an episode counts if it gave away no more than `solved_regret`.
# "greedy": the greedy policy's share of the optimal return, once a round.
JUDGES = ("decisions", "greedy")


def confirming(config: ml_collections.ConfigDict) -> int:
  """How many episodes of a window that passes do not count as needed.

  With `count_window` none; without it the window's, at whose start the task had
  been solved. Those who run out of `max_episodes` needed more than that less
  these.
  """
  if config.count_window:
    return 0
  each = config.check_every if config.judged_by == "greedy" else 1
  return int(each * config.solved_window)


def greedy_share(
  env: DelayedMDP, params, q: jax.Array, q_optimal: jax.Array
) -> jax.Array:
  """The greedy policy's return as a share of the optimal one, over all starts.

  The optimal return less the regrets met on one walk: exact where luck does not
  decide what one meets. Where values are equal the worst of them is taken: a
  policy that knows nothing is not solved by a toss.

  Args:
    env, params, q: as for `play`.
    q_optimal: `[max_steps, states_per_time, actions]`.

  Returns:
    A scalar: of the means, since what one start is worth may be 0.
  """
  regret = dynamic_programming.regrets(q_optimal).reshape(-1, env.num_actions)

  average = jnp.array([0.5, 0.0, 0.0])  # The randomness.

  def walk(start):
    def step(t, carry):
      state, lost = carry
      row = env.state_index(state, params)
      values, loses = env.possible(q[row % len(q)], t), regret[row]
      best = values == jnp.max(values)
      action = jnp.argmax(jnp.where(best, loses, -1.0))
      _, state, _, _, _ = env.advance(average, state, action, params)
      return state, lost + loses[action]

    steps = jnp.minimum(params.max_steps_in_episode, env.acting_steps)
    state = env.state_at(start, params)
    lost = jax.lax.fori_loop(0, steps, step, (state, 0.0))[1]
    value = jnp.max(q_optimal.reshape(-1, env.num_actions)[start])
    return value, lost

  value, lost = jax.vmap(walk)(env.start_rows(params))
  return jnp.mean(value - lost) / jnp.mean(value)
