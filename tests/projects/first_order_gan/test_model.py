"""The networks against their transcriptions, of text and of images."""

import jax
import numpy as np
import pytest

from common.errors import InputError
from projects.first_order_gan import model
from tests.common import gan_transcriptions as theirs

from .test_train import config_of

pytestmark = pytest.mark.slow


def normal(*shape):
  return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def close(got, want):
  np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


def begun(networks):
  """Both players, stirred, and averages that are not those of the start."""
  params, averages = jax.jit(networks.init_generator)(jax.random.key(0))
  averages = jax.tree.map(abs, theirs.stirred(averages, 1))
  critic = jax.jit(networks.init_critic)(jax.random.key(1))
  return theirs.stirred(params, 2), averages, theirs.stirred(critic, 3)


def test_images_are_of_ttur_s_dcgan_and_its_critic_has_no_norms():
  networks = model.networks(config_of("cifar10", image_size=32))
  params, averages, critic = begun(networks)
  z = normal(6, 100)
  of = lambda kept: np.tanh(
    theirs.dcgan_generator(theirs.doubles(params), z, 4, 2, True, 1e-5, kept)
  )
  x, moved = jax.jit(networks.generate)(params, averages, z)
  close(x, of(None))
  close(
    jax.jit(networks.sample)(params, averages, z), of(theirs.doubles(averages))
  )
  first = z @ params["dense"]["kernel"] + params["dense"]["bias"][None]
  mean = np.mean(first.reshape(-1, 16), 0)
  before = averages["norm_0"]["mean"]
  close(moved["norm_0"]["mean"], 0.9 * before + 0.1 * mean)
  images = np.asarray(x)
  want = theirs.dcgan_discriminator(
    theirs.doubles(critic), images, 4, "none", False, 0.0
  )
  close(jax.jit(networks.critic)(critic, images), want)
  assert "bias" in critic["conv_3"]


def test_image_networks_start_as_ttur_s():
  networks = model.networks(
    config_of("cifar10", "small", generator_features=64, critic_features=8)
  )
  params, _ = jax.jit(networks.init_generator)(jax.random.key(0))
  critic = jax.jit(networks.init_critic)(jax.random.key(1))
  for kernel in (params["dense"]["kernel"], params["deconv_1"]["kernel"]):
    std, ratio = theirs.drawn(kernel)
    np.testing.assert_allclose(std, 0.02, rtol=0.05)
    assert ratio > 3
  std, ratio = theirs.drawn(critic["conv_2"]["kernel"])
  np.testing.assert_allclose(std, 0.0176, rtol=0.05)  # Cut off at 0.04.
  assert ratio < 2.4


@pytest.mark.parametrize("kind", ["position", "channel", "none"])
def test_text_is_of_the_codes_networks(kind):
  noise = kind != "none"
  config = config_of("language", generator_norm=kind, noise_norm=noise)
  networks = model.networks(config)
  params, averages, critic = begun(networks)
  z = 0.1 * normal(5, 4)
  of = lambda kept: theirs.language_generator(
    theirs.doubles(params), z, 8, 1, kind, 1e-5, kept
  )
  x, _ = jax.jit(networks.generate)(params, averages, z)
  close(x, of(None))
  close(
    jax.jit(networks.sample)(params, averages, z), of(theirs.doubles(averages))
  )
  for name, act in (("relu", theirs.relu), ("elu", theirs.elu)):
    config.critic_activation = name
    got = jax.jit(model.networks(config).critic)(critic, x)
    want = theirs.language_critic(theirs.doubles(critic), np.asarray(x), 1, act)
    close(got, want)


def test_a_size_that_cannot_be_halved_four_times_is_refused():
  with pytest.raises(InputError, match="image_size is 28; the networks halve"):
    model.networks(config_of("cifar10", image_size=28))
