"""What moves a policy: PPO's objective and its epochs (arXiv:1707.06347).

    advantage = standardised(advantages(reward, value, ...))
    weights, moments, parts = improve(config, apply, adam(config, rate), ...)

Of any network and any observations: `apply(weights, observation)` returns
logits `[batch, actions]` and values `[batch]`.
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
import optax
from jax import numpy as jnp

Config = ml_collections.ConfigDict


@flax.struct.dataclass
class Batch:
  """What the loss needs, leaves `[batch, ...]`."""

  observation: Any
  action: jax.Array
  log_prob: jax.Array
  value: jax.Array
  advantage: jax.Array
  target: jax.Array


def adam(config: Config, rate: Any) -> optax.GradientTransformation:
  """Adam of a rate or a schedule, its gradients clipped."""
  return optax.chain(
    optax.clip_by_global_norm(config.max_grad_norm),
    optax.adam(rate, eps=config.adam_eps),
  )


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
