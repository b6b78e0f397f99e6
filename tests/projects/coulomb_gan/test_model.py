"""Networks: shapes, the transposed convolution, the original's quirks."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from projects.coulomb_gan import model, schema
from tests.common import gan_transcriptions as theirs

from .test_train import config_of

pytestmark = pytest.mark.slow


def image_config(**changes):
  return config_of("celeba64", **changes)


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


# As the authors' code has them, whose penalty, 1e-7, stands beside 4 L_D and
# whose dimension 3 is the exponent 1.
NUMBERS = dict(
  method="coulomb",
  batch_size=128,
  latent_dim=32,
  total_steps=500_000,
  generator_features=1024,
  discriminator_features=128,
  discriminator_norm="batch",
  kernel_exponent=1.0,
  kernel_epsilon=1.0,
  self_interaction="keep",
  smoothing_std=0.0,
  potential_scale=1.0,
  gradient_penalty=10.0,
  l2_penalty=1e-7 / 4,
  update_order="simultaneous",
  critic_steps=1,
  generator_learning_rate=1e-4,
  discriminator_learning_rate=1e-4 / 2,
  adam_b1=0.9,
  adam_b2=0.999,
  decay_steps=0,
)


@pytest.mark.parametrize(
  ("name", "variant", "changes"),
  [
    ("celeba64", "", dict(dataset="celeb_a", image_size=64)),
    ("cifar10", "", dict(dataset="cifar10", image_size=32)),
    ("lsun64", "", dict(latent_dim=16, total_steps=1_000_000)),
    ("fashion_mnist", "full", dict(total_steps=100_000)),
  ],
)
def test_numbers_are_the_codes(name, variant, changes):
  numbers, config = NUMBERS | changes, config_of(name, variant)
  assert {key: config[key] for key in numbers} == numbers


def test_the_papers_networks_have_the_papers_widths():
  generator, discriminator = model.networks(config_of("celeba64", ""))
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


def test_the_networks_are_their_transcriptions():
  config = image_config(image_size=16, generator_features=8)
  g, d = model.networks(config)
  z = np.random.default_rng(1).normal(size=(6, 32)).astype(np.float32)
  params = theirs.stirred(jax.jit(g.init)(jax.random.key(0)), 0)
  # No norm behind the dense layer; TensorFlow's epsilon; a wide tanh.
  a = theirs.dcgan_generator(theirs.doubles(params), z, 2, 4, False, 1e-3)
  x = np.asarray(jax.jit(g.apply)(params, z))
  want = 1.7159 * np.tanh(2 / 3 * a)
  np.testing.assert_allclose(x, want, rtol=1e-3, atol=1e-4)
  small = x / 50  # The epsilon counts.
  for kind, epsilon in (("batch", 1e-3), ("layer", 1e-6), ("none", 0.0)):
    config.discriminator_norm = kind
    _, d = model.networks(config)
    params = theirs.stirred(jax.jit(d.init)(jax.random.key(1)), 2)
    # A bias before a norm would do nothing.
    first = kind == "batch"
    assert ("bias" in params["conv_0"]) != first
    want = theirs.dcgan_discriminator(
      theirs.doubles(params), small, 2, kind, first, epsilon
    )
    got = jax.jit(d.apply)(params, small)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def test_layer_norm_leaves_the_contrast_to_be_seen():
  config = image_config(image_size=16, discriminator_norm="layer")
  d = model.networks(config)[1]
  x = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3))
  params = jax.jit(d.init)(jax.random.key(0))
  # Biases that are not their first zeros: without any D would be homogeneous.
  params = theirs.stirred(params, 1)
  images = np.float32(np.concatenate([x, x / 2]))
  pale = np.asarray(jax.jit(d.apply)(params, images)).reshape(2, 4)
  assert (np.abs(pale[0] - pale[1]) > 1e-2 * np.abs(pale[0])).all()


def test_the_networks_start_as_the_codes():
  config = image_config(
    image_size=16, generator_features=32, discriminator_features=16
  )
  g, d = (
    jax.jit(net.init)(jax.random.key(i))
    for i, net in enumerate(model.networks(config))
  )
  # "my_generator" and "my_discriminator" name an initialiser (factor 2, cut off
  # at two) for hidden deconvolutions; all else is Glorot's, uniform.
  for kernel, size, gain, largest in (
    (g["dense"]["kernel"], 1, 1, 1.73),
    (g["deconv_1"]["kernel"], 25, 2, 2.27),
    (g["deconv_2"]["kernel"], 25, 1, 1.73),
    (d["conv_0"]["kernel"], 25, 1, 1.73),
    (d["conv_1"]["kernel"], 25, 1, 1.73),
    (d["out"]["kernel"], 1, 1, 1.73),
  ):
    std, ratio = theirs.drawn(kernel)
    want = np.sqrt(gain / (size * np.mean(kernel.shape[-2:])))
    np.testing.assert_allclose(std, want, rtol=0.08)
    np.testing.assert_allclose(ratio, largest, rtol=0.05)


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
