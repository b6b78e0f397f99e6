"""SVP-FP: a latent vector per frame, drawn at test from a fixed prior.

Denton and Fergus, 2018, arXiv:1802.07687. A VGG-like encoder and decoder, whose
skip connections come from the last frame of the context; between them vectors,
and three LSTMs. In training only vectors pass through time: frames are encoded
and decoded apart, each normalised by moments of its own.
"""

import functools
from typing import Any

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common import keys
from common.nn.batch_last import doubled

from . import feedback, layers
from .seam import Model, nothing
from .sv2p import divergence

PLAYER = "model"
_SLOPE = 0.2  # Of the leaky ReLU.
_NORMAL = nn.initializers.normal(0.02)


class Encoder(nn.Module):
  """`[3, h, w, b] -> a vector [b, g]`, and the map of each scale for skips.

  Attributes:
    widths: channels at each scale, each of half the size of the one before.
    convs: convolutions at each scale.
    features: g.
    train: see `layers.BatchNorm`.
    xla: see `Conv`.
  """

  widths: tuple[int, ...]
  convs: tuple[int, ...]
  features: int
  train: bool
  xla: bool = False

  @nn.compact
  def __call__(self, x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    skips = []
    conv = functools.partial(layers.Conv, kernel_init=_NORMAL, xla=self.xla)
    for s, (width, convs) in enumerate(
      zip(self.widths, self.convs, strict=True)
    ):
      for i in range(convs):
        name = f"scale_{s}_{i}"
        x = conv(width, 3, name=name)(x)
        x = layers.BatchNorm(self.train, name=f"{name}_norm")(x)
        x = nn.leaky_relu(x, _SLOPE)
      skips.append(x)
      x = layers.pool(x)
    side = x.shape[1]
    x = conv(self.features, side, padding=0, name="out")(x)
    x = layers.BatchNorm(self.train, name="out_norm")(x)
    return jnp.tanh(x[:, 0, 0]).T, tuple(skips)


class Decoder(nn.Module):
  """A vector `[b, g]` and the encoder's skips -> `[3, h, w, b]` in 0..1.

  Attributes:
    widths, convs, train, xla: the encoder's.
    side: of the map that the vector becomes.
  """

  widths: tuple[int, ...]
  convs: tuple[int, ...]
  side: int
  train: bool
  xla: bool = False

  @nn.compact
  def __call__(
    self, vector: jax.Array, skips: tuple[jax.Array, ...]
  ) -> jax.Array:
    def act(x, name):
      x = layers.BatchNorm(self.train, name=f"{name}_norm")(x)
      return nn.leaky_relu(x, _SLOPE)

    x = vector.T[:, None, None, :]
    deconv = layers.Deconv(
      self.widths[-1], self.side, valid=True, kernel_init=_NORMAL, name="in"
    )
    x = act(deconv(x), "in")
    for s in reversed(range(len(self.widths))):
      x = jnp.concatenate([doubled(x), skips[s]])
      outs = [self.widths[s]] * self.convs[s]
      outs[-1] = self.widths[s - 1] if s else 0  # The last is the picture's.
      for i, width in enumerate(outs):
        if width:
          name = f"scale_{s}_{i}"
          conv = layers.Conv(
            width, 3, xla=self.xla, kernel_init=_NORMAL, name=name
          )
          x = act(conv(x), name)
    out = layers.Deconv(3, 3, kernel_init=_NORMAL, name="out")(x)
    return nn.sigmoid(out)


_dense = functools.partial(nn.Dense, kernel_init=_NORMAL)


def _lstm(hidden: int, name: str) -> nn.OptimizedLSTMCell:
  """An LSTM that begins as PyTorch's, uniform within 1 / sqrt(hidden).

  Its bias is the sum of the two that PyTorch has.
  """
  uniform = nn.initializers.uniform
  side = 2 * hidden**-0.5

  def centred(key, shape, dtype):
    return uniform(side)(key, shape, dtype) - side / 2

  return nn.OptimizedLSTMCell(
    hidden,
    kernel_init=centred,
    recurrent_kernel_init=centred,
    bias_init=lambda key, shape, dtype: centred(key, (2, *shape), dtype).sum(0),
    name=name,
  )


class Posterior(nn.Module):
  """`(state, vector [b, g]) -> state, (mean, log variance [b, z])`."""

  hidden: int
  latent: int

  @nn.compact
  def __call__(self, state: Any, vector: jax.Array) -> tuple[Any, Any]:
    x = _dense(self.hidden, name="in")(vector)
    state, x = _lstm(self.hidden, name="lstm")(state, x)
    mean = _dense(self.latent, name="mean")(x)
    return state, (mean, _dense(self.latent, name="log_variance")(x))


class Predictor(nn.Module):
  """`(states, vector [b, g], z [b, z]) -> states, the next vector [b, g]`."""

  hidden: int
  features: int

  @nn.compact
  def __call__(
    self, states: Any, vector: jax.Array, z: jax.Array
  ) -> tuple[Any, jax.Array]:
    x = jnp.concatenate([vector, z], axis=1)
    x = _dense(self.hidden, name="in")(x)
    new = []
    for i, state in enumerate(states):
      state, x = _lstm(self.hidden, name=f"lstm_{i}")(state, x)
      new.append(state)
    return tuple(new), jnp.tanh(_dense(self.features, name="out")(x))


def skip_index(t: int | jax.Array, context: int) -> Any:
  """Which frame's maps frame t is decoded with: the last of the context.

  Inside the context that before t. The authors' code stops one frame earlier,
  by mistake (edenton/svg, issue 1).
  """
  return jnp.minimum(t - 1, context - 1)


def at_once(config: ml_collections.ConfigDict) -> bool:
  """Whether a training step takes all frames at once, on CPUs too.

  So it does outside of a loop over the steps of a call: there XLA's own
  convolutions, told `xla_options.convolutions()`, take four fifths of the
  time and half of the memory.
  """
  return config.steps_per_call == 1


def model(config: ml_collections.ConfigDict) -> Model:
  """SVP-FP at the config's size."""
  widths, convs = tuple(config.widths), tuple(config.convs)
  side = config.image_size >> len(widths)
  posterior = Posterior(config.hidden, config.latent_dim)
  predictor = Predictor(config.hidden, config.features)

  each_frame = functools.partial(layers.each, at_once=at_once(config))

  def encoder(train):
    xla = train and at_once(config)  # Predictions stand in a loop.
    return Encoder(widths, convs, config.features, train, xla)

  def decoder(train):
    return Decoder(widths, convs, side, train, train and at_once(config))

  def begin(b):
    zeros = jnp.zeros((b, config.hidden))
    return (zeros, zeros), ((zeros, zeros),) * 2

  def init(key):
    name = lambda part: keys.named(key, part)
    frame = jnp.zeros((3, config.image_size, config.image_size, 2))
    (vector, skips), e = encoder(True).init_with_output(name("encoder"), frame)
    d = decoder(True).init(name("decoder"), vector, skips)
    p_state, f_states = begin(2)
    z = jnp.zeros((2, config.latent_dim))
    p = posterior.init(name("posterior"), p_state, vector)
    f = predictor.init(name("predictor"), f_states, vector, z)
    params = {
      "encoder": e["params"],
      "decoder": d["params"],
      "posterior": p["params"],
      "predictor": f["params"],
    }
    stats = {"encoder": e["stats"], "decoder": d["stats"]}
    return {"params": {PLAYER: params}, "stats": {PLAYER: stats}}

  def parts(variables):
    params, stats = variables["params"][PLAYER], variables["stats"][PLAYER]
    image = {
      name: {"params": params[name], "stats": stats[name]} for name in stats
    }
    infer = lambda *a: posterior.apply({"params": params["posterior"]}, *a)
    advance = lambda *a: predictor.apply({"params": params["predictor"]}, *a)
    return image, infer, advance

  def loss(variables, video, key, step, player=PLAYER, made=()):
    del step, player  # No schedule; one player.
    image, infer, advance = parts(variables)
    frames = feedback.to_frames(video)
    t, b = len(frames), frames.shape[-1]
    encode = functools.partial(
      encoder(True).apply, image["encoder"], mutable=["stats"]
    )
    (vectors, skips), new_e = each_frame(encode, frames)
    noise = jax.random.normal(key, (t - 1, b, config.latent_dim))

    def move(states, now):
      p_state, f_states = states
      before, after, epsilon = now
      p_state, (mean, log_variance) = infer(p_state, after)
      z = mean + jnp.exp(0.5 * log_variance) * epsilon
      f_states, guess = advance(f_states, before, z)
      return (p_state, f_states), (guess, divergence(mean, log_variance))

    _, (guesses, kls) = jax.lax.scan(
      move, begin(b), (vectors[:-1], vectors[1:], noise)
    )
    index = skip_index(jnp.arange(1, t), config.context)

    skips = tuple(skip[index] for skip in skips)
    decode = functools.partial(
      decoder(True).apply, image["decoder"], mutable=["stats"]
    )
    if config.remat:
      decode = jax.checkpoint(decode)
    made, new_d = each_frame(decode, guesses, skips)
    # Sums over time, the context's frames too.
    mse = ((made - frames[1:]) ** 2).mean((1, 2, 3, 4)).sum()
    kl = kls.sum() / b
    value = mse + config.kl_weight * kl
    stats = {"encoder": new_e["stats"], "decoder": new_d["stats"]}
    stats = jax.tree.map(lambda moved: moved.mean(0), stats)
    metrics = {"loss": value, "mse": mse / (t - 1), "kl": kl}
    return value, (metrics, {PLAYER: stats})

  def predict(variables, context, key, steps):
    image, infer, advance = parts(variables)
    frames = feedback.to_frames(context)
    c, b = context.shape[1], context.shape[0]
    encode = lambda x: encoder(False).apply(image["encoder"], x)
    decode = lambda v, s: decoder(False).apply(image["decoder"], v, s)
    p_state, f_states = begin(b)
    vector, skips = encode(frames[0])
    # In the context z is the posterior's mean, and nothing is decoded.
    for t in range(1, c):
      after, skips = encode(frames[t])
      p_state, (mean, _) = infer(p_state, after)
      f_states, _ = advance(f_states, vector, mean)
      vector = after

    def move(carry, z):
      f_states, frame = carry
      vector, _ = encode(frame)
      f_states, guess = advance(f_states, vector, z)
      made = decode(guess, skips)
      return (f_states, made), made

    noise = jax.random.normal(key, (steps, b, config.latent_dim))
    _, made = jax.lax.scan(move, (f_states, frames[-1]), noise)
    return feedback.to_video(made)

  return Model((PLAYER,), init, nothing, loss, predict)
