"""Environments by name, or of the user's own, and the delay of their reward.

    env, params = delay.make(config)      # config.env, .delayed, .time_limit

`Delayed` turns any gymnax environment into one whose only reward comes at the
end of the episode: what RUDDER is for (arXiv:1806.07857, Def. of the delayed
reward MDP). The optimal policies stay for gamma = 1 only: with gamma < 1 a sum
that is paid later is worth less, and to fail slowly can be better than to
succeed. The reward is no longer Markov.
"""

import dataclasses
import importlib
import operator
from typing import Any

import flax.struct
import jax
import ml_collections
from jax import numpy as jnp

from common.errors import InputError, first_line, nearest

from .reward_noise import NoisyReward


@flax.struct.dataclass
class DelayedState:
  """The state of the environment within, and what it has not been paid yet."""

  within: Any
  unpaid: jax.Array  # float32, the rewards of the episode so far


class Delayed:
  """A gymnax environment whose rewards are paid, summed, at the episode's end.

  Pure: to be jitted and vmapped like the environment within. The end is the
  step that terminates or truncates, and under the delay both are the end of the
  task, for the return is of an episode with its time limit: `terminated` is
  True for both, and there is no value beyond. An environment that rewards at
  the end only stays as it is; a NaN among its rewards makes the payment NaN.
  """

  def __init__(self, env: Any):
    self.env = env

  def __getattr__(self, name: str) -> Any:
    if name == "env":  # While it is being copied.
      raise AttributeError(name)
    return getattr(self.env, name)

  def reset(
    self, key: jax.Array, params: Any = None
  ) -> tuple[Any, DelayedState]:
    """As the environment's."""
    observation, within = self.env.reset(key, params)
    return observation, DelayedState(within, jnp.float32(0))

  def step(
    self,
    key: jax.Array,
    state: DelayedState,
    action: jax.Array,
    params: Any = None,
  ) -> tuple[Any, DelayedState, jax.Array, jax.Array, jax.Array, dict]:
    """As the environment's; `info["undelayed"]` is its own reward.

    Unless the environment has said what its reward is without noise.
    """
    observation, within, reward, terminated, truncated, info = self.env.step(
      key, state.within, action, params
    )
    end = terminated | truncated
    owed = state.unpaid + reward
    return (
      observation,
      DelayedState(within, jnp.where(end, 0.0, owed)),
      jnp.where(end, owed, 0.0),
      end,
      truncated,
      {"undelayed": reward, **info},
    )


def make(config: ml_collections.ConfigDict) -> tuple[Any, Any]:
  """Returns the environment of a config and its parameters.

  Args:
    config: `env`, a gymnax name or "package.module:make_env"; `delayed`, a
      bool; `reward_noise`, the size of an event of
      `reward_noise.NoisyReward` (0: there are none);
      `time_limit`, after how many steps an episode ends (0: as in the
      environment's own parameters).

  Raises:
    InputError: there is none of that name, it breaks the contract (see
      `check`), or its episodes have no end.
  """
  env, params = make_env(config.env)
  if config.time_limit:
    if not hasattr(params, "max_steps_in_episode"):
      raise InputError(
        f"{config.env} has no parameter max_steps_in_episode for "
        f"config.time_limit = {config.time_limit} to set; use 0"
      )
    params = _with_limit(params, config.time_limit)
  if episode_steps(params) is None and config.delayed:
    raise InputError(
      f"episodes of {config.env} may never end, and a delayed reward would "
      "never be paid: set config.time_limit, or give the environment's "
      "parameters a max_steps_in_episode"
    )
  if config.reward_noise:
    env = NoisyReward(env, config.reward_noise)
  return (Delayed(env) if config.delayed else env), params


def _with_limit(params, steps):
  """The parameters with another limit: a dataclass, or a NamedTuple."""
  if dataclasses.is_dataclass(params):
    return dataclasses.replace(params, max_steps_in_episode=steps)
  replace = getattr(params, "_replace", None) or params.replace
  return replace(max_steps_in_episode=steps)


def episode_steps(params: Any) -> int | None:
  """The most steps that an episode can have; None if no one says."""
  limit = getattr(params, "max_steps_in_episode", None)
  return None if limit is None or not 0 < limit < 2**31 - 1 else int(limit)


def make_env(name: str) -> tuple[Any, Any]:
  """A gymnax environment with its parameters, by name or from a user's code.

  Args:
    name: one of `gymnax.registered_envs`; or "package.module:function", whose
      function without arguments returns an environment, or an environment and
      its parameters.

  Raises:
    InputError: nothing of that name, or it breaks the contract.
  """
  if ":" not in name:
    import gymnax  # Its environments take seconds.

    known = gymnax.registered_envs
    if name not in known:
      close = nearest(name, known)
      raise InputError(
        f"there is no gymnax environment {name!r}"
        + (f"; did you mean {close!r}?" if close else "")
        + " (one of your own is written package.module:make_env)"
      )
    env, params = gymnax.make(name)
    action_count(env, params, name)
    return env, params
  module, _, function = name.partition(":")
  try:
    made = getattr(importlib.import_module(module), function)()
    # A NamedTuple is an environment, a plain tuple holds one.
    env, params = made if type(made) is tuple else (made, None)
    params = env.default_params if params is None else params
  except Exception as error:  # Anything may happen in a user's code.
    raise InputError(
      f"config.env {name!r} cannot be made: {first_line(error)} (it has to "
      "return an environment, or an environment and its parameters)"
    ) from error
  check(name, env, params)
  return env, params


def typed(tree: Any) -> Any:
  """Arrays with dtypes of their own, where an environment has Python's numbers.

  JAX gives those a weak one, which they lose on the way: a step would be
  compiled once for the first state and again for all others.
  """
  return jax.tree.map(lambda leaf: leaf.astype(leaf.dtype), tree)


def action_count(env: Any, params: Any, name: str = "") -> int:
  """How many actions there are to choose from.

  The action space says it, `Discrete(n)`; where there is none, `num_actions`.

  Args:
    env: a gymnax environment.
    params: its parameters, which the space may depend on.
    name: of the environment, for the message.

  Raises:
    InputError: actions are no whole numbers below n, fewer than two, or the
      space and `num_actions` say different things.
  """
  name = name or type(env).__name__

  def told(what, read):
    try:
      return read()
    except (AttributeError, NotImplementedError):
      return None  # Not there, or a base class's that was not written.
    except Exception as error:  # Anything may happen in a user's code.
      raise InputError(
        f"{name} breaks the contract of gymnax 1.0: {what} ends in "
        f"{type(error).__name__}: {first_line(error)}"
      ) from error

  space = told("action_space", lambda: env.action_space(params))
  number = told("num_actions", lambda: env.num_actions)
  count = number if space is None else getattr(space, "n", None)
  if space is not None and count is None:
    raise InputError(
      f"{name} has the action space {space}, and PPO here chooses among "
      "finitely many actions: give it a spaces.Discrete(n), whose actions "
      "your environment turns into its own"
    )
  try:
    count = operator.index(count)
  except TypeError:
    count = 0
  said = f"num_actions is {number!r}"
  if space is not None:
    said = f"its action space is {space}"
  if count < 2:
    raise InputError(
      f"{name} breaks the contract of gymnax 1.0: {said}, not a whole number "
      "of actions from 2 on"
    )
  if number is not None and number != count:
    raise InputError(
      f"{name} breaks the contract of gymnax 1.0: {said}, and num_actions, "
      f"perhaps inherited, is {number!r}: make them agree"
    )
  return count


def check(name: str, env: Any, params: Any) -> None:
  """Holds an environment to gymnax 1.0's contract, without running it.

      observation, state = env.reset(key, params)
      observation, state, reward, terminated, truncated, info = env.step(
        key, state, action, params)

  Both can be traced; observation and state keep shapes and dtypes; the reward
  is a float scalar, the ends are bool scalars; parameters are numbers; actions
  are what `action_count` says.

  Raises:
    InputError: which of these does not hold.
  """

  def wrong(what):
    return InputError(f"{name} breaks the contract of gymnax 1.0: {what}")

  def traced(what, function, *args):
    try:
      return jax.eval_shape(function, *args)
    except Exception as error:  # Anything may happen in a user's code.
      raise wrong(
        f"{what} cannot be traced by JAX: {first_line(error)}"
      ) from error

  action_count(env, params, name)
  try:
    jax.tree.map(jnp.asarray, params)
  except TypeError as error:
    raise wrong(
      f"JAX cannot take its parameters apart ({type(params).__name__}): make "
      "them a flax.struct.dataclass, or a NamedTuple, of numbers"
    ) from error
  key = jax.eval_shape(jax.random.key, 0)
  began = traced("reset", lambda k: env.reset(k, params), key)
  if not isinstance(began, tuple) or len(began) != 2:
    raise wrong("reset must return (observation, state)")
  observation, state = began
  if not getattr(observation, "size", 0):
    raise wrong("an observation must be one array, and not an empty one")
  action = jax.ShapeDtypeStruct((), jnp.int32)
  went = traced(
    "step", lambda k, s, a: env.step(k, s, a, params), key, state, action
  )
  if not isinstance(went, tuple) or len(went) != 6:
    count = len(went) if isinstance(went, tuple) else 1
    raise wrong(
      "step must return 6 values (observation, state, reward, terminated, "
      f"truncated, info), not {count}"
    )
  _same(wrong, "the observation", observation, went[0])
  _same(wrong, "the state", state, went[1])
  for what, leaf, kind in (
    ("the reward", went[2], jnp.floating),
    ("terminated", went[3], jnp.bool_),
    ("truncated", went[4], jnp.bool_),
  ):
    shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
    if shape != () or not jnp.issubdtype(dtype, kind):
      raise wrong(
        f"{what} must be a {kind.__name__.rstrip('_')} scalar, not "
        f"{dtype}{list(shape or ())}"
      )


def _same(wrong, what, before, after):
  """Raises unless two trees have the same structure, shapes and dtypes."""
  trees = jax.tree.structure(before), jax.tree.structure(after)
  if trees[0] != trees[1]:
    raise wrong(f"{what} is {trees[0]} after reset and {trees[1]} after step")
  pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
  for old, new in pairs:
    if (old.shape, old.dtype) != (new.shape, new.dtype):
      raise wrong(
        f"{what} has a part {old.dtype}{list(old.shape)} after reset that is "
        f"{new.dtype}{list(new.shape)} after step"
      )
