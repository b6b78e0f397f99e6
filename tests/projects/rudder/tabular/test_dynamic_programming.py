"""Exact values against known numbers and brute force."""

import functools
import itertools

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder.tabular import dynamic_programming, environments, grids

pytestmark = pytest.mark.slow


@functools.cache
def solver(task, room):
  """The environment, and a program of its values for any delay."""
  env = task(room)

  def solve(delay):
    params = env.params_of_delay(delay)
    q = dynamic_programming.q_values(env, params)
    return q, dynamic_programming.start_value(env, params, q)

  return env, jax.jit(solve)


def values(task, room, delay):
  """Environment, parameters, optimal q and return, in float64."""
  with jax.enable_x64(True):
    env, solve = solver(task, room)
    q, best = jax.device_get(solve(delay))
    return env, env.params_of_delay(delay), q, float(best)


@pytest.mark.parametrize("delay", [10, 50])
def test_watches_profits_and_decisions(delay):
  env, params, q, best = values(environments.WatchRepair, 50, delay)
  assert q.dtype == jnp.float64
  decisions = np.asarray(q[0])[np.asarray(env.start_rows(params))]
  np.testing.assert_allclose(
    decisions, [[-1.5, 0], [3.5, 0], [3.5, 0], [-1.5, 0]], atol=1e-6
  )
  np.testing.assert_array_equal(decisions.argmax(1), [1, 0, 0, 1])
  assert best == pytest.approx(1.75)
  # What follows the decision is the same for both actions.
  np.testing.assert_allclose(q[1:, :, 0], q[1:, :, 1])


def test_the_choice():
  _, _, q, best = values(environments.Choice, 20, 10)
  np.testing.assert_allclose(q[0, 0], [6, 10], atol=1e-9)
  np.testing.assert_allclose(q[1:], 0, atol=1e-9)  # All of it is earned.
  assert best == pytest.approx(10)


def test_charging_alternates():
  for delay in range(3, 14):
    _, _, q, best = values(environments.ChargeDischarge, 13, delay)
    assert best == 10 * ((delay + 1) // 2) + (delay + 1) % 2
    if delay % 2:  # Always charge, discharge, charge, ...: no other way.
      for time in range(delay + 1):
        row = time // 2 * 2 + time % 2
        assert int(q[time, row].argmax()) == time % 2


def test_tracing_back():
  env, params, q, best = values(grids.TraceBack, 10, 10)
  (start,) = env.start_rows(params)
  np.testing.assert_allclose(q[0, start], [100, 0, 0, 0])
  up = env.index_in_time(
    grids.TraceState(1, 0.0, jnp.int32(7), jnp.int32(8), jnp.int32(1)), params
  )
  np.testing.assert_allclose(q[1, up], [0, 150, 0, 0])
  assert best == 100


def brute_force(env, params, steps):
  """The best return over all sequences of actions."""

  def total(actions):
    def step(state, action):
      average = jnp.array([0.5, 0.0, 0.0])  # The randomness.
      _, state, reward, _, _ = env.advance(average, state, action, params)
      return state, reward

    _, state = env.reset_env(jax.random.key(0), params)
    return jax.lax.scan(step, state, actions)[1].sum()

  every = itertools.product(range(env.num_actions), repeat=steps)
  every = jnp.array(list(every), jnp.int32)
  return float(jax.jit(jax.vmap(total))(every).max())


def test_the_bomb_against_all_walks():
  for delay in (2, 4):
    env, params, _, best = values(grids.GridWorld, 15, delay)
    # Certainly half of it: the same expectation without luck.
    sure = params.replace(probability=1.0, defused=500.0)
    walks = brute_force(env, sure, delay * 3 // 2)
    assert best == pytest.approx(walks, rel=1e-6)
  # By hand: there at -0.09 t h for t h = 0, 3, 4, 3, then away at 0.1 (0 + 5).
  assert best == pytest.approx(500 - 0.09 * 10 + 0.5)


def test_the_bomb_is_worth_it_up_to_a_delay_of_13():
  for delay in (8, 13, 14):
    env, params, q, best = values(grids.GridWorld, 15, delay)
    (start,) = env.start_rows(params)
    to_the_bomb = int(q[0, start].argmax()) == 1
    assert to_the_bomb == (delay < 14)
  # Running away for 21 steps: 0.1 sum t (14 + t).
  assert best == pytest.approx(0.1 * sum(t * (14 + t) for t in range(21)))


def test_a_policy_of_the_best_actions_is_optimal():
  env = environments.ChargeDischarge(5)
  params = env.params_of_delay(5)

  @jax.jit
  def solve():
    q = dynamic_programming.q_values(env, params)
    greedy = jax.nn.one_hot(q.argmax(2), env.num_actions)
    of_greedy = dynamic_programming.q_values(env, params, greedy)
    return q, of_greedy, dynamic_programming.regrets(q)

  q, of_greedy, regrets = jax.device_get(solve())
  np.testing.assert_allclose(of_greedy, q)
  assert regrets.min() == 0
  np.testing.assert_allclose(regrets[0, 0], [0, 8])
