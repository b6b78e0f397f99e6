"""SV2P: CDNA with one latent map per video, learned in three phases.

Babaeizadeh, Finn, Erhan, Campbell and Levine, 2018, arXiv:1710.11252. The
posterior sees the whole video, past and future; at test the map is noise.
"""

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common import keys

from . import cdna, feedback, layers
from .cdna import LEVELS, PLAYER
from .seam import Model, nothing

_LEAST_LOG_VARIANCE = -5.0  # So that sigma is .082 at least.


class Posterior(nn.Module):
  """`[t, c, h, w, b] -> mean, log variance [1, h / 8, w / 8, b]`.

  Attributes:
    width: channels of the first layer.
  """

  width: int

  @nn.compact
  def __call__(self, frames: jax.Array) -> tuple[jax.Array, jax.Array]:
    x = frames.reshape(-1, *frames.shape[2:])  # All frames, as channels.
    for i, (features, stride) in enumerate(
      ((self.width, 2), (2 * self.width, 2), (2 * self.width, 1))
    ):
      x = layers.Conv(features, 3, stride, name=f"conv_{i}")(x)
      x = nn.relu(layers.layer_norm(f"norm_{i}")(x))
    mean = layers.Conv(1, 3, 2, name="mean")(x)
    raised = nn.relu(layers.Conv(1, 3, 2, name="log_variance")(x))
    return mean, raised + _LEAST_LOG_VARIANCE


def divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
  """KL(N(mean, variance) || N(0, 1)), each number's own."""
  return 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance)


def ramp(step: jax.Array, start: int, length: int) -> jax.Array:
  """0 before `start`, then rising to 1 over `length` steps (0: at once)."""
  return jnp.clip((step - start + (length == 0)) / max(length, 1), 0.0, 1.0)


def latent(
  config: ml_collections.ConfigDict,
  mean: jax.Array,
  log_variance: jax.Array,
  noise: jax.Array,
  step: jax.Array,
) -> jax.Array:
  """z: noise alone in the first phase, then of the posterior."""
  drawn = mean + jnp.exp(0.5 * log_variance) * noise
  return jnp.where(step < config.noise_steps, noise, drawn)


def model(config: ml_collections.ConfigDict) -> Model:
  """SV2P at the config's size."""
  posterior = Posterior(config.width)
  side = config.image_size // LEVELS

  def init(key):
    frames = jnp.zeros((config.frames, 3, *(config.image_size,) * 2, 1))
    z = jnp.zeros((1, side, side, 1))
    tower = posterior.init(keys.named(key, "posterior"), frames)["params"]
    cell = cdna.init_cell(keys.named(key, "cell"), config, z)
    return {
      "params": {PLAYER: {"cell": cell, "posterior": tower}},
      "stats": {},
    }

  def loss(variables, video, key, step, player=PLAYER, made=()):
    params = variables["params"][player]
    frames = feedback.to_frames(video)
    b = frames.shape[-1]
    noise = jax.random.normal(keys.named(key, "latent"), (1, side, side, b))
    mean, log_variance = posterior.apply(
      {"params": params["posterior"]}, frames
    )
    z = latent(config, mean, log_variance, noise, step)
    use = cdna.sampling(config, frames, key, step)
    made = cdna.unfold(config, params["cell"], frames[:-1], use, z)
    mse = cdna.error(config, made, frames)
    kl = divergence(mean, log_variance).sum() / b
    weight = config.kl_weight * ramp(step, config.kl_start, config.kl_ramp)
    value = mse + weight * kl
    metrics = {"loss": value, "mse": mse, "kl": kl, "kl_weight": weight}
    return value, (metrics, {})

  def predict(variables, context, key, steps):
    params = variables["params"][PLAYER]
    frames, use = feedback.extended(feedback.to_frames(context), steps)
    z = jax.random.normal(key, (1, side, side, context.shape[0]))
    made = cdna.unfold(config, params["cell"], frames, use, z)
    return feedback.to_video(made[context.shape[1] - 1 :])

  return Model((PLAYER,), init, nothing, loss, predict)
