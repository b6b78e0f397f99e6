"""The state of the Atari learner, and the compiled parts of its step."""

import functools
from typing import Any

import flax.struct
import jax
import ml_collections
from jax import numpy as jnp

from .. import lessons_buffer, proximal
from . import actors, model, reward_model


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, rollouts done
  key: jax.Array  # typed key of the run's own noise
  policy: Any
  policy_moments: Any
  model: Any
  model_moments: Any
  lessons: lessons_buffer.Lessons
  actor_state: actors.ActorState
  mean_return: jax.Array  # of lessons, a running mean
  mean_kl: jax.Array  # running mean
  slowed: jax.Array  # share of the learning rate that is left


class Programs:
  """The jitted parts of a step, compiled once."""

  def __init__(self, config: ml_collections.ConfigDict):
    self.config = config
    self.policy, self.model = model.atari_networks(config, config.actions)
    self.learn = reward_model.make_learn(config, self.policy, self.model)
    self.explain = jax.jit(
      functools.partial(reward_model.explain, config, self.policy, self.model)
    )
    self.insert = jax.jit(lessons_buffer.insert, donate_argnums=0)
    self.draw = jax.jit(self._draw)
    self.act = jax.jit(self._act)
    self.improve = jax.jit(self._improve)
    self.improve_chunk = jax.jit(self._improve_chunk)
    self.gae = jax.jit(self._gae)

  def observe(self, model_weights, stack):
    """What the policy is given: frames, and what the reward model sees in them.

    PPO does not change that model: epochs over the same frames share it.
    """
    if self.config.method == "rudder":
      return stack, model.seen(self.model, model_weights, stack)
    return stack, jnp.zeros((len(stack), 0))

  def apply(self, weights, observed):
    """Logits and values."""
    return self.policy.apply(weights, *observed)

  def _act(self, weights, model_weights, key, stack, temperature):
    logits, value = self.apply(weights, self.observe(model_weights, stack))
    action = jax.random.categorical(key, logits / temperature)
    return logits, value, action

  def _draw(self, buffer, key):
    config = self.config
    which = lessons_buffer.sample(buffer, key, 1, config.lessons_temperature)
    return which[0], jax.tree.map(
      lambda leaf: leaf[0], lessons_buffer.take(buffer, which)
    )

  def _gae(self, reward, value, after, end):
    config = self.config
    return proximal.advantages(
      reward, value, after, end, end, config.gamma, config.gae_lambda
    )

  def _improve(self, weights, moments, model_weights, batch, key, rate, clip):
    observed = self.observe(model_weights, batch.observation)
    batch = batch.replace(observation=observed)
    given = proximal.adam(self.config, rate), weights, moments, batch, key, clip
    return proximal.improve(self.config, self.apply, *given)

  def _improve_chunk(
    self, weights, moments, model_weights, chunk, explained, key, rate, clip
  ):
    reward, quality = explained
    observed = self.observe(model_weights, chunk.stack)
    _, value = self.apply(weights, observed)
    own = reward_model.advantages(self.config, value, chunk)
    batch = proximal.Batch(
      observation=observed,
      action=chunk.action,
      log_prob=chunk.log_prob,
      value=value,
      advantage=reward_model.mixed(
        self.config, own, reward, quality, chunk.mask
      ),
      target=own + value,
    )
    # Steps of the episode again in the place of padding: all shapes are one.
    which = jnp.arange(len(value)) % jnp.sum(chunk.mask)
    batch = jax.tree.map(lambda leaf: leaf[which], batch)
    given = proximal.adam(self.config, rate), weights, moments, batch, key, clip
    return proximal.improve(self.config, self.apply, *given)
