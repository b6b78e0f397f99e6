"""What object discovery minimises; a set's loss is in `matching`."""

import chex
import jax
from jax import numpy as jnp


def reconstruction_loss(images: jax.Array, reconstruction: jax.Array):
  """Mean squared error over batch, pixels and channels, as the authors' code.

  Both `[batch, h, w, c]`; images in [-1, 1].
  """
  chex.assert_equal_shape([images, reconstruction])
  return jnp.mean((images - reconstruction) ** 2)
