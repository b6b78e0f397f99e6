"""The two players' networks: characters, or images of the DCGAN type.

A generator has moving averages of its batch norms beside its parameters: it
trains with the statistics of the batch at hand, and samples are drawn with the
averages, as in the code.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common.errors import InputError
from common.gan import dcgan, language

from . import data

# DCGAN's initialisers, as TTUR's code has them (arXiv:1706.08500).
_normal = nn.initializers.normal(0.02)
# The deviation is that before the cut, as TensorFlow's is.
_truncated = nn.initializers.truncated_normal(0.02)


class Networks(NamedTuple):
  """The generator and the critic as pure functions."""

  init_generator: Callable[[jax.Array], tuple[Any, Any]]  # -> params, averages
  # params, averages, latents -> samples, the averages moved on.
  generate: Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]
  # The same by the averages: each sample is its own.
  sample: Callable[[Any, Any, jax.Array], jax.Array]
  init_critic: Callable[[jax.Array], Any]
  critic: Callable[[Any, jax.Array], jax.Array]  # params, samples -> [n]


def networks(config: ml_collections.ConfigDict) -> Networks:
  """Returns the networks that `config` describes.

  Raises:
    InputError: an image size that is not 16 times a power of two; a text that
      cannot be read, since it says how many characters there are.
  """
  latents = jnp.zeros((1, config.latent_dim))
  if config.network == "characters":
    shape = (config.length, len(data.text_of(config).characters))
    generator = language.Generator(
      config.generator_features,
      *shape,
      config.blocks,
      config.generator_norm,
      config.noise_norm,
      config.norm_epsilon,
      config.norm_momentum,
    )
    critic = language.Critic(
      config.critic_features, config.blocks, config.critic_activation
    )
    return _networks(generator, latents, critic, jnp.zeros((1, *shape)))
  size, channels = config.image_size, config.image_channels
  if size < 16 or size & (size - 1):
    raise InputError(
      f"config.image_size is {size}; the networks halve it four times: it can "
      "be a power of two from 16 on"
    )
  generator = dcgan.Generator(
    features=config.generator_features,
    start=size // 16,
    size=size,
    channels=channels,
    norm_first=True,
    epsilon=config.norm_epsilon,
    momentum=config.norm_momentum,
    dense_init=_normal,
    kernel_init=_normal,
    last_init=_normal,
    output=jnp.tanh,
  )
  critic = dcgan.Discriminator(
    features=config.critic_features,
    depth=4,
    norm="none",
    norm_first=False,
    bias=True,
    epsilon=config.norm_epsilon,
    kernel_init=_truncated,
    last_init=_normal,
  )
  images = jnp.zeros((1, size, size, channels))
  return _networks(generator, latents, critic, images)


def _networks(generator, latents, critic, samples):
  def init_generator(key):
    found = generator.init(key, latents)
    return found["params"], found.get("batch_stats", {})

  def generate(params, averages, z):
    variables = {"params": params, "batch_stats": averages}
    x, moved = generator.apply(variables, z, mutable=["batch_stats"])
    return x, moved.get("batch_stats", averages)

  def sample(params, averages, z):
    variables = {"params": params, "batch_stats": averages}
    return generator.apply(variables, z, True)

  return Networks(
    init_generator,
    generate,
    sample,
    lambda key: critic.init(key, samples)["params"],
    lambda params, x: critic.apply({"params": params}, x),
  )
