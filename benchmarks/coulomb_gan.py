"""Training steps of Coulomb GANs against the same steps in PyTorch.

  python -m benchmarks coulomb_gan

Measured are whole steps as training runs them: batches drawn, both players'
gradients at the same parameters, both Adams; ours through `Run.compile` and
`Run.steps`, and so with the Python between two calls. The peer is plain eager
PyTorch (CPU build, no `torch.compile`) with the same networks, batch size,
data, noise, potentials and schedules, written to its advantage: generated
samples, and the discriminator's outputs for them where no noise is added, are
computed once for both players; gradients are asked for only where they are
used; the L2 penalty is Adam's `weight_decay`; batch norm keeps no averages.
Float32 and as many threads as cores on both sides.

The sides take turns, in one process, after a warm-up; seconds are medians of
the rounds. Programs are compiled anew, without the persistent cache. Measure on
an idle machine: PyTorch's OpenMP threads wait for each other by spinning, and
beside other work a step can take ten times as long. Goals: 4 times the peer's
speed on the plane, once its speed on images; potentials on the plane take at
most 5 times as long for 1,024 points as for 512.
"""

import contextlib
from typing import Any

import jax
import ml_collections
import numpy as np

from benchmarks import timing
from common import provenance
from configs.coulomb_gan import fashion_mnist, gaussian_grid
from projects.coulomb_gan import data, losses, train

try:
  import torch

  from benchmarks import coulomb_gan_torch
except ImportError:  # Then the peer's cells stay empty.
  torch = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"


def settings() -> dict[str, Any]:
  """Returns what the times depend on: threads and versions."""
  return {
    "jax_threads": len(provenance.cores()),
    "torch_threads": torch.get_num_threads() if torch else None,
    "torch": torch.__version__ if torch else None,
  }


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per measurement; `quick` takes smoke configs."""
  variant = "smoke" if quick else ""
  rounds = 2 if quick else 7
  toy = gaussian_grid.get_config(variant)
  images = fashion_mnist.get_config(variant)
  images.unlock()
  images.dataset = "discs"  # Generated: no data is needed.
  size = images.image_size
  pixels = size**2 * images.image_channels
  sizes = (16, 32) if quick else (128, 256, 512, 1024, 2048, 4096)
  # Steps of a round: long enough for a clock, and about as long on both sides.
  many = toy.steps_per_call
  calls = {many: 1, 1: 2} if quick else {many: 5, 1: 200}
  peer, few = (2, 1) if quick else (200, 5)
  with timing.conditions(quick):
    rows = _steps("toy step", toy, calls, peer, rounds, goal=4)
    rows += _steps(f"{size}x{size} step", images, {1: few}, few, rounds, goal=1)
    if not quick:
      larger = images.copy_and_resolve_references().unlock()
      larger.image_size *= 2  # One layer more on both sides.
      larger.generator_features *= 2
      rows += _steps("64x64 step", larger, {1: 3}, 3, rounds, goal=1)
    rows += _potentials(toy, toy.data_dim, sizes, rounds)
    rows += _potentials(images, pixels, sizes, rounds)
  return rows


def _steps(
  name: str,
  config: ml_collections.ConfigDict,
  ours: dict[int, int],
  peer: int,
  rounds: int,
  goal: float,
) -> list[dict]:
  """One row for each number of steps in a call.

  Args:
    name: what the rows are called.
    config: of the step.
    ours: steps in a call -> calls in a round.
    peer: the peer's steps in a round.
    rounds: how many.
    goal: how many times the peer's speed ours is to have.
  """
  contenders, cells, parameters, theirs = {}, {}, None, None
  with contextlib.ExitStack() as stack:
    for count, calls in ours.items():
      config = config.copy_and_resolve_references()
      config.unlock()
      config.steps_per_call = count
      one = timing.training(config, train, data, {})
      advance, cells[count], state = stack.enter_context(one)
      leaves = jax.tree.leaves((state.generator, state.discriminator))
      parameters = sum(leaf.size for leaf in leaves)
      contenders[f"ours {count}"] = (advance, calls, count)
    if torch:
      advance, theirs = coulomb_gan_torch.step(config)
      contenders["peer"] = (advance, peer, 1)
    seconds = timing.interleaved(contenders, rounds)
  return [
    timing.row(
      f"{name}, batch {config.batch_size}, steps a call: {count}",
      seconds[f"ours {count}"],
      "PyTorch, eager",
      seconds.get("peer"),
      goal=goal,
      parameters=parameters,
      peer_parameters=theirs,
      **cells[count],
    )
    for count in ours
  ]


def _potentials(
  config: ml_collections.ConfigDict,
  dim: int,
  sizes: tuple[int, ...],
  rounds: int,
) -> list[dict]:
  """How the cost of both players' potentials grows with the batch."""
  options = (
    config.kernel_exponent,
    config.kernel_epsilon,
    config.self_interaction,
  )
  rows = []
  for n in sizes:
    x, y = np.random.default_rng(n).normal(size=(2, n, dim)).astype(np.float32)
    x, y = jax.device_put((x, y))

    def lower(x=x, y=y):
      potentials = lambda x, y: losses.batch_potentials(x, y, *options)
      return jax.jit(potentials).lower(x, y)

    potentials, cells = timing.compiled(lower)
    cells["operations"] = None  # A step's are what the peak is compared with.
    advance = timing.repeated(potentials, x, y)
    ours_s = timing.seconds_of(advance, 1 if n > 1024 else 10, rounds)
    growth = ours_s / rows[-1]["ours_s"] if rows else None
    most = 5 if (dim, n) == (2, 1024) else None
    what = f"potentials, {dim}-D, batch {n}"
    cells |= {"growth": growth, "most_growth": most}
    rows.append(timing.row(what, ours_s, **cells))
  return rows
