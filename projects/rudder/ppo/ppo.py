"""Proximal policy optimisation (arXiv:1707.06347), all of it in the graph.

    state = init(key, config)
    step = make_train_step(config)      # a rollout, then epochs of minibatches
    state, metrics = jax.jit(step)(state, None)

After purejaxrl's idea: environments, learner and their randomness are one pure
function, which is compiled once, scanned over updates and vmapped over seeds.
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

from .. import proximal
from . import delayed_reward, model
from .delayed_reward import action_count, typed

Config = ml_collections.ConfigDict


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, updates done
  key: jax.Array  # typed key of the run's own noise
  params: Any
  optimizer: optax.OptState
  environment: Any  # of every environment, leaves [envs, ...]
  observation: jax.Array  # [envs, ...]


@flax.struct.dataclass
class Rollout:
  """What was seen and done: leaves `[time, envs, ...]`.

  `next_observation` is where the step led to, not the first of a next episode
  (which it is where an environment's info has no "final_observation").
  """

  observation: jax.Array
  action: jax.Array
  log_prob: jax.Array
  value: jax.Array
  reward: jax.Array
  earned: jax.Array  # the reward without delay, for the metrics only
  terminated: jax.Array
  end: jax.Array  # terminated or truncated
  next_observation: jax.Array


def optimizer(config: Config) -> optax.GradientTransformation:
  """Adam, its rate falling to zero if so configured."""
  rate = config.learning_rate
  if config.anneal_steps:
    updates = config.anneal_steps * config.epochs * config.minibatches
    rate = optax.linear_schedule(rate, 0.0, updates)
  return proximal.adam(config, rate)


def init(key: jax.Array, config: Config) -> State:
  """Returns the state before the first update; vmap over `key` if you like.

  Raises:
    InputError: see `delayed_reward.make`; or the config's numbers do not fit
      together.
  """
  env, params = delayed_reward.make(config)
  size = config.batch_size * config.rollout_steps
  if size % config.minibatches:
    raise InputError(
      f"batch_size * rollout_steps = {size} samples of the config cannot be "
      f"cut into minibatches = {config.minibatches} equal parts"
    )
  limit = delayed_reward.episode_steps(params)
  if config.restart and (limit is None or limit > config.rollout_steps):
    raise InputError(
      f"an episode of {config.env} can have {limit or 'any number of'} "
      f"steps, more than config.rollout_steps = {config.rollout_steps}, and "
      "would not be seen whole; raise that, or lower config.time_limit"
    )
  if limit is not None and limit > config.eval_steps:
    raise InputError(
      f"an episode of {config.env} can have {limit} steps, more than "
      f"config.eval_steps = {config.eval_steps}, and eval_return would be a "
      "part's; raise that, or lower config.time_limit"
    )
  began = reset(env, params, keys.named(key, "reset"), config)
  weights = model.actor_critic(config, action_count(env, params)).init(
    keys.named(key, "policy"), flat(began[0])
  )
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "noise"),
    params=weights,
    optimizer=optimizer(config).init(weights),
    environment=began[1],
    observation=began[0],
  )


def flat(observation: jax.Array) -> jax.Array:
  """`[batch, ...]` to float32 `[batch, features]`."""
  return observation.reshape(len(observation), -1).astype(jnp.float32)


def reset(env: Any, params: Any, key: jax.Array, config: Config) -> tuple:
  """Begins an episode in each environment: observations and states."""
  ks = jax.random.split(key, config.batch_size)
  return typed(jax.vmap(env.reset, (0, None))(ks, params))


def play(
  config: Config,
  env: Any,
  params: Any,
  apply: Callable,
  start: tuple[jax.Array, Any],
  key: jax.Array,
  steps: int,
) -> tuple[tuple[jax.Array, Any], Rollout]:
  """Plays all environments for `steps` steps, by the policy's own chances.

  `apply` takes observations `[envs, ...]` to logits and values, `start` is
  observations and states; returns where they are now, and the rollout.
  """
  envs = len(start[0])
  # All noise in two calls: drawn in the loop, it would be half of the time.
  shape = (steps, envs, action_count(env, params))
  gumbel = jax.random.gumbel(keys.named(key, "actions"), shape)
  ks = jax.random.split(keys.named(key, "steps"), (steps, envs))

  def once(now, noise):
    observation, state = now
    logits, value = apply(observation)
    action = jnp.argmax(logits + noise[0], axis=1)
    after, state, reward, terminated, truncated, info = jax.vmap(
      env.step, (0, 0, 0, None)
    )(noise[1], state, action, params)
    seen = Rollout(
      observation=observation,
      action=action,
      log_prob=proximal.log_prob(logits, action),
      value=value,
      reward=reward * config.reward_scale,
      earned=info.get("undelayed", reward),
      terminated=terminated,
      end=terminated | truncated,
      next_observation=info.get("final_observation", after),
    )
    return (after, state), seen

  return jax.lax.scan(once, start, (gumbel, ks))


def first_returns(rollout: Rollout) -> jax.Array:
  """Undelayed return of each environment's first episode, `[envs]`.

  They end within; of later ones the short would, and the mean be of these.
  """
  ended = jnp.cumsum(rollout.end, axis=0) - rollout.end
  return jnp.sum(jnp.where(ended == 0, rollout.earned, 0.0), axis=0)


def begin(config: Config, env, params, state: State, key: jax.Array) -> tuple:
  """Where a rollout starts: anew, or where the last one has left off."""
  if config.restart:
    return reset(env, params, keys.named(key, "restart"), config)
  return state.observation, state.environment


def make_train_step(config: Config) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure; `batch` is not used.

  A step is one update: `rollout_steps` steps of `batch_size` environments, then
  `epochs` epochs of `minibatches` minibatches. `return` is without the delay,
  `reward` a step's mean as the learner sees it.
  """
  env, params = delayed_reward.make(config)
  network = model.actor_critic(config, action_count(env, params))
  apply = lambda weights, observation: network.apply(weights, flat(observation))

  def step(state, batch):
    del batch
    key = jax.random.fold_in(state.key, state.step)
    policy = lambda observation: apply(state.params, observation)
    start = begin(config, env, params, state, key)
    now, rollout = play(
      config, env, params, policy, start, key, config.rollout_steps
    )
    advantage, target = estimate(config, policy, rollout)
    advantage = proximal.standardised(advantage)
    return improve(config, apply, state, now, rollout, advantage, target, key)

  return step


def estimate(
  config: Config, policy: Callable, rollout: Rollout
) -> tuple[jax.Array, jax.Array]:
  """Advantages of the reward as it was paid and targets of the value."""
  shape = rollout.reward.shape
  after = rollout.next_observation
  # All at once: where the last step led to, and where an episode was cut.
  _, value = policy(after.reshape(-1, *after.shape[2:]))
  advantage = proximal.advantages(
    rollout.reward,
    rollout.value,
    value.reshape(shape),
    rollout.terminated,
    rollout.end,
    config.gamma,
    config.gae_lambda,
  )
  return advantage, advantage + rollout.value


def as_batch(
  rollout: Rollout, advantage: jax.Array, target: jax.Array
) -> proximal.Batch:
  """Time and environments in one axis."""
  r = rollout
  batch = proximal.Batch(
    r.observation, r.action, r.log_prob, r.value, advantage, target
  )
  return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), batch)


def improve(
  config: Config,
  apply: Callable,
  state: State,
  now: tuple[jax.Array, Any],
  rollout: Rollout,
  advantage: jax.Array,
  target: jax.Array,
  key: jax.Array,
) -> tuple[State, dict[str, jax.Array]]:
  """PPO's epochs on a rollout, which has led to `now`; metrics of both."""
  weights, moments, parts = proximal.improve(
    config,
    apply,
    optimizer(config),
    state.params,
    state.optimizer,
    as_batch(rollout, advantage, target),
    keys.named(key, "order"),
    config.clip,
  )
  observation, environment = now
  state = state.replace(
    step=state.step + 1,
    params=weights,
    optimizer=moments,
    environment=environment,
    observation=observation,
  )
  return state, {**rollout_metrics(config, rollout), **parts}


def rollout_metrics(config: Config, rollout: Rollout) -> dict[str, jax.Array]:
  """Returns, their number, and the mean reward of a rollout."""
  ends = jnp.sum(rollout.end)
  # Without fresh starts only a rate can be told: reward per episode's end.
  rate = jnp.sum(rollout.earned) / jnp.maximum(ends, 1)
  return {
    "return": jnp.mean(first_returns(rollout)) if config.restart else rate,
    "episodes": ends,
    "reward": jnp.mean(rollout.reward),
  }


def make_evaluate(config: Config, real: Any = None) -> Callable:
  """Returns `evaluate(state, key) -> dict of floats`.

  The mean undelayed return of a fresh episode in each environment, by the
  policy's own chances, cut after `eval_steps` steps where it may never end.
  """
  del real
  env, params = delayed_reward.make(config)
  network = model.actor_critic(config, action_count(env, params))

  @jax.jit
  def score(weights, key):
    start = reset(env, params, keys.named(key, "reset"), config)
    policy = lambda observation: network.apply(weights, flat(observation))
    _, rollout = play(
      config, env, params, policy, start, key, config.eval_steps
    )
    return jnp.mean(first_returns(rollout))

  return lambda state, key: {"eval_return": float(score(state.params, key))}
