"""Trains the networks of a chunk, those of one share of the data together."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from common import keys

from . import data, hyperparameters, losses, model, programs


class Zoo(NamedTuple):
  """What all chunks of a zoo have in common."""

  config: ml_collections.ConfigDict
  train: data.Pictures
  test: data.Pictures
  programs: programs.Programs


def train(
  zoo: Zoo, states: Any, numbers: Sequence[int]
) -> tuple[Any, np.ndarray, list[dict[str, Any]]]:
  """Trains a chunk through all of `config.checkpoints`.

  Networks that see the same share of the data see the same batches, and go
  through the program together; a network's numbers do not depend on who else
  is there. One that diverges stays NaN from there on, in its own rows.

  Args:
    zoo: of which they are.
    states: leaves [steps_per_call, ...], before the first step; those beyond
      the numbers fill the program up and are not trained.
    numbers: of each network, its number in the zoo.

  Returns:
    States after the last step; weights float32 [networks x checkpoints,
    weights]; and the rows of the metrics, by network, then checkpoint.
  """
  config = zoo.config
  # As long whatever the group is, so that there is one program.
  devices = zoo.programs.devices
  room = -(-len(states.step) // devices)
  states = jax.device_get(states)
  places = states.drawn.fraction[: len(numbers)]
  ends, kept, rows = [None] * len(numbers), {}, {}
  for place, fraction in enumerate(config.fractions):
    here = np.flatnonzero(places == place)
    if not len(here):
      continue
    filled, counts, back = programs.spread(len(here), devices, room)
    group = jax.tree.map(lambda leaf: leaf[here[filled]], states)
    for epoch, state, scores in _checkpoints(zoo, group, counts, fraction):
      for member, at in zip(here, back, strict=True):
        one = jax.tree.map(lambda leaf: leaf[at], state)
        kept[member, epoch] = one.weights
        rows[member, epoch] = _row(
          zoo,
          one,
          numbers[member],
          epoch,
          {n: s[at] for n, s in scores.items()},
        )
        ends[member] = one
  each = [
    (m, e) for m in range(len(numbers)) for e in tuple(config.checkpoints)
  ]
  after = jax.tree.map(lambda *leaves: np.stack(leaves), *ends)
  return after, np.stack([kept[k] for k in each]), [rows[k] for k in each]


_penalties = jax.jit(jax.vmap(losses.penalty, (0, None, 0)))


def _checkpoints(zoo, states, counts, fraction):
  """Yields (epoch, states on the host, scores) at each checkpoint."""
  config, run = zoo.config, zoo.programs
  size, many = data.share(config, fraction, len(zoo.train.labels))
  # Of the longest epoch of all, so that every share has the same program.
  most = max(
    data.share(config, f, len(zoo.train.labels))[1] for f in config.fractions
  )
  key = keys.named(jax.random.key(config.seed), "data")
  mask = np.asarray(model.kernel_mask(config))
  for epoch in range(config.checkpoints[-1] + 1):
    if epoch:
      rows = data.order(key, epoch - 1, size, many, config.batch_size)
      rows = np.pad(rows, ((0, most - many), (0, 0)))
      first = np.int32((epoch - 1) * many)
      states = run.advance(
        states, counts, zoo.train, rows, np.int32(many), key, first
      )
    if epoch not in config.checkpoints:
      continue
    scores = {}
    host = jax.device_get(states)
    penalty = _penalties(host.weights, mask, host.drawn.l2)
    # As in training, an epoch's full batches only.
    parts = {
      "test": (zoo.test, len(zoo.test.labels)),
      "train": (zoo.train, many * config.batch_size),
    }
    for name, (pictures, n) in parts.items():
      sums = run.judge(states, counts, pictures, np.int32(n))
      scores[f"{name}_accuracy"] = np.asarray(sums["correct"]) / n
      scores[f"{name}_loss"] = np.asarray(sums["loss"]) / n + penalty
    yield epoch, host, scores


def _row(zoo, state, number, epoch, scores):
  """A row of the released table; a diverged network's scores are NaN."""
  config = zoo.config
  fine = np.isfinite(state.weights).all() and np.isfinite(scores["train_loss"])
  nan = float("nan")
  return {
    **hyperparameters.described(state.drawn, config),
    "config.b_init": "zeros",
    "config.dataset": config.dataset,
    # As the released code's flag has it.
    "config.dnn_architecture": "fcn" if config.network == "dense" else "cnn",
    "config.epochs": config.checkpoints[-1],
    # The released table's 20 for 0, 1, 2, 3, 20, 40, 60, 80, 86.
    "config.epochs_between_checkpoints": int(
      np.diff([0, *config.checkpoints]).max()
    ),
    "config.num_layers": len(config.widths),
    "config.num_units": config.widths[0],
    "config.random_seed": config.seed,
    "modeldir": f"seed_{config.seed}/network_{number:06d}",
    "step": epoch,
    **{name: float(value) if fine else nan for name, value in scores.items()},
  }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
  """Of the rows at the last epoch: networks, how they do, how many diverged."""
  last = max(int(row["step"]) for row in rows)
  found = [float(r["test_accuracy"]) for r in rows if int(r["step"]) == last]
  fine = np.asarray(found)[np.isfinite(found)]
  return {
    "networks": float(len(found)),
    "diverged": float(len(found) - len(fine)),
    "median_test_accuracy": float(np.median(fine)) if len(fine) else 0.0,
    "best_test_accuracy": float(fine.max()) if len(fine) else 0.0,
  }
