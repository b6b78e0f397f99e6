"""RUDDER with a table: what it plays, keeps, redistributes and learns from.

    learner = rudder.make(env, params, config)     # parts of a round: rounds.py

Each episode is played, redistributed by the reward model's predictions, learnt
from and kept in the lessons buffer. After a round of episodes the reward model
trains on lessons until it predicts well enough. Until it has been trained for
the first time the reward stays as it was paid.
"""

from collections.abc import Callable
from typing import Any

import chex
import flax.struct
import jax
import ml_collections
import optax
from jax import numpy as jnp

from common import keys

from .. import lessons_buffer, losses, redistribution
from . import model, td_learning
from .delayed_mdp import DelayedMDP
from .rounds import Learner, State

ESTIMATES = ("direct", "traces", "q_lambda")
CONTRIBUTIONS = ("differences", "integrated_gradients")


@flax.struct.dataclass
class Lesson:
  """One episode, padded to the longest: time has one place more than steps.

  The place behind the last step is the terminal state's, without an action: the
  reward model sees where the last step has led.
  """

  inputs: jax.Array  # [time, features + actions], delta states and actions
  mask: jax.Array  # [time] bool, the terminal state's place included
  returns: jax.Array  # scalar


@flax.struct.dataclass
class Memory:
  """What RUDDER keeps beside the table."""

  kappa: jax.Array  # as q; what is still to come after the next reward
  params: Any  # of the reward model
  opt: optax.OptState
  lessons: lessons_buffer.Lessons
  trained: jax.Array  # bool, whether the model has ever been trained


def play(
  env: DelayedMDP,
  params: Any,
  q: jax.Array,
  key: jax.Array,
  epsilon: chex.Numeric,
) -> tuple[Lesson, td_learning.Episode]:
  """One epsilon-greedy episode; equal values are tossed for.

  Args:
    env: a task, whose longest episode gives the arrays' length.
    params: its parameters.
    q: `[rows, actions]`, with the time or without (`td_learning.play`).
    key: of this episode.
    epsilon: how often any action is taken, whatever it is worth.
  """
  steps, count = env.max_steps, env.num_actions
  obs, state = env.reset_env(keys.named(key, "start"), params)
  draws = jax.random.uniform(keys.named(key, "act"), (steps, 1 + count))
  randomness = env.randomness(keys.named(key, "luck"), (steps,))

  def step(carry, drawn):
    obs, state, inside = carry
    randomness, draws, t = drawn
    row = env.state_index(state, params)
    values = env.possible(q[row % len(q)], t)
    explores = (draws[0] < epsilon) & jnp.isfinite(values)
    eligible = explores | (values == jnp.max(values))
    action = jnp.argmax(jnp.where(eligible, draws[1:], -1.0))
    after, following, reward, done, _ = env.advance(
      randomness, state, action, params
    )
    # Behind the end nothing moves, and nothing is paid.
    kept = jax.tree.map(
      lambda a, b: jnp.where(inside, a, b), (after, following), (obs, state)
    )
    row, reward = jnp.where(inside, row, 0), jnp.where(inside, reward, 0.0)
    seen = td_learning.Episode(row, action, reward, values, inside)
    return (*kept, inside & ~done), (obs, seen)

  start = (obs, state, jnp.bool_(True))
  drawn = (randomness, draws, jnp.arange(steps))
  (last, *_), (seen, episode) = jax.lax.scan(step, start, drawn)
  states = jnp.concatenate([seen, last[None]])
  actions = jax.nn.one_hot(episode.actions, count) * episode.inside[:, None]
  inputs = jnp.concatenate(
    [
      redistribution.delta_states(states),
      jnp.concatenate([actions, jnp.zeros((1, count))]),
    ],
    axis=1,
  )
  mask = jnp.concatenate([jnp.ones(1, bool), episode.inside])
  return Lesson(inputs, mask, jnp.sum(episode.rewards)), episode


def redistribute(
  predict: Callable[[jax.Array], jax.Array],
  lesson: Lesson,
  config: ml_collections.ConfigDict,
) -> jax.Array:
  """The episode's reward, redistributed: `[steps]`.

  What the terminal state changes is the last step's contribution.

  Args:
    predict: inputs `[time, ...]` to predicted returns `[time]`.
    lesson: what was played.
    config: `contribution`, `compensate`.
  """
  if config.contribution == "differences":
    h = redistribution.differences(predict(lesson.inputs), lesson.mask)
  else:
    h = redistribution.integrated_gradients(
      lambda x: losses.last(predict(x), lesson.mask),
      lesson.inputs,
      config.integration_points,
    )
  steps = lesson.mask[1:]
  final = jnp.arange(len(steps)) == jnp.sum(steps) - 1
  at_end = losses.last(h, lesson.mask)
  h = jnp.where(steps, h[:-1] + jnp.where(final, at_end, 0.0), 0.0)
  if config.compensate:
    return redistribution.compensate(h, lesson.returns, steps)
  return h


def kappa_targets(
  reward: jax.Array, kappa: jax.Array, mask: jax.Array, trace: chex.Numeric
) -> jax.Array:
  """y_t = r_{t+2} + (1 - trace) kappa_{t+1} + trace y_{t+1}; y_T = 0.

  kappa(s_t, a_t) is the expected sum of the rewards after the next one. trace 0
  bootstraps, trace 1 sums what came; between them it is an eligibility trace.

  Args:
    reward: redistributed, `[time]`; `reward[t]` is the paper's r_{t+1}.
    kappa: `[time]` estimates for (s_t, a_t).
    mask: `[time]` bool.
    trace: lambda.

  Returns:
    `[time]` targets for kappa.
  """
  chex.assert_equal_shape([reward, kappa, mask])
  inside = jnp.where(mask, 1.0, 0.0)

  def step(carry, now):
    r_next, kappa_next, y_next, there = carry
    y = there * (r_next + (1 - trace) * kappa_next + trace * y_next)
    r, k, m = now
    return (r, k, y, m), y

  zero = jnp.zeros(())
  start = (zero, zero, zero, zero)
  _, targets = jax.lax.scan(step, start, (reward, kappa, inside), reverse=True)
  return targets


def learn_table(
  q: jax.Array,
  kappa: jax.Array,
  episode: td_learning.Episode,
  reward: jax.Array,
  rate: chex.Numeric,
  config: ml_collections.ConfigDict,
) -> tuple[jax.Array, jax.Array]:
  """Moves the tables towards an episode's targets; returns q and kappa.

  q(s_t, a_t) is an exponential mean of the redistributed reward ("direct"): an
  optimal redistribution leaves no future. "traces" adds kappa(s_t, a_t), the
  future that is left, learnt with the trace `config.kappa_trace`.
  "q_lambda" learns by Q(lambda) from the redistributed reward: its optimal
  policies are the same.
  """
  if config.q_estimate == "q_lambda":
    told = episode.replace(rewards=reward)
    targets = td_learning.targets(told, td_learning.q_lambda, config.trace)
    return td_learning.learn(q, episode, targets, rate), kappa
  place = (episode.rows % len(q), episode.actions)

  def towards(table, targets):
    change = jnp.where(episode.inside, targets - table[place], 0.0)
    return table.at[place].add(rate * change)

  if config.q_estimate == "direct":
    return towards(q, reward), kappa
  left = kappa_targets(reward, kappa[place], episode.inside, config.kappa_trace)
  kappa = towards(kappa, left)
  return towards(q, reward + kappa[place]), kappa


def ready(memory: Memory, config: ml_collections.ConfigDict) -> jax.Array:
  """Whether the reward model may learn: lessons enough, not all of one return.

  A return that is constant leaves nothing to decompose: the reward stays.
  """
  returns = memory.lessons.episodes.returns
  filled = jnp.arange(len(returns)) < memory.lessons.count
  differ = jnp.any(filled & (returns != returns[0]))
  return differ & (memory.lessons.count > config.warmup_episodes)


def make(
  env: DelayedMDP, params: Any, config: ml_collections.ConfigDict
) -> Learner:
  """RUDDER's parts of a round.

  Args:
    env: the delayed-reward MDP.
    params: its parameters; the delay may be traced.
    config: see `configs/`.
  """
  inputs, time = env.features + env.num_actions, env.max_steps + 1
  begin, model_predict = model.predictor(config, inputs)

  def init(key: jax.Array, q: jax.Array) -> tuple[jax.Array, Memory]:
    shape = jax.ShapeDtypeStruct
    example = Lesson(
      shape((time, inputs), jnp.float32),
      shape((time,), bool),
      shape((), jnp.float32),
    )
    weights = begin(keys.named(key, "model"))
    return q, Memory(
      kappa=jnp.zeros_like(q),
      params=weights,
      opt=model.optimizer(config).init(weights),
      lessons=lessons_buffer.create(config.lessons, example),
      trained=jnp.bool_(False),
    )

  def play_one(state: State, number: jax.Array):
    key = jax.random.fold_in(keys.named(state.key, "trial"), number)
    return play(env, params, state.q, key, config.epsilon)

  def learn(state: State, lesson: Lesson, played, rate) -> State:
    memory = state.memory
    predict = lambda x: config.return_scale * model_predict(memory.params, x)
    reward = redistribute(predict, lesson, config)
    reward = jnp.where(memory.trained, reward, played.rewards)
    q, kappa = learn_table(state.q, memory.kappa, played, reward, rate, config)
    lessons = lessons_buffer.push(memory.lessons, lesson)
    return state.replace(
      q=q, memory=memory.replace(kappa=kappa, lessons=lessons)
    )

  def finish(state: State) -> tuple[State, dict[str, jax.Array]]:
    memory = state.memory
    needed = ready(memory, config) & (state.solved_at == 0)
    key = jax.random.fold_in(keys.named(state.key, "trial"), state.step)
    weights, opt, metrics = model.train(
      memory.params,
      memory.opt,
      memory.lessons,
      keys.named(key, "lessons"),
      needed,
      model_predict,
      config,
    )
    memory = memory.replace(
      params=weights, opt=opt, trained=memory.trained | needed
    )
    return state.replace(memory=memory), metrics

  return Learner(init, play_one, learn, finish)
