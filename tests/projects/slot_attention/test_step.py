"""The composed train step: what is descended, from which noise, how fast."""

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp

from projects.slot_attention import data, model, train

from .test_model import config_of

pytestmark = pytest.mark.slow


def test_a_step_descends_the_mean_squared_error_from_fresh_noise():
  config = config_of("tetrominoes_small", learning_rate=1e-3, warmup_steps=0)
  state = jax.jit(lambda k: train.init(k, config))(jax.random.key(0))
  batch = jax.jit(data.batches(config, jax.random.key(1)))(0)
  step = jax.jit(train.make_train_step(config))
  after, metrics = step(state, batch)
  network = model.network(config)
  noise = jax.random.normal(
    jax.random.fold_in(state.key, 0),
    (config.batch_size, config.slots, config.slot_dim),
  )

  @jax.jit
  def loss(params):
    out = network.apply(params, batch["image"], noise, config.iterations)
    return jnp.mean((out["reconstruction"] - batch["image"]) ** 2)

  value, expected = jax.value_and_grad(loss)(state.params)
  np.testing.assert_allclose(metrics["loss"], value, rtol=1e-4)
  norm = optax.tree.norm(expected)
  np.testing.assert_allclose(metrics["gradient"], norm, rtol=1e-3)
  # Adam's first moment is a tenth of the gradient that it was given.
  got = jax.tree.map(lambda m: m / 0.1, after.opt[0].mu)
  jax.tree.map(
    lambda g, e: np.testing.assert_allclose(
      g, e, rtol=5e-3, atol=1e-4 * float(np.abs(e).max()) + 1e-8
    ),
    got,
    expected,
  )
  # The first step has rate zero, by the schedule and not by what Adam is told.
  jax.tree.map(np.testing.assert_array_equal, after.params, state.params)
  second, _ = step(after, batch)
  assert float(loss(second.params)) < float(value)
  # The second step draws other noise: the same batch has another loss, even
  # from the same parameters.
  _, other = step(state.replace(step=state.step + 1), batch)
  assert float(other["loss"]) != float(metrics["loss"])
