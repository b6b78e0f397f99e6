"""Atari: PPO, and PPO whose episodes are redistributed by a reward model.

    python -m projects.rudder.train --workdir=runs/bowling \\
      --config=configs/rudder/atari.py

One step is a rollout and PPO's epochs on it, as in the baselines. With
`config.method == "rudder"` each episode that has ended, and before it one from
the lessons buffer, are learnt from chunk by chunk: first by the reward model,
then, as far as that can be trusted, by the policy, from the mix of PPO's
advantage and the redistributed reward.

The emulators are on the host, so a step is no pure function here; the state is
arrays all the same, and a run that was stopped goes on to the same bits (see
`games`). An episode longer than `config.episode_steps` is no lesson, and PPO's
alone; the metric `overlong` counts them.
"""

from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import experiment, keys
from common.errors import InputError

from .. import lessons_buffer, proximal
from . import actors, gif, model, reward_model, schema
from .games import SIZE, STACK
from .programs import Programs, State


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step.

  Raises:
    InputError: the config's numbers do not fit together.
  """
  rollout = config.batch_size * config.rollout_steps
  for name, size in (("rollout", rollout), ("chunk", config.chunk_steps)):
    if size % config.minibatches:
      raise InputError(
        f"a {name} of {size} steps cannot be cut into config.minibatches = "
        f"{config.minibatches} equal parts"
      )
  policy, predictor = model.atari_networks(config, config.actions)
  stack = jnp.zeros((1, SIZE, SIZE, STACK), jnp.uint8)
  weights = predictor.init(
    keys.named(key, "model"), stack, method=_see_and_predict(config)
  )
  others = predictor.apply(weights, stack, method="see")
  others = others if config.method == "rudder" else others[:, :0]
  policy_weights = policy.init(keys.named(key, "policy"), stack, others)
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "noise"),
    policy=policy_weights,
    policy_moments=proximal.adam(config, 0.0).init(policy_weights),
    model=weights,
    model_moments=reward_model.optimizer(config).init(weights),
    lessons=lessons_buffer.create(config.lessons, actors.blank_lesson(config)),
    actor_state=jax.tree.map(jnp.asarray, actors.new_actor_state(config)),
    mean_return=jnp.float32(0),
    mean_kl=jnp.float32(0),
    slowed=jnp.float32(1),
  )


def _see_and_predict(config):
  """Makes all weights of the reward model, whose input has other parts, too."""
  policy, _ = model.atari_networks(config, config.actions)
  stack = jax.ShapeDtypeStruct((1, SIZE, SIZE, STACK), jnp.uint8)
  see = lambda k, s: policy.init_with_output(k, s, method="see")[0]
  theirs = jax.eval_shape(see, jax.random.key(0), stack).shape[1]
  code = reward_model.time_nodes(config.time_longest, config.time_span)

  def make(predictor, stack):
    seen = predictor.see(stack)
    others = jnp.zeros((1, theirs + config.actions + code))
    return predictor(jnp.concatenate([seen, others], axis=1))

  return make


def explain_episode(
  programs: Programs, state: State, lesson: actors.Lesson
) -> dict[str, np.ndarray]:
  """Redistributes a whole episode; where chunks overlap, the later one counts.

  Returns:
    `redistributed` and `quality`, float32 `[length]`.
  """
  length = int(lesson.length)
  redistributed, quality = np.zeros((2, length), np.float32)
  for begin, chunk in reward_model.chunks(programs.config, lesson):
    reward, of_all = programs.explain(
      state.policy, state.model, chunk, state.mean_return
    )
    count = int(chunk.mask.sum())
    redistributed[begin : begin + count] = np.asarray(reward)[:count]
    quality[begin : begin + count] = of_all
  return {"redistributed": redistributed, "quality": quality}


def learn_episode(
  programs: Programs,
  state: State,
  lesson: actors.Lesson,
  key: jax.Array,
  rate: Any,
  clip: Any,
) -> tuple[State, dict[str, float]]:
  """Learns from one episode: the reward model, then the policy.

  The loss is before each update. The policy is left alone in the first
  `config.warm_episodes` episodes, and by chunks that are not trusted.
  """
  config = programs.config
  seen = []
  for i, (_, chunk) in enumerate(reward_model.chunks(config, lesson)):
    weights, moments, value = programs.learn(
      state.model, state.model_moments, state.policy, chunk
    )
    state = state.replace(model=weights, model_moments=moments)
    redistributed, quality = programs.explain(
      state.policy, state.model, chunk, state.mean_return
    )
    seen.append((float(value), float(quality)))
    if int(state.actor_state.episodes) < config.warm_episodes or not float(
      quality
    ):
      continue
    policy, moments, _ = programs.improve_chunk(
      state.policy,
      state.policy_moments,
      state.model,
      chunk,
      (redistributed, quality),
      jax.random.fold_in(key, i),
      rate,
      clip,
    )
    state = state.replace(policy=policy, policy_moments=moments)
  loss, quality = np.mean(seen, axis=0)
  return state, {"lesson_loss": float(loss), "quality": float(quality)}


def learn_episodes(
  programs: Programs, state: State, new: list, key: jax.Array, rate, clip
) -> tuple[State, dict[str, float]]:
  """Each new episode, and before it an old one, drawn by its loss."""
  config = programs.config
  found = []
  for i, lesson in enumerate(new):
    here = jax.random.fold_in(key, i)
    if int(state.lessons.count):
      which, old = programs.draw(state.lessons, keys.named(here, "draw"))
      state, one = learn_episode(
        programs, state, old, keys.named(here, "old"), rate, clip
      )
      loss = jnp.asarray([one["lesson_loss"]], jnp.float32)
      buffer = lessons_buffer.relearnt(state.lessons, which[None], loss)
      state = state.replace(lessons=buffer)
      found.append(one)
    state, one = learn_episode(
      programs, state, lesson, keys.named(here, "new"), rate, clip
    )
    loss = np.float32(one["lesson_loss"])
    buffer = programs.insert(state.lessons, lesson, loss)
    total, kept = lesson.reward.sum(), config.return_decay
    mean = kept * state.mean_return + (1 - kept) * total
    state = state.replace(lessons=buffer, mean_return=mean)
    found.append(one)
  none = {"lesson_loss": 0.0, "quality": 0.0}
  mean = lambda name: float(np.mean([f[name] for f in found]))
  return state, {n: mean(n) for n in none} if found else none


def advance(
  programs: Programs, state: State, players: actors.Actors
) -> tuple[State, dict[str, float], list[actors.Lesson]]:
  """One step: a rollout, PPO's epochs, and the episodes that have ended."""
  config = programs.config
  key = jax.random.fold_in(state.key, state.step)
  act = lambda t, stack, temperature: programs.act(
    state.policy,
    state.model,
    jax.random.fold_in(keys.named(key, "act"), t),
    stack,
    temperature,
  )
  played = players.play(act, config.rollout_steps)
  after = np.concatenate([played.value[1:], played.last_value[None]])
  advantage = programs.gae(played.reward, played.value, after, played.end)
  flat = lambda leaf: leaf.reshape(-1, *leaf.shape[2:])
  batch = proximal.Batch(
    observation=flat(played.stack),
    action=flat(played.action),
    log_prob=flat(played.log_prob),
    value=flat(played.value),
    advantage=flat(proximal.standardised(advantage)),
    target=flat(advantage + played.value),
  )
  done = int(state.step) / config.anneal_steps if config.anneal_steps else 0.0
  left = np.float32(max(1.0 - done, 0.0))
  rate = config.learning_rate * left * state.slowed
  clip = config.clip * left if config.anneal_clip else config.clip
  policy, moments, parts = programs.improve(
    state.policy,
    state.policy_moments,
    state.model,
    batch,
    keys.named(key, "order"),
    rate,
    clip,
  )
  kl = 0.99 * state.mean_kl + 0.01 * parts["kl"]
  far = kl > config.kl_limit
  slower = jnp.where(far, state.slowed - 0.01, state.slowed)
  state = state.replace(
    policy=policy,
    policy_moments=moments,
    mean_kl=jnp.where(far, 0.0, kl),  # One excursion, one reduction.
    slowed=jnp.maximum(slower, 0.01),
    actor_state=as_it_is(players.actor_state),
  )
  learnt = {}
  if config.method == "rudder":
    state, learnt = learn_episodes(
      programs, state, played.lessons, keys.named(key, "lessons"), rate, clip
    )
  metrics = {
    **scores(state.actor_state),
    "episodes": int(players.actor_state.episodes),
    "overlong": played.overlong,
    **{name: float(value) for name, value in parts.items()},
    **learnt,
  }
  return state.replace(step=state.step + 1), metrics, played.lessons


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, players) -> state, metrics`; see `advance`.

  A batch is who plays, `actors.Actors` of the state's `actor_state`.
  """
  schema.check(config)
  programs = Programs(config)
  return lambda state, players: advance(programs, state, players)[:2]


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any = None
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key)`: `scores` of the games that were played."""
  del config, real
  return lambda state, key: scores(state.actor_state)


def as_it_is(actor_state: actors.ActorState) -> actors.ActorState:
  """The actors' state now, on the device.

  A copy of a copy: the actors write on theirs, and JAX reads a host's array
  after it has been given to it, `jnp.array` too.
  """
  return jax.tree.map(lambda leaf: jnp.asarray(leaf.copy()), actor_state)


def scores(actor_state: actors.ActorState) -> dict[str, float]:
  """`games` that have ended; `return`: the mean of each actor's last.

  Of the actors that have finished one; absent before the first.
  """
  games = np.asarray(actor_state.games)
  last = np.asarray(actor_state.last_return)[games > 0]
  mean = {"return": float(last.mean())} if last.size else {}
  return {**mean, "games": float(games.sum())}


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Plays and learns to `config.total_steps`; leaves films in `workdir`.

  What was played since the last film is no part of the state: the first film of
  a run that goes on may show another episode than without the break.

  Raises:
    InputError: ale-py is not installed, or a number of the config is wrong.
  """
  schema.check(config)
  with experiment.Run(config, workdir) as run:
    state = run.restore_or(lambda key: init(key, config))
    programs = Programs(config)
    players = actors.Actors(config, state.actor_state)
    if players.games.actions != config.actions:
      raise InputError(
        f"{config.game} has {players.games.actions} actions: set "
        f"config.actions to that, not {config.actions}"
      )
    shown, metrics = None, {}
    size = lambda lesson: float(np.abs(lesson.reward).sum())
    for step, _ in run.steps(state):
      state, metrics, new = advance(programs, state, players)
      # Of the episodes since the last film, the one with the most to see.
      shown = max([*filter(None, [shown]), *new], key=size, default=None)
      run.log(step, {n: jnp.asarray([v]) for n, v in metrics.items()})
      if run.every(config.eval_every, step) and run.main and shown is not None:
        explained = None
        if config.method == "rudder":
          explained = explain_episode(programs, state, shown)
        gif.save(run.workdir / f"episode_{step}.gif", shown, explained, config)
        shown = None
      run.save(step, state)
    players.games.close()
    # No step was left to do: the run had ended before.
    return state, metrics or make_evaluate(config)(state, run.key("eval"))
