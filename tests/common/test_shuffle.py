"""The order is a permutation in every epoch, and a fair one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import keys
from common.data import shuffle


def whole_epoch(key, epoch, batch_size, size):
  """Concatenates the batches of one epoch."""
  batches = size // batch_size
  draw = lambda t: np.asarray(shuffle.batch_indices(key, t, batch_size, size))
  steps = range(epoch * batches, (epoch + 1) * batches)
  return np.concatenate([draw(t) for t in steps])


@settings(max_examples=5, deadline=None, derandomize=True)
@given(size=st.integers(1, 5000), seed=st.integers(0, 2**32 - 1))
def test_permute_is_a_bijection(size, seed):
  indices = shuffle.permute(jax.random.key(seed), jnp.arange(size), size)
  np.testing.assert_array_equal(np.sort(indices), np.arange(size))


@settings(max_examples=4, deadline=None, derandomize=True)
@given(
  size=st.integers(20, 3000),
  fraction=st.floats(0.01, 1.0),
  epoch=st.integers(0, 1000),
)
def test_an_epoch_repeats_no_example(size, fraction, epoch):
  batch_size = max(1, int(size * fraction))
  key = jax.random.key(0)
  one = whole_epoch(key, epoch, batch_size, size)
  assert len(set(one)) == len(one) == size // batch_size * batch_size
  assert one.min() >= 0
  assert one.max() < size


def test_epochs_and_keys_differ():
  key, other = jax.random.key(0), jax.random.key(1)
  a = whole_epoch(key, 0, 10, 1000)
  for b in (whole_epoch(key, 1, 10, 1000), whole_epoch(other, 0, 10, 1000)):
    # Independent permutations have one fixed point on average.
    assert np.sum(a == b) < 10


def test_jit_equals_eager():
  key = jax.random.key(5)
  step = 2**31 - 1  # The last; also a check against overflow.
  compiled = shuffle.batch_indices(key, step, 7, 100)
  with jax.disable_jit():
    eager = shuffle.batch_indices(key, step, 7, 100)
  np.testing.assert_array_equal(compiled, eager)


def test_vmap_over_keys_equals_single_keys():
  keys = jax.random.split(jax.random.key(0), 3)
  both = jax.vmap(lambda k: shuffle.batch_indices(k, 4, 8, 50))(keys)
  for key, indices in zip(keys, both, strict=True):
    np.testing.assert_array_equal(indices, shuffle.batch_indices(key, 4, 8, 50))


def test_largest_size_does_not_overflow():
  size = shuffle.MAX_SIZE
  ends = jnp.array([0, 1, size // 2, size - 2, size - 1], jnp.int32)
  indices = np.asarray(shuffle.permute(jax.random.key(0), ends, size))
  assert len(set(indices)) == 5
  assert indices.min() >= 0
  last = shuffle.batch_indices(jax.random.key(0), size // 128 - 1, 128, size)
  assert np.asarray(last).min() >= 0


def test_pairs_are_uniform():
  """A chi-square test of where two neighbours go, over 20,000 keys."""
  size, draws = 16, 20_000
  keys = jax.random.split(jax.random.key(9), draws)
  permute = jax.jit(jax.vmap(lambda k: shuffle.permute(k, jnp.arange(2), size)))
  first, second = np.asarray(permute(keys)).T
  counts = np.bincount(first * size + second, minlength=size**2)
  counts = counts.reshape(size, size)[~np.eye(size, dtype=bool)]
  expected = draws / (size * (size - 1))
  chi_square = np.sum((counts - expected) ** 2 / expected)
  # 239 degrees of freedom: mean 239, standard deviation sqrt(2 * 239) = 22.
  assert abs(chi_square - 239) < 4 * 22


def test_bad_arguments():
  key = jax.random.key(0)
  with pytest.raises(ValueError, match="from 1 to the number of examples, 10"):
    shuffle.batch_indices(key, 0, 11, 10)
  with pytest.raises(ValueError, match="size must be from 1"):
    shuffle.permute(key, jnp.arange(1), 2**31)
  with pytest.raises(TypeError, match="typed key"):
    shuffle.permute(jnp.zeros(2, jnp.uint32), jnp.arange(1), 4)


def test_named_keys_are_addresses():
  root = jax.random.key(0)
  a, b = keys.named(root, "data"), keys.named(root, "init")
  assert not jnp.array_equal(jax.random.key_data(a), jax.random.key_data(b))
  again = keys.named(jax.random.key(0), "data")
  assert jnp.array_equal(jax.random.key_data(a), jax.random.key_data(again))
