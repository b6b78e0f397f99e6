"""Populations of SELU networks against the same networks by other means.

  python -m benchmarks snn

A grid of 64 members, 4 hidden layers, alpha dropout, batches of 128 with 16
features and 2 classes: whole SGD steps. A time is that of one step of one
network; ours are 64 in one program, through `projects.snn.train.update` as
`sweep.py` has it. Peers: eager PyTorch, one network after another;
`torch.func.vmap` over all of them; scikit-learn's `MLPClassifier`, which has
neither SELU nor dropout (ReLU: less work than ours). Float32 and all cores on
all sides, ours by a device for each core. The sides take turns; medians of
rounds, after a warm-up; no persistent cache. Measure on an idle machine.

Goals: 25, 5 and 1 times PyTorch at widths 32, 128, 1024; 6, 2 and 1.8 times
`torch.func.vmap`; 3 times scikit-learn; 45% of the machine's products of
matrices at width 32.
"""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks import timing
from common import population
from projects.snn import losses, model, train

try:
  import torch

  from benchmarks import cnn_zoo_torch
except ImportError:  # Then the peers' cells stay empty.
  torch = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"
FEATURES, CLASSES, ROWS, BATCH, DEPTH, RATE = 16, 2, 2048, 128, 4, 0.05
prepare = population.use_all_cores
# width -> goals against PyTorch, torch.func.vmap and scikit-learn
GOALS = {32: (25, 6, 3), 128: (5, 2, 3), 1024: (1, 1.8, 3)}


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per measurement; `quick` takes small sizes."""
  rounds = 2 if quick else 5
  rows = []
  with timing.conditions(quick):
    for width, goals in ({8: (1, 1, 1)} if quick else GOALS).items():
      steps = 2 if quick else None
      rows += _width(width, 4 if quick else 64, goals, rounds, steps)
    for count in (8,) if quick else (2, 8, 256):
      advance, cells = ours(32, count)
      steps = 2 if quick else _steps_of(32, count)
      seconds = timing.seconds_of(advance, steps, rounds, count)
      rows.append(timing.row(f"4x32, {count} members", seconds, **cells))
  return rows


def _width(width, members, goals, rounds, steps=None):
  advance, cells = ours(width, members)
  many, few = (steps or _steps_of(width, count) for count in (members, 1))
  cells["peak_goal"] = 0.45 if width == 32 else None
  contenders = {"ours": (advance, many, members)}
  names = {}
  if torch:
    names |= {"PyTorch": goals[0], "torch.func.vmap": goals[1]}
    contenders["PyTorch"] = (one_by_one(width), few, 1)
    vmapped = torch_vmap(width, members)
    contenders["torch.func.vmap"] = (vmapped, many, members)
  names["scikit-learn"] = goals[2]
  contenders["scikit-learn"] = (scikit_learn(width), few, 1)
  seconds = timing.interleaved(contenders, rounds)
  return [
    timing.row(
      f"4x{width}, {members} members, against {name}",
      seconds["ours"],
      name,
      seconds[name],
      goal=goal,
      **cells,
    )
    for name, goal in names.items()
  ]


def _steps_of(width, members):
  """Steps in a round: about a fifth of a second or more on two cores."""
  work = members * (width + 64) ** 2
  return int(np.clip(2e7 / work, 2, 200))


def _rows(step):
  """Of the peers' data, those of a step."""
  start = step * BATCH % ROWS
  return slice(start, start + BATCH)


def _data(rows=ROWS):
  random = np.random.default_rng(0)
  y = np.arange(rows, dtype=np.int32) % CLASSES
  x = random.normal(size=(rows, FEATURES)) + y[:, None]
  return x.astype(np.float32), y


def ours(width: int, members: int) -> tuple[Callable[[int], None], dict]:
  """`advance(steps)` of a population, and cells about its program."""
  network = model.Network("selu", (width,) * DEPTH, CLASSES)
  loss = losses.make_loss("classes", CLASSES)
  x, y = map(jnp.asarray, _data())

  def begin(member):
    key = jax.random.fold_in(jax.random.key(0), member["seed"])
    params, stats = model.init(network, key, jnp.ones(FEATURES, bool))
    return train.State(jnp.int32(0), jax.random.key(1), params, stats)

  def fit(member, shared):
    def one(i, state):
      rows = (i * BATCH + jnp.arange(BATCH)) % len(shared["x"])
      batch = {"x": shared["x"][rows], "y": shared["y"][rows]}
      # The same noise for all members, as in a sweep.
      state = state.replace(step=i, key=shared["key"])
      rate, dropout = member["learning_rate"], member["dropout"]
      return train.update(network, loss, state, batch, rate, dropout, 0.0)[0]

    return jax.lax.fori_loop(0, shared["steps"], one, member["state"])

  table = {
    "seed": jnp.arange(members),
    "learning_rate": jnp.geomspace(1e-3, 1e-1, members),
    "dropout": jnp.full(members, RATE),
  }
  table["state"] = jax.jit(jax.vmap(begin))(table)
  shared = {"x": x, "y": y, "key": jax.random.key(2), "steps": jnp.int32(2)}

  def lower():
    return population.compiled(lambda *a: fit(*a)).lower(table, shared)

  # The steps' own loop is the one whose rounds are not known beforehand.
  program, cells = timing.compiled(lower, members, unknown=1)

  def advance(steps):
    table["state"] = program(table, shared | {"steps": jnp.int32(steps)})
    jax.block_until_ready(table["state"])

  return advance, cells


def _torch_network(width):
  nn: Any = torch.nn
  layers = []
  for i in range(DEPTH):
    inputs = width if i else FEATURES
    layers += [nn.Linear(inputs, width), nn.SELU(), nn.AlphaDropout(RATE)]
  return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def one_by_one(width: int) -> Callable[[int], None]:
  """`advance(steps)` of one network in eager PyTorch."""
  network = _torch_network(width)
  sgd = torch.optim.SGD(network.parameters(), lr=1e-2)
  x, y = (torch.tensor(a) for a in _data())
  y = y.long()

  def advance(steps):
    for step in range(steps):
      rows = _rows(step)
      sgd.zero_grad()
      loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
      loss.backward()
      sgd.step()

  return advance


def torch_vmap(width: int, members: int) -> Callable[[int], None]:
  """`advance(steps)` of a population by `torch.func`."""
  networks = [_torch_network(width) for _ in range(members)]
  return cnn_zoo_torch.population(networks, *_data(), _rows, 0.0)


def scikit_learn(width: int) -> Callable[[int], None]:
  """`advance(steps)` of one `MLPClassifier`."""
  x, y = _data(BATCH)

  def advance(steps):
    network = MLPClassifier(
      (width,) * DEPTH,
      solver="sgd",
      batch_size=BATCH,
      max_iter=steps,
      tol=0.0,
      n_iter_no_change=10**9,
    )
    with warnings.catch_warnings():
      warnings.simplefilter("ignore", ConvergenceWarning)
      network.fit(x, y)

  return advance
