"""Generators and discriminators: an MLP for points, DCGAN type for images.

The latter are "my" and "my-big" in the authors' code: a norm on every layer but
the generator's first and last, and an output of 1.7159 tanh(2x / 3).

Batch normalisation always uses the statistics of the batch at hand, when
sampling too, as in the authors' code: there are no running averages, and so the
parameters are the whole state of a network. A sample thus depends (weakly) on
the batch it is drawn in; `sample.py` draws in batches of the training size.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common.errors import InputError
from common.gan import dcgan
from common.gan.mlp import MLP

# The authors' code names an initialiser for the generator's hidden layers alone
# (factor 2 of both fans, cut off at two standard deviations), although leaky
# ReLUs follow in the discriminator, too: all else has TensorFlow's default.
_hidden_init = nn.initializers.variance_scaling(
  2.0, "fan_avg", "truncated_normal"
)
_default_init = nn.initializers.glorot_uniform()
_EPSILON = 1e-3  # of batch norms: TensorFlow's default, in the authors' code


class Network(NamedTuple):
  """A network as two pure functions."""

  init: Callable[[jax.Array], Any]  # key -> parameters
  apply: Callable[[Any, jax.Array], jax.Array]  # parameters, batch -> batch


def networks(config: ml_collections.ConfigDict) -> tuple[Network, Network]:
  """Returns the generator and the discriminator that `config` describes.

  The generator maps latents `[batch, latent_dim]` to data, the discriminator
  data to one number a sample, `[batch]`.

  Raises:
    InputError: an image size that is not 4 times a power of two.
  """
  latents = jnp.zeros((1, config.latent_dim))
  if config.network == "mlp":
    generator = MLP(
      tuple(config.generator_widths),
      config.data_dim,
      config.generator_activation,
      config.generator_steepness,
      skip=True,
    )
    discriminator = MLP(
      tuple(config.discriminator_widths),
      1,
      config.discriminator_activation,
      frequencies=config.discriminator_frequencies,
      bandwidth=config.discriminator_bandwidth,
    )
    return (
      _network(generator, latents),
      _network(discriminator, jnp.zeros((1, config.data_dim)), scalar=True),
    )
  size = config.image_size
  if size < 8 or size & (size - 1):
    raise InputError(
      f"config.image_size is {size}; the networks need a power of two from 8 on"
    )
  images = jnp.zeros((1, size, size, config.image_channels))
  generator = dcgan.Generator(
    config.generator_features,  # the paper: 1024, at 4x4
    start=4,
    size=size,
    channels=config.image_channels,
    norm_first=False,
    epsilon=_EPSILON,
    momentum=0.0,  # of averages that nobody asks for
    dense_init=_default_init,
    kernel_init=_hidden_init,
    last_init=_default_init,
    output=_scaled_tanh,
  )
  discriminator = dcgan.Discriminator(
    config.discriminator_features,  # the paper: 128
    discriminator_depth(config),
    config.discriminator_norm,
    # A layer norm behind a convolution without bias does not see how large its
    # input is: an image of half the contrast would be the same image.
    norm_first=config.discriminator_norm == "batch",
    bias=False,
    epsilon=_EPSILON,
    kernel_init=_default_init,
    last_init=_default_init,
  )
  return _network(generator, latents), _network(discriminator, images)


def _scaled_tanh(a):
  # The data's range [-1, 1] lies in its linear part.
  return 1.7159 * jnp.tanh(2.0 / 3.0 * a)


def sample(
  config: ml_collections.ConfigDict,
  params: Any,
  key: jax.Array,
  n: int,
  first_batch: chex.Numeric = 0,
) -> jax.Array:
  """Draws `[n, ...]` samples, in batches of the training size, all at once.

  Args:
    config: of the run.
    params: the generator's parameters.
    key: typed key; the first k samples of it are the same for every n.
    n: how many.
    first_batch: leaves out that many batches, for drawing piece by piece.
  """
  generator, _ = networks(config)
  size = config.batch_size

  def draw(i):
    z = jax.random.normal(jax.random.fold_in(key, i), (size, config.latent_dim))
    return generator.apply(params, z)

  x = jax.lax.map(draw, first_batch + jnp.arange(-(-n // size)))
  return x.reshape(-1, *x.shape[2:])[:n]


def discriminator_depth(config: ml_collections.ConfigDict) -> int:
  """How many convolutions the image discriminator has.

  By `config.discriminator_depth`: "image_size" counts down to 4x4; "batch_size"
  is the authors' code, which takes log2(batch / 8), so that 32-pixel images end
  at 2x2 with their batch of 128, and another batch size is another network.
  """
  if config.discriminator_depth == "batch_size":
    return max(1, int(math.log2(config.batch_size // 8)))
  return int(math.log2(config.image_size // 4))


def _network(module, example, scalar=False):
  def init(key):
    return module.init(key, example)["params"]

  def apply(params, batch):
    # "mutable" lets batch norm compute its running averages, dropped here.
    out, _ = module.apply({"params": params}, batch, mutable=["batch_stats"])
    return out[:, 0] if scalar else out

  return Network(init, apply)
