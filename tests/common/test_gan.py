"""What papers on GANs share: losses, networks, players, pictures."""

from typing import NamedTuple

import jax
import ml_collections
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax import numpy as jnp

from common.gan import dcgan, gaussian_grid, losses, pictures, players
from common.nn import convolution
from common.nn.batch_last import Conv

INIT = nn.initializers.normal(0.3)


def test_gan_losses_at_an_undecided_discriminator():
  zero = jnp.zeros(4)
  np.testing.assert_allclose(
    losses.gan_discriminator_loss(zero, zero), 2 * np.log(2), rtol=1e-6
  )
  np.testing.assert_allclose(
    losses.gan_generator_loss(zero), np.log(2), rtol=1e-6
  )
  # Finite where a naive log(sigmoid) is not.
  assert jnp.isfinite(losses.gan_generator_loss(jnp.array([-500.0])))


def test_gradient_penalty_of_linear_critics():
  x, y = jax.random.normal(jax.random.key(0), (2, 8, 3))
  mixing = jnp.linspace(0, 1, 8)
  # What is compiled whole, here and below, takes less than op by op.
  penalty = jax.jit(
    lambda s: losses.gradient_penalty(lambda a: a @ s, x, y, mixing)
  )
  for slope, expected in (([0.6, 0.0, 0.8], 0.0), ([3.0, 0.0, 4.0], 16.0)):
    value = penalty(jnp.array(slope))
    np.testing.assert_allclose(value, expected, atol=1e-5)
  flat = lambda s: losses.gradient_penalty(
    lambda a: s * jnp.sum(a, 1), x, y, mixing
  )
  assert jnp.isfinite(jax.jit(jax.grad(flat))(0.0))


class BatchFirst(NamedTuple):
  """A layer of `[c, h, w, n]` as one of `[n, h, w, c]`."""

  layer: nn.Module

  def init(self, key, a):
    return self.layer.init(key, convolution.batch_last(a))

  def apply(self, params, a):
    out = self.layer.apply(params, convolution.batch_last(a))
    return convolution.batch_first(out)


@pytest.mark.parametrize("size", [4, 5])
def test_up_convolution_is_flax_transposed_convolution(size):
  a = jax.random.normal(jax.random.key(0), (2, size, size + 1, 3))
  up, flax = (
    BatchFirst(dcgan.UpConv(6, INIT)),
    nn.ConvTranspose(6, (5, 5), (2, 2)),
  )
  params = jax.jit(up.init)(jax.random.key(1), a)
  bias = {"bias": jnp.arange(6.0)}
  params = {"params": {**params["params"], **bias}}

  def both(net):
    """The output, and the gradient of a sum over it."""
    total = lambda p: jnp.sum(jnp.sin(net.apply(p, a)))
    return jax.jit(lambda p: (net.apply(p, a), jax.grad(total)(p)))(params)

  (our_out, ours), (their_out, theirs) = both(up), both(flax)
  np.testing.assert_allclose(our_out, their_out, atol=1e-5)
  for one, other in zip(
    jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True
  ):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


def test_down_convolution_is_flax_convolution_with_both_derivatives():
  a = jax.random.normal(jax.random.key(0), (2, 6, 8, 3))
  down = BatchFirst(Conv(5, 5, 2, kernel_init=INIT))
  flax = nn.Conv(5, (5, 5), strides=(2, 2))
  params = jax.jit(down.init)(jax.random.key(1), a)
  np.testing.assert_allclose(
    jax.jit(down.apply)(params, a), jax.jit(flax.apply)(params, a), atol=1e-5
  )

  def penalty(net):
    """A gradient penalty: the derivative of a derivative, as WGAN-GP takes."""
    total = lambda p, a: jnp.sum(jnp.sin(net.apply(p, a)))
    slope = lambda p: jnp.sum(jax.grad(total, 1)(p, a) ** 2)
    both = jax.jit(lambda p: (jax.grad(total)(p, a), jax.grad(slope)(p)))
    return jax.tree.leaves(both(params))

  for ours, theirs in zip(penalty(down), penalty(flax), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


def test_a_player_moves_as_optax_says_at_the_rate_that_is_its_own():
  a = jnp.array([3.0, -1.0])
  loss = lambda p: (jnp.sum(jnp.cosh(p["w"] - a)), "known")
  adam = optax.scale_by_adam(b1=0.5, b2=0.9)
  peer = optax.adam(0.2, b1=0.5, b2=0.9)
  ours = players.new({"w": jnp.zeros(2)}, adam, 0.2)
  params, opt = ours.params, peer.init(ours.params)

  @jax.jit
  def move(ours, decay):
    moved, aux = players.move(ours, adam, loss, decay)
    assert aux == "known"
    return moved

  @jax.jit
  def peer_move(params, opt, decay):
    updates, opt = peer.update(jax.grad(loss, has_aux=True)(params)[0], opt)
    updates = jax.tree.map(lambda u: decay * u, updates)
    return optax.apply_updates(params, updates), opt

  for decay in (1.0, 1.0, 0.5):
    ours = move(ours, decay)
    params, opt = peer_move(params, opt, decay)
  np.testing.assert_allclose(ours.params["w"], params["w"], rtol=1e-6)
  # A rate each, in one program.
  many = jax.vmap(lambda rate: players.new({"w": a * 0}, adam, rate))
  moved, _ = jax.jit(
    jax.vmap(lambda p: players.move(p, adam, lambda q: (loss(q)[0], 0)))
  )(many(jnp.array([0.1, 0.4])))
  np.testing.assert_allclose(moved.params["w"][1], 4 * moved.params["w"][0])


@pytest.mark.parametrize("side", [1, 2, 3, 5, 7, 14, 21])
def test_weights_of_a_grid_of_any_side_have_the_ratio(side):
  config = ml_collections.ConfigDict(dict(grid_side=side, weight_ratio=10.0))
  weights = np.asarray(gaussian_grid.mode_weights(config))
  n = side**2
  expected = 10 ** (np.arange(n) / max(n - 1, 1))
  np.testing.assert_allclose(
    np.sort(weights), expected / expected.sum(), rtol=1e-6
  )
  if side == 5:  # Of which there are results: heavy and light in turn.
    order = np.argsort(np.argsort(weights))
    np.testing.assert_array_equal(order, np.arange(n) * 7 % n)


def test_pictures_are_as_square_as_can_be():
  images = np.arange(5 * 2 * 3).reshape(5, 2, 3, 1).astype(np.uint8)
  picture = pictures.tile(images)
  assert picture.shape == (4, 9, 1)
  np.testing.assert_array_equal(picture[:2, 3:6], images[1])
  np.testing.assert_array_equal(picture[2:, 3:6], images[4])
  np.testing.assert_array_equal(picture[2:, 6:], 0)
