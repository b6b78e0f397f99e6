"""The losses of the reward model, in NumPy and on padded episodes."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder import losses


@pytest.mark.parametrize("length", [1, 4, 6])
def test_losses_see_the_episode_and_nothing_behind_it(length):
  g = np.random.default_rng(0).normal(size=6).astype(np.float32)
  mask = jnp.arange(6) < length
  g[length:] = 1e6  # What the model says of padding is nobody's business.
  main = losses.main_loss(jnp.asarray(g), 0.5, mask)
  aux = losses.auxiliary_loss(jnp.asarray(g), 0.5, mask)
  np.testing.assert_allclose(main, (g[length - 1] - 0.5) ** 2, rtol=1e-5)
  np.testing.assert_allclose(aux, np.mean((g[:length] - 0.5) ** 2), rtol=1e-5)
  both = losses.return_loss(jnp.asarray(g), 0.5, mask, 0.25)
  np.testing.assert_allclose(both, main + 0.25 * aux, rtol=1e-6)
  slope = jax.grad(lambda g: losses.return_loss(g, 0.5, mask, 0.25))(
    jnp.asarray(g)
  )
  np.testing.assert_array_equal(slope[length:], 0)


def test_errors_are_squared_before_the_mean():
  """The tutorial's square of the mean would be zero here."""
  g, mask = jnp.array([1.0, -1.0]), jnp.ones(2, bool)
  assert float(losses.auxiliary_loss(g, 0.0, mask)) == 1
