"""A delayed-reward MDP with exact transitions.

A task says what may happen, `outcomes`, and what is earned by it, some of it
paid at once (`now`) and the rest owed (`later`) until the episode's last step.
Sampling an outcome is the environment; the sum over outcomes is the exact value
(`dynamic_programming.py`). Every task has

    State, Params                     their classes
    outcomes(state, action, params)   all successors of one state and action
    steps_of(delay)                   of an episode; the delay may be traced
    places                            the parts of a state that a table knows,
                                      and how many values each can have
    owed(state, params)               what is owed in a state of the table
    seen(state)                       the parts of an observation, flat float
                                      vectors, to which the clock is added;
                                      RUDDER's inputs are its differences

with static bounds (`max_delay`): one compiled program serves all delays.
gamma is 1. The last step terminates and does not truncate: nothing comes after
it.
"""

import dataclasses
import importlib
import math
from typing import Any, NamedTuple

import jax
import ml_collections
from flax import struct
from jax import numpy as jnp

from common.errors import InputError, first_line


@struct.dataclass
class EnvState:
  """`owed`: earned, not yet paid. Neither observed nor part of a table."""

  time: jax.Array
  owed: jax.Array


@struct.dataclass
class EnvParams:
  """`delayed=False` pays all at once: the same task without its difficulty."""

  max_steps_in_episode: int = 1
  delayed: bool = True


class Outcomes(NamedTuple):
  """What may follow a state and an action: k successors.

  Expected rewards; what an agent gets has normal noise of the standard
  deviations added, the same for all k.
  """

  probability: Any  # [k]
  state: Any  # leaves [k]; `owed` is not yet brought up to date
  now: Any  # [k], paid at once
  later: Any  # [k], paid with the last step
  now_std: Any = 0.0
  later_std: Any = 0.0


def outcomes_of(
  state: Any,
  probability: jax.Array,
  now: jax.Array,
  later: jax.Array,
  *noise: jax.Array,
  **changed: jax.Array,
) -> Outcomes:
  """Successors one step later that differ in what has `changed`.

  All but `probability` `[k]` and `noise`, the standard deviations, can be `[k]`
  or the same for all k.
  """
  after = state.replace(time=state.time + 1, **changed)
  after, now, later = jax.tree.map(
    lambda leaf: jnp.broadcast_to(leaf, probability.shape), (after, now, later)
  )
  return Outcomes(probability, after, now, later, *noise)


class DelayedMDP:
  """What all tasks have in common: sampling, paying, ending, counting."""

  State: Any = EnvState
  Params: Any = EnvParams
  places: tuple[tuple[str, int], ...] = ()
  labels: tuple[str, ...] = ()  # Of `seen`, one a number, in pictures.
  actions = 2
  noisy = False  # Whether rewards have noise of their own.
  acting_steps = 2**30  # From here on only the last action is offered.

  def __init__(self, max_delay: int, **numbers: Any):
    """Makes room for delays up to `max_delay`, under other numbers if given.

    Args:
      max_delay: of `params_of_delay`.
      **numbers: fields of the task's parameters to be others than usual.

    Raises:
      InputError: the parameters have no such field.
    """
    self.max_steps = self.steps_of(max_delay)  # Of the longest episode.
    self.numbers = {}
    fields = {field.name for field in dataclasses.fields(self.default_params)}
    for name in sorted(set(numbers) - fields):
      known = ", ".join(sorted(fields))
      raise InputError(f"{self.name} has no number {name!r}; it has {known}")
    self.numbers = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in numbers.items()
    }

  @property
  def default_params(self) -> Any:
    """As the class has them, but for the task's own numbers."""
    return self.Params().replace(**self.numbers)

  def params_of_delay(self, delay: Any) -> Any:
    """Parameters of a delay, which may be traced."""
    steps = self.steps_of(delay)
    return self.Params(max_steps_in_episode=steps).replace(**self.numbers)

  def steps_of(self, delay: Any) -> Any:
    """How long an episode of a delay is."""
    return delay

  @property
  def name(self) -> str:
    """Its class."""
    return type(self).__name__

  def randomness(self, key, steps: tuple[int, ...] = ()) -> jax.Array:
    """All randomness of `steps` steps, `[*steps, 1 or 3]`, for `advance`.

    Drawn at once for a whole episode, it is much cheaper than a key a step.
    """
    if not self.noisy:
      return jax.random.uniform(key, (*steps, 1))
    draw = jax.random.uniform(jax.random.fold_in(key, 0), (*steps, 1))
    noise = jax.random.normal(jax.random.fold_in(key, 1), (*steps, 2))
    return jnp.concatenate([draw, noise], axis=-1)

  def advance(self, randomness, state, action, params):
    """One step, gymnax's with its randomness given, and without a reset.

    Returns observation, state, reward, done and info, whose "earned" is what
    this step earned, whenever it is paid.
    """
    possible = self.outcomes(state, action, params)
    if possible.probability.shape[0] > 1:
      below = randomness[0] >= jnp.cumsum(possible.probability)[:-1]
      chosen = jnp.sum(below.astype(jnp.int32))
    else:
      chosen = 0
    following, now, later = jax.tree.map(
      lambda leaf: leaf[chosen], (possible.state, possible.now, possible.later)
    )
    if self.noisy:
      now += randomness[1] * possible.now_std
      later += randomness[2] * possible.later_std
    following = following.replace(owed=state.owed + later)
    done = self.is_terminated(following, params)
    due = jnp.where(done, following.owed, 0.0)
    reward = now + jnp.where(params.delayed, due, later)
    info = {"earned": now + later}
    return self.get_obs(following, params), following, reward, done, info

  def reset_env(self, key, params):
    """Observation and state of a first step."""
    rows = self.start_rows(params)
    chosen = 0
    if len(rows) > 1:  # One uniform number: randint compiles twice as long.
      chosen = (jax.random.uniform(key) * len(rows)).astype(jnp.int32)
    state = self.state_at(rows[chosen], params)
    return self.get_obs(state, params), state

  def start_rows(self, params) -> jax.Array:
    """The rows in which an episode starts, equally likely."""
    del params
    return jnp.zeros(1, jnp.int32)

  def is_terminated(self, state, params):
    """True after the last step."""
    return state.time >= params.max_steps_in_episode

  def state_index(self, state, params) -> jax.Array:
    """The row of a state in a table of `table_size` rows, ordered by time."""
    return state.time * self.states_per_time + self.index_in_time(state, params)

  def index_in_time(self, state, params) -> Any:
    """The row among those of its time; what is beyond a place has its last."""
    del params
    row = 0
    for name, count in self.places:
      row = row * count + jnp.minimum(getattr(state, name), count - 1)
    return row

  def state_at(self, index, params) -> Any:
    """The state of a row; what no table knows is 0."""
    time, row = jnp.divmod(index, self.states_per_time)
    fields = [field.name for field in dataclasses.fields(self.State)]
    parts = dict.fromkeys(fields, jnp.zeros_like(row))
    for name, count in reversed(self.places):
      row, parts[name] = jnp.divmod(row, count)
    state = self.State(**{**parts, "time": time})
    return state.replace(owed=self.owed(state, params))

  def owed(self, state, params) -> jax.Array:
    """What is owed in the state of a row, as far as a table knows."""
    del state, params
    return jnp.float32(0)

  def get_obs(self, state, params) -> jax.Array:
    """What is `seen`, and the share of the episode that is over."""
    clock = (state.time / params.max_steps_in_episode)[None]
    return jnp.concatenate([*self.seen(state), clock.astype(jnp.float32)])

  @property
  def states_per_time(self) -> int:
    """How many rows of a table there are for a time."""
    return math.prod(count for _, count in self.places)

  @property
  def table_size(self) -> int:
    """How many states there are, the terminal ones among them."""
    return (self.max_steps + 1) * self.states_per_time

  @property
  def features(self) -> int:
    """How many numbers there are in an observation."""
    began = lambda key: self.reset_env(key, self.default_params)[0]
    return jax.eval_shape(began, jax.random.key(0)).size

  @property
  def num_actions(self) -> int:
    """How many actions there are, in every state."""
    return self.actions

  def possible(self, values: jax.Array, time: jax.Array) -> jax.Array:
    """Values `[actions]`, -inf for what is not offered at a time."""
    last = jnp.arange(self.actions) == self.actions - 1
    return jnp.where(last | (time < self.acting_steps), values, -jnp.inf)


def one_hot(index, size: int) -> jax.Array:
  """Float vector `[size]`; all zero for an index outside."""
  return (jnp.arange(size) == index).astype(jnp.float32)


def _trace(env, params):
  """Raises unless observation and state keep their shapes and dtypes."""
  key = jax.eval_shape(jax.random.key, 0)
  began = jax.eval_shape(lambda key: env.reset_env(key, params), key)
  step = lambda key, state: env.advance(env.randomness(key), state, 0, params)
  went = jax.eval_shape(step, key, began[1])[:2]
  before, after = map(jax.tree_util.tree_leaves_with_path, (began, went))
  for (path, a), (_, b) in zip(before, after, strict=True):
    if (a.shape, a.dtype) != (b.shape, b.dtype):
      name = f"(observation, state){jax.tree_util.keystr(path)}"
      raise TypeError(f"{name} is {a} after reset and {b} after a step")


def of_config(config: ml_collections.ConfigDict) -> tuple[DelayedMDP, Any]:
  """Returns the task of a table's config, and its parameters.

  Args:
    config: `env`, "package.module:Class" of a `DelayedMDP`; `delay`;
      `max_delay`, the room for it; `task`, numbers of its parameters.

  Raises:
    InputError: no such class, it is no task, or one that cannot be traced; a
      delay that is none, or for which there is no room.
  """
  if not 1 <= config.delay <= config.max_delay:
    why = (
      "nothing would be delayed"
      if config.delay < 1
      else f"episodes have room for config.max_delay = {config.max_delay}"
    )
    raise InputError(f"config.delay is {config.delay}: {why}")
  module, _, name = config.env.partition(":")
  try:
    make = getattr(importlib.import_module(module), name)
  except Exception as error:  # Anything may happen in a user's code.
    raise InputError(
      f"config.env {config.env!r} cannot be made: {first_line(error)}"
    ) from error
  if not (isinstance(make, type) and issubclass(make, DelayedMDP)):
    raise InputError(
      f"config.env {config.env!r} is no task with a table "
      "(delayed_mdp.DelayedMDP): learn it with config.learner='ppo_rudder', "
      "as configs/rudder/cartpole.py does"
    )
  try:
    env = make(config.max_delay, **config.task)
    params = env.params_of_delay(config.delay)
    _trace(env, params)
  except InputError:
    raise
  except Exception as error:
    raise InputError(
      f"config.env {config.env!r} breaks the contract of "
      f"delayed_mdp.DelayedMDP: {first_line(error)}"
    ) from error
  if params.max_steps_in_episode > env.max_steps:
    raise InputError(
      f"an episode of {params.max_steps_in_episode} steps has no room in "
      f"{env.max_steps}: raise config.max_delay"
    )
  return env, params
