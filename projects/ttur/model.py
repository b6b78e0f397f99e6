"""The networks of the paper's code: DCGAN, WGAN-GP's ResNets, BEGAN's; an MLP.

A generator's moving averages, where it has batch norm, are kept in the state:
DCGAN's samples for the FID are normalised by them. WGAN-GP's code always takes
the batch at hand, when sampling, too.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common.errors import InputError
from common.gan import dcgan, mlp, resnet
from common.nn import convolution
from common.nn.batch_last import Conv

_TRUNCATED = nn.initializers.truncated_normal(0.02)  # of DCGAN's convolutions
_NORMAL = nn.initializers.normal(0.02)  # its other kernels


class Decoder(nn.Module):
  """BEGAN's generator and decoder, `[batch, z] -> [batch, size, size, c]`.

  Dense to 8x8; at each size two 3x3 convolutions with ELU, then pixels doubled;
  one more convolution at the end, without any last function.
  """

  filters: int
  size: int
  channels: int

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    a = resnet.glorot_dense(8 * 8 * self.filters, "dense")(z)
    a = convolution.batch_last(a.reshape(-1, 8, 8, self.filters))
    stages = int(math.log2(self.size // 8)) + 1
    for i in range(stages):
      for j in range(2):
        doubled = "up" if i and not j else ""
        conv = Conv(self.filters, 3, resample=doubled, name=f"conv_{i}_{j}")
        a = nn.elu(conv(a))
    a = Conv(self.channels, 3, name="conv")(a)
    return convolution.batch_first(a)


class Encoder(nn.Module):
  """BEGAN's encoder, `[batch, h, w, c] -> [batch, latent]`.

  Channels n, 2n, 3n, 4n; all but the last size end in a convolution of stride
  two.
  """

  filters: int
  latent: int

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    stages = int(math.log2(a.shape[1] // 8)) + 1
    a = convolution.batch_last(a)
    a = nn.elu(Conv(self.filters, 3, name="conv")(a))
    for i in range(stages):
      width = (i + 1) * self.filters
      for j in range(2):
        a = nn.elu(Conv(width, 3, name=f"conv_{i}_{j}")(a))
      if i < stages - 1:
        a = nn.elu(Conv(width, 3, 2, name=f"shrink_{i}")(a))
    a = convolution.batch_first(a)
    return resnet.glorot_dense(self.latent, "out")(a.reshape(len(a), -1))


class Autoencoder(nn.Module):
  """BEGAN's discriminator: images to images of the same shape."""

  filters: int
  latent: int

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    encoder = Encoder(self.filters, self.latent, name="encoder")
    side, channels = a.shape[1], a.shape[3]
    decoder = Decoder(self.filters, side, channels, name="decoder")
    return decoder(encoder(a))


class Network(NamedTuple):
  """A network as pure functions.

  Attributes:
    init: key -> parameters, averages (empty without batch norm).
    apply: parameters, averages, batch -> output, new averages; as in training.
    sample: parameters, averages, batch -> output; as for the FID.
  """

  init: Callable[[jax.Array], tuple[Any, Any]]
  apply: Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]
  sample: Callable[[Any, Any, jax.Array], jax.Array]


def networks(config: ml_collections.ConfigDict) -> tuple[Network, Network]:
  """Returns the generator and the discriminator that `config` describes.

  Raises:
    InputError: an image size that the networks cannot have; the 32-pixel quirk
      at another size or with a batch that four does not divide.
  """
  latents = jnp.zeros((4, config.latent_dim))
  if config.network == "mlp":
    points = jnp.zeros((4, 2))
    generator = mlp.MLP(tuple(config.widths), 2, config.activation, skip=True)
    discriminator = mlp.MLP(
      tuple(config.widths),
      1,
      config.activation,
      frequencies=config.frequencies,
      bandwidth=config.bandwidth,
    )
    return (
      _network(generator, latents),
      _network(discriminator, points, squeeze=True),
    )
  size, channels = config.image_size, config.image_channels
  images = jnp.zeros((4, size, size, channels))
  if size not in (32, 64):
    raise InputError(
      f"config.image_size is {size}; the paper's networks are for 32 and 64"
    )
  width = config.width
  if config.network == "dcgan":
    generator = dcgan.Generator(
      8 * width,
      start=size // 16,
      size=size,
      channels=channels,
      norm_first=True,
      epsilon=1e-5,
      momentum=0.9,
      dense_init=_NORMAL,
      kernel_init=_NORMAL,
      last_init=_NORMAL,
      output=jnp.tanh,
    )
    discriminator = dcgan.Discriminator(
      width,
      depth=4,
      norm="batch",
      norm_first=False,
      bias=True,
      epsilon=1e-5,
      kernel_init=_TRUNCATED,
      last_init=_NORMAL,
    )
    return (
      _network(generator, latents, averages=True),
      _network(discriminator, images),
    )
  if config.network == "resnet":
    quirk = config.four_samples_as_one
    if quirk and (size != 32 or config.batch_size % 4):
      raise InputError(
        "config.four_samples_as_one is for 32 pixels and batches of a multiple "
        f"of 4; config.image_size is {size} and config.batch_size "
        f"{config.batch_size}"
      )
    generator = resnet.Generator(width, size, channels)
    return _network(generator, latents), _network(
      resnet.Critic(width, quirk), images
    )
  return (
    _network(Decoder(width, size, channels), latents),
    _network(Autoencoder(width, config.latent_dim), images),
  )


def _network(module, example, averages=False, squeeze=False) -> Network:
  def init(key):
    variables = module.init(key, example)
    kept = variables.get("batch_stats", {}) if averages else {}
    return variables["params"], kept

  def apply(params, kept, batch):
    variables = {"params": params, "batch_stats": kept}
    # Others compute averages, too, which nobody asks for.
    if not averages:
      variables.pop("batch_stats")
    out, changed = module.apply(variables, batch, mutable=["batch_stats"])
    out = out[:, 0] if squeeze else out
    return out, changed["batch_stats"] if averages else kept

  def sample(params, kept, batch):
    if not averages:
      return apply(params, kept, batch)[0]
    variables = {"params": params, "batch_stats": kept}
    return module.apply(variables, batch, averages=True)

  return Network(init, apply, sample)


def sample(
  config: ml_collections.ConfigDict,
  params: Any,
  averages: Any,
  key: jax.Array,
  n: int,
  first_batch: jax.Array | int = 0,
) -> jax.Array:
  """Draws `[n, ...]` samples as the paper does for its FID.

  In batches of `config.sample_batch`, on which WGAN-GP's samples depend.

  Args:
    config: of the run.
    params: the generator's.
    averages: the generator's, of batch norm.
    key: typed key; the first k samples of it are the same for every n.
    n: how many.
    first_batch: leaves out that many batches, for drawing piece by piece.
  """
  generator, _ = networks(config)
  size = config.sample_batch

  def draw(i):
    z = latent(jax.random.fold_in(key, i), size, config)
    return generator.sample(params, averages, z)

  x = jax.lax.map(draw, first_batch + jnp.arange(-(-n // size)))
  return x.reshape(-1, *x.shape[2:])[:n]


def latent(
  key: jax.Array, n: int, config: ml_collections.ConfigDict
) -> jax.Array:
  """`[n, latent_dim]` from N(0, 1), or uniform in (-1, 1), by `config`."""
  shape = (n, config.latent_dim)
  if config.latent == "normal":
    return jax.random.normal(key, shape)
  return jax.random.uniform(key, shape, minval=-1.0, maxval=1.0)
