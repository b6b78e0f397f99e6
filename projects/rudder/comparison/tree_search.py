"""Monte Carlo tree search (UCT, Kocsis & Szepesvari, 2006) on a whole task.

    trial = make_trial(env, config)
    trials = jax.jit(jax.vmap(trial, (0, None), axis_name=rounds.TRIALS))

The tree grows from the start by one node an episode: down by upper confidence
bounds, one untried action, then random actions to the end; every edge on the
way averages the rewards that came from it on. A node is a sequence of actions:
luck is averaged over. The tree is an array of children.
"""

from collections.abc import Callable

import jax
import ml_collections
from flax import struct
from jax import numpy as jnp

from common import keys

from ..tabular import dynamic_programming
from ..tabular.delayed_mdp import DelayedMDP
from ..tabular.rounds import any_trial


@struct.dataclass
class Tree:
  """`[nodes, actions]` each; node 0 is the start, child 0 is none."""

  children: jax.Array  # int32
  visits: jax.Array  # int32
  means: jax.Array  # of the rewards from here on
  size: jax.Array  # int32, scalar


def empty(nodes: int, actions: int) -> Tree:
  """A tree of the start alone, with room for `nodes`."""
  none = jnp.zeros((nodes, actions), jnp.int32)
  return Tree(none, none, jnp.zeros((nodes, actions)), jnp.int32(1))


def bounds(
  means: jax.Array, visits: jax.Array, exploration: float
) -> jax.Array:
  """Upper confidence bounds `[actions]` of a node; untried actions come first.

  mean + exploration sqrt(log(sum of visits) / visits)
  """
  total = jnp.maximum(jnp.sum(visits), 1).astype(jnp.float32)
  width = jnp.sqrt(jnp.log(total) / jnp.maximum(visits, 1))
  return jnp.where(visits == 0, jnp.inf, means + exploration * width)


def simulate(
  env: DelayedMDP, params, tree: Tree, key: jax.Array, exploration: float
) -> Tree:
  """One episode, and the tree after it."""
  steps, actions = env.max_steps, env.num_actions
  draws = jax.random.uniform(keys.named(key, "act"), (steps, actions))
  randomness = env.randomness(keys.named(key, "luck"), (steps,))

  def step(t, carry):
    state, node, nodes, taken, rewards, grown = carry
    inside = node >= 0
    bound = bounds(tree.means[node], tree.visits[node], exploration)
    best = ~inside | (bound == jnp.max(bound))
    action = jnp.argmax(jnp.where(best, draws[t], -1.0))
    _, state, reward, _, _ = env.advance(randomness[t], state, action, params)
    nodes, taken = nodes.at[t].set(node), taken.at[t].set(action)
    child = tree.children[node, action]
    # The first step out of the tree makes a node of its own, later ones none.
    leaving = inside & (child == 0)
    node = jnp.where(inside & (child > 0), child, -1)
    grown = jnp.where(leaving, t, grown)
    return state, node, nodes, taken, rewards.at[t].set(reward), grown

  _, state = env.reset_env(keys.named(key, "start"), params)
  none = jnp.zeros(steps, jnp.int32)
  carry = (state, jnp.int32(0), none - 1, none, jnp.zeros(steps), jnp.int32(-1))
  length = params.max_steps_in_episode
  _, _, nodes, taken, rewards, grown = jax.lax.fori_loop(0, length, step, carry)
  to_go = jnp.cumsum(rewards[::-1])[::-1]
  # Steps outside of the tree write to a place that does not exist.
  place = (jnp.where(nodes >= 0, nodes, len(tree.visits)), taken)
  visits = tree.visits.at[place].add(1, mode="drop")
  off = (to_go - tree.means[nodes, taken]) / visits[nodes, taken]
  means = tree.means.at[place].add(off, mode="drop")
  # What was tried in the last step needs no node.
  grow = (grown >= 0) & (grown < length - 1) & (tree.size < len(visits))
  parent = jnp.where(grow, nodes[grown], len(visits))
  children = tree.children.at[parent, taken[grown]].set(tree.size, mode="drop")
  return Tree(children, visits, means, tree.size + grow)


def greedy_share(
  env: DelayedMDP, params, tree: Tree, q_optimal: jax.Array
) -> jax.Array:
  """`tabular.greedy_share` of the walk along the best means of the tree.

  Where nothing has been tried, and beyond the tree, the worst action is taken.
  """
  regret = dynamic_programming.regrets(q_optimal).reshape(-1, env.num_actions)
  average = jnp.array([0.5, 0.0, 0.0])

  def step(_, carry):
    state, node, lost = carry
    loses = regret[env.state_index(state, params)]
    values = jnp.where(tree.visits[node] > 0, tree.means[node], -jnp.inf)
    best = (node < 0) | (values == jnp.max(values))
    action = jnp.argmax(jnp.where(best, loses, -1.0))
    child = tree.children[node, action]
    node = jnp.where((node >= 0) & (child > 0), child, -1)
    _, state, _, _, _ = env.advance(average, state, action, params)
    return state, node, lost + loses[action]

  _, state = env.reset_env(jax.random.key(0), params)
  first = env.state_index(state, params)
  value = jnp.max(q_optimal.reshape(-1, env.num_actions)[first])
  carry = (state, jnp.int32(0), 0.0)
  length = params.max_steps_in_episode
  _, _, lost = jax.lax.fori_loop(0, length, step, carry)
  return (value - lost) / value


def make_trial(
  env: DelayedMDP, config: ml_collections.ConfigDict
) -> Callable[[jax.Array, jax.Array], dict[str, jax.Array]]:
  """Returns `trial(key, delay) -> results`, as `sweep_runner.make_trial` does.

  Args:
    env: a task with one start, with room for the longest delay.
    config: `exploration`, in units of reward; `max_episodes`, which is also the
      size of the tree; `check_every`, `solved_window`, `solved_share`, judged
      by the greedy walk.
  """
  window, every = config.solved_window, config.check_every

  def trial(key, delay):
    params = env.params_of_delay(delay)
    q_optimal = dynamic_programming.q_values(env, params)

    def episode(_, carry):
      tree, count = carry
      this = jax.random.fold_in(key, count)
      # A trial that is done goes on: what it has found was noted.
      tree = simulate(env, params, tree, this, config.exploration)
      return tree, count + 1

    def block(carry):
      tree, recent, count, done, at, _ = carry
      tree, count = jax.lax.fori_loop(0, every, episode, (tree, count))
      share = greedy_share(env, params, tree, q_optimal)
      place = (count // every - 1) % window
      recent = recent.at[place].set(jnp.where(done, recent[place], share))
      enough = jnp.mean(recent) >= config.solved_share
      at = jnp.where(enough & ~done, count, at)
      done |= enough
      going = ~done & (count < config.max_episodes)
      return tree, recent, count, done, at, any_trial(going)

    start = (
      empty(config.max_episodes + 1, env.num_actions),
      jnp.zeros(window),
      jnp.int32(0),
      jnp.bool_(False),
      jnp.int32(config.max_episodes),
      jnp.bool_(True),
    )
    tree, recent, _, done, at, _ = jax.lax.while_loop(
      lambda carry: carry[-1], block, start
    )
    return {
      "episodes": at,
      "solved": done,
      "score": jnp.mean(recent),
      "nodes": tree.size,
    }

  return trial
