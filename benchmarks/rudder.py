"""RUDDER's programs against the same in plain NumPy and PyTorch.

  python -m benchmarks rudder

(a) Watch repair: a second of the environment and of Q-learning against a loop
over one environment in NumPy (`rudder_numpy.py`); ours are many trials in one
program, and a time is that of an environment step. RUDDER itself, until it has
solved, is `rudder_trials.py`. (b) An update of the paper's LSTM, 16 cells, 8
episodes of 50 and 200 steps, against `torch.nn.LSTM` and against a loop of the
paper's cell (`rudder_torch.py`); and of 96 trials at once, against the same
with the derivative that JAX makes by itself. (c) An environment step
of PPO on CartPole, 4 environments, against the same PPO in PyTorch with
gymnasium. (d) How a round of RUDDER, 25 episodes and 100 updates, grows with
trials and delay. Float32, all cores on both sides; sides that take milliseconds
take turns, medians of rounds. Measure on an idle machine.

Goals: 50 times the loops; 1 and 10 times the LSTMs, 1.5 times JAX's own
derivative; 20 times PPO.
"""

import math
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import numpy as np
import optax
from jax import numpy as jnp

from benchmarks import rudder_numpy, timing
from common.nn import recurrent
from configs.rudder import cartpole, watch_repair
from projects.rudder import losses
from projects.rudder.comparison import sweep_runner
from projects.rudder.ppo import ppo
from projects.rudder.tabular import (
  delayed_mdp,
  model,
  rounds,
  rudder,
  td_learning,
  train,
)

try:
  import torch

  from benchmarks import rudder_torch
except ImportError:  # Then the peers' cells stay empty.
  torch = rudder_torch = None

HOW_TO_ADD_PEER = rudder_numpy.HOW_TO_ADD_PEER
INPUTS = 10  # Of the watches' reward model.


def run(quick: bool = False) -> list[dict[str, Any]]:
  """Returns one row (a dict) per measurement; `quick` takes small sizes."""
  with timing.conditions(quick):
    return _rows(quick)


def _rows(quick):
  return [
    *_loops(quick),
    *_lstm(quick),
    _many_lstms(quick),
    *_ppo(quick),
    *_growth(quick),
  ]


def config_of(quick: bool, **changes) -> Any:
  """Watch repair's, with a delay of 50."""
  config = watch_repair.get_config("smoke" if quick else "")
  config.unlock()
  config.delay = config.max_delay = 6 if quick else 50
  config.update(changes)
  return config


def seconds_of(function: Callable, *args) -> tuple[float, dict, Any]:
  """Seconds of a call, cells about its program, and what came of it."""
  program, cells = timing.compiled(
    lambda: jax.jit(lambda *args: function(*args)).lower(*args)
  )
  start = time.perf_counter()
  out = jax.block_until_ready(program(*args))
  return time.perf_counter() - start, cells | {"operations": None}, out


def _loops(quick):
  """The environment alone, and Q-learning, without a stop."""
  trials, episodes = (4, 20) if quick else (100, 1000)
  config = config_of(
    quick, learner="q_lambda", max_episodes=episodes, solved_share=2.0
  )
  env, params = delayed_mdp.of_config(config)
  steps = trials * episodes * config.delay
  roots = jax.random.split(jax.random.key(0), trials)

  def random_play(key):
    q = jnp.zeros((env.states_per_time, env.num_actions))

    def once(total, number):
      randomness = jax.random.fold_in(key, number)
      played = td_learning.play(env, params, q, randomness, 1.0)
      return total + jnp.sum(played.rewards), None

    return jax.lax.scan(once, 0.0, jnp.arange(episodes))[0]

  alone, alone_cells, _ = seconds_of(jax.vmap(random_play), roots)
  one = sweep_runner.make_trial(td_learning.make, env, config)
  many = jax.vmap(one, (0, None), axis_name=rounds.TRIALS)
  learning, cells, _ = seconds_of(many, roots, np.int32(config.delay))
  loops = 20 if quick else 1000
  peer = learner = math.nan
  if not timing.alone():
    peer = rudder_numpy.environment_steps_per_second(loops)
    learner = rudder_numpy.episode_loop("q_learning", loops)["steps_per_s"]
  name = f"watch repair, {trials} at once"
  return [
    timing.row(
      f"{name}: a step at random",
      alone / steps,
      "NumPy loop",
      1 / peer,
      goal=50,
      **alone_cells,
    ),
    timing.row(
      f"{name}: a step of Q-learning",
      learning / steps,
      "NumPy loop",
      1 / learner,
      goal=50,
      **cells,
    ),
  ]


def _update(config, length, batch, trials=1):
  """`advance(calls)` of our LSTM's updates, and cells about their program.

  Those of several trials are one program, as in a training.
  """
  begin, predict = model.predictor(config, INPUTS)
  params = jax.jit(begin)(jax.random.key(0))
  adam = optax.chain(
    optax.clip_by_global_norm(0.5),  # As the peer, and as PPO's has it.
    optax.add_decayed_weights(config.lstm_weight_decay),
    optax.adam(config.lstm_learning_rate),
  )
  x = jax.random.normal(jax.random.key(1), (length, batch, INPUTS))
  returns = jax.random.normal(jax.random.key(2), (batch,))
  mask = jnp.ones(length, bool)

  def loss(params):
    each = jax.vmap(losses.return_loss, (1, 0, None, None))
    g = predict(params, x)
    return jnp.mean(each(g, returns, mask, config.auxiliary_weight))

  def update(carry, _):
    params, opt = carry
    moves, opt = adam.update(jax.grad(loss)(params), opt, params)
    return (optax.apply_updates(params, moves), opt), None

  updates = 100 if trials == 1 else 10
  carry = (params, adam.init(params))
  if trials > 1:
    copies = lambda leaf: jnp.repeat(leaf[None], trials, axis=0)
    carry = jax.tree.map(copies, carry)

  def lower():
    many = lambda carry: jax.lax.scan(update, carry, length=updates)[0]
    return jax.jit(jax.vmap(many) if trials > 1 else many).lower(carry)

  steps = trials * updates
  program, cells = timing.compiled(lower, steps)

  def advance(calls):
    nonlocal carry
    for _ in range(calls):
      carry = program(carry)
    jax.block_until_ready(carry)

  return advance, cells, steps


def _lstm(quick):
  config = config_of(quick)
  units, batch = (4, 2) if quick else (16, 8)
  rows = []
  for length in (5,) if quick else (50, 200):
    advance, cells, steps = _update(config, length, batch)
    contenders: dict[str, Any] = {"ours": (advance, 1, steps)}
    calls = 2 if quick else 20
    if rudder_torch:
      for kind in ("nn.LSTM", "cell"):
        peer = rudder_torch.lstm_step(kind, INPUTS, units, length, batch)
        contenders[kind] = (peer, calls, 1)
    seconds = timing.interleaved(contenders, 2 if quick else 7)
    for kind, name, goal in (
      ("nn.LSTM", "torch.nn.LSTM", 1),
      ("cell", "a loop of the cell in PyTorch", 10),
    ):
      rows.append(
        timing.row(
          f"an LSTM's update, {length} steps, against {name}",
          seconds["ours"],
          name,
          seconds.get(kind),
          goal=goal,
          **cells,
        )
      )
  return rows


def _many_lstms(quick):
  """Updates of many trials, with our derivative and with JAX's own."""
  config = config_of(quick)
  trials, length, batch = (2, 5, 2) if quick else (96, 51, 8)
  advance, cells, steps = _update(config, length, batch, trials)
  with mock.patch.object(recurrent, "gather", recurrent.gather.fun):
    own, _, _ = _update(config, length, batch, trials)
  seconds = timing.interleaved(
    {"ours": (advance, 1, steps), "own": (own, 1, steps)}, 2 if quick else 7
  )
  return timing.row(
    f"an LSTM's update, {length} steps, {trials} trials at once",
    seconds["ours"],
    "JAX's own derivative",
    seconds["own"],
    goal=1.5,
    **cells,
  )


def _ppo(quick):
  config = cartpole.get_config("ppo,original" + ",smoke" * quick)
  config.unlock()
  config.batch_size = 4
  step = ppo.make_train_step(config)
  updates = 2 if quick else 10
  many = lambda s: jax.lax.scan(step, s, jnp.zeros(updates))[0]
  state = jax.jit(lambda key: ppo.init(key, config))(jax.random.key(0))
  steps = updates * config.batch_size * config.rollout_steps
  program, cells = timing.compiled(
    lambda: jax.jit(lambda s: many(s)).lower(state), steps
  )

  def advance(calls):
    nonlocal state
    for _ in range(calls):
      state = program(state)
    jax.block_until_ready(state)

  contenders: dict[str, Any] = {"ours": (advance, 1, steps)}
  if rudder_torch:
    contenders["peer"] = (rudder_torch.ppo(config), 1, steps // updates)
  seconds = timing.interleaved(contenders, 2 if quick else 5)
  return [
    timing.row(
      "PPO on CartPole, 4 environments: a step",
      seconds["ours"],
      "PyTorch and gymnasium",
      seconds.get("peer"),
      goal=20,
      **cells,
    )
  ]


def _growth(quick):
  """A round of RUDDER with as many updates as it may have."""
  rows = []
  sizes = [(1, 50), (10, 50), (100, 50), (10, 25), (10, 100)]
  if quick:
    sizes = [(1, 3)]
  for count, delay in sizes:
    config = config_of(
      quick,
      delay=delay,
      max_delay=delay,
      warmup_episodes=0,
      lessons=256,
      loss_threshold=0.0,
      max_updates=5 if quick else 100,
    )
    env, params = delayed_mdp.of_config(config)
    optimum = train.optimum_of(env, params)
    begin = jax.vmap(lambda key, c=config: train.init(key, c))
    states = jax.jit(begin)(jax.random.split(jax.random.key(0), count))

    def one(states, optimum, env=env, params=params, config=config):
      learner = rudder.make(env, params, config)
      round_ = rounds.make_round(env, params, optimum, config, learner)
      return jax.vmap(round_, axis_name=rounds.TRIALS)(states)

    def lower(one=one, states=states, optimum=optimum):
      return jax.jit(lambda *given: one(*given)).lower(states, optimum)

    program, cells = timing.compiled(lower)

    advance = timing.repeated(program, states, optimum)
    seconds = timing.seconds_of(advance, 1, 2 if quick else 3)
    name = "trial" if count == 1 else "trials"
    rows.append(
      timing.row(
        f"a round of RUDDER, {count} {name}, delay {delay}",
        seconds,
        **cells | {"operations": None},
        growth=seconds / rows[-1]["ours_s"] if rows else None,
      )
    )
  return rows
