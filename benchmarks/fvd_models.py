"""Training steps of the four video models, small variants, at 32x32.

  python -m benchmarks fvd_models

The peer is plain eager PyTorch (CPU build, no `torch.compile`) with the same
network, loss and Adam, and a Python loop over time; there is one for CDNA and
one for SVP-FP. Ours draws a new batch of clips for every step; the peer has one
batch for all, which costs it nothing, and CDNA's peer feeds back its own frames
always, as training does at its end. Float32 and as many threads as cores on
both sides. Goal: the peer's speed.

Memory against the length of clips, with and without `remat`, is what XLA says
that a step's program allocates beside its arguments; nothing is run for it.

The sides take turns, in one process, after a warm-up; seconds are medians of
the rounds. Programs are compiled anew, without the persistent cache. Measure on
an idle machine.
"""

import importlib
import time
from typing import Any

import jax
import ml_collections

from benchmarks import timing
from projects.fvd import data, train

try:
  import torch

  from benchmarks import fvd_models_torch
except ImportError:  # Then the peer's cells stay empty.
  torch = None

PEER = "PyTorch, eager" if torch else None
HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"
MODELS = ("cdna", "sv2p", "svp_fp", "savp")
WITH_PEER = ("cdna", "svp_fp")
LENGTHS = (8, 16, 32)  # Of clips, for their memory.


def run(quick: bool = False) -> list[dict[str, Any]]:
  """Returns a row (a dict) per model; `quick` a smoke config."""
  variant, rounds = ("smoke", 1) if quick else ("small", 5)
  with timing.conditions(quick):
    rows = [
      _row(name, _config(name, variant), rounds)
      for name in (WITH_PEER[1:] if quick else MODELS)
    ]
    return rows + [
      _memory_row(name, _config(name, variant), frames, remat)
      for name in WITH_PEER[1 if quick else 0 :]
      for remat in ((True,) if quick else (False, True))
      for frames in LENGTHS[: 1 if quick else None]
    ]


def _config(name: str, variant: str) -> ml_collections.ConfigDict:
  module = importlib.import_module(f"configs.fvd.{name}")
  return module.get_config(variant)


def _row(
  name: str, config: ml_collections.ConfigDict, rounds: int
) -> dict[str, Any]:
  """Our step, and PyTorch's where there is one, in turns."""
  ours = timing.training(config, train, data, {})
  with ours as (advance, compile_s, state):
    contenders, theirs = {"ours": (advance, 1, 1)}, None
    if torch and name in WITH_PEER:
      peer, theirs = fvd_models_torch.step(config)
      contenders["peer"] = (peer, 1, 1)
    seconds = timing.interleaved(contenders, rounds)
  size = config.image_size
  what = f"{name}, {size}x{size}, {config.frames} frames, "
  row = {
    "what": what + f"batch {config.batch_size}",
    "ours_s": seconds["ours"],
    "peer": None,
    "peer_s": None,
    "ratio": None,
    "error": None,
    "steps_per_s": 1 / seconds["ours"],
    "compile_s": compile_s,
    "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
  }
  if theirs:
    row |= {
      "peer": PEER,
      "peer_s": seconds["peer"],
      "ratio": seconds["peer"] / seconds["ours"],
      "peer_steps_per_s": 1 / seconds["peer"],
      "peer_parameters": theirs,
      "goal": 1.0,
    }
  return row


def _memory_row(
  name: str, config: ml_collections.ConfigDict, frames: int, remat: bool
) -> dict[str, Any]:
  """What a step allocates for clips of so many frames."""
  config = config.copy_and_resolve_references().unlock()
  config.frames, config.remat = frames, remat
  key = jax.random.key(config.seed)
  state = jax.eval_shape(lambda: train.init(key, config))
  batch = jax.eval_shape(data.batches(config, key), 0)
  step = jax.jit(train.make_train_step(config), donate_argnums=0)
  start = time.perf_counter()
  program = step.lower(state, batch).compile()
  how = "remat" if remat else "no remat"
  size = config.image_size
  return {
    "what": f"{name}, {size}x{size}, batch {config.batch_size}: memory of "
    f"{frames} frames, {how}",
    "ours_s": None,  # It is not run.
    "peer": None,
    "peer_s": None,
    "ratio": None,
    "error": None,
    "memory_mb": program.memory_analysis().temp_size_in_bytes / 2**20,
    "compile_s": time.perf_counter() - start,
  }
