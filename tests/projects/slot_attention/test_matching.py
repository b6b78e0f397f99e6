"""Matching, against scipy and closed forms."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import numpy as jnp
from scipy.optimize import linear_sum_assignment

from projects.slot_attention import matching

assign = jax.jit(matching.assignment)
loss_and_gradient = jax.jit(jax.value_and_grad(matching.matched_loss, (0, 1)))


def sets(seed):
  """Targets and predictions of one shape, so that one program is compiled."""
  return np.random.default_rng(seed).random((2, 4, 6, 19), np.float32)


def test_the_cost_is_huber_averaged_over_properties():
  target = jnp.zeros((1, 4))
  prediction = jnp.array([[0.5, -1.0, 3.0, 0.0]])
  # e^2 / 2 up to 1, |e| - 1/2 beyond.
  expected = (0.125 + 0.5 + 2.5 + 0.0) / 4
  got = matching.pairwise_huber(target, prediction)
  np.testing.assert_allclose(got, [[expected]], rtol=1e-6)


@given(st.integers(0, 2**16), st.booleans())
def test_assignments_cost_what_scipys_do(seed, ties):
  rng = np.random.default_rng(seed)
  costs = rng.normal(size=(4, 6, 6)).astype(np.float32)
  if ties:
    costs = np.round(costs)
  rows, columns = jax.device_get(assign(costs))
  for c, i, j in zip(costs, rows, columns, strict=True):
    assert len(set(i)) == len(set(j)) == 6
    ours, theirs = c[i, j].sum(), c[linear_sum_assignment(c)].sum()
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_the_loss_is_that_of_scipys_assignment():
  targets, predictions = sets(0)
  targets[:, 4:] = 0.0  # Padding is matched like any other.
  value, _ = loss_and_gradient(targets, predictions)
  costs = np.asarray(matching.pairwise_huber(targets, predictions))
  expected = np.mean([c[linear_sum_assignment(c)].sum() for c in costs])
  np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_order_does_not_matter_and_gradients_follow_the_slots():
  targets, predictions = sets(1)
  order = np.array([3, 0, 4, 1, 5, 2])
  value, (_, gradient) = loss_and_gradient(targets, predictions)
  shuffled, (_, moved) = loss_and_gradient(targets, predictions[:, order])
  np.testing.assert_allclose(value, shuffled, rtol=1e-6)
  np.testing.assert_allclose(gradient[:, order], moved, atol=1e-7)
  turned, _ = loss_and_gradient(targets[:, order], predictions)
  np.testing.assert_allclose(value, turned, rtol=1e-6)


def test_the_gradient_is_the_errors_of_the_matched_pairs():
  targets, predictions = sets(2)
  _, (_, gradient) = loss_and_gradient(targets, predictions)
  rows, columns = assign(matching.pairwise_huber(targets, predictions))
  i, j = rows[0], columns[0]
  expected = np.zeros_like(predictions[0])
  expected[j] = (predictions[0, j] - targets[0, i]) / 19 / len(targets)
  np.testing.assert_allclose(gradient[0], expected, rtol=1e-5, atol=1e-7)


def test_objects_beyond_the_slots_go_unmatched():
  targets, predictions = sets(3)
  loss = jax.jit(matching.matched_loss)
  np.testing.assert_allclose(loss(targets, targets[:, :4]), 0.0, atol=1e-7)
  costs = np.asarray(matching.pairwise_huber(targets, predictions[:, :4]))
  expected = np.mean([c[linear_sum_assignment(c)].sum() for c in costs])
  got = loss(targets, predictions[:, :4])
  np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_slots_beyond_the_objects_learn_that_there_is_nothing():
  targets, predictions = sets(5)
  filled = np.concatenate([targets[:, :4], np.zeros_like(targets[:, 4:])], 1)
  value, (_, gradient) = loss_and_gradient(targets[:, :4], predictions)
  expected, (_, same) = loss_and_gradient(filled, predictions)
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  np.testing.assert_allclose(gradient, same, atol=1e-7)
  assert np.abs(gradient).sum(axis=-1).min() > 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_costs_that_are_not_finite_do_not_hang(bad):
  targets, predictions = sets(4)
  predictions[0, 1] = bad
  value, _ = loss_and_gradient(targets, predictions)
  assert not np.isfinite(value)  # For the run to stop at.
