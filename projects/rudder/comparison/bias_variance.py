"""Why delay is hard: the bias of TD and the variance of Monte Carlo, exactly.

The bomb's Grid World under a fixed policy, walking to the bomb and then away,
one step in five at random. Its exact values come from `dynamic_programming.py`.

Bias: from tables of zeros, TD learns backwards from the end, step by step;
Monte Carlo and the redistributed reward have no successor to wait for.
Variance: a delayed reward comes with the luck of all that may happen until
then; the redistributed one does not.

RUDDER here is the optimal redistribution, of exact values, not a trained model:
what is left when the model is perfect.
"""

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys

from .. import redistribution
from ..tabular import dynamic_programming, grids, td_learning
from ..tabular.delayed_mdp import DelayedMDP

METHODS = ("td", "monte_carlo", "rudder")


def policy(env: grids.GridWorld, params, epsilon: float) -> jax.Array:
  """To the bomb, then away from it; epsilon of the steps at random.

  Returns:
    Probabilities `[max_steps, states_per_time, actions]`.
  """
  states = dynamic_programming.states(env, params)
  actions = jnp.arange(env.num_actions)
  move = jax.vmap(
    jax.vmap(lambda x, y, a: grids.move(x, y, a, env.side), (None, None, 0)),
    (0, 0, None),
  )
  change = grids.to_bomb(*move(states.x, states.y, actions), params)
  change -= grids.to_bomb(states.x, states.y, params)[:, None]
  wanted = jnp.where(states.visited == 1, 1, -1)[:, None]
  good = (change == wanted).astype(jnp.float32)
  # In the last corner no step leads further away: any will do.
  good = jnp.where(jnp.any(good > 0, 1, keepdims=True), good, 1.0)
  greedy = good / jnp.sum(good, 1, keepdims=True)
  mixed = (1 - epsilon) * greedy + epsilon / env.num_actions
  return jnp.broadcast_to(mixed, (env.max_steps, *mixed.shape))


def arrivals(
  env: grids.GridWorld, params, chances: jax.Array, q: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """How one comes into a state: how often, and with what x = r - q.

  The optimally redistributed reward of (s, a) is q(s, a) + x, with x of the
  step before, r what that step was expected to earn: its mean is q~ - psi, its
  variance that of x.

  Args:
    env, params: the task.
    chances: the policy, `[max_steps, states_per_time, actions]`.
    q: its exact values, of the same shape.

  Returns:
    occupancy, mean, variance: `[max_steps, states_per_time]`, zero beyond the
    episode's end.
  """

  def step(carry, inputs):
    weight = carry[0]  # Sums over arrivals of 1, x and x^2.
    time, chances, q = inputs
    possible, after = dynamic_programming.outcomes(env, params, time)
    p = possible.probability
    # Whether the bomb was defused shows at the end: what is expected counts.
    earned = jnp.sum(p * (possible.now + possible.later), 2)
    x = jnp.broadcast_to((earned - q)[..., None], p.shape)
    share = (weight[:, None] * chances)[..., None] * p
    add = lambda values: jnp.zeros_like(weight).at[after].add(values)
    return (add(share), add(share * x), add(share * x**2)), carry

  start = jnp.zeros(env.states_per_time).at[env.start_rows(params)].set(1.0)
  nothing = jnp.zeros_like(start)
  times = jnp.arange(env.max_steps)
  _, sums = jax.lax.scan(step, (start, nothing, nothing), (times, chances, q))
  inside = jnp.arange(env.max_steps) < params.max_steps_in_episode
  weight, first, second = jax.tree.map(
    lambda part: jnp.where(inside[:, None], part, 0.0), sums
  )
  safe = jnp.where(weight > 0, weight, 1.0)
  mean, square = first / safe, second / safe
  return weight, mean, jnp.maximum(square - mean**2, 0.0)


def moments(
  env: DelayedMDP, params, policy: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Expectation and variance of earnings from each state and action on.

  Var[G | s, a] = E[(r + v(s') - q(s, a))^2 + Var[G | s']] + the noise of r, and
  Var[G | s'] has the variance between actions in it.

  Returns:
    q, variance: each `[max_steps, states_per_time, actions]`.
  """
  q = dynamic_programming.q_values(env, params, policy)
  value = jnp.sum(policy * q, 2)
  following = jnp.concatenate([value[1:], jnp.zeros_like(value[:1])])

  def step(spread, inputs):  # Of the time after: [states_per_time].
    time, chances, q, value, following = inputs
    possible, after = dynamic_programming.outcomes(env, params, time)
    off = possible.now + possible.later + following[after] - q[..., None]
    variance = jnp.sum(possible.probability * (off**2 + spread[after]), 2)
    noise = possible.now_std**2 + possible.later_std**2
    variance += jnp.broadcast_to(noise, variance.shape)
    ended = time >= params.max_steps_in_episode
    variance = jnp.where(ended, 0.0, variance)
    between = (q - value[:, None]) ** 2
    return jnp.sum(chances * (variance + between), 1), variance

  inputs = (jnp.arange(env.max_steps), policy, q, value, following)
  zeros = jnp.zeros(env.states_per_time)
  return q, jax.lax.scan(step, zeros, inputs, reverse=True)[1]


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


def high_variance(
  env: grids.GridWorld, delay: jax.Array, epsilon: float, threshold: float
) -> dict[str, jax.Array]:
  """How many states have targets of a variance above `threshold`, exactly.

  Returns:
    monte_carlo, rudder, states: how many of the reachable states of all times
    have a high variance of the return, or of the redistributed reward; and how
    many there are.
  """
  params = env.params_of_delay(delay)
  chances = policy(env, params, epsilon)
  q, spread = moments(env, params, chances)
  weight, _, brought = arrivals(env, params, chances, q)
  value = jnp.sum(chances * q, 2, keepdims=True)
  of_return = jnp.sum(chances * (spread + (q - value) ** 2), 2)
  # The luck of a visit long ago is paid at the end: it is owed, and not known.
  visited = dynamic_programming.states(env, params).visited
  randomness = params.probability * (1 - params.probability) * params.defused**2
  of_return += (visited * randomness)[None]
  count = lambda which: jnp.sum((weight > 0) & which)
  return {
    "monte_carlo": count(of_return > threshold),
    "rudder": count(brought > threshold),
    "states": count(weight > 0),
  }


def bias(
  env: grids.GridWorld,
  delay: jax.Array,
  key: jax.Array,
  config: ml_collections.ConfigDict,
) -> jax.Array:
  """Normalised squared bias of three estimates after 0, n, 2n, ... episodes.

  sum d (E[Q_n] - Q)^2 / sum d (Q_0 - Q)^2 over states and actions, with d how
  often they are met, and E the mean over `seeds` tables; the variance of that
  mean is taken off. The bomb pays its expectation, as its luck has no bias.

  Args:
    env: the grid, with room for the delay.
    delay: may be traced.
    key: of all episodes.
    config: `epsilon`, `q_rate`, `trace` of TD, `seeds`, `every`
      episodes, and how many `checkpoints`.

  Returns:
    `[3, checkpoints + 1]`, in the order of `METHODS`.
  """
  params = env.params_of_delay(delay)
  sure = params.probability * params.defused
  params = params.replace(probability=1.0, defused=sure)
  chances = policy(env, params, config.epsilon)
  q = dynamic_programming.q_values(env, params, chances)
  weight, brought, _ = arrivals(env, params, chances, q)
  flat = lambda table: table.reshape(-1, env.num_actions)
  met = flat(weight[..., None] * chances)
  direct = q + brought[..., None]
  # What the delayed reward is worth, and so what TD and Monte Carlo estimate:
  # with what a visit long ago has earned and the end will pay.
  owed = dynamic_programming.states(env, params).owed
  delayed = q + owed[None, :, None]
  exact = jnp.stack([flat(delayed), flat(delayed), flat(direct)])

  def episode(number, tables, key):
    randomness = jax.random.fold_in(key, number)
    rows, actions, rewards, earned = follow(
      env, params, flat(chances), randomness
    )
    inside = jnp.arange(env.max_steps) < params.max_steps_in_episode
    h = redistributed(q, rows, actions, earned)

    def update(table, target):
      played = td_learning.Episode(rows, actions, rewards, table[rows], inside)
      return td_learning.learn(table, played, target(played), config.q_rate)

    # In the order of `METHODS`.
    goals = (
      lambda of: td_learning.targets(
        of, td_learning.sarsa_lambda, config.trace
      ),
      lambda of: td_learning.targets(of, td_learning.monte_carlo, 1.0),
      lambda of: h,
    )
    return tuple(map(update, tables, goals))

  def measure(tables):
    off = jnp.stack([jnp.mean(t, 0) for t in tables]) - exact
    spread = jnp.stack([jnp.var(t, 0) for t in tables]) / (config.seeds - 1)
    return jnp.sum(met[None] * (off**2 - spread), (1, 2)) / jnp.sum(
      met[None] * exact**2, (1, 2)
    )

  def block(tables, i):
    def one(j, tables):
      number = i * config.every + j
      return jax.vmap(episode, (None, 0, 0))(number, tables, seed_keys)

    tables = jax.lax.fori_loop(0, config.every, one, tables)
    return tables, measure(tables)

  seed_keys = jax.random.split(key, config.seeds)
  zero = jnp.zeros((config.seeds, *met.shape))
  tables = (zero, zero, zero)
  first = measure(tables)
  _, rest = jax.lax.scan(block, tables, jnp.arange(config.checkpoints))
  return jnp.concatenate([first[None], rest]).T


def follow(
  env: grids.GridWorld, params, chances: jax.Array, key: jax.Array
) -> tuple[jax.Array, ...]:
  """One episode of a policy `[rows, actions]`.

  Returns:
    rows, actions, rewards, earned: `[max_steps]`, zeros beyond the end.
  """
  steps = env.max_steps
  draws = jax.random.uniform(keys.named(key, "act"), (steps,))
  randomness = env.randomness(keys.named(key, "luck"), (steps,))

  def step(t, carry):
    state, rows, actions, rewards, earned = carry
    row = env.state_index(state, params)
    below = draws[t] >= jnp.cumsum(chances[row])[:-1]
    action = jnp.sum(below.astype(jnp.int32))
    _, state, reward, _, info = env.advance(
      randomness[t], state, action, params
    )
    return (
      state,
      rows.at[t].set(row),
      actions.at[t].set(action),
      rewards.at[t].set(reward),
      earned.at[t].set(info["earned"]),
    )

  _, state = env.reset_env(keys.named(key, "start"), params)
  none, nothing = jnp.zeros(steps, jnp.int32), jnp.zeros(steps)
  carry = (state, none, none, nothing, nothing)
  length = params.max_steps_in_episode
  return jax.lax.fori_loop(0, length, step, carry)[1:]


def samples_needed(curve: np.ndarray, every: int, share: float = 0.2) -> float:
  """Episodes after which a curve stays at or below `share`; nan if never.

  Between the checkpoints before and at which it falls below, by a line through
  the logarithms.

  Args:
    curve: normalised squared bias after 0, n, 2n, ... episodes.
    every: n.
    share: 0.2 is a reduction by 80%.
  """
  above = np.flatnonzero(~(np.asarray(curve) <= share))
  if not len(above):
    return 0.0
  last = above[-1]
  if last == len(curve) - 1:
    return float("nan")
  high, low = np.log(np.maximum(curve[last : last + 2], 1e-12))
  part = (high - np.log(share)) / (high - low)
  return float((last + part) * every)


def measure_all(config: ml_collections.ConfigDict) -> dict[str, np.ndarray]:
  """All of it, for `config.bias_delays` and `config.variance_delays`.

  Returns:
    `bias` `[methods, delays, checkpoints + 1]`, `episodes` `[checkpoints + 1]`,
    `samples` `[methods, delays]` for a reduction by 80% (nan: not within the
    budget), and `high_variance` `[3, delays]`: for Monte Carlo, for the
    redistributed reward, and how many states there are.
  """
  near, far = tuple(config.bias_delays), tuple(config.variance_delays)
  # One program each, with room for its longest delay.
  make = lambda delays: grids.GridWorld(max(delays), **config.task)
  env, wide = make(near), make(far)
  key = keys.named(jax.random.key(config.seed), "bias_variance")
  measure = jax.jit(lambda delay: bias(env, delay, key, config))
  curves = [jax.device_get(measure(d)) for d in near]
  count = jax.jit(
    lambda delay: high_variance(
      wide, delay, config.epsilon, config.variance_threshold
    )
  )
  counts = [jax.device_get(count(d)) for d in far]
  every = config.every
  curves = np.stack(curves, 1)
  return {
    "bias": curves,
    "episodes": np.arange(config.checkpoints + 1) * every,
    "samples": np.array(
      [[samples_needed(c, every) for c in of_method] for of_method in curves]
    ),
    "high_variance": np.array(
      [
        [c[name] for c in counts]
        for name in ("monte_carlo", "rudder", "states")
      ]
    ),
  }
