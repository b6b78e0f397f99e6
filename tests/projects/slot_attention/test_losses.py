"""The loss, and the adjusted Rand index against scikit-learn's."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import numpy as jnp
from sklearn.metrics import adjusted_rand_score

from projects.slot_attention import clustering, losses

index = clustering.adjusted_rand_index
contingency = jax.jit(clustering.foreground_contingency)


def foreground(masks, predicted):
  return index(contingency(masks, predicted))


def labels(table):
  """Two labellings of points with this contingency table."""
  rows, columns = np.indices(table.shape)
  return (np.repeat(a.ravel(), table.ravel()) for a in (rows, columns))


@given(
  st.integers(0, 2**32 - 1),
  st.sampled_from([2, 30, 1500]),
  st.floats(0.1, 1.0),
  st.integers(1, 5),
  st.integers(1, 6),
)
def test_the_index_is_scikit_learns(seed, high, filled, rows, columns):
  rng = np.random.default_rng(seed)
  table = np.zeros((5, 6), int)
  part = rng.integers(0, high, (rows, columns))
  table[:rows, :columns] = part * (rng.random(part.shape) < filled)
  expected = adjusted_rand_score(*labels(table))
  assert abs(float(index(table)) - expected) < 1e-6


@pytest.mark.parametrize(
  ("table", "expected"),
  [
    ([[16_384]], 1.0),  # One object in one slot.
    ([[8_000, 8_384]], 0.0),  # One object in two.
    ([[8_000], [8_384]], 0.0),  # Two objects in one slot.
    ([[46_000, 1], [1, 300]], None),  # Nearly all of it one object.
    ([[46_000, 0], [0, 1]], 1.0),
    ([[0]], 1.0),  # No foreground.
    ([[1, 0], [0, 1]], 1.0),  # Only single points.
  ],
)
def test_the_index_where_it_is_delicate(table, expected):
  table = np.array(table)
  if expected is None:
    expected = adjusted_rand_score(*labels(table))
  assert abs(float(index(table)) - expected) < 1e-6


def test_large_pictures_are_counted_right():
  rng = np.random.default_rng(0)
  truth = rng.integers(0, 2, (256, 256))
  masks = np.stack([0 * truth, truth == 0, truth == 1]).astype(np.float32)
  predicted = rng.random((4, 256, 256), np.float32)
  predicted[0] += truth
  found = np.argmax(predicted, axis=0)
  expected = adjusted_rand_score(truth.ravel(), found.ravel())
  assert abs(foreground(masks, predicted) - expected) < 1e-9
  assert expected < 0.9
  tables = np.stack([np.asarray(contingency(masks, predicted))] * 2)
  tables[1] = [[2**24, 0, 0, 0], [0, 1, 0, 0]]
  np.testing.assert_allclose(index(tables), [expected, 1], rtol=1e-6)


def test_the_background_is_left_out_and_its_slot_is_not():
  masks = np.zeros((4, 4, 4), np.float32)  # The last object is absent.
  masks[1, 0], masks[2, 1] = 1, 1
  masks[0, 2:] = 1
  predicted = np.zeros((3, 4, 4), np.float32)
  predicted[1, 0], predicted[2, 1] = 0.6, 0.6
  predicted[0] = 0.5
  assert foreground(masks, predicted) == 1
  # Whatever happens in the background.
  predicted[1, 2:] = np.random.default_rng(0).random((2, 4))
  assert foreground(masks, predicted) == 1
  # An object's pixel in the background's slot is a pixel in another cluster.
  predicted[0, 0, 0] = 1
  truth, found = np.repeat([1, 2], 4), np.array([0, 1, 1, 1, 2, 2, 2, 2])
  expected = adjusted_rand_score(truth, found)
  np.testing.assert_allclose(foreground(masks, predicted), expected, atol=1e-6)


def test_without_foreground_or_with_one_object():
  masks = np.zeros((2, 4, 4), np.float32)
  masks[0] = 1
  predicted = np.random.default_rng(0).random((3, 4, 4))
  assert foreground(masks, predicted) == 1
  masks[1, :2], masks[0, :2] = 1, 0
  assert foreground(masks, predicted) == 0
  predicted[0, :2] = 2
  assert foreground(masks, predicted) == 1


def test_the_loss_is_a_mean_over_everything():
  rng = np.random.default_rng(0)
  a, b = rng.normal(size=(2, 3, 4, 4, 3)).astype("f")
  loss = losses.reconstruction_loss(jnp.asarray(a), jnp.asarray(b))
  np.testing.assert_allclose(loss, np.mean((a - b) ** 2), rtol=1e-5)
  with pytest.raises(AssertionError):
    losses.reconstruction_loss(jnp.asarray(a), jnp.asarray(b[:, :2]))
