"""Reward noise: what nobody has earned, to be told from what one has done.

The situation of the paper's task II on any gymnax environment: every step is
paid a good or a bad event, whatever one does. Paid at the end, their sum hides
what an action was worth, and its variance grows with the length of an episode;
an observer who counts the events can tell. Ours (arXiv:1806.07857 has tables
only).
"""

from typing import Any

import flax.struct
import jax
from jax import numpy as jnp

UNIT = 0.1  # of the count in an observation: an event is worth as much


@flax.struct.dataclass
class NoisyState:
  """The state of the environment within, and good less bad events so far."""

  within: Any
  count: jax.Array  # float32


class NoisyReward:
  """A gymnax environment whose steps pay `size` more or less, by a coin.

  Pure: to be jitted and vmapped like the environment within. An observation is
  a flat float32 vector, the environment's own and `UNIT` times the count of
  good less bad events of the episode, the latest included.
  """

  def __init__(self, env: Any, size: float):
    self.env, self.size = env, size

  def __getattr__(self, name: str) -> Any:
    if name == "env":  # While it is being copied.
      raise AttributeError(name)
    return getattr(self.env, name)

  def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, NoisyState]:
    """As the environment's."""
    observation, within = self.env.reset(key, params)
    none = jnp.float32(0)
    return seen(observation, none), NoisyState(within, none)

  def step(
    self,
    key: jax.Array,
    state: NoisyState,
    action: jax.Array,
    params: Any = None,
  ) -> tuple[Any, NoisyState, jax.Array, jax.Array, jax.Array, dict]:
    """As the environment's; `info["undelayed"]` is the reward without noise."""
    observation, within, reward, terminated, truncated, info = self.env.step(
      key, state.within, action, params
    )
    good = jax.random.bernoulli(jax.random.fold_in(key, 0))
    event = jnp.where(good, 1.0, -1.0)
    count = state.count + event
    end = terminated | truncated
    last = info.get("final_observation", observation)
    anew = jnp.where(end, 0.0, count)
    info = {**info, "final_observation": seen(last, count), "undelayed": reward}
    after = seen(observation, anew), NoisyState(within, anew)
    paid = reward + self.size * event
    return *after, paid, terminated, truncated, info


def seen(observation: jax.Array, count: jax.Array) -> jax.Array:
  """The observation and the count, a flat vector."""
  flat = jnp.ravel(observation).astype(jnp.float32)
  return jnp.append(flat, UNIT * count)
