"""RUDDER's programs against the same in plain NumPy and PyTorch.

  python -m benchmarks rudder

(a) Watch repair: a second of the environment, of Q-learning and of RUDDER,
against a loop over one environment in NumPy with the LSTM in PyTorch
(`rudder_numpy.py`); ours are many trials in one program, and a time is that of
an environment step, or of a trial that has solved. (b) An update of the paper's
LSTM, 16 cells, 8 episodes of 50 and 200 steps, against `torch.nn.LSTM` and
against a loop of the paper's cell (`rudder_torch.py`). (c) An environment step
of PPO on CartPole, 4 environments, against the same PPO in PyTorch with
gymnasium. (d) How a round of RUDDER, 25 episodes and 100 updates, grows with
trials and delay. Float32, all cores on both sides; sides that take milliseconds
take turns, medians of rounds. Measure on an idle machine.

Goals: 50 times the loops; 1 and 10 times the LSTMs; 20 times PPO.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
from jax import numpy as jnp

from benchmarks import rudder_numpy, timing
from configs.rudder import cartpole, watch_repair
from projects.rudder import losses
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
  return [
    *_loops(quick),
    *_trials(quick),
    *_lstm(quick),
    *_ppo(quick),
    *_growth(quick),
  ]


def _row(what, ours_s, peer=None, peer_s=None, per_step=True, **more):
  speeds = {}
  if per_step:
    speeds["steps_per_s"] = 1 / ours_s
    speeds["peer_steps_per_s"] = 1 / peer_s if peer_s else None
  return {
    "what": what,
    "ours_s": ours_s,
    "peer": peer if peer_s else None,
    "peer_s": peer_s,
    "ratio": peer_s / ours_s if peer_s else None,
    "error": None,
    **speeds,
    **more,
  }


def _config(quick: bool, **changes) -> Any:
  config = watch_repair.get_config("smoke" if quick else "")
  config.unlock()
  config.delay = config.max_delay = 6 if quick else 50
  config.update(changes)
  return config


def _seconds(function: Callable, *args) -> tuple[float, float, Any]:
  """Seconds of a call and of compiling, and what came of it."""
  start = time.perf_counter()
  program = jax.jit(function).lower(*args).compile()
  compiled = time.perf_counter()
  out = jax.block_until_ready(program(*args))
  return time.perf_counter() - compiled, compiled - start, out


def _loops(quick):
  """The environment alone, and Q-learning, without a stop."""
  trials, episodes = (4, 20) if quick else (100, 1000)
  config = _config(
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

  alone, alone_compile, _ = _seconds(jax.vmap(random_play), roots)
  one = rounds.make_trial(td_learning.make, env, config)
  many = jax.vmap(one, (0, None), axis_name=rounds.TRIALS)
  learning, compile_s, _ = _seconds(many, roots, np.int32(config.delay))
  loops = 20 if quick else 1000
  peer = rudder_numpy.environment_steps_per_second(loops)
  learner = rudder_numpy.episode_loop("q_learning", loops)["steps_per_s"]
  name = f"watch repair, {trials} at once"
  return [
    _row(
      f"{name}: a step at random",
      alone / steps,
      "NumPy loop",
      1 / peer,
      goal=50,
      compile_s=alone_compile,
    ),
    _row(
      f"{name}: a step of Q-learning",
      learning / steps,
      "NumPy loop",
      1 / learner,
      goal=50,
      compile_s=compile_s,
    ),
  ]


def _trials(quick):
  """RUDDER until it has solved: seconds of a solved trial."""
  trials = 2 if quick else 24
  config = _config(quick)
  env, _ = delayed_mdp.of_config(config)
  one = rounds.make_trial(rudder.make, env, config)
  many = jax.vmap(one, (0, None), axis_name=rounds.TRIALS)
  roots = jax.random.split(jax.random.key(0), trials)
  seconds, compile_s, out = _seconds(many, roots, np.int32(config.delay))
  solved = max(int(out["solved"].sum()), 1)
  theirs = None
  if torch:
    budget = 30 if quick else config.max_episodes
    theirs = rudder_numpy.episode_loop("rudder", budget)["seconds"]
  return [
    _row(
      f"watch repair, RUDDER, {trials} at once: a solved trial",
      seconds / solved,
      "NumPy and PyTorch loop",
      theirs,
      per_step=False,
      goal=50,
      compile_s=compile_s,
    )
  ]


def _update(config, length, batch):
  """`advance(calls)` of our LSTM's update, and seconds of compiling."""
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

  many = lambda carry: jax.lax.scan(update, carry, length=100)[0]
  start = time.perf_counter()
  carry = (params, adam.init(params))
  program = jax.jit(many).lower(carry).compile()
  compile_s = time.perf_counter() - start

  def advance(calls):
    nonlocal carry
    for _ in range(calls):
      carry = program(carry)
    jax.block_until_ready(carry)

  return advance, compile_s


def _lstm(quick):
  config = _config(quick)
  cells, batch = (4, 2) if quick else (16, 8)
  rows = []
  for length in (5,) if quick else (50, 200):
    advance, compile_s = _update(config, length, batch)
    contenders: dict[str, Any] = {"ours": (advance, 1, 100)}
    calls = 2 if quick else 20
    if rudder_torch:
      for kind in ("nn.LSTM", "cell"):
        peer, _ = rudder_torch.lstm_step(kind, INPUTS, cells, length, batch)
        contenders[kind] = (peer, calls, 1)
    seconds = timing.interleaved(contenders, 2 if quick else 7)
    for kind, name, goal in (
      ("nn.LSTM", "torch.nn.LSTM", 1),
      ("cell", "a loop of the cell in PyTorch", 10),
    ):
      rows.append(
        _row(
          f"an LSTM's update, {length} steps, against {name}",
          seconds["ours"],
          name,
          seconds.get(kind),
          goal=goal,
          compile_s=compile_s,
        )
      )
  return rows


def _ppo(quick):
  config = cartpole.get_config("ppo,original" + ",smoke" * quick)
  config.unlock()
  config.batch_size = 4
  step = ppo.make_train_step(config)
  updates = 2 if quick else 10
  many = lambda s: jax.lax.scan(step, s, jnp.zeros(updates))[0]
  state = jax.jit(lambda key: ppo.init(key, config))(jax.random.key(0))
  start = time.perf_counter()
  program = jax.jit(many).lower(state).compile()
  compile_s = time.perf_counter() - start

  def advance(calls):
    nonlocal state
    for _ in range(calls):
      state = program(state)
    jax.block_until_ready(state)

  steps = config.batch_size * config.rollout_steps
  contenders: dict[str, Any] = {"ours": (advance, 1, updates * steps)}
  if rudder_torch:
    peer, _ = rudder_torch.ppo(config)
    contenders["peer"] = (peer, 1, steps)
  seconds = timing.interleaved(contenders, 2 if quick else 5)
  return [
    _row(
      "PPO on CartPole, 4 environments: a step",
      seconds["ours"],
      "PyTorch and gymnasium",
      seconds.get("peer"),
      goal=20,
      compile_s=compile_s,
    )
  ]


def _growth(quick):
  """A round of RUDDER with as many updates as it may have."""
  rows = []
  sizes = [(1, 50), (10, 50), (100, 50), (10, 25), (10, 100)]
  if quick:
    sizes = [(1, 3)]
  for count, delay in sizes:
    config = _config(
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

    start = time.perf_counter()
    program = jax.jit(one).lower(states, optimum).compile()
    compile_s = time.perf_counter() - start

    def advance(calls, states=states, optimum=optimum, program=program):
      for _ in range(calls):
        jax.block_until_ready(program(states, optimum))

    seconds = timing.interleaved({"ours": (advance, 1, 1)}, 2 if quick else 3)
    name = "trial" if count == 1 else "trials"
    rows.append(
      _row(
        f"a round of RUDDER, {count} {name}, delay {delay}",
        seconds["ours"],
        per_step=False,
        compile_s=compile_s,
        growth=seconds["ours"] / rows[-1]["ours_s"] if rows else None,
      )
    )
  return rows
