"""Training steps of DCGAN, WGAN-GP and BEGAN against the same in PyTorch.

  python -m benchmarks ttur

Whole steps as training runs them, on generated discs: batches drawn, both
players' gradients, both Adams. The peer is plain eager PyTorch; see
`ttur_torch`. The sides take turns, in one process, after a warm-up; seconds are
medians of the rounds. Measure on an idle machine. Goal: the peer's speed.
"""

from typing import Any

import ml_collections

from benchmarks import timing
from configs.ttur import began_celeba64, dcgan_cifar10, wgan_gp_cifar10
from projects.ttur import data, train

try:
  from benchmarks import ttur_torch as peer
except ImportError:  # Then the peer's cells stay empty.
  peer = None

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
  size, step = config.image_size, peer and peer.step
  what = f"{name}, {size}x{size}, batch {config.batch_size}: a step"
  players = lambda state: (state.generator.params, state.discriminator.params)
  return timing.beside_pytorch(
    what, config, train, data, {}, step, rounds, 1, players
  )
