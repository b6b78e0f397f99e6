"""Networks: shapes, the transposed convolution, the original's quirks."""

import importlib

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax import numpy as jnp

from common.errors import InputError
from projects.coulomb_gan import model, schema

pytestmark = pytest.mark.slow


def image_config(**changes):
  module = importlib.import_module("configs.coulomb_gan.celeba64")
  config = module.get_config("smoke")
  config.unlock()
  config.update(changes)
  return config


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
  params = jax.jit(generator.init)(jax.random.key(0))
  few = model.sample(config, params, jax.random.key(1), 5)
  many = model.sample(config, params, jax.random.key(1), 20)
  assert many.shape[0] == 20
  np.testing.assert_array_equal(few, many[:5])
