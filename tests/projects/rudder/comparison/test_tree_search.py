"""The tree: bounds by hand, what an episode writes, what it finds."""

import jax
import ml_collections
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder.comparison import tree_search
from projects.rudder.tabular import (
  dynamic_programming,
  environments,
  grids,
  rounds,
)

pytestmark = pytest.mark.slow

ENV = grids.GridWorld(4)


def test_bounds_by_hand():
  got = tree_search.bounds(
    jnp.array([1.0, 2.0, 9.0]), jnp.array([3, 1, 0]), 2.0
  )
  log = np.log(4)
  np.testing.assert_allclose(
    got, [1 + 2 * (log / 3) ** 0.5, 2 + 2 * log**0.5, np.inf], rtol=1e-6
  )


@pytest.fixture(scope="module")
def grown():
  """A tree after 200 episodes of the bomb at a distance of 2, and before."""
  params = ENV.params_of_delay(2)

  @jax.jit
  def grow(count):
    def episode(i, tree):
      key = jax.random.fold_in(jax.random.key(0), i)
      return tree_search.simulate(ENV, params, tree, key, 500.0)

    return jax.lax.fori_loop(0, count, episode, tree_search.empty(300, 4))

  return params, lambda count: jax.device_get(grow(count))


def test_an_episode_adds_one_node_and_one_visit_a_level(grown):
  _, grow = grown
  for count in (0, 1, 4, 5, 200):
    tree = grow(count)
    assert tree.visits[0].sum() == count
    if count <= 4:
      assert int(tree.size) == 1 + count
  # All actions of the start once, before any of them twice.
  assert grow(4).visits[0].tolist() == [1, 1, 1, 1]
  tree = grow(200)
  # Three steps: 1 + 4 + 16 nodes in which one acts, all in use.
  assert int(tree.size) == 21
  for node in range(21):
    for action, child in enumerate(tree.children[node]):
      if child:  # The visit that made a child had not yet entered it.
        assert tree.visits[child].sum() == tree.visits[node, action] - 1


def test_a_mean_is_that_of_the_rewards_from_its_edge_on(grown):
  params, grow = grown
  best = 500 - 0.09
  tree = grow(200)
  right = tree.children[0, 1]
  # Right twice is the bomb: 1000 or 0, and a small cost.
  mean, visits = tree.means[right, 1], tree.visits[right, 1]
  assert abs(mean - best) < 4 * 500 / visits**0.5
  assert tree.means[0].argmax() == 1
  q = dynamic_programming.q_values(ENV, params)
  share = lambda tree: float(
    jax.jit(lambda t: tree_search.greedy_share(ENV, params, t, q))(tree)
  )
  assert share(tree) == pytest.approx(1, abs=0.01)
  assert share(grow(0)) < 0.01  # Knows nothing: the worst walk.


def test_trials_solve_and_report_what_they_do_not():
  config = ml_collections.ConfigDict()
  config.exploration, config.max_episodes = 20.0, 40
  config.check_every, config.solved_window, config.solved_share = 10, 2, 0.95
  env = environments.ChargeDischarge(9)
  trial = tree_search.make_trial(env, config)
  trials = jax.jit(jax.vmap(trial, (0, None), axis_name=rounds.TRIALS))
  keys = jax.random.split(jax.random.key(0), 4)
  easy = jax.device_get(trials(keys, 2))  # 8 sequences of actions.
  assert easy["solved"].all() and (easy["episodes"] <= 40).all()
  hard = jax.device_get(trials(keys, 9))  # 1024 of them, in 40 episodes.
  assert not hard["solved"].any()
  assert hard["episodes"].tolist() == [40] * 4
  assert (hard["nodes"] == 41).all()
