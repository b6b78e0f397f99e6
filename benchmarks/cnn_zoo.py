"""Training steps of the CNN zoo's networks.

  python -m benchmarks cnn_zoo

Networks of MNIST's size on generated pictures, whole steps: a batch is
gathered, cut into patches and given noise once for all members; each member has
its own hyperparameters, all three optimisers and both activations among them. A
time is that of one step of one network. Peers: eager PyTorch, one network after
another, channels last; `torch.func.vmap` over as many members as ours. Both
train by SGD, the cheapest. Float32 and all cores on all sides, ours by a device
for each core, the allocator the same; sides take turns, medians of rounds after
a warm-up, no persistent cache. Measure on an idle machine.

Goals: 3 times PyTorch one by one, 5 times `torch.func.vmap`, half of the
products' speed.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from benchmarks import timing
from common import population
from configs.cnn_zoo import mnist
from projects.cnn_zoo import data, model, programs, train

try:
  import torch

  from benchmarks import cnn_zoo_torch
except ImportError:  # Then the peers' cells stay empty.
  torch = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"
prepare = population.use_all_cores
MEMBERS = 64


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per measurement; `quick` takes small sizes."""
  rounds, members = (1, 2) if quick else (5, MEMBERS)
  config = _config(quick, 16 if quick else 512)
  with timing.conditions(quick):
    steps = 2 if quick else None
    rows = _against_peers(config, members, rounds, steps)
    for count in () if quick else (1, 4, 16):
      rows.append(_alone(config, count, rounds))
    if not quick:
      rows.append(_alone(_config(False, 128), members, rounds))
  return rows


def _config(quick: bool, batch_size: int) -> ml_collections.ConfigDict:
  config = mnist.get_config("smoke" if quick else "")
  config.unlock()
  config.dataset, config.batch_size = "generated", batch_size
  config.generated_images = 64 if quick else 8_192
  return config.lock()


def ours(
  config: ml_collections.ConfigDict, members: int
) -> tuple[Callable[[int], None], dict[str, Any]]:
  """`advance(steps)` of a group of the zoo, and cells about its program."""

  def make():
    step, judge = train.make_train_step(config), train.make_judge(config)
    return programs.compiled(step, judge, config)

  devices = make().devices
  places, counts, _ = programs.spread(members, devices, -(-members // devices))
  numbers = jnp.asarray(places)
  init = lambda i: train.init(train.network_key(config, i), config)
  states = jax.jit(lambda n: jax.lax.map(init, n))(numbers)
  pictures, key = data.load(config, "train"), jax.random.key(0)
  n = len(pictures.labels)
  batches = n // config.batch_size
  rows = data.order(key, 0, n, batches, config.batch_size)
  arguments = lambda steps: (
    counts,
    pictures,
    rows,
    np.int32(steps),
    key,
    np.int32(0),
  )
  lower = lambda: make().advance.lower(states, *arguments(1))
  # Counted once: steps, and members, of which each device has one at a time.
  program, cells = timing.compiled(lower, len(jax.local_devices()), unknown=1)

  def advance(steps):
    nonlocal states
    for first in range(0, steps, batches):
      part = arguments(min(batches, steps - first))
      states = jax.block_until_ready(program(states, *part))

  return advance, cells


def _steps(config, members):
  """Steps in a round: about half a second on two cores."""
  return max(2, int(40_000 / config.batch_size / members))


def _against_peers(config, members, rounds, steps=None):
  advance, cells = ours(config, members)
  many = steps or _steps(config, members)
  contenders = {"ours": (advance, many, members)}
  goals = {}
  if torch:
    goals = {"PyTorch, channels last": 3, "torch.func.vmap": 5}
    pictures = data.load(config, "train")
    pixels = np.asarray(pictures.pixels * pictures.scale - 1, np.float32)[
      :, None
    ]
    given = config, pixels, np.asarray(pictures.labels)
    one, vmapped = cnn_zoo_torch.one_by_one, cnn_zoo_torch.vmapped
    few = steps or _steps(config, 1)
    contenders["PyTorch, channels last"] = one(*given), few, 1
    contenders["torch.func.vmap"] = vmapped(*given, members), many, members
  seconds = timing.interleaved(contenders, rounds)
  size = model.layout_of(config)[-1].end
  cells["peak_goal"] = 0.5
  make = functools.partial(timing.row, ours_s=seconds["ours"], **cells)
  name = _name(config, members)
  return [
    make(
      f"{name}, against {peer}",
      peer=peer,
      peer_s=seconds[peer],
      goal=goal,
      parameters=size,
      peer_parameters=cnn_zoo_torch.parameters(config),
    )
    for peer, goal in goals.items()
  ] or [make(name, parameters=size)]


def _alone(config, members, rounds):
  advance, cells = ours(config, members)
  steps = _steps(config, members)
  seconds = timing.seconds_of(advance, steps, rounds, members)
  return timing.row(_name(config, members), seconds, **cells)


def _name(config, members):
  return f"step of a network, batch {config.batch_size}, {members} members"
