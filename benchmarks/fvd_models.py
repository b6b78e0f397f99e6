"""Training steps of the four video models, small variants, at 32x32.

  python -m benchmarks fvd_models

The peer is plain eager PyTorch (CPU build, no `torch.compile`) with the same
network, losses and Adams, and a Python loop over time. Ours draws a new batch
of clips for every step; the peer has one batch for all, which costs it nothing,
feeds back its own frames always, and is in the last phase of training, where
there are phases. SAVP predicts its frames once for both players, on both sides.
Float32 and as many threads as cores on both sides. Goal: the peer's speed.

The sides take turns, in one process, after a warm-up; seconds are medians of
the rounds. Programs are compiled anew, without the persistent cache. Measure on
an idle machine.
"""

import importlib
from typing import Any

import ml_collections

from benchmarks import timing
from projects.fvd import data, train

try:
  from benchmarks import fvd_models_torch as peers
  from benchmarks import fvd_savp_torch
except ImportError:  # Then the peer's cells stay empty.
  peers = fvd_savp_torch = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"
MODELS = ("cdna", "sv2p", "svp_fp", "savp")


def run(quick: bool = False) -> list[dict[str, Any]]:
  """Returns a row (a dict) per model; `quick` a smoke config."""
  variant, rounds = ("smoke", 1) if quick else ("small", 3)
  with timing.conditions(quick):
    return [
      _row(name, config_of(name, variant), rounds)
      for name in (MODELS[2:3] if quick else MODELS)
    ]


def config_of(name: str, variant: str) -> ml_collections.ConfigDict:
  module = importlib.import_module(f"configs.fvd.{name}")
  return module.get_config(variant)


def _row(
  name: str, config: ml_collections.ConfigDict, rounds: int
) -> dict[str, Any]:
  """Our step and PyTorch's, in turns."""
  size, options = config.image_size, train.compiler_options(config)
  what = f"{name}, {size}x{size}, {config.frames} frames, "
  what += f"batch {config.batch_size}"
  peer = fvd_savp_torch if name == "savp" else peers
  step = peer and peer.step
  return timing.beside_pytorch(
    what, config, train, data, options, step, rounds, 1.0
  )
