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

from .. import delay, lessons, losses, redistribution
from . import model, ppo


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, updates done
  learner: ppo.State
  model: Any  # of the returns
  model_optimizer: optax.OptState
  lessons: lessons.Lessons
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
  env, params = delay.make(config)
  learner = ppo.init(keys.named(key, "learner"), config)
  features = learner.observation[0].size
  time = delay.episode_steps(params)
  blank = Episode(
    observation=jax.ShapeDtypeStruct((time, features), jnp.float32),
    action=jax.ShapeDtypeStruct((time,), jnp.int32),
    length=jax.ShapeDtypeStruct((), jnp.int32),
    episode_return=jax.ShapeDtypeStruct((), jnp.float32),
  )
  weights = model.return_model(config).init(
    keys.named(key, "model"), jnp.zeros((1, 1, features + env.num_actions))
  )
  return State(
    step=jnp.int32(0),
    learner=learner,
    model=weights,
    model_optimizer=optimizer(config).init(weights),
    lessons=lessons.create(config.lessons, blank),
    mean_return=jnp.float32(0),
  )


def inputs(
  observation: jax.Array,
  action: jax.Array,
  start: jax.Array,
  actions: int,
  scale: float,
) -> jax.Array:
  """What the model sees of a step: Delta s_t and a_t.

  Args:
    observation: `[time, batch, features]`.
    action: `[time, batch]`.
    start: `[time, batch]` bool, an episode's first step: s_{-1} is 0.
    actions: how many there are.
    scale: on the differences.

  Returns:
    `[time, batch, features + actions]`.
  """
  before = jnp.concatenate([jnp.zeros_like(observation[:1]), observation[:-1]])
  delta = observation - jnp.where(start[..., None], 0.0, before)
  return jnp.concatenate(
    [scale * delta, jax.nn.one_hot(action, actions)], axis=-1
  )


def predict(
  apply: Callable[[jax.Array, Any], tuple[Any, jax.Array]],
  x: jax.Array,
  start: jax.Array,
  features: int,
) -> jax.Array:
  """g_t along sequences in which episodes follow each other, `[time, batch]`.

  Args:
    apply: the return model, on inputs `[1, batch, inputs]` and a carry.
    x: `[time, batch, inputs]`.
    start: `[time, batch]` bool: the memory is empty there.
    features: of the memory.
  """

  def once(carry, now):
    x, start = now
    carry = jax.tree.map(lambda c: jnp.where(start[:, None], 0.0, c), carry)
    carry, g = apply(x[None], carry)
    return carry, g[0]

  zeros = jnp.zeros((x.shape[1], features))
  return jax.lax.scan(once, (zeros, zeros), (x, start))[1]


def starts(end: jax.Array) -> jax.Array:
  """Where episodes begin, given where they end: `[time, batch]` bool."""
  first = jnp.ones_like(end[:1])
  return jnp.concatenate([first, end[:-1]])


def running(values: jax.Array, start: jax.Array) -> jax.Array:
  """Sums of `values` from each episode's start to here, `[time, batch]`."""

  def once(total, now):
    value, start = now
    total = value + jnp.where(start, 0.0, total)
    return total, total

  return jax.lax.scan(once, jnp.zeros_like(values[0]), (values, start))[1]


def spread(values: jax.Array, end: jax.Array) -> jax.Array:
  """Tells every step what `values` is at its episode's end: `[time, batch]`.

  0 where the end is not within.
  """

  def once(later, now):
    value, end = now
    here = jnp.where(end, value, later)
    return here, here

  blank = jnp.zeros_like(values[0])
  return jax.lax.scan(once, blank, (values, end), reverse=True)[1]


def redistribute(
  prediction: jax.Array,
  reward: jax.Array,
  end: jax.Array,
  mean_return: jax.Array,
  threshold: float,
  scale: float = 1.0,
  baseline: jax.Array | float = 0.0,
) -> tuple[jax.Array, jax.Array]:
  """Differences of predictions, compensated, in a whole rollout.

  What `redistribution` does for one episode, for all that follow each other:
  `[time, batch]` arrays.

  Args:
    prediction: g_t.
    reward: as it was paid.
    end: bool, last steps of episodes.
    mean_return: running mean of returns, a scalar.
    threshold: see `redistribution.quality`.
    scale: of the rewards; the quality is told of them without it.
    baseline: g_{-1}. 0 keeps the return; what is expected of any episode gives
      the first step its own part only.

  Returns:
    The redistributed reward, and each episode's quality at its steps; both are
    0 in an episode that the rollout does not see end.
  """
  start = starts(end)
  before = jnp.concatenate([prediction[:1], prediction[:-1]])
  contribution = prediction - jnp.where(start, baseline, before)
  total = running(reward, start)
  steps = running(jnp.ones_like(reward), start)
  finished = spread(jnp.ones_like(reward), end)
  error = spread((total - prediction) / steps, end)
  quality = redistribution.quality(
    prediction / scale, total / scale, mean_return / scale, threshold
  )
  return finished * (contribution + error), spread(quality, end)


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
  start = starts(rollout.end)
  expected = jnp.sum(jnp.where(start, prediction, 0.0)) / jnp.sum(start)
  reward, quality = redistribute(
    prediction,
    rollout.reward,
    rollout.end,
    mean_return,
    config.quality_threshold,
    config.reward_scale,
    expected if config.standardise else 0.0,
  )
  zero = jnp.zeros_like(reward)
  smooth = ppo.advantages(
    reward, zero, zero, rollout.end, rollout.end, config.trace, 1.0
  )
  if config.standardise:
    known = spread(jnp.ones_like(reward), rollout.end)
    mean = losses.masked_mean(smooth, known > 0)
    variance = losses.masked_mean((smooth - mean) ** 2, known > 0)
    smooth = (smooth - mean) / (jnp.sqrt(variance) + 1e-8)
  mixed = redistribution.advantage_mix(own, smooth, quality, config.share)
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


def make_lesson_losses(
  config: ml_collections.ConfigDict, actions: int
) -> Callable[[Any, Episode], jax.Array]:
  """Returns `of(weights, episodes) -> [batch]`: main + weighted auxiliary."""
  network = model.return_model(config)

  def of(weights, episodes):
    observation = jnp.swapaxes(episodes.observation, 0, 1)
    action = jnp.swapaxes(episodes.action, 0, 1)
    steps = jnp.arange(len(action))[:, None]
    x = inputs(observation, action, steps == 0, actions, config.delta_scale)
    _, g = network.apply(weights, x)
    mask = jnp.broadcast_to(steps < episodes.length[None], g.shape)
    return jax.vmap(losses.return_loss, (1, 0, 1, None))(
      g, episodes.episode_return, mask, config.auxiliary_weight
    )

  return of


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure; `batch` is not used.

  As `ppo.make_train_step`; and `quality`, the mean over the rollout's steps,
  `lesson_loss`, of the model on what it learnt from, and `redistributed`, the
  mean size of a step's redistributed reward.
  """
  env, params = delay.make(config)
  network = model.actor_critic(config, env.num_actions)
  predictor = model.return_model(config)
  apply = lambda w, observation: network.apply(w, ppo.flat(observation))
  lesson_losses = make_lesson_losses(config, env.num_actions)
  adam = optimizer(config)
  time = delay.episode_steps(params)

  def learn(weights, opt, buffer, key):
    """Some updates of the return model from lessons."""

    def once(carry, key):
      weights, opt, buffer = carry
      which = lessons.sample(
        buffer, key, config.lstm_batch, config.lessons_temperature
      )
      episodes = lessons.take(buffer, which)

      def objective(weights):
        each = lesson_losses(weights, episodes)
        return jnp.mean(each), each

      grads, each = jax.grad(objective, has_aux=True)(weights)
      updates, opt = adam.update(grads, opt, weights)
      weights = optax.apply_updates(weights, updates)
      return (weights, opt, lessons.relearnt(buffer, which, each)), each

    ks = jax.random.split(key, config.lstm_updates)
    return jax.lax.scan(once, (weights, opt, buffer), ks)

  def step(state, batch):
    del batch
    learner = state.learner
    key = jax.random.fold_in(learner.key, state.step)
    policy = lambda observation: apply(learner.params, observation)
    start = ppo.begin(config, env, params, learner, key)
    (observation, environment), rollout = ppo.play(
      config, env, params, policy, start, key, config.rollout_steps
    )
    episodes = first_episodes(rollout, time)
    now = jnp.mean(episodes.episode_return)
    decay = jnp.where(state.step == 0, 0.0, config.return_decay)
    mean_return = decay * state.mean_return + (1.0 - decay) * now

    found = lesson_losses(state.model, episodes)
    insert = lambda buffer, new: (lessons.insert(buffer, *new), None)
    buffer, _ = jax.lax.scan(insert, state.lessons, (episodes, found))
    (weights, opt, buffer), each = learn(
      state.model, state.model_optimizer, buffer, keys.named(key, "lessons")
    )

    seen = rollout.observation.reshape(*rollout.action.shape, -1)
    begin = starts(rollout.end)
    x = inputs(seen, rollout.action, begin, env.num_actions, config.delta_scale)
    g = predict(
      lambda x, carry: predictor.apply(weights, x, carry),
      x,
      begin,
      config.lstm_features,
    )
    own, target = ppo.estimate(config, policy, rollout)
    # A return that is always the same has nothing to be decomposed.
    varied = varies(buffer)
    mixed, reward, quality = advantage(
      config, ppo.standardised(own), g, rollout, mean_return
    )
    mixed = jnp.where(varied, mixed, ppo.standardised(own))
    policy_weights, policy_opt, parts = ppo.improve(
      config,
      apply,
      ppo.optimizer(config),
      learner.params,
      learner.optimizer,
      ppo.as_batch(rollout, mixed, target),
      keys.named(key, "order"),
      ppo.clip_range(config, state.step),
    )
    learner = learner.replace(
      step=learner.step + 1,
      params=policy_weights,
      optimizer=policy_opt,
      environment=environment,
      observation=observation,
    )
    state = State(
      step=state.step + 1,
      learner=learner,
      model=weights,
      model_optimizer=opt,
      lessons=buffer,
      mean_return=mean_return,
    )
    metrics = {
      **ppo.books(config, rollout),
      **parts,
      "quality": jnp.mean(quality) * varied,
      "lesson_loss": jnp.mean(each),
      "redistributed": jnp.mean(jnp.abs(reward)),
    }
    return state, metrics

  return step


def varies(buffer: lessons.Lessons) -> jax.Array:
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
