"""PPO whose policy moves by redistributed reward, too (arXiv:1806.07857).

One update: a rollout, as in ppo.py; its first episodes go to the lessons
buffer; the LSTM learns from that to predict returns; the differences of its
predictions along the rollout, compensated, are the redistributed reward; and
the policy's advantage is mixed from it and PPO's own, as far as each episode's
prediction can be trusted. The value is learnt from the original reward.

Every rollout begins with fresh episodes and is at least as long as one can be
(`config.restart`): a first episode is always seen whole, and nothing is carried
over a rollout's border. The last episode of an environment may be cut by the
border; its return is not known, its quality is 0, and PPO's advantage counts.
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
import optax
from jax import numpy as jnp

from common import keys
from common.errors import InputError

from .. import lessons_buffer, losses, mixing, proximal
from . import delayed_reward, model, ppo, sequences


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, updates done
  learner: ppo.State
  model: Any  # of the returns
  model_optimizer: optax.OptState
  lessons: lessons_buffer.Lessons
  mean_return: jax.Array  # running mean, scaled as the rewards


@flax.struct.dataclass
class Episode:
  """A lesson: leaves `[time, ...]`, padded behind `length`."""

  observation: jax.Array  # [time, features] float32
  action: jax.Array  # [time] int32
  length: jax.Array  # int32
  episode_return: jax.Array  # float32, scaled


def optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam with L2, as in the authors' demonstration, gradients clipped."""
  return optax.chain(
    optax.clip_by_global_norm(config.lstm_max_grad_norm),
    optax.add_decayed_weights(config.lstm_weight_decay),
    optax.adam(config.lstm_learning_rate),
  )


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first update; vmap over `key` if you like.

  Raises:
    InputError: see `ppo.init`; or rollouts that may begin within an episode.
  """
  if not config.restart:
    raise InputError(
      "RUDDER explains whole episodes: set config.restart = True, and "
      "config.rollout_steps to the length of an episode or more"
    )
  env, params = delayed_reward.make(config)
  learner = ppo.init(keys.named(key, "learner"), config)
  features = learner.observation[0].size
  time = delayed_reward.episode_steps(params)
  blank = Episode(
    observation=jax.ShapeDtypeStruct((time, features), jnp.float32),
    action=jax.ShapeDtypeStruct((time,), jnp.int32),
    length=jax.ShapeDtypeStruct((), jnp.int32),
    episode_return=jax.ShapeDtypeStruct((), jnp.float32),
  )
  actions = delayed_reward.action_count(env, params)
  weights = model.return_model(config).init(
    keys.named(key, "model"), jnp.zeros((1, 1, features + actions))
  )
  return State(
    step=jnp.int32(0),
    learner=learner,
    model=weights,
    model_optimizer=optimizer(config).init(weights),
    lessons=lessons_buffer.create(config.lessons, blank),
    mean_return=jnp.float32(0),
  )


def advantage(
  config: ml_collections.ConfigDict,
  own: jax.Array,
  prediction: jax.Array,
  rollout: ppo.Rollout,
  mean_return: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """(1 - share) A + share (q RR + (1 - q) A), `[time, envs]`.

  RR is smoothed backward by `config.trace`. The authors take it raw; with
  `config.standardise` it has the mean and the spread of A, which a reward of
  any scale is then worth.

  Returns:
    The advantage, the redistributed reward before smoothing, and the quality.
  """
  start = sequences.starts(rollout.end)
  expected = jnp.sum(jnp.where(start, prediction, 0.0)) / jnp.sum(start)
  reward, quality = sequences.redistribute(
    prediction,
    rollout.reward,
    rollout.end,
    mean_return,
    config.quality_threshold,
    config.reward_scale,
    expected if config.standardise else 0.0,
  )
  zero = jnp.zeros_like(reward)
  smooth = proximal.advantages(
    reward, zero, zero, rollout.end, rollout.end, config.trace, 1.0
  )
  if config.standardise:
    known = sequences.spread(jnp.ones_like(reward), rollout.end)
    mean = losses.masked_mean(smooth, known > 0)
    variance = losses.masked_mean((smooth - mean) ** 2, known > 0)
    smooth = (smooth - mean) / (jnp.sqrt(variance) + 1e-8)
  mixed = mixing.advantage_mix(own, smooth, quality, config.share)
  return mixed, reward, quality


def first_episodes(rollout: ppo.Rollout, time: int) -> Episode:
  """Each environment's first episode: leaves `[envs, ...]`."""
  inside = jnp.cumsum(rollout.end, axis=0) - rollout.end == 0
  within = lambda leaf: jnp.swapaxes(leaf[:time], 0, 1)
  observation = rollout.observation
  observation = observation.reshape(*observation.shape[:2], -1)
  return Episode(
    observation=within(observation).astype(jnp.float32),
    action=within(rollout.action).astype(jnp.int32),
    length=jnp.sum(inside, axis=0, dtype=jnp.int32),
    episode_return=jnp.sum(jnp.where(inside, rollout.reward, 0.0), axis=0),
  )


def longest(end: jax.Array, time: int) -> jax.Array:
  """Steps of the longest first episode; NaN if one has not ended by `time`."""
  steps = jnp.max(jnp.argmax(end[:time], axis=0)) + 1
  return jnp.where(jnp.all(jnp.any(end[:time], axis=0)), steps, jnp.nan)


def make_lesson_losses(
  config: ml_collections.ConfigDict, actions: int
) -> Callable[[Any, Episode], jax.Array]:
  """Returns `of(weights, episodes) -> [batch]`: main + weighted auxiliary."""
  network = model.return_model(config)

  def of(weights, played):
    observation = jnp.swapaxes(played.observation, 0, 1)
    action = jnp.swapaxes(played.action, 0, 1)
    steps = jnp.arange(len(action))[:, None]
    x = sequences.inputs(
      observation, action, steps == 0, actions, config.delta_scale
    )
    _, g = network.apply(weights, x)
    mask = jnp.broadcast_to(steps < played.length[None], g.shape)
    return jax.vmap(losses.return_loss, (1, 0, 1, None))(
      g, played.episode_return, mask, config.auxiliary_weight
    )

  return of


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure; `batch` is not used.

  As `ppo.make_train_step`; and `quality`, the mean over the rollout's steps,
  `lesson_loss`, of the model on what it learnt from, `redistributed`, the mean
  size of a step's redistributed reward, and `episode_steps`, see `longest`.
  """
  env, params = delayed_reward.make(config)
  actions = delayed_reward.action_count(env, params)
  network = model.actor_critic(config, actions)
  predictor = model.return_model(config)
  apply = lambda w, observation: network.apply(w, ppo.flat(observation))
  lesson_losses = make_lesson_losses(config, actions)
  adam = optimizer(config)
  time = delayed_reward.episode_steps(params)

  def learn(weights, opt, buffer, key):
    """Some updates of the return model from lessons."""

    def once(carry, key):
      weights, opt, buffer = carry
      which = lessons_buffer.sample(
        buffer, key, config.lstm_batch, config.lessons_temperature
      )
      batch = lessons_buffer.take(buffer, which)

      def objective(weights):
        each = lesson_losses(weights, batch)
        return jnp.mean(each), each

      grads, each = jax.grad(objective, has_aux=True)(weights)
      updates, opt = adam.update(grads, opt, weights)
      weights = optax.apply_updates(weights, updates)
      return (weights, opt, lessons_buffer.relearnt(buffer, which, each)), each

    ks = jax.random.split(key, config.lstm_updates)
    return jax.lax.scan(once, (weights, opt, buffer), ks)

  def step(state, batch):
    del batch
    learner = state.learner
    key = jax.random.fold_in(learner.key, state.step)
    policy = lambda observation: apply(learner.params, observation)
    start = ppo.begin(config, env, params, learner, key)
    now, rollout = ppo.play(
      config, env, params, policy, start, key, config.rollout_steps
    )
    whole = first_episodes(rollout, time)
    earned = jnp.mean(whole.episode_return)
    decay = jnp.where(state.step == 0, 0.0, config.return_decay)
    mean_return = decay * state.mean_return + (1.0 - decay) * earned

    found = lesson_losses(state.model, whole)
    insert = lambda buffer, new: (lessons_buffer.insert(buffer, *new), None)
    buffer, _ = jax.lax.scan(insert, state.lessons, (whole, found))
    (weights, opt, buffer), each = learn(
      state.model, state.model_optimizer, buffer, keys.named(key, "lessons")
    )

    seen = rollout.observation.reshape(*rollout.action.shape, -1)
    begin = sequences.starts(rollout.end)
    x = sequences.inputs(
      seen, rollout.action, begin, actions, config.delta_scale
    )
    g = sequences.predict(
      lambda x, carry: predictor.apply(weights, x, carry),
      x,
      begin,
      config.lstm_features,
    )
    own, target = ppo.estimate(config, policy, rollout)
    # A return that is always the same has nothing to be decomposed.
    varied = varies(buffer)
    mixed, reward, quality = advantage(
      config, proximal.standardised(own), g, rollout, mean_return
    )
    mixed = jnp.where(varied, mixed, proximal.standardised(own))
    learner, metrics = ppo.improve(
      config, apply, learner, now, rollout, mixed, target, key
    )
    state = State(
      step=state.step + 1,
      learner=learner,
      model=weights,
      model_optimizer=opt,
      lessons=buffer,
      mean_return=mean_return,
    )
    return state, metrics | {
      "quality": jnp.mean(quality) * varied,
      "lesson_loss": jnp.mean(each),
      "redistributed": jnp.mean(jnp.abs(reward)),
      "episode_steps": longest(rollout.end, time),
    }

  return step


def varies(buffer: lessons_buffer.Lessons) -> jax.Array:
  """Whether the lessons' returns differ, a bool scalar."""
  filled = jnp.arange(len(buffer.loss)) < buffer.count
  returns = buffer.episodes.episode_return
  low = jnp.min(jnp.where(filled, returns, jnp.inf))
  high = jnp.max(jnp.where(filled, returns, -jnp.inf))
  return high - low > 1e-6 * jnp.maximum(jnp.abs(high), 1e-6)


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any = None
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`; see ppo.py."""
  evaluate = ppo.make_evaluate(config, real)
  return lambda state, key: evaluate(state.learner, key)
