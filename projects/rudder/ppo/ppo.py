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


@flax.struct.dataclass
class Batch:
  """What the loss needs, leaves `[batch, ...]`."""

  observation: Any
  action: jax.Array
  log_prob: jax.Array
  value: jax.Array
  advantage: jax.Array
  target: jax.Array


def optimizer(config: Config) -> optax.GradientTransformation:
  """Adam, its rate falling to zero if so configured."""
  rate = config.learning_rate
  if config.anneal_steps:
    updates = config.anneal_steps * config.epochs * config.minibatches
    rate = optax.linear_schedule(rate, 0.0, updates)
  return adam(config, rate)


def adam(config: Config, rate: Any) -> optax.GradientTransformation:
  """Adam of a rate or a schedule, its gradients clipped."""
  return optax.chain(
    optax.clip_by_global_norm(config.max_grad_norm),
    optax.adam(rate, eps=config.adam_eps),
  )


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
      log_prob=log_prob(logits, action),
      value=value,
      reward=reward * config.reward_scale,
      earned=info.get("undelayed", reward),
      terminated=terminated,
      end=terminated | truncated,
      next_observation=info.get("final_observation", after),
    )
    return (after, state), seen

  return jax.lax.scan(once, start, (gumbel, ks))


def log_prob(logits: jax.Array, action: jax.Array) -> jax.Array:
  """log pi(a): logits `[batch, actions]`, actions `[batch]`."""
  chosen = jax.nn.log_softmax(logits)
  return jnp.take_along_axis(chosen, action[:, None], axis=1)[:, 0]


def advantages(
  reward: jax.Array,
  value: jax.Array,
  next_value: jax.Array,
  terminated: jax.Array,
  end: jax.Array,
  gamma: float,
  gae_lambda: float,
) -> jax.Array:
  """A_t = delta_t + gamma lambda A_{t+1} within an episode (arXiv:1506.02438).

  delta_t = r_t + gamma V(s_{t+1}) - V(s_t), and V is 0 where the episode has
  terminated (the task's end); where only the episode has, by a time limit, it
  is not. All arrays are `[time, envs]`.
  """
  beyond = jnp.where(terminated, 0.0, next_value)
  delta = reward + gamma * beyond - value

  def back(later, now):
    delta, end = now
    here = delta + gamma * gae_lambda * jnp.where(end, 0.0, later)
    return here, here

  zero = jnp.zeros_like(delta[0])
  return jax.lax.scan(back, zero, (delta, end), reverse=True)[1]


def standardised(values: jax.Array) -> jax.Array:
  """Of mean 0 and standard deviation 1."""
  return (values - jnp.mean(values)) / (jnp.std(values) + 1e-8)


def loss(
  config: Config,
  logits: jax.Array,
  value: jax.Array,
  batch: Batch,
  clip: jax.Array | float,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """-L^CLIP + c_v L^VF - c_e S (Eq. 9 of arXiv:1707.06347).

  L^CLIP = mean min(rho A, clip(rho, 1 +- epsilon) A), rho = pi / pi_old; L^VF
  is half the squared error; with `value_clip`, the larger of that and the error
  of a value that moved by the clip range at most (as in the baselines).
  """
  ratio = jnp.exp(log_prob(logits, batch.action) - batch.log_prob)
  clipped = jnp.clip(ratio, 1 - clip, 1 + clip)
  policy = -jnp.mean(
    jnp.minimum(ratio * batch.advantage, clipped * batch.advantage)
  )
  error = (value - batch.target) ** 2
  if config.value_clip:
    near = batch.value + jnp.clip(value - batch.value, -clip, clip)
    error = jnp.maximum(error, (near - batch.target) ** 2)
  log_pi = jax.nn.log_softmax(logits)
  entropy = -jnp.mean(jnp.sum(jnp.exp(log_pi) * log_pi, axis=1))
  value_loss = 0.5 * jnp.mean(error)
  total = policy + config.value_coefficient * value_loss
  parts = {
    "policy_loss": policy,
    "value_loss": value_loss,
    "entropy": entropy,
    "kl": jnp.mean(ratio - 1 - jnp.log(ratio)),  # Schulman's k3 estimate.
  }
  return total - config.entropy_coefficient * entropy, parts


def improve(
  config: Config,
  apply: Callable,
  move: optax.GradientTransformation,
  params: Any,
  moments: optax.OptState,
  batch: Batch,
  key: jax.Array,
  clip: jax.Array | float,
) -> tuple[Any, optax.OptState, dict[str, jax.Array]]:
  """Epochs of shuffled minibatches over `batch` `[time * envs, ...]`."""
  ks = jax.random.split(key, config.epochs)
  shuffled = lambda key: jax.random.permutation(key, len(batch.action))
  order = jax.vmap(shuffled)(ks).reshape(config.epochs * config.minibatches, -1)

  def once(carry, which):
    params, moments = carry
    part = jax.tree.map(lambda leaf: leaf[which], batch)

    def objective(params):
      return loss(config, *apply(params, part.observation), part, clip)

    grads, parts = jax.grad(objective, has_aux=True)(params)
    updates, moments = move.update(grads, moments)
    return (optax.apply_updates(params, updates), moments), parts

  new, parts = jax.lax.scan(once, (params, moments), order)
  return *new, jax.tree.map(jnp.mean, parts)


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
    (observation, environment), rollout = play(
      config, env, params, policy, start, key, config.rollout_steps
    )
    advantage, target = estimate(config, policy, rollout)
    weights, moments, parts = improve(
      config,
      apply,
      optimizer(config),
      state.params,
      state.optimizer,
      as_batch(rollout, standardised(advantage), target),
      keys.named(key, "order"),
      config.clip,
    )
    state = state.replace(
      step=state.step + 1,
      params=weights,
      optimizer=moments,
      environment=environment,
      observation=observation,
    )
    return state, {**rollout_metrics(config, rollout), **parts}

  return step


def estimate(
  config: Config, policy: Callable, rollout: Rollout
) -> tuple[jax.Array, jax.Array]:
  """Advantages of the reward as it was paid and targets of the value."""
  shape = rollout.reward.shape
  after = rollout.next_observation
  # All at once: where the last step led to, and where an episode was cut.
  _, value = policy(after.reshape(-1, *after.shape[2:]))
  advantage = advantages(
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
) -> Batch:
  """Time and environments in one axis."""
  r = rollout
  batch = Batch(r.observation, r.action, r.log_prob, r.value, advantage, target)
  return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), batch)


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
  policy's own chances, cut after `eval_steps` steps.
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
