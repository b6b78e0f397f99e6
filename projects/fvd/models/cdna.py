"""CDNA: the last frame moved by kernels, and masks that compose it.

Finn, Goodfellow and Levine, 2016, arXiv:1605.07157, without actions. Channels
below are those of the paper's width 32 at 64x64; a map's size is in brackets.
"""

from typing import Any

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common import keys

from . import feedback, layers
from .seam import Model, nothing

PLAYER = "model"
LEVELS = 8  # The smallest map has an eighth of a frame's side.


class Cell(nn.Module):
  """`(state, frame, z) -> state, the next frame`; all `[c, h, w, b]`.

  Attributes:
    width: channels of the first layer; all others are multiples of it.
    kernels: how many are made; masks are one more, and the last kernel, for
      which none is left, is never used: so in the authors' code and in both
      that follow it.
    kernel_size: odd.
    parts: gives the masks and the moved frames, too.
  """

  width: int
  kernels: int
  kernel_size: int
  parts: bool = False

  @nn.compact
  def __call__(
    self, state: Any, frame: jax.Array, z: jax.Array | None = None
  ) -> tuple[Any, Any]:
    w, new = self.width, []
    old = iter(state)

    def lstm(x, features, name):
      kept, h = layers.ConvLSTM(features, name=name)(next(old), x)
      new.append(kept)
      return layers.layer_norm(f"{name}_norm")(h)

    def conv(x, features, size, stride, name):
      return layers.Conv(features, size, stride, name=name)(x)

    def deconv(x, features, name):
      return layers.Deconv(features, 3, 2, name=name)(x)

    norm = lambda x, name: nn.relu(layers.layer_norm(name)(x))
    e0 = norm(conv(frame, w, 5, 2, "conv_0"), "conv_0_norm")  # 32 [32].
    x = lstm(lstm(e0, w, "lstm_1"), w, "lstm_2")
    e1 = nn.relu(conv(x, w, 3, 2, "conv_1"))  # 32 [16].
    x = lstm(lstm(e1, 2 * w, "lstm_3"), 2 * w, "lstm_4")
    x = nn.relu(conv(x, 2 * w, 3, 2, "conv_2"))  # 64 [8].
    if z is not None:
      x = jnp.concatenate([x, z])
    x = nn.relu(conv(x, 2 * w, 1, 1, "conv_3"))
    bottom = lstm(x, 4 * w, "lstm_5")  # 128 [8].
    x = nn.relu(deconv(bottom, 4 * w, "deconv_4"))
    x = jnp.concatenate([lstm(x, 2 * w, "lstm_6"), e1])  # 96 [16].
    x = nn.relu(deconv(x, 3 * w, "deconv_5"))
    x = jnp.concatenate([lstm(x, w, "lstm_7"), e0])  # 64 [32].
    # 64 [64]. No ReLU, as in the authors' code since their commit 8699e3b.
    e6 = layers.layer_norm("deconv_6_norm")(deconv(x, 2 * w, "deconv_6"))

    scratch = nn.sigmoid(conv(e6, 3, 1, 1, "scratch"))
    masks = nn.softmax(conv(e6, self.kernels + 1, 1, 1, "masks"), axis=0)
    size = self.kernel_size
    flat = bottom.reshape(-1, bottom.shape[-1]).T  # [b, 128 * 8 * 8].
    head = nn.Dense(
      self.kernels * size**2,
      kernel_init=nn.initializers.glorot_uniform(),
      name="kernels",
    )
    raw = head(flat).T.reshape(self.kernels, size, size, -1)
    kernels = layers.unit_kernels(raw)[: self.kernels - 1]
    moved = layers.warp(frame, kernels, "constant")
    choice = jnp.concatenate([jnp.stack([frame, scratch]), moved])
    made = layers.compose(masks, choice)
    if self.parts:
      return tuple(new), (made, masks, choice)
    return tuple(new), made


def cell_of(config: ml_collections.ConfigDict) -> Cell:
  """The cell of a config."""
  return Cell(config.width, config.kernels, config.kernel_size)


def begin(config: ml_collections.ConfigDict, batch: int) -> Any:
  """The state of the seven convolutional LSTMs, zeros."""
  w, side = config.width, config.image_size
  sizes = ((w, 2), (w, 2), (2 * w, 4), (2 * w, 4))
  sizes += ((4 * w, 8), (2 * w, 4), (w, 2))
  return tuple(layers.blank(c, side // part, batch) for c, part in sizes)


def init_cell(
  key: jax.Array, config: ml_collections.ConfigDict, z: jax.Array | None
) -> Any:
  """The cell's parameters; `z` as one clip has it."""
  frame = jnp.zeros((3, config.image_size, config.image_size, 1))
  return cell_of(config).init(key, begin(config, 1), frame, z)["params"]


def unfold(
  config: ml_collections.ConfigDict,
  params: Any,
  frames: jax.Array,
  use: jax.Array,
  z: jax.Array | None = None,
) -> jax.Array:
  """Predicts all frames but the first; z is the same at all times.

  Args:
    config: of the model.
    params: of the cell.
    frames: `[t, c, h, w, b]`.
    use: bool [t, b]; see `feedback.rollout`.
    z: `[1, h / 8, w / 8, b]`, or None.
  """
  cell = cell_of(config)
  move = lambda state, frame, _: cell.apply({"params": params}, state, frame, z)
  state = begin(config, frames.shape[-1])
  return feedback.rollout(move, state, frames, use, None, config.remat)


def sampling(
  config: ml_collections.ConfigDict,
  frames: jax.Array,
  key: jax.Array,
  step: jax.Array,
) -> jax.Array:
  """Who sees the true frame in training, bool [t - 1, b]; scheduled."""
  t, b = len(frames), frames.shape[-1]
  key = keys.named(key, "feedback")
  k, context = config.sampling_k, config.context
  return feedback.exact(key, step, k, context, t - 1, b)


def error(
  config: ml_collections.ConfigDict, made: jax.Array, frames: jax.Array
) -> jax.Array:
  """The mean squared error of the frames after the context.

  Args:
    config: has `context`.
    made: `[t - 1, ...]`, of frames 1 .. t - 1.
    frames: `[t, ...]` the true ones.
  """
  c = config.context
  return jnp.mean((made[c - 1 :] - frames[c:]) ** 2)


def model(config: ml_collections.ConfigDict) -> Model:
  """CDNA at the config's size."""

  def init(key):
    return {"params": {PLAYER: init_cell(key, config, None)}, "stats": {}}

  def loss(variables, video, key, step, player=PLAYER, made=()):
    frames = feedback.to_frames(video)
    use = sampling(config, frames, key, step)
    made = unfold(config, variables["params"][player], frames[:-1], use)
    value = error(config, made, frames)
    return value, ({"loss": value}, {})

  def predict(variables, context, key, steps):
    del key  # Nothing is left to chance.
    frames, use = feedback.extended(feedback.to_frames(context), steps)
    made = unfold(config, variables["params"][PLAYER], frames, use)
    return feedback.to_video(made[context.shape[1] - 1 :])

  return Model((PLAYER,), init, nothing, loss, predict)
