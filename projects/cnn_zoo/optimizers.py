"""Keras's three optimisers as one update: which one is a traced number.

They differ from Optax's in where epsilon stands and in its value: here it is
outside of the root, and 1e-7. Of five thousand weights all three together cost
nothing beside the gradient.
"""

import jax
from jax import numpy as jnp

NAMES = ("sgd", "adam", "rmsprop")
EPSILON = 1e-7
ADAM = (0.9, 0.999)  # Decay of the mean and of the mean square.
RHO = 0.9  # RMSprop's decay of the mean square.


def update(
  which: jax.Array,
  weights: jax.Array,
  gradient: jax.Array,
  moments: jax.Array,
  rate: jax.Array,
  step: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """One update of the optimiser NAMES[which].

  sgd      w - rate g, without momentum
  adam     w - rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)
  rmsprop  w - rate g / (sqrt(v) + eps), v starting at 0

  Args:
    which: int32 scalar.
    weights: [n].
    gradient: [n].
    moments: [2, n], the mean and the mean square of gradients, 0 at first.
    rate: the learning rate.
    step: int32, updates done before this one.

  Returns:
    New weights, new moments.
  """
  first, second = ADAM
  adam = which == NAMES.index("adam")
  decay = jnp.where(adam, second, RHO)
  mean = first * moments[0] + (1 - first) * gradient
  square = decay * moments[1] + (1 - decay) * gradient**2
  t = step + 1.0
  corrected = jnp.sqrt(1 - second**t) / (1 - first**t)
  direction = jnp.where(adam, corrected * mean, gradient)
  scaled = direction / (jnp.sqrt(square) + EPSILON)
  sgd = which == NAMES.index("sgd")
  change = rate * jnp.where(sgd, gradient, scaled)
  return weights - change, jnp.stack([mean, square])
