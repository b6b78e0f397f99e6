"""The reward model of Atari episodes: time code, targets, chunks, attribution.

After the authors' Atari code, which is of version 1 of arXiv:1806.07857: an
episode is cut into chunks that overlap by half, and in each the model predicts
the chunk's reward; integrated gradients say which steps it was predicted from.
"""

from typing import Any

import chex
import flax.struct
import jax
import ml_collections
import numpy as np
import optax
from jax import numpy as jnp

from common.errors import check_choice

from .. import losses, mixing, proximal, redistribution
from . import actors, model
from .games import STACK

Weights = Any


@flax.struct.dataclass
class Chunk:
  """A stretch of an episode: leaves `[time, ...]`, padded behind (`sizes`)."""

  stack: jax.Array  # uint8 [time, 84, 84, 4], what was seen before acting
  action: jax.Array  # int32
  reward: jax.Array  # float32
  log_prob: jax.Array  # float32, log pi(a) of then, at temperature 1
  later: jax.Array  # float32 [time, 2], two of the targets; see `targets`
  mask: jax.Array  # bool
  final: jax.Array  # bool, scalar: the episode's end is within


def time_code(
  t: jax.Array, longest: int, span: int, code: str = "fixed"
) -> jax.Array:
  """Triangles over time, `[..., 2 * longest / span + 1]`.

  Node k is 1 at t = k span / 2 and falls to 0 at its neighbours; always two
  nodes share a time, and their sum is 1.

  Args:
    t: whole numbers; what is later than `longest` is as `longest`.
    longest: 10,000 in the authors' code; a multiple of half a span.
    span: from 0 to 0 of a triangle, even; 500 there: 41 nodes.
    code: "fixed"; or "original": in the first half of each span after the first
      the share has the wrong sign, and 600 is coded as 1.4 and -0.4.
  """
  check_choice("time_code", code, ("fixed", "original"))
  half, nodes = span // 2, time_nodes(longest, span)
  t = jnp.minimum(t, longest)
  left = t // half
  share = (t - left * half) / half
  if code == "original":
    share = jnp.where((t >= span) & (t % span < half), -share, share)
  share = share[..., None]
  # At the last node there is no next one: all of a row of zeros is nothing.
  here, after = (jax.nn.one_hot(left + k, nodes) for k in range(2))
  return (1.0 - share) * here + share * after


def time_nodes(longest: int, span: int) -> int:
  """How long a time code is."""
  return longest // (span // 2) + 1


def later_rewards(reward: np.ndarray, ahead: int) -> np.ndarray:
  """What an episode still pays, float32 `[length, 2]`, of rewards `[length]`.

  The mean of the next `ahead` rewards (10 in the authors' code), that of the
  step itself included, and the sum of those after it.
  """
  so_far = np.cumsum(np.pad(reward, (1, ahead)), dtype=np.float32)
  soon = (so_far[ahead:] - so_far[:-ahead])[: len(reward)] / ahead
  return np.stack([soon, so_far[-1] - so_far[1 : len(reward) + 1]], axis=1)


def targets(chunk: Chunk) -> jax.Array:
  """What the four outputs predict at every step of a chunk: `[time, 4]`.

  The chunk's reward; the episode's `later_rewards`, two; the chunk's so far.
  """
  so_far = jnp.cumsum(jnp.where(chunk.mask, chunk.reward, 0.0))[:, None]
  total = jnp.full_like(so_far, so_far[-1, 0])
  return jnp.concatenate([total, chunk.later, so_far], axis=1)


def inputs(
  config: ml_collections.ConfigDict,
  policy: model.AtariPolicy,
  predictor: model.AtariReturnModel,
  policy_weights: Weights,
  weights: Weights,
  chunk: Chunk,
) -> jax.Array:
  """What the LSTM sees: own and the policy's features, action, time code.

  The time is the chunk's, as in the authors' code.
  """
  steps = jnp.arange(len(chunk.mask))
  time = time_code(
    steps, config.time_longest, config.time_span, config.time_code
  )
  return jnp.concatenate(
    [
      model.seen(predictor, weights, chunk.stack),
      model.seen(policy, policy_weights, chunk.stack),
      jax.nn.one_hot(chunk.action, policy.actions),
      time,
    ],
    axis=1,
  )


def loss(
  config: ml_collections.ConfigDict,
  policy: model.AtariPolicy,
  predictor: model.AtariReturnModel,
  policy_weights: Weights,
  weights: Weights,
  chunk: Chunk,
) -> tuple[jax.Array, jax.Array]:
  """Main squared error + mean of the three auxiliary ones + L1.

  Returns:
    The loss with L1, and without.
  """
  x = inputs(config, policy, predictor, policy_weights, weights, chunk)
  error = predictor.apply(weights, x) - targets(chunk)
  squared = error**2
  main = losses.last(squared[:, 0], chunk.mask)
  auxiliary = jnp.mean(
    jax.vmap(losses.masked_mean, (1, None))(squared[:, 1:], chunk.mask)
  )
  value = main + config.auxiliary_weight * auxiliary
  l1 = sum(jnp.sum(jnp.abs(leaf)) for leaf in jax.tree.leaves(weights))
  return value + config.l1_penalty * l1, value


def smooth_backward(reward: jax.Array, trace: chex.Numeric) -> jax.Array:
  """r_t + trace * r_{t+1} + trace^2 * r_{t+2} + ..., `[time]`.

  An eligibility trace for rewards that are put down a few steps late.
  """

  def step(later, r):
    total = r + trace * later
    return total, total

  _, smooth = jax.lax.scan(step, jnp.zeros(()), reward, reverse=True)
  return smooth


def explain(
  config: ml_collections.ConfigDict,
  policy: model.AtariPolicy,
  predictor: model.AtariReturnModel,
  policy_weights: Weights,
  weights: Weights,
  chunk: Chunk,
  mean_return: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """Redistributes a chunk's reward, and says how far that can be trusted.

  By `config.contributions`: "differences" of the prediction, or
  "integrated_gradients" of the LSTM's forward terms, from zero on. What is
  explained is the mean of the outputs for the chunk's reward and for the reward
  so far, which are one at its last step (the authors take the sum); the quality
  is of the first alone. The gradients are taken where there is quality, and
  believed if they are complete up to 20%, but never in the last
  `config.steps_cut` steps.

  The arguments are those of `inputs`, and the running mean of the returns of
  episodes.

  Returns:
    The redistributed reward `[time]`, which is the chunk's own where the
    gradients are not believed, and the quality (0: not to be used).
  """
  x = inputs(config, policy, predictor, policy_weights, weights, chunk)
  net = predictor.apply(weights, x, method="net_inputs")

  predict = lambda net: predictor.apply(weights, net, method="from_net_inputs")
  both = lambda y: 0.5 * (y[:, 0] + y[:, 3])
  end = lambda net: losses.last(both(predict(net)), chunk.mask)
  y = predict(net)
  total = jnp.sum(jnp.where(chunk.mask, chunk.reward, 0.0))
  prediction = losses.last(y[:, 0], chunk.mask)
  quality = mixing.quality(
    prediction, total, mean_return, config.quality_threshold
  )
  if config.contributions == "differences":
    reward = redistribution.redistribute(both(y), total, chunk.mask)
  else:
    part = jax.lax.cond(
      quality != 0,
      lambda: redistribution.integrated_gradients(end, net, config.ig_points),
      lambda: jnp.zeros(len(net)),
    )
    explained = losses.last(both(y), chunk.mask) - end(jnp.zeros_like(net))
    share = jnp.sum(part) / explained
    left = jnp.cumsum(chunk.mask[::-1])[::-1]
    part = jnp.where(chunk.mask & (left > config.steps_cut), part, 0.0)
    reward = redistribution.compensate(part, total, chunk.mask)
    believed = (share > 0.8) & (share < 1.2)
    reward = jnp.where(believed, reward, chunk.reward)
    quality = jnp.where(believed, quality, 0.0)
  smooth = smooth_backward(reward, config.trace)
  return jnp.where(chunk.mask, smooth, 0.0), quality


def make_learn(
  config: ml_collections.ConfigDict,
  policy: model.AtariPolicy,
  predictor: model.AtariReturnModel,
):
  """Returns the jitted update of the reward model on one chunk.

  `learn(weights, moments, policy_weights, chunk) -> weights, moments, loss`.
  """
  adam = optimizer(config)

  @jax.jit
  def learn(weights, moments, policy_weights, chunk):
    objective = lambda w: loss(
      config, policy, predictor, policy_weights, w, chunk
    )
    grads, value = jax.grad(objective, has_aux=True)(weights)
    updates, moments = adam.update(grads, moments)
    return optax.apply_updates(weights, updates), moments, value

  return learn


def optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam, gradients clipped."""
  return optax.chain(
    optax.clip_by_global_norm(config.max_grad_norm),
    optax.adam(config.lstm_learning_rate),
  )


def beginnings(length: int, chunk: int) -> list[int]:
  """Where the 2n - 1 chunks of an episode begin, half a chunk apart."""
  n = -(-length // chunk)
  return [i * (chunk // 2) for i in range(2 * n - 1)]


def sizes(config: ml_collections.ConfigDict) -> tuple[int, int]:
  """How long chunks are: half of `chunk_steps` if that will do, or all.

  Programs are compiled for each; both are whole minibatches.
  """
  parts, whole = int(config.minibatches), int(config.chunk_steps)
  return min(-(-whole // (2 * parts)) * parts, whole), whole


def chunks(
  config: ml_collections.ConfigDict, lesson: actors.Lesson
) -> list[tuple[int, Chunk]]:
  """Cuts a lesson up: where each chunk begins, and the chunk."""
  lesson = jax.tree.map(np.asarray, lesson)
  length = int(lesson.length)
  later = np.zeros((len(lesson.reward), 2), np.float32)
  later[:length] = later_rewards(lesson.reward[:length], config.steps_ahead)
  half, whole = sizes(config)
  cut = []
  for begin in beginnings(length, whole):
    size = half if begin + half >= length else whole
    ts = begin + np.arange(size)
    mask = ts < length
    at = np.minimum(ts, len(lesson.action) - 1)
    frames = [lesson.frames[at + k] for k in range(STACK)]
    zero = lambda leaf: (leaf[at].T * mask).T.astype(leaf.dtype)
    chunk = Chunk(
      stack=np.stack(frames, axis=-1),
      action=zero(lesson.action),
      reward=zero(lesson.reward),
      log_prob=zero(lesson.log_prob),
      later=zero(later),
      mask=mask,
      final=np.bool_(begin + size >= length),
    )
    cut.append((begin, chunk))
  return cut


def mixed(
  config: ml_collections.ConfigDict,
  own: jax.Array,
  redistributed: jax.Array,
  quality: jax.Array,
  mask: jax.Array,
) -> jax.Array:
  """A standardised, mixed with the redistributed reward as it is: `[time]`."""
  mean = losses.masked_mean(own, mask)
  spread = jnp.sqrt(losses.masked_mean((own - mean) ** 2, mask)) + 1e-8
  return mixing.advantage_mix(
    (own - mean) / spread, redistributed, quality, config.share
  )


def advantages(
  config: ml_collections.ConfigDict, value: jax.Array, chunk: Chunk
) -> jax.Array:
  """GAE of the original reward in a chunk, `[time]` as the values V(s_t).

  Where the episode goes on after it, V of its last state stands for the rest.
  """
  last = jnp.arange(len(value)) == jnp.sum(chunk.mask) - 1
  after = jnp.where(last, value, jnp.roll(value, -1))
  return proximal.advantages(
    chunk.reward[:, None],
    value[:, None],
    after[:, None],
    (last & chunk.final)[:, None],
    last[:, None],
    config.gamma,
    config.gae_lambda,
  )[:, 0]
