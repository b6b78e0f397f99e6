"""The networks: pictures to slots, slots to pictures or to properties."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common.errors import InputError
from common.nn import slot_attention

_glorot = nn.initializers.glorot_uniform()


class Encoder(nn.Module):
  """Convolutions, positions, and a small MLP at every place.

  `[batch, height, width, channels] -> [batch, places, d]`, with d the features
  of the last convolution.
  """

  features: tuple[int, ...]
  kernels: tuple[int, ...]
  strides: tuple[int, ...]
  norm_epsilon: float

  @nn.compact
  def __call__(self, a: jax.Array) -> jax.Array:
    layers = zip(self.features, self.kernels, self.strides, strict=True)
    for i, layer in enumerate(layers):
      a = nn.relu(slot_attention.Conv(*layer, name=f"conv_{i}")(a))
    a = slot_attention.SoftPositionEmbedding(name="position")(a)
    a = a.reshape(a.shape[0], -1, a.shape[-1])  # [batch, places, d]
    a = nn.LayerNorm(epsilon=self.norm_epsilon, name="norm")(a)
    return _mlp(a, (a.shape[-1], a.shape[-1]), "mlp")


class SlotMLP(nn.Module):
  """The baseline without attention: all places to all slots by one MLP.

  The number of slots is fixed. Returns no attention, as `[0, batch, n, k]`.
  """

  hidden: int

  @nn.compact
  def __call__(self, inputs, noise, iterations):
    del iterations
    batch, k, d = noise.shape
    a = inputs.reshape(batch, -1)  # [batch, places * channels]
    slots = _mlp(a, (self.hidden, k * d), "mlp").reshape(batch, k, d)
    return slots, jnp.zeros((0, batch, inputs.shape[1], k))


class AutoEncoder(nn.Module):
  """Object discovery: a picture as a sum of the slots' pictures, masked."""

  encoder: nn.Module
  grouping: nn.Module
  decoder: nn.Module

  def __call__(
    self, images: jax.Array, noise: jax.Array, iterations: int
  ) -> dict[str, jax.Array]:
    """Takes `[batch, h, w, c]` and noise `[batch, k, d]` apart.

    Returns:
      reconstruction `[batch, h, w, c]`; pictures `[batch, k, h, w, c]` and
      masks `[batch, k, h, w]` of the slots, the masks summing to 1; slots
      `[batch, k, d]`; attention `[iterations, batch, places, k]`.
    """
    batch, k, d = noise.shape
    slots, attention = self.grouping(self.encoder(images), noise, iterations)
    decoded = self.decoder(slots.reshape(batch * k, d))  # [batch * k, h, w, 4]
    decoded = decoded.reshape(batch, k, *decoded.shape[1:])
    pictures, logits = decoded[..., :-1], decoded[..., -1]
    masks = jax.nn.softmax(logits, axis=1)  # Over slots.
    return {
      "reconstruction": jnp.einsum("bkhw,bkhwc->bhwc", masks, pictures),
      "pictures": pictures,
      "masks": masks,
      "slots": slots,
      "attention": attention,
    }


class SetPredictor(nn.Module):
  """Properties of a set of objects: a small MLP on every slot."""

  encoder: nn.Module
  grouping: nn.Module
  hidden: int
  properties: int

  @nn.compact
  def __call__(
    self, images: jax.Array, noise: jax.Array, iterations: int
  ) -> dict[str, jax.Array]:
    """Returns predictions `[batch, k, properties]` in [0, 1], and attention."""
    slots, attention = self.grouping(self.encoder(images), noise, iterations)
    logits = _mlp(slots, (self.hidden, self.properties), "head")
    return {"predictions": jax.nn.sigmoid(logits), "attention": attention}


class Network(NamedTuple):
  """A network as two pure functions."""

  init: Callable[[jax.Array], Any]  # key -> parameters
  # parameters, images, noise, iterations -> outputs
  apply: Callable[[Any, jax.Array, jax.Array, int], dict[str, jax.Array]]


def network(config: ml_collections.ConfigDict) -> Network:
  """Returns the network that `config` describes.

  Raises:
    InputError: a decoder that does not end at the pictures' size; fewer slots
      than objects.
  """
  check_slots(config.slots, config.max_objects)
  module = _module(config)
  example = jnp.zeros((1, config.image_size, config.image_size, 3))
  noise = jnp.zeros((1, config.slots, config.slot_dim))

  def init(key):
    return module.init(key, example, noise, 1)["params"]

  def apply(params, images, noise, iterations):
    if images.shape[1:] != example.shape[1:]:
      raise InputError(
        f"images are {images.shape[1:]}, and the network was made for "
        f"{example.shape[1:]} (height, width, RGB): resize them"
      )
    fixed = config.grouping == "slot_mlp" or config.initial == "learned"
    if fixed and noise.shape[1] != config.slots:
      raise InputError(
        f"{noise.shape[1]} slots were asked of a network that has learned "
        f"{config.slots}, one by one: only Gaussian slots can be more or fewer"
      )
    return module.apply({"params": params}, images, noise, iterations)

  return Network(init, apply)


def check_slots(slots: int, objects: int) -> None:
  """Raises InputError where `slots` cannot hold `objects`.

  In discovery one more is usual, for the background; slots may also share it.
  """
  if slots < objects:
    raise InputError(
      f"{slots} slots cannot hold up to {objects} objects: set config.slots "
      f"(or eval_slots) to {objects} or more"
    )


def _module(config):
  encoder = Encoder(
    tuple(config.encoder_features),
    tuple(config.encoder_kernels),
    tuple(config.encoder_strides),
    config.norm_epsilon,
  )
  if config.grouping == "slot_mlp":
    grouping = SlotMLP(config.slot_mlp_hidden)
  else:
    grouping = slot_attention.SlotAttention(
      config.mlp_hidden,
      config.attention_epsilon,
      config.norm_epsilon,
      config.softmax,
      config.aggregation,
      config.gru,
      config.initial,
    )
  if config.task == "set_prediction":
    return SetPredictor(encoder, grouping, config.slot_dim, config.properties)
  size = config.decoder_grid
  for stride in config.decoder_strides:
    size *= stride
  if size != config.image_size:
    raise InputError(
      f"the decoder ends at {size} pixels, and images have "
      f"config.image_size = {config.image_size}: change config.decoder_grid"
    )
  decoder = slot_attention.SpatialBroadcastDecoder(
    (config.decoder_grid, config.decoder_grid),
    tuple(config.decoder_features),
    tuple(config.decoder_kernels),
    tuple(config.decoder_strides),
  )
  return AutoEncoder(encoder, grouping, decoder)


def _mlp(a, widths, name):
  for i, width in enumerate(widths):
    a = nn.Dense(width, kernel_init=_glorot, name=f"{name}_{i}")(a)
    a = nn.relu(a) if i < len(widths) - 1 else a
  return a
