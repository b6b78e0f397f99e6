"""Tests of neurons, and the graph convolution, against the plain way.

  python -m benchmarks.interpretable_drugs

The peers: `scipy.stats.mannwhitneyu`, a unit and an alert at a time (timed on a
few pairs); the authors' graph layer as they lay it out, 150 slots of four
neighbours picked by a product with 0 and 1, forward and backward, transcribed
in PyTorch, and in JAX and compiled (their own code needs Keras 2); captum's
IntegratedGradients on the same network, `pip install captum`.
"""

import functools
import math
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np
from jax import numpy as jnp
from scipy import stats

from benchmarks import timing
from configs.interpretable_drugs import ames, tox21
from projects.interpretable_drugs import (
  attribution,
  generated,
  graphs,
  losses,
  model,
  rank_tests,
)

try:
  from benchmarks import interpretable_drugs_torch as peers
except ImportError:  # Then there are SciPy and JAX alone.
  peers = None

AT_ONCE = 1_024  # Rows that captum puts through the network.
HOW_TO_ADD_PEER = "SciPy, and the authors' layout in JAX, are always there"
CALLS_WAIT = False  # As in the project's commands.


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per comparison; `quick` takes small sizes."""
  with timing.conditions(quick):
    return _rows(quick)


def _rows(quick: bool) -> list[dict]:
  rounds = 1 if quick else 3
  rows = [_tests(*((200, 8, 6) if quick else (8_000, 1_024, 650)), rounds)]
  rows += _steps(*((8, 4, 16) if quick else (256, 64, 150)), rounds)
  sizes = (4, 16) if quick else (64, 1_024)
  # Equal steps on both sides, and the paper's to 1e-4.
  for steps, block in ((10, 1), (20, 5)) if quick else ((100, 1), (1_000, 5)):
    rows.append(_attributions(*sizes, steps, block, rounds))
  return rows


def _median(call: Callable[[], object], rounds: int, ours=True) -> float:
  if timing.alone() and not ours:
    return math.nan
  jax.block_until_ready(call())
  seconds = []
  for _ in range(rounds):
    start = time.perf_counter()
    jax.block_until_ready(call())
    seconds.append(time.perf_counter() - start)
  return statistics.median(seconds)


def _tests(n: int, units: int, groups: int, rounds: int) -> dict:
  """A test of a unit against an alert, of all of them."""
  generator = np.random.default_rng(0)
  values = generator.normal(size=(n, units)).astype(np.float32)
  has = generator.random((n, groups)) < 0.05
  # As `mann_whitney` calls it.
  lower = lambda: rank_tests._tests.lower(
    *rank_tests.centred_ranks(values[:, :256]), has.astype(np.float32)
  )
  _, cells = timing.compiled(lower)
  ours = _median(lambda: rank_tests.mann_whitney(values, has), rounds)
  pairs = [(i % units, i % groups) for i in range(5 * rounds)]

  def peer():
    for unit, group in pairs:
      inside = has[:, group]
      x, y = values[inside, unit], values[~inside, unit]
      stats.mannwhitneyu(x, y, method="asymptotic")

  each = _median(peer, rounds, ours=False) / len(pairs)
  what = f"one of {units} x {groups} tests, {n} molecules"
  cells |= {"operations": None, "goal": 1_000}
  name = "scipy.stats.mannwhitneyu"
  return timing.row(what, ours / (units * groups), name, each, **cells)


def _steps(width: int, count: int, slots: int, rounds: int) -> list[dict]:
  """Loss and gradient of a batch, in both layouts."""
  config = ames.get_config().unlock()
  config.width = width
  config.graph.atom_slots = slots
  network = model.network(config)
  params = network.init(jax.random.key(0), model.example(config))["params"]
  found = generated.molecules(1)[0][:count]
  each = [graphs.of_molecule(one, config.graph) for one in found]
  batch = graphs.pack(each)
  y = jnp.arange(count, dtype=jnp.float32)[:, None] % 2
  most = config.graph.neighbour_slots
  atoms = np.zeros((count, slots, graphs.FEATURES), np.float32)
  # Rows: neighbour and centre of each slot; column 0 is nobody.
  picks = np.zeros((count, slots, most, 2, slots + 1), np.float32)
  for i, one in enumerate(each):
    atoms[i, : len(one.atoms)] = one.atoms
    used = np.zeros(slots, int)
    for other, centre in one.bonds.T:
      picks[i, centre, used[centre], 0, other + 1] = 1
      picks[i, centre, used[centre], 1, centre + 1] = 1
      used[centre] += 1
  picks = picks.reshape(count, slots * most * 2, slots + 1)

  # Inputs are arguments: of constants, XLA would compute some beforehand.
  def packed(params, batch):
    return losses.cross_entropy(network.apply({"params": params}, batch)[0], y)

  def padded(params, inputs):
    x, picks = inputs
    for i in range(config.depth):
      rows = picks @ jnp.pad(x, ((0, 0), (1, 0), (0, 0)))
      pairs = rows.reshape(count, slots, most, -1)
      x = jnp.mean(jax.nn.relu(pairs @ params[f"convolution_{i}"]), axis=2)
    x = jnp.mean(x, axis=1)
    logits = network.apply({"params": params}, x, method="head")
    return losses.cross_entropy(logits, y)

  batch, inputs = jax.device_put((batch, (atoms, picks)))

  def lower():
    call = jax.value_and_grad(lambda params, batch: packed(params, batch))
    return jax.jit(call).lower(params, batch)

  program, cells = timing.compiled(lower)
  ours = functools.partial(program, params, batch)
  step = jax.jit(jax.value_and_grad(padded))
  theirs = functools.partial(step, params, inputs)
  contenders = {"the padded layout in JAX": theirs}
  if peers:
    contenders["the padded layout in PyTorch"] = peers.padded_step(
      params, atoms, picks, np.asarray(y), (width,) * config.depth
    )
  what = f"graph network, a step of {count} molecules, {width} units"
  seconds = _median(ours, rounds)
  rows = []
  for name, call in contenders.items():
    if not timing.alone():
      loss = call()
      loss = loss if isinstance(loss, float) else loss[0]
      np.testing.assert_allclose(ours()[0], loss, rtol=1e-5)
    beside = f", beside {name.split()[-1]}"
    peer_s = _median(call, max(1, rounds // 2), ours=False)
    row = timing.row(what + beside, seconds, name, peer_s, goal=10, **cells)
    rows.append(row)
  return rows


def _attributions(
  molecules: int, width: int, steps: int, block: int, rounds: int
) -> dict:
  """Integrated gradients of a batch in one compiled call; captum takes turns.

  Captum makes all the steps; ours, where a block has several, their products
  once a block.
  """
  config = tox21.get_config().unlock()
  config.width = width
  config.attribution.steps, config.attribution.block = steps, block
  network = model.network(config)
  params = network.init(jax.random.key(0), model.example(config))["params"]
  layers = functools.partial(model.layers, config)
  method = "integrated_gradients"
  bits = np.random.default_rng(0).random((molecules, config.bits)) < 0.02
  x = jnp.asarray(bits, jnp.float32)
  call, cells = timing.compiled(
    lambda: attribution.make_attribution(layers, config, method, 1).lower(
      params, x, 0
    ),
    molecules,
  )
  ours = lambda _: jax.block_until_ready(call(params, x, 0))
  contenders = {"ours": (ours, 1, molecules)}
  pieces = f" in {steps // block} pieces" if block > 1 else ""
  what = f"{steps} steps{pieces} of 4 x {width}, a molecule"
  what = f"integrated gradients, {what}"
  nobody = peers is None or peers.IntegratedGradients is None
  if nobody or timing.alone():
    seconds = timing.interleaved(contenders, rounds)["ours"]
    return timing.row(what, seconds, goal=None, **cells)
  theirs = peers.attribution(
    peers.selu_network(params, config.depth), bits, steps, AT_ONCE
  )
  sums = theirs()
  error = np.abs(sums - np.asarray(call(params, x, 0)[0])).max()
  error /= np.abs(sums).max()  # By the largest: a float32 network's rounding.
  assert block > 1 or error < 1e-3, error  # The same sum.
  contenders["captum"] = (lambda _: theirs(), 1, molecules)
  ours_s, peer_s = timing.interleaved(contenders, rounds).values()
  cells |= {"goal": 5, "error": float(error)}
  return timing.row(what, ours_s, "captum", peer_s, **cells)


if __name__ == "__main__":
  for one in run():
    print(one)
