"""RUDDER with a table, the whole of it as one pure program.

    state = init(key, env, config)
    state, metrics = make_round(env, params, optimum, config)(state)

A round is `config.check_every` episodes, each played, kept in the lessons
buffer, redistributed and learnt from; then the reward model trains on lessons
until it predicts well enough, and the policy is judged. Play, tables and judge
are those of the competitors (`td_learning.py`), and so is the way of many
trials: under `vmap(..., axis_name=TRIALS)` all take part in every update of the
slowest, and those that are done do not move. The loops' conditions are common
to all, so that tables and lessons are never copied.
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
from common.errors import check_choice

from .. import lessons_buffer, losses, redistribution
from . import dynamic_programming, model, td_learning
from .delayed_mdp import DelayedMDP
from .td_learning import any_trial

LEARNERS = ("rudder", *td_learning.METHODS)
ESTIMATES = ("direct", "corrected", "traces", "q_lambda")
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
class State:
  """All that a trial is: arrays only."""

  step: jax.Array  # int32, rounds done
  key: jax.Array
  q: jax.Array  # [rows, actions]
  kappa: jax.Array  # as q; what is still to come after the next reward
  params: Any  # of the reward model
  opt: optax.OptState
  lessons: lessons_buffer.Lessons
  trained: jax.Array  # bool, whether the model has ever been trained
  recent: jax.Array  # [solved_window] the last figures that one judges by
  solved_at: jax.Array  # int32, episodes until then; 0: not yet


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
  luck = env.luck(keys.named(key, "luck"), (steps,))

  def step(carry, drawn):
    obs, state, inside = carry
    luck, draws, t = drawn
    row = env.state_index(state, params)
    values = td_learning.possible(env, q[row % len(q)], t)
    explores = (draws[0] < epsilon) & jnp.isfinite(values)
    eligible = explores | (values == jnp.max(values))
    action = jnp.argmax(jnp.where(eligible, draws[1:], -1.0))
    after, following, reward, done, _ = env.advance(luck, state, action, params)
    # Behind the end nothing moves, and nothing is paid.
    kept = jax.tree.map(
      lambda a, b: jnp.where(inside, a, b), (after, following), (obs, state)
    )
    row, reward = jnp.where(inside, row, 0), jnp.where(inside, reward, 0.0)
    seen = td_learning.Episode(row, action, reward, values, inside)
    return (*kept, inside & ~done), (obs, seen)

  start = (obs, state, jnp.bool_(True))
  drawn = (luck, draws, jnp.arange(steps))
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


def learn(
  q: jax.Array,
  kappa: jax.Array,
  episode: td_learning.Episode,
  reward: jax.Array,
  rate: chex.Numeric,
  config: ml_collections.ConfigDict,
) -> tuple[jax.Array, jax.Array]:
  """Moves the tables towards an episode's targets; returns q and kappa.

  q(s_t, a_t) is an exponential mean of the redistributed reward ("direct"),
  with kappa(s_t, a_t) added where future reward may be left: "corrected" learns
  kappa by bootstrapping, "traces" with `config.kappa_trace`. "q_lambda" learns
  by Q(lambda) from the redistributed reward: its optimal policies are the same.
  """
  if config.q_estimate == "q_lambda":
    told = episode.replace(rewards=reward)
    targets = td_learning.targets(told, "q_lambda", config.trace)
    return td_learning.learn(q, episode, targets, rate), kappa
  place = (episode.rows % len(q), episode.actions)

  def towards(table, targets):
    change = jnp.where(episode.inside, targets - table[place], 0.0)
    return table.at[place].add(rate * change)

  if config.q_estimate == "direct":
    return towards(q, redistribution.direct_targets(reward)), kappa
  trace = config.kappa_trace if config.q_estimate == "traces" else 0.0
  left = redistribution.kappa_targets(
    reward, kappa[place], episode.inside, trace
  )
  kappa = towards(kappa, left)
  targets = redistribution.corrected_targets(reward, kappa[place])
  return towards(q, targets), kappa


def optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam with the weight decay inside of it, as PyTorch has it."""
  return optax.chain(
    optax.add_decayed_weights(config.lstm_weight_decay),
    optax.adam(config.lstm_learning_rate),
  )


def train_model(
  state: State,
  needed: jax.Array,
  predict: Callable[[Any, jax.Array], jax.Array],
  config: ml_collections.ConfigDict,
) -> tuple[State, dict[str, jax.Array]]:
  """Trains on lessons until the running mean of the main loss is small.

  The mean starts at `loss_start`, follows with rate `loss_rate`, and jumps to a
  loss that is twice as large, as in the demonstration; at most `max_updates`.

  Args:
    state: of the trial; its lessons are read.
    needed: bool, whether this trial trains at all.
    predict: `(params, inputs [time, batch, ...]) -> [time, batch]`.
    config: see `configs/`.
  """
  adam = optimizer(config)
  key = keys.named(jax.random.fold_in(state.key, state.step), "lessons")

  def loss(params, batch):
    g = predict(params, jnp.swapaxes(batch.inputs, 0, 1)).T
    targets = batch.returns / config.return_scale
    main = jnp.mean(jax.vmap(losses.main_loss)(g, targets, batch.mask))
    auxiliary = jax.vmap(losses.auxiliary_loss)(g, targets, batch.mask)
    return main + config.auxiliary_weight * jnp.mean(auxiliary), main

  def update(carry):
    params, opt, mean, count, active, _ = carry
    draw = jax.random.fold_in(key, count)
    which = lessons_buffer.sample(state.lessons, draw, config.batch_size)
    (total, main), grads = jax.value_and_grad(loss, has_aux=True)(
      params, lessons_buffer.take(state.lessons, which)
    )
    updates, moved = adam.update(grads, opt, params)
    new = (optax.apply_updates(params, updates), moved)
    new_mean = mean + config.loss_rate * (main - mean)
    new_mean = jnp.where(main > 2 * new_mean, total, new_mean)
    params, opt, mean = jax.tree.map(
      lambda a, b: jnp.where(active, a, b),
      (*new, new_mean),
      (params, opt, mean),
    )
    count += active
    active &= (mean > config.loss_threshold) & (count < config.max_updates)
    return params, opt, mean, count, active, any_trial(active)

  start = (
    *(state.params, state.opt, jnp.float32(config.loss_start)),
    *(jnp.int32(0), needed, any_trial(needed)),
  )
  params, opt, mean, count, *_ = jax.lax.while_loop(
    lambda carry: carry[-1], update, start
  )
  state = state.replace(params=params, opt=opt)
  return state, {"model_loss": mean, "model_updates": count}


def init(
  key: jax.Array, env: DelayedMDP, config: ml_collections.ConfigDict
) -> State:
  """The state before the first episode."""
  check_choice("learner", config.learner, LEARNERS)
  check_choice("q_estimate", config.q_estimate, ESTIMATES)
  check_choice("contribution", config.contribution, CONTRIBUTIONS)
  check_choice("judged_by", config.judged_by, td_learning.JUDGED_BY)
  inputs = env.features + env.num_actions
  begin, _ = model.predictor(config, inputs)
  params = begin(keys.named(key, "model"))
  shape = jax.ShapeDtypeStruct
  time = env.max_steps + 1
  example = Lesson(
    shape((time, inputs), jnp.float32),
    shape((time,), bool),
    shape((), jnp.float32),
  )
  rows = env.table_size if config.time_in_table else env.states_per_time
  q = jnp.full((rows, env.num_actions), float(config.q_start))
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "trial"),
    q=q,
    kappa=jnp.zeros_like(q),
    params=params,
    opt=optimizer(config).init(params),
    lessons=lessons_buffer.create(config.lessons, example),
    trained=jnp.bool_(False),
    recent=jnp.zeros(config.solved_window),
    solved_at=jnp.int32(0),
  )


def ready(state: State, config: ml_collections.ConfigDict) -> jax.Array:
  """Whether the reward model may learn: lessons enough, not all of one return.

  A return that is constant leaves nothing to decompose: the reward stays.
  """
  returns = state.lessons.episodes.returns
  filled = jnp.arange(len(returns)) < state.lessons.count
  differ = jnp.any(filled & (returns != returns[0]))
  return differ & (state.lessons.count > config.warmup_episodes)


def make_round(
  env: DelayedMDP,
  params: Any,
  optimum: jax.Array,
  config: ml_collections.ConfigDict,
) -> Callable[[State], tuple[State, dict[str, jax.Array]]]:
  """Returns `round(state) -> state, metrics`, to be run under `vmap`.

  Args:
    env: the task.
    params: its parameters.
    optimum: `dynamic_programming.q_values(env, params)`, an argument and no
      constant: XLA would spend minutes on folding it.
    config: the method's numbers.
  """
  _, model_predict = model.predictor(config, env.features + env.num_actions)
  regret = dynamic_programming.regrets(optimum).reshape(-1, env.num_actions)

  def episode(state, number):
    key = jax.random.fold_in(state.key, number)
    lesson, played = play(env, params, state.q, key, config.epsilon)
    rate = jnp.where(state.solved_at > 0, 0.0, config.q_rate)
    if config.learner == "rudder":
      predict = lambda x: config.return_scale * model_predict(state.params, x)
      reward = redistribute(predict, lesson, config)
      # Before the model has learnt anything the reward stays what it was.
      reward = jnp.where(state.trained, reward, played.rewards)
      q, kappa = learn(state.q, state.kappa, played, reward, rate, config)
    else:
      targets = td_learning.targets(played, config.learner, config.trace)
      q, kappa = td_learning.learn(state.q, played, targets, rate), state.kappa
    lost = jnp.where(played.inside, regret[played.rows, played.actions], 0.0)
    fine = jnp.where(jnp.sum(lost) <= config.solved_regret, 1.0, 0.0)
    recent = state.recent
    if config.judged_by == "decisions":
      recent = recent.at[number % config.solved_window].set(fine)
    state = state.replace(
      q=q, kappa=kappa, lessons=lessons_buffer.push(state.lessons, lesson),
      recent=recent,
    )  # fmt: skip
    return state, (lesson.returns, fine)

  def round_(state):
    count = config.check_every
    numbers = state.step * count + jnp.arange(count)
    state, (returns, fine) = jax.lax.scan(episode, state, numbers)
    open_ = state.solved_at == 0
    needed = ready(state, config) & open_ & (config.learner == "rudder")
    state, metrics = train_model(state, needed, model_predict, config)
    recent = state.recent
    if config.judged_by == "greedy":
      share = td_learning.greedy_share(env, params, state.q, optimum)
      place = state.step % config.solved_window
      recent = recent.at[place].set(jnp.mean(share))
    solved = open_ & (jnp.mean(recent) >= config.solved_share)
    step = state.step + 1
    state = state.replace(
      step=step,
      recent=recent,
      trained=state.trained | needed,
      solved_at=jnp.where(solved, step * count, state.solved_at),
    )
    metrics |= {
      "return": jnp.mean(returns),
      "optimal": jnp.mean(fine),
      "score": jnp.mean(recent),
      "solved_at": state.solved_at,
    }
    return state, metrics

  return round_


def make_trial(
  env: DelayedMDP, config: ml_collections.ConfigDict
) -> Callable[[jax.Array, jax.Array], dict[str, jax.Array]]:
  """Returns `trial(key, delay) -> results`: rounds until it has solved.

  As `td_learning.make_trial`, whose results it has: `episodes`, `solved`,
  `score`, `q`; `updates` counts those of the reward model.
  """

  def trial(key, delay):
    params = env.params_of_delay(delay)
    optimum = dynamic_programming.q_values(env, params)
    one = make_round(env, params, optimum, config)
    rounds = -(-config.max_episodes // config.check_every)

    def again(carry):
      state, updates, _ = carry
      state, metrics = one(state)
      updates += metrics["model_updates"]
      going = (state.solved_at == 0) & (state.step < rounds)
      return state, updates, any_trial(going)

    start = (init(key, env, config), jnp.int32(0), jnp.bool_(True))
    state, updates, _ = jax.lax.while_loop(lambda c: c[-1], again, start)
    solved = state.solved_at > 0
    return {
      "episodes": jnp.where(solved, state.solved_at, config.max_episodes),
      "solved": solved,
      "score": jnp.mean(state.recent),
      "updates": updates,
      "q": state.q,
    }

  return trial
