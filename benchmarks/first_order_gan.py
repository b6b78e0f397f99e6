"""Training steps of First Order GAN on characters, against PyTorch.

  python -m benchmarks first_order_gan

Whole steps as training runs them: batches drawn, the generator's move, then
the critic's, whose loss has a gradient of a gradient; ours through
`Run.compile` and `Run.steps`. The peer is plain eager PyTorch (CPU build) with
the same networks, batch size and losses, and the target slope as the same two
matrix products. The second row is the target slope over all pairs alone, and
its share of the step. Goals: twice the peer's speed; a target slope of at most
a twentieth of a step.
"""

import jax
import numpy as np

from benchmarks import timing
from configs.first_order_gan import language
from projects.first_order_gan import data, losses, train

try:
  import torch

  from benchmarks import first_order_gan_torch
except ImportError:  # Then the peer's cells stay empty.
  torch = None

HOW_TO_ADD_PEER = "no PyTorch to compare with: pip install torch (CPU build)"


def run(quick: bool = False) -> list[dict]:
  """Returns one row (a dict) per measurement; `quick` takes smoke configs."""
  config = language.get_config("smoke" if quick else "")
  config.unlock()
  config.dataset = "sentences"  # Generated: no data is needed.
  if not quick:
    config.length = 32
  calls, rounds = (1, 2) if quick else (10, 7)
  contenders = {}
  with (
    timing.conditions(quick),
    timing.training(config, train, data, {}) as one,
  ):
    advance, cells, state = one
    contenders["ours"] = (advance, calls, 1)
    if torch:
      contenders["peer"] = (first_order_gan_torch.step(config), calls, 1)
    seconds = timing.interleaved(contenders, rounds)
    target, target_cells = _target_slope(config, rounds)
  sizes = f"{config.generator_features} wide, batch {config.batch_size}"
  players = (state.generator.params, state.critic.params)
  parameters = sum(leaf.size for leaf in jax.tree.leaves(players))
  return [
    timing.row(
      f"language step, {sizes}",
      seconds["ours"],
      "PyTorch, eager",
      seconds.get("peer"),
      goal=2,
      parameters=parameters,
      **cells,
    ),
    timing.row(
      f"target slope over all pairs, {sizes}",
      target,
      share=target / seconds["ours"],
      most_share=0.05,
      **target_cells,
    ),
  ]


def _target_slope(config, rounds: int) -> tuple[float, dict]:
  """The target slope alone, of a batch of the step's shapes."""
  n, width = config.batch_size, len(data.text_of(config).characters)
  draw = np.random.default_rng(0)
  shape = (2, n, config.length, width)
  x, x_prime = jax.device_put(draw.normal(size=shape).astype(np.float32))
  f_x, f_x_prime = jax.device_put(draw.normal(size=(2, n)).astype(np.float32))
  given = f_x, f_x_prime, x, x_prime

  def lower():
    return jax.jit(lambda *given: losses.target_slope(*given)).lower(*given)

  slope, cells = timing.compiled(lower)
  seconds = timing.seconds_of(timing.repeated(slope, *given), 10, rounds)
  return seconds, cells | {"operations": None}
