"""Microbatches: the mean of the whole batch, and what is each sample's own."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import microbatches


@pytest.mark.parametrize("count", [1, 3, 6])
def test_they_add_up_to_the_batch(count):
  x = jnp.arange(12.0).reshape(6, 2)
  data = {"x": x, "weight": jnp.arange(6.0)}

  def function(piece):
    rows = piece["x"] * piece["weight"][:, None]
    return {"mean": rows.mean(0)}, (rows, piece["weight"])

  averaged, samples = jax.jit(
    lambda data: microbatches.mean(function, data, count)
  )(data)
  wanted, rows = function(data)
  np.testing.assert_allclose(averaged["mean"], wanted["mean"], rtol=1e-6)
  for one, other in zip(samples, rows, strict=True):
    np.testing.assert_array_equal(one, other)


def test_interleaved_rows_are_those_of_their_sub_batch():
  a = jnp.arange(6)
  np.testing.assert_array_equal(
    microbatches.interleaved(a, 2)[:, 1], jnp.array([1, 3, 5])
  )


def test_only_cpus_want_them(monkeypatch):
  assert microbatches.count(128, 32) == 4
  assert microbatches.count(128, 0) == 1
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  assert microbatches.count(128, 32) == 1
