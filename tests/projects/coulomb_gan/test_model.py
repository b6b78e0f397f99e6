"""Networks: shapes, the transposed convolution, the original's quirks."""

import importlib
from typing import NamedTuple

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax import numpy as jnp

from common.errors import InputError
from common.nn import convolution
from projects.coulomb_gan import model, schema

pytestmark = pytest.mark.slow


def image_config(**changes):
  module = importlib.import_module("configs.coulomb_gan.celeba64")
  config = module.get_config("smoke")
  config.unlock()
  config.update(changes)
  return config


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
  up, flax = BatchFirst(model.UpConv(6)), nn.ConvTranspose(6, (5, 5), (2, 2))
  params = up.init(jax.random.key(1), a)
  bias = {"bias": jnp.arange(6.0)}
  params = {"params": {**params["params"], **bias}}
  np.testing.assert_allclose(
    up.apply(params, a), flax.apply(params, a), atol=1e-5
  )
  total = lambda net: lambda p: jnp.sum(jnp.sin(net.apply(p, a)))
  ours, theirs = jax.grad(total(up))(params), jax.grad(total(flax))(params)
  for one, other in zip(
    jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True
  ):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


def test_down_convolution_is_flax_convolution_with_both_derivatives():
  a = jax.random.normal(jax.random.key(0), (2, 6, 8, 3))
  down = BatchFirst(model.DownConv(5))
  flax = nn.Conv(5, (5, 5), strides=(2, 2))
  params = down.init(jax.random.key(1), a)
  np.testing.assert_allclose(
    down.apply(params, a), flax.apply(params, a), atol=1e-5
  )

  def penalty(net):
    """A gradient penalty: the derivative of a derivative, as WGAN-GP takes."""
    total = lambda p, a: jnp.sum(jnp.sin(net.apply(p, a)))
    slope = lambda p: jnp.sum(jax.grad(total, 1)(p, a) ** 2)
    return jax.tree.leaves(
      (jax.grad(total)(params, a), jax.grad(slope)(params))
    )

  for ours, theirs in zip(penalty(down), penalty(flax), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (64, 3)])
def test_images_have_their_size_and_range(size, channels):
  config = image_config(image_size=size, image_channels=channels)
  generator, discriminator = model.networks(config)
  shapes = jax.eval_shape(generator.init, jax.random.key(0))
  z = jnp.zeros((8, config.latent_dim))
  x = jax.eval_shape(generator.apply, shapes, z)
  assert x.shape == (8, size, size, channels)
  shapes = jax.eval_shape(discriminator.init, jax.random.key(0))
  assert jax.eval_shape(discriminator.apply, shapes, x).shape == (8,)


def test_depth_follows_the_image_or_as_in_the_code_the_batch():
  depth = lambda **c: model.discriminator_depth(image_config(**c))
  assert depth(image_size=32) == 3
  assert depth(image_size=64) == 4
  quirk = dict(discriminator_depth="batch_size", image_size=32)
  assert depth(**quirk, batch_size=128) == 4
  assert depth(**quirk, batch_size=64) == 3


def test_the_papers_networks_have_the_papers_widths():
  module = importlib.import_module("configs.coulomb_gan.celeba64")
  config = module.get_config()
  generator, discriminator = model.networks(config)
  g = jax.eval_shape(generator.init, jax.random.key(0))
  d = jax.eval_shape(discriminator.init, jax.random.key(0))
  widths = [g[f"deconv_{i}"]["kernel"].shape for i in range(1, 5)]
  assert widths == [
    (5, 5, 1024, 512),
    (5, 5, 512, 256),
    (5, 5, 256, 128),
    (5, 5, 128, 3),
  ]
  widths = [d[f"conv_{i}"]["kernel"].shape[-1] for i in range(4)]
  assert widths == [128, 256, 512, 1024]
  assert "norm_0" in d  # On the first convolution, too.


def test_batch_norm_uses_the_batch_at_hand():
  a = 5 + 3 * jax.random.normal(jax.random.key(0), (64, 4, 4, 2))
  norm = nn.BatchNorm(use_running_average=False, epsilon=1e-3)
  out, _ = norm.apply(
    {"params": norm.init(jax.random.key(0), a)["params"]},
    a,
    mutable=["batch_stats"],
  )
  np.testing.assert_allclose(jnp.mean(out, (0, 1, 2)), 0, atol=1e-5)
  np.testing.assert_allclose(jnp.var(out, (0, 1, 2)), 1, atol=1e-3)


def test_a_wrong_image_size_is_one_sentence():
  with pytest.raises(InputError, match=r"image_size is 48; .* power of two"):
    model.networks(image_config(image_size=48))
  with pytest.raises(InputError, match="did you mean 'layer'"):
    schema.check(image_config(discriminator_norm="layers"))


def test_the_first_samples_do_not_depend_on_how_many_are_asked_for():
  config = image_config()
  generator, _ = model.networks(config)
  params = generator.init(jax.random.key(0))
  few = model.sample(config, params, jax.random.key(1), 5)
  many = model.sample(config, params, jax.random.key(1), 20)
  assert many.shape[0] == 20
  np.testing.assert_array_equal(few, many[:5])
