"""The losses of the reward model, in NumPy and on padded episodes."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder import losses


@jax.jit
def all_of_them(g, mask):
  """The main, the auxiliary and the whole loss, and the slope of the last."""
  whole = lambda g: losses.return_loss(g, 0.5, mask, 0.25)
  return (
    losses.main_loss(g, 0.5, mask),
    losses.auxiliary_loss(g, 0.5, mask),
    *jax.value_and_grad(whole)(g),
  )


@pytest.mark.parametrize("length", [1, 4, 6])
def test_losses_see_the_episode_and_nothing_behind_it(length):
  g = np.random.default_rng(0).normal(size=6).astype(np.float32)
  mask = np.arange(6) < length
  g[length:] = 1e6  # What the model says of padding is nobody's business.
  main, aux, both, slope = jax.device_get(all_of_them(g, mask))
  np.testing.assert_allclose(main, (g[length - 1] - 0.5) ** 2, rtol=1e-5)
  np.testing.assert_allclose(aux, np.mean((g[:length] - 0.5) ** 2), rtol=1e-5)
  np.testing.assert_allclose(both, main + 0.25 * aux, rtol=1e-6)
  np.testing.assert_array_equal(slope[length:], 0)


def test_errors_are_squared_before_the_mean():
  """The tutorial's square of the mean would be zero here."""
  g, mask = jnp.array([1.0, -1.0]), jnp.ones(2, bool)
  assert float(losses.auxiliary_loss(g, 0.0, mask)) == 1
