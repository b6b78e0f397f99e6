"""Training steps of DCGAN, WGAN-GP and BEGAN against the same in PyTorch.

  python -m benchmarks ttur

Whole steps as training runs them, on generated discs: batches drawn, both
players' gradients, both Adams. The peer is plain eager PyTorch; see
`ttur_torch`. The sides take turns, in one process, after a warm-up; seconds are
medians of the rounds. Measure on an idle machine. Goal: the peer's speed.
"""

import contextlib
from typing import Any

import jax
import ml_collections

from benchmarks import timing
from configs.ttur import began_celeba64, dcgan_cifar10, wgan_gp_cifar10
from projects.ttur import data, train

try:
  import torch

  from benchmarks import ttur_torch
except ImportError:  # Then the peer's cells stay empty.
  torch = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per measurement; `quick` takes smoke configs."""
  rounds = 1 if quick else 5
  rows = []
  with timing.conditions(quick):
    for name, module in (
      ("DCGAN", dcgan_cifar10),
      ("WGAN-GP ResNets", wgan_gp_cifar10),
      ("BEGAN", began_celeba64),
    ):
      config = module.get_config("smoke" if quick else "").unlock()
      config.dataset = "discs"  # Generated: no data is needed.
      rows.append(_row(name, config, rounds))
  return rows


def _row(
  name: str, config: ml_collections.ConfigDict, rounds: int
) -> dict[str, Any]:
  """One game's step."""
  theirs, contenders = None, {}
  with contextlib.ExitStack() as stack:
    one = timing.training(config, train, data, {})
    advance, cells, state = stack.enter_context(one)
    players = state.generator.params, state.discriminator.params
    parameters = sum(leaf.size for leaf in jax.tree.leaves(players))
    contenders["ours"] = (advance, 1, 1)
    if torch:
      advance, theirs = ttur_torch.step(config)
      contenders["peer"] = (advance, 1, 1)
    seconds = timing.interleaved(contenders, rounds)
  size = config.image_size
  return timing.row(
    f"{name}, {size}x{size}, batch {config.batch_size}: a step",
    seconds["ours"],
    "PyTorch, eager",
    seconds.get("peer"),
    goal=1,
    parameters=parameters,
    peer_parameters=theirs,
    **cells,
  )
