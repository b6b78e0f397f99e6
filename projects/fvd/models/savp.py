"""SAVP: a VAE and a GAN that share one generator of videos.

Lee, Zhang, Ebert, Abbeel, Finn and Levine, 2018, arXiv:1804.01523. A latent
vector per step comes from a posterior, or from the prior; a video discriminator
judges the videos of each. The widths in brackets are the paper's at 64x64.
"""

import functools
from typing import Any

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common import keys

from . import discriminator, feedback, layers
from .seam import Model
from .sv2p import divergence, ramp

GENERATOR, DISCRIMINATORS = "generator", "discriminators"
_SLOPE = 0.2  # Of the encoder's leaky ReLU.
_CLIP = 10.0  # Of log variances.
_INIT = nn.initializers.truncated_normal(0.02)


class Cell(nn.Module):
  """`(state, frame, first frame, z) -> state, the next frame`.

  Attributes:
    down: channels of the layers on the way down (32, 64, 128), each with a
      convolutional LSTM.
    up: on the way up (64, 32, 32); the last has no LSTM.
    kernels: how many move the last frame.
    kernel_size: odd.
    parts: gives the masks and the pictures that they choose from, too.
  """

  down: tuple[int, ...]
  up: tuple[int, ...]
  kernels: int
  kernel_size: int
  parts: bool = False

  @nn.compact
  def __call__(
    self, state: Any, frame: jax.Array, first: jax.Array, z: jax.Array
  ) -> tuple[Any, Any]:
    z_state, maps = state
    latent = layers.ConvLSTM(len(z), size=1, name="latent")
    z_state, z = latent(z_state, z[:, None, None])  # On a map of one pixel.
    z = z[:, 0, 0]
    old, new, levels = iter(maps), [], []

    def conv(x, features, size, name, halve=False):
      layer = layers.LatentConv(
        features, size, halve=halve, kernel_init=_INIT, name=name
      )
      return layer(x, z)

    def act(x, name):
      return nn.relu(layers.instance_norm(f"{name}_norm")(x))

    def lstm(x, features, name):
      cell = layers.ConvLSTM(
        features, normalise=True, kernel_init=_INIT, name=name
      )
      kept, h = cell(next(old), x, z)
      new.append(kept)
      return h

    x = jnp.concatenate([frame, first])
    for i, features in enumerate(self.down):
      x = conv(x, features, 3 if i else 5, f"down_{i}", halve=True)
      x = act(x, f"down_{i}")
      x = lstm(x, features, f"down_lstm_{i}")
      levels.append(x)
    bottom = levels.pop()
    for i, features in enumerate(self.up):
      if i:
        x = jnp.concatenate([x, levels.pop()])
      x = act(conv(layers.enlarge(x), features, 3, f"up_{i}"), f"up_{i}")
      if i < len(self.up) - 1:
        x = lstm(x, features, f"up_lstm_{i}")

    size = self.kernel_size
    flat = bottom.reshape(-1, bottom.shape[-1]).T
    dense = nn.Dense(self.kernels * size**2, kernel_init=_INIT, name="kernels")
    raw = dense(flat).T.reshape(self.kernels, size, size, -1)
    middle = jnp.zeros((1, size, size, 1)).at[0, size // 2, size // 2].set(1.0)
    kernels = layers.unit_kernels(raw + middle)
    moved = layers.warp(frame, kernels, "symmetric")

    last = self.up[-1]
    plain = functools.partial(layers.Conv, size=3, kernel_init=_INIT)
    # Two convolutions of the same map as one; z is in none of the heads.
    heads = plain(2 * last, name="heads")
    s, m = jnp.split(act(heads(x), "heads"), 2)
    scratch = nn.sigmoid(plain(3, name="scratch")(s))
    choice = jnp.concatenate([moved, jnp.stack([frame, first, scratch])])
    pictures = choice.reshape(-1, *frame.shape[1:])
    m = plain(len(choice), name="masks")(jnp.concatenate([m, pictures]))
    masks = nn.softmax(m, axis=0)
    made = layers.compose(masks, choice)
    if self.parts:
      return (z_state, tuple(new)), (made, masks, choice)
    return (z_state, tuple(new)), made


class Encoder(nn.Module):
  """Pairs of frames `[6, h, w, b] -> mean, log variance [latent, b]`.

  Attributes:
    widths: channels (64, 128, 256).
    latent: numbers of z.
  """

  widths: tuple[int, ...]
  latent: int

  @nn.compact
  def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    for i, width in enumerate(self.widths):
      x = layers.Conv(
        width, 4, 2, padding=1, kernel_init=_INIT, name=f"conv_{i}"
      )(x)
      if i:
        x = layers.instance_norm(f"norm_{i}")(x)
      x = nn.leaky_relu(x, _SLOPE)
    x = x.mean((1, 2)).T
    mean = nn.Dense(self.latent, kernel_init=_INIT, name="mean")(x)
    spread = nn.Dense(self.latent, kernel_init=_INIT, name="log_variance")(x)
    return mean.T, jnp.clip(spread, -_CLIP, _CLIP).T


def cell_of(config: ml_collections.ConfigDict) -> Cell:
  """The cell of a config."""
  return Cell(
    tuple(config.down),
    tuple(config.up),
    config.kernels,
    config.kernel_size,
  )


def begin(config: ml_collections.ConfigDict, batch: int) -> Any:
  """The state of all LSTMs, zeros."""
  side, maps = config.image_size, []
  for features in tuple(config.down):
    side //= 2
    maps.append(layers.blank(features, side, batch))
  for features in tuple(config.up)[:-1]:
    side *= 2
    maps.append(layers.blank(features, side, batch))
  return layers.blank(config.latent_dim, 1, batch), tuple(maps)


def posterior(
  config: ml_collections.ConfigDict, params: Any, frames: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Mean and log variance of each step's z, `[t - 1, latent, b]`."""
  t, _, h, w, b = frames.shape
  pairs = jnp.concatenate([frames[:-1], frames[1:]], axis=1)
  flat = pairs.transpose(1, 2, 3, 0, 4).reshape(-1, h, w, (t - 1) * b)
  encoder = Encoder(tuple(config.encoder_widths), config.latent_dim)
  found = encoder.apply({"params": params}, flat)
  unfold = lambda a: a.reshape(-1, t - 1, b).transpose(1, 0, 2)
  return unfold(found[0]), unfold(found[1])


def unfold(
  config: ml_collections.ConfigDict,
  params: Any,
  frames: jax.Array,
  use: jax.Array,
  z: jax.Array,
) -> jax.Array:
  """Predicts all frames but the first.

  Args:
    config: of the model.
    params: of the cell.
    frames: `[t, c, h, w, b]`.
    use: bool [t, b]; see `feedback.rollout`.
    z: `[t, latent, b]`.
  """
  cell, first = cell_of(config), frames[0]

  def move(state, frame, z):
    return cell.apply({"params": params}, state, frame, first, z)

  state = begin(config, frames.shape[-1])
  return feedback.rollout(move, state, frames, use, z, config.remat)


def clips(
  config: ml_collections.ConfigDict, key: jax.Array, x: jax.Array
) -> jax.Array:
  """What a discriminator sees of each video, from a start of its own.

  Args:
    config: has `discriminator_frames`.
    key: of the starts.
    x: `[t, c, h, w, b]`.

  Returns:
    `[discriminator_frames, c, h, w, b]`.
  """
  n = config.discriminator_frames
  starts = jax.random.randint(key, x.shape[-1:], 0, len(x) - n + 1)
  cut = lambda one, start: jax.lax.dynamic_slice_in_dim(one, start, n)
  return jax.vmap(cut, (-1, 0), -1)(x, starts)


def model(config: ml_collections.ConfigDict) -> Model:
  """SAVP at the config's size."""
  shape = (config.discriminator_frames, 3, *(config.image_size,) * 2)

  def init(key):
    name = lambda part: keys.named(key, part)
    frame = jnp.zeros((3, config.image_size, config.image_size, 1))
    z = jnp.zeros((config.latent_dim, 1))
    cell = cell_of(config).init(name("cell"), begin(config, 1), frame, frame, z)
    encoder = Encoder(tuple(config.encoder_widths), config.latent_dim)
    pair = jnp.concatenate([frame, frame])
    judges = {
      part: discriminator.network(config).init(
        name(part), jnp.zeros((*shape, 1))
      )
      for part in ("vae", "gan")
    }
    return {
      "params": {
        GENERATOR: {
          "cell": cell["params"],
          "encoder": encoder.init(name("encoder"), pair)["params"],
        },
        DISCRIMINATORS: {part: d["params"] for part, d in judges.items()},
      },
      "stats": {
        DISCRIMINATORS: {part: d["stats"] for part, d in judges.items()}
      },
    }

  def make(generator, video, key, step):
    """Both rollouts, and the posterior's moments."""
    frames = feedback.to_frames(video)
    t, b = len(frames), frames.shape[-1]
    name = lambda part: keys.named(key, part)
    mean, log_variance = posterior(config, generator["encoder"], frames)
    noise = jax.random.normal(name("posterior"), mean.shape)
    z = mean + jnp.exp(0.5 * log_variance) * noise
    prior = jax.random.normal(name("prior"), z.shape)
    given = (jnp.arange(t - 1) < config.context - 1)[:, None, None]
    # Both rollouts at once, side by side along the batch.
    use = feedback.independent(
      name("feedback"),
      step,
      config.sampling_k,
      config.context,
      t - 1,
      2 * b,
    )
    twice = jnp.concatenate([frames, frames], axis=-1)
    z = jnp.concatenate([z, jnp.where(given, z, prior)], axis=-1)
    made = unfold(config, generator["cell"], twice[:-1], use, z)
    return {"vae": made[..., :b], "gan": made[..., b:]}, (mean, log_variance)

  def loss(variables, video, key, step, player, made):
    params, stats = variables["params"], variables["stats"]
    made, (mean, log_variance) = made
    frames = feedback.to_frames(video)
    judge = discriminator.network(config)

    def judged(part, x, mutable=False):
      own = {
        "params": params[DISCRIMINATORS][part],
        "stats": stats[DISCRIMINATORS][part],
      }
      clip = clips(config, keys.named(key, f"clip_{part}"), x)
      return judge.apply(own, clip, mutable=mutable)

    weights = {"vae": config.vae_gan_weight, "gan": config.gan_weight}
    if player == DISCRIMINATORS:
      value, kept = 0.0, {}
      for part, weight in weights.items():
        real, moved = judged(part, frames[1:], ["stats"])
        fake = judged(part, made[part])
        value += weight * discriminator.own_loss(real, fake)
        kept[part] = moved["stats"]
      return value, ({"discriminator_loss": value}, {DISCRIMINATORS: kept})
    l1 = jnp.abs(made["vae"] - frames[1:]).mean()
    kl = divergence(mean, log_variance).sum(1).mean()
    kl_weight = config.kl_weight * ramp(step, config.kl_start, config.kl_ramp)
    value = config.l1_weight * l1 + kl_weight * kl
    for part, weight in weights.items():
      fooled = discriminator.generator_loss(judged(part, made[part]))
      value += weight * fooled
    metrics = {"loss": value, "l1": l1, "kl": kl, "kl_weight": kl_weight}
    return value, (metrics, stats)

  def predict(variables, context, key, steps):
    generator = variables["params"][GENERATOR]
    seen = feedback.to_frames(context)
    frames, use = feedback.extended(seen, steps)
    shape = config.latent_dim, frames.shape[-1]
    z = jax.random.normal(keys.named(key, "prior"), (steps, *shape))
    if len(seen) > 1:
      mean, log_variance = posterior(config, generator["encoder"], seen)
      noise = jax.random.normal(keys.named(key, "posterior"), mean.shape)
      known = mean + jnp.exp(0.5 * log_variance) * noise
      z = jnp.concatenate([known, z])
    made = unfold(config, generator["cell"], frames, use, z)
    return feedback.to_video(made[len(seen) - 1 :])

  return Model((DISCRIMINATORS, GENERATOR), init, make, loss, predict)
