"""Tabular learners, each a whole training over many seeds as one program.

    trial = make_trial("q_lambda", env, config)
    trials = jax.jit(jax.vmap(trial, (0, None), axis_name=TRIALS))
    result = trials(jax.random.split(key, 100), delay)

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

import jax
import ml_collections
from flax import struct
from jax import numpy as jnp

from common import keys
from common.errors import InputError, check_choice

from . import dynamic_programming, shaping
from .delayed_mdp import DelayedMDP

TRIALS = "trials"
METHODS = ("q_lambda", "sarsa_lambda", "monte_carlo")
JUDGED_BY = ("decisions", "greedy")


@struct.dataclass
class Episode:
  """One episode, padded to the longest; `[T]` each, with T = `max_steps`."""

  rows: jax.Array  # int32, `state_index`
  actions: jax.Array  # int32
  rewards: jax.Array
  values: jax.Array  # [T, actions], Q as it was, -inf where there is no choice
  inside: jax.Array  # bool, false beyond the end


def possible(env: DelayedMDP, values: jax.Array, time: jax.Array) -> jax.Array:
  """Values `[actions]` with -inf for what a task does not offer at a time."""
  last = jnp.arange(env.num_actions) == env.num_actions - 1
  return jnp.where(last | (time < env.acting_steps), values, -jnp.inf)


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
  luck = env.luck(keys.named(key, "luck"), (steps,))

  def step(t, carry):
    state, episode = carry
    row = env.state_index(state, params)
    values = possible(env, q[row % len(q)], t)
    best = values == jnp.max(values)
    greedy = jnp.argmax(jnp.where(best, draws[t, :-1], -1.0))
    anything = (draws[t, -1] / epsilon * actions).astype(jnp.int32)
    action = jnp.where(draws[t, -1] < epsilon, anything, greedy)
    action = jnp.where(t < env.acting_steps, action, actions - 1)
    _, state, reward, _, _ = env.advance(luck[t], state, action, params)
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


def targets(episode: Episode, method: str, trace: float) -> jax.Array:
  """G_t of every step, `[T]`: the recursion above.

  Args:
    episode: one.
    method: of `METHODS`.
    trace: lambda.
  """
  taken = jnp.take_along_axis(episode.values, episode.actions[:, None], 1)[:, 0]
  best = jnp.max(episode.values, 1)
  if method == "q_lambda":
    value, c = best, jnp.where(taken == best, trace, 0.0)
  elif method == "sarsa_lambda":
    value, c = taken, jnp.full_like(taken, trace)
  else:
    value, c = taken, jnp.ones_like(taken)

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
  taken = jnp.take_along_axis(episode.values, episode.actions[:, None], 1)[:, 0]
  change = jnp.where(episode.inside, rate * (target - taken), 0.0)
  return q.at[episode.rows % len(q), episode.actions].add(change)


def greedy_share(
  env: DelayedMDP, params, q: jax.Array, q_optimal: jax.Array
) -> jax.Array:
  """The greedy policy's return as a share of the optimal one, for each start.

  The optimal return less the regrets met on one walk: exact where luck does not
  decide what one meets. Where values are equal the worst of them is taken: a
  policy that knows nothing is not solved by a toss.

  Args:
    env, params, q: as for `play`.
    q_optimal: `[max_steps, states_per_time, actions]`.

  Returns:
    share: `[starts]`.
  """
  regret = dynamic_programming.regrets(q_optimal).reshape(-1, env.num_actions)

  average = jnp.array([0.5, 0.0, 0.0])  # Luck.

  def walk(start):
    def step(t, carry):
      state, lost = carry
      row = env.state_index(state, params)
      values, loses = possible(env, q[row % len(q)], t), regret[row]
      best = values == jnp.max(values)
      action = jnp.argmax(jnp.where(best, loses, -1.0))
      _, state, _, _, _ = env.advance(average, state, action, params)
      return state, lost + loses[action]

    steps = jnp.minimum(params.max_steps_in_episode, env.acting_steps)
    state = env.state_at(start, params)
    lost = jax.lax.fori_loop(0, steps, step, (state, 0.0))[1]
    value = jnp.max(q_optimal.reshape(-1, env.num_actions)[start])
    return (value - lost) / value

  return jax.vmap(walk)(env.start_rows(params))


def make_trial(
  method: str, env: DelayedMDP, config: ml_collections.ConfigDict
) -> Callable[[jax.Array, jax.Array], dict[str, jax.Array]]:
  """Returns `trial(key, delay) -> results`, a training until it has solved.

  Under `vmap` over keys with the axis name `TRIALS`; the delay is common to all
  of them and may be traced. Trials that are done stand still until the last one
  is, so that no table is ever copied: the loops' conditions are common to all.

  Args:
    method: of `METHODS`.
    env: the task, with room for the longest delay.
    config: `q_rate`, `q_start`, `trace`, `epsilon`, `time_in_table`, `shaping`
      with `potential`; the budget `max_episodes`; `judged_by`: "decisions", an
      episode counts if it gave away no more than `solved_regret`, or "greedy",
      a share of the optimal return every `check_every` episodes. A trial has
      solved when the mean of the last `solved_window` figures reaches
      `solved_share`.

  Returns:
    `episodes`: until it had solved, the budget if it had not; `solved`;
    `score`: that mean at the end; `q`: the table.
  """
  check_choice("method", method, METHODS)
  check_choice("judged_by", config.judged_by, JUDGED_BY)
  check_choice("shaping", config.shaping, shaping.KINDS)
  if config.shaping != "none" and not config.time_in_table:
    raise InputError("config.shaping needs config.time_in_table")
  rows = env.table_size if config.time_in_table else env.states_per_time
  window, every = config.solved_window, config.check_every

  def trial(key, delay):
    params = env.params_of_delay(delay)
    q_optimal = dynamic_programming.q_values(env, params)
    regret = dynamic_programming.regrets(q_optimal).reshape(-1, env.num_actions)

    q = jnp.full((rows, env.num_actions), float(config.q_start))
    phi = advice = jnp.zeros(())
    if config.shaping != "none":
      phi, advice = shaping.potentials(env, params, config.potential)
    if config.shaping == "look_ahead":
      q = q.at[: len(advice)].add(advice)

    def shape(played):
      if config.shaping == "reward":
        potential = phi[played.rows]
      elif config.shaping == "look_back":
        potential = advice[played.rows, played.actions]
      else:
        return played
      rewards = shaping.shaped(
        played.rewards, potential, played.inside, config.shaping
      )
      return played.replace(rewards=rewards)

    def episode(_, carry):
      q, recent, count, done = carry
      this = jax.random.fold_in(key, count)
      played = shape(play(env, params, q, this, config.epsilon))
      rate = jnp.where(done, 0.0, config.q_rate)
      q = learn(q, played, targets(played, method, config.trace), rate)
      if config.judged_by == "decisions":
        lost = regret[played.rows, played.actions]
        lost = jnp.sum(jnp.where(played.inside, lost, 0.0))
        fine = (lost <= config.solved_regret).astype(jnp.float32)
        recent = recent.at[count % window].set(fine)
      return q, recent, count + 1, done

    def block(carry):
      q, recent, count, done, at, _ = carry
      q, recent, count, _ = jax.lax.fori_loop(
        0, every, episode, (q, recent, count, done)
      )
      if config.judged_by == "greedy":
        share = jnp.mean(greedy_share(env, params, q, q_optimal))
        recent = recent.at[count // every % window].set(share)
      enough = jnp.mean(recent) >= config.solved_share
      at = jnp.where(enough & ~done, count, at)
      done |= enough
      going = ~done & (count < config.max_episodes)
      return q, recent, count, done, at, any_trial(going)

    start = (q, jnp.zeros(window), jnp.int32(0), jnp.bool_(False))
    start = (*start, jnp.int32(config.max_episodes), jnp.bool_(True))
    q, recent, _, done, at, _ = jax.lax.while_loop(
      lambda carry: carry[-1], block, start
    )
    return {"episodes": at, "solved": done, "score": jnp.mean(recent), "q": q}

  return trial


def any_trial(condition: jax.Array) -> jax.Array:
  """True for all trials of the `vmap` if it is for one."""
  return jax.lax.pmax(condition.astype(jnp.int32), TRIALS) > 0
