"""A grid of settings on one task: all that share a graph train as one program.

Members of a population differ in learning rate, dropout rate, weight decay and
repetition. They see the same batches in the same order and the same noise of
dropout (common random numbers): differences between settings are theirs.
"""

import functools
import itertools
import operator
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys, population

from . import losses, model, train
from .datasets import padded
from .datasets.padded import PaddedDataset


class Group(NamedTuple):
  """What decides a graph; hashable, so that programs can be kept by it."""

  method: str
  form: str
  width: int
  depth: int
  bottleneck: float
  block_layers: int = 2  # As in records that do not say it.

  def __str__(self) -> str:
    shape = f"{self.depth}x{self.width}-{self.form}"
    if self.method == "resnet":
      shape += f"-{self.bottleneck:g}"
      if self.block_layers != 2:
        shape += f"-{self.block_layers}"
    return f"{self.method}-{shape}"


def groups(config: ml_collections.ConfigDict, method: str) -> list[Group]:
  """The graphs of `config.grid` for a method, as the paper has them."""
  grid = config.grid
  forms = ("rectangular",) if method in model.ONE_WIDTH else grid.form
  shapes = grid.depth, (1.0,), (2,)
  if method == "resnet":
    shapes = grid.blocks, grid.bottleneck, grid.block_layers
  every = itertools.product((method,), forms, grid.width, *shapes)
  return [Group(*values) for values in every]


def depths(
  config: ml_collections.ConfigDict, methods: Sequence[str]
) -> dict[str, set[int]]:
  """The depths of each method's graphs: ResNet's are its blocks."""
  return {m: {group.depth for group in groups(config, m)} for m in methods}


def lacking(
  config: ml_collections.ConfigDict, methods: Sequence[str]
) -> set[tuple[str, int]]:
  """(method, depth) of depths that others have."""
  found = depths(config, methods)
  every = set().union(*found.values())
  return {(m, depth) for m in methods for depth in every - found[m]}


def members(
  config: ml_collections.ConfigDict, method: str
) -> dict[str, np.ndarray]:
  """The settings within a graph, leaves `[members]`."""
  grid = config.grid
  rates = grid.selu_dropout if method == "selu" else grid.dropout
  if method not in grid.with_dropout:
    rates = (0.0,)
  rows = itertools.product(
    grid.learning_rate, rates, grid.weight_decay, range(config.repetitions)
  )
  rate, dropout, decay, repetition = zip(*rows, strict=True)
  return {
    "learning_rate": np.asarray(rate, np.float32),
    "dropout": np.asarray(dropout, np.float32),
    "weight_decay": np.asarray(decay, np.float32),
    "repetition": np.asarray(repetition, np.int32),
  }


def settings(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """What all pieces of a sweep have in common, "group.name" -> plain value.

  Paths, the sizes of a run of `train.py` and what names a piece are not there.
  """
  names = """seed epochs batch_size max_steps min_epochs smoothing repetitions
    data.source data.kind data.score data.split_seed data.validation_share
    grid.learning_rate grid.selu_dropout grid.with_dropout grid.dropout
    grid.weight_decay""".split()
  if config.data.source == "tox21":
    names += ["data.fingerprints", "data.fingerprint_share"]
  names += [f"references.{name}" for name in config.references.keys()]
  return {
    name: functools.reduce(operator.getitem, name.split("."), config)
    for name in names
  }


def epochs_of(config: ml_collections.ConfigDict, dataset: PaddedDataset) -> int:
  """How many epochs: `config.epochs`, or what `config.max_steps` allows."""
  per_epoch = int(dataset.parts["train"].batches(config.batch_size))
  allowed = max(config.max_steps // per_epoch, config.min_epochs)
  return int(min(config.epochs, allowed))


class Protocol(NamedTuple):
  """What of the config a program contains: the same for all tasks."""

  batch_size: int
  epochs: int  # the length of curves, the most epochs a task may have
  kind: str
  score: str
  with_dropout: tuple[str, ...]  # Methods; the others save the noise.


def make_fit(
  group: Group, outputs: int, protocol: Protocol
) -> Callable[[dict[str, jax.Array], dict[str, Any]], dict[str, jax.Array]]:
  """Returns `fit(member, shared) -> curves`: a whole training, pure.

  `shared` holds the parts `train` and `held_out` (validation rows, then test
  rows) of a task, `validation_rows`, its `features` and `classes`, how many
  `epochs` to train and the `key`. The curves, `[protocol.epochs]` each and NaN
  after the last epoch: `loss` (training, mean over an epoch), `validation` and
  `test` (score after each epoch). The test curve is read at the epoch that the
  validation curve has chosen, nowhere else.
  """
  network = model.Network(
    group.method,
    model.widths(group.form, group.width, group.depth, outputs),
    outputs,
    group.bottleneck,
    group.block_layers,
  )
  # True sizes and the lengths of loops are traced: padded tables of one shape
  # are one program.
  size = protocol.batch_size

  def fit(member, shared):
    data = shared["train"]
    per_epoch = data.batches(size)
    loss = losses.make_loss(protocol.kind, shared["classes"])
    score = losses.make_score(protocol.score, shared["classes"])
    key = jax.random.fold_in(shared["key"], member["repetition"])
    present = jnp.arange(data.x.shape[1]) < shared["features"]
    params, stats = model.init(network, keys.named(key, "weights"), present)
    # Not of the repetition: all members of a chunk share batches and noise.
    state = train.State(
      jnp.int32(0), keys.named(shared["key"], "dropout"), params, stats
    )

    held_out, n_validation = shared["held_out"], shared["validation_rows"]
    at = jnp.arange(len(held_out.x))
    is_validation = at < n_validation
    is_test = (at >= n_validation) & (at < held_out.rows)

    def predicted(state):
      """Logits of all held-out rows, block by block: padding costs no time."""

      def some(i, out):
        rows = jax.lax.dynamic_slice_in_dim(held_out.x, i * block, block)
        logits = model.apply(network, state.params, state.stats, rows)
        return jax.lax.dynamic_update_slice_in_dim(out, logits, i * block, 0)

      block = 256
      out = jnp.zeros((len(held_out.x), outputs))
      blocks = (held_out.rows + block - 1) // block
      return jax.lax.fori_loop(0, blocks, some, out)

    def epoch(carry):
      n, state, curves = carry
      order = data.order(
        jax.random.fold_in(keys.named(shared["key"], "data"), n)
      )

      def one(i, carry):
        state, total = carry
        rows = order[(i * size + jnp.arange(size)) % data.rows]
        batch = {"x": data.x[rows], "y": data.y[rows]}
        state, value = train.update(
          network,
          loss,
          state,
          batch,
          member["learning_rate"],
          member["dropout"] if group.method in protocol.with_dropout else None,
          member["weight_decay"],
        )
        return state, total + value

      state, total = jax.lax.fori_loop(0, per_epoch, one, (state, 0.0))
      logits = predicted(state)
      values = {
        "loss": total / per_epoch,
        "validation": score(logits, held_out.y, is_validation),
        "test": score(logits, held_out.y, is_test),
      }
      curves = {name: curves[name].at[n].set(values[name]) for name in curves}
      return n + 1, state, curves

    names = ("loss", "validation", "test")
    curves = {name: jnp.full(protocol.epochs, jnp.nan) for name in names}
    start = (jnp.int32(0), state, curves)
    going_on = lambda carry: carry[0] < shared["epochs"]
    return jax.lax.while_loop(going_on, epoch, start)[2]

  return fit


# Enough for the graphs of one shape; hundreds of programs crash XLA in the end.
@functools.lru_cache(maxsize=64)
def _program(group, outputs, protocol):
  return population.compiled(make_fit(group, outputs, protocol))


def run(
  config: ml_collections.ConfigDict, dataset: PaddedDataset, group: Group
) -> Iterator[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
  """Trains the members of a group; yields (members, curves) chunk by chunk."""
  everyone = members(config, group.method)
  outputs = padded.outputs(config, dataset)
  held_out = padded.joined(dataset.parts["validation"], dataset.parts["test"])
  shared = {
    "train": dataset.parts["train"],
    "held_out": held_out,
    "validation_rows": dataset.parts["validation"].rows,
    "features": np.int32(dataset.features),
    "classes": np.int32(dataset.classes),
    "epochs": np.int32(epochs_of(config, dataset)),
    "key": jax.random.key(config.seed),
  }
  chunk = population.chunk_size(
    bytes_of_member(config, dataset, group, outputs), config.max_bytes
  )
  protocol = Protocol(
    config.batch_size,
    config.epochs,
    config.data.kind,
    config.data.score,
    tuple(config.grid.with_dropout),
  )
  program = _program(group, outputs, protocol)
  for rows, curves in population.run(program, everyone, shared, chunk):
    yield {name: leaf[rows] for name, leaf in everyone.items()}, curves


def bytes_of_member(
  config: ml_collections.ConfigDict,
  dataset: PaddedDataset,
  group: Group,
  outputs: int,
) -> int:
  """About what a member takes: weights, gradients, activations, logits."""
  shape = model.widths(group.form, group.width, group.depth, outputs)
  features = dataset.parts["train"].x.shape[1]
  layers = itertools.pairwise((features, *shape, outputs))
  # A gate has as many again, a block of three layers three times as many.
  weights = group.block_layers * sum(a * b for a, b in layers)
  activations = 6 * config.batch_size * (features + sum(shape) + outputs)
  rows = max(len(part.x) for part in dataset.parts.values())
  return int(4 * (3 * weights + activations + 2 * rows * outputs))


def smoothed(curve: np.ndarray, window: int) -> np.ndarray:
  """Moving average over the last `window` values, `[..., epochs]`.

  The first `window - 1` epochs have no average yet and are NaN, unless the
  curve is shorter than that: then each is averaged with what came before it.
  Rounded, since ties between counts of right answers have to stay ties.
  """
  curve = np.asarray(curve, np.float64)
  epochs = int(np.sum(~np.isnan(curve).all(axis=tuple(range(curve.ndim - 1)))))
  window = min(window, max(epochs, 1))
  total = np.cumsum(np.nan_to_num(curve, nan=0.0), axis=-1)
  shifted = np.concatenate(
    [np.zeros_like(total[..., :1]), total[..., :-window]], axis=-1
  )
  out = np.full(curve.shape, np.nan)
  out[..., window - 1 : epochs] = (
    total[..., window - 1 : epochs] - shifted[..., : epochs - window + 1]
  ) / window
  return np.round(out, 6)


def member_records(
  config: ml_collections.ConfigDict,
  settings: dict[str, np.ndarray],
  curves: dict[str, np.ndarray],
) -> list[dict[str, Any]]:
  """One record a member: its settings, the epoch chosen, the scores there.

  A member whose training loss became non-finite has diverged: it is recorded as
  such and cannot be chosen.
  """
  out = []
  average = smoothed(curves["validation"], config.smoothing)
  for i in range(len(settings["learning_rate"])):
    done = ~np.isnan(curves["validation"][i])
    diverged = not np.isfinite(curves["loss"][i][done]).all() or not done.any()
    record = {name: leaf[i].item() for name, leaf in settings.items()}
    record["diverged"] = bool(diverged)
    if not diverged:
      epoch = int(np.nanargmax(average[i]))
      record |= {
        "epoch": epoch + 1,
        "validation": float(average[i, epoch]),
        "test": float(curves["test"][i, epoch]),
      }
    out.append(record)
  return out


def record(
  config: ml_collections.ConfigDict, dataset: PaddedDataset, group: Group
) -> dict[str, Any]:
  """Trains a group; what the journal keeps of it."""
  start = time.perf_counter()
  records = [
    member
    for settings, curves in run(config, dataset, group)
    for member in member_records(config, settings, curves)
  ]
  return {
    "task": dataset.name,
    **group._asdict(),
    "features": dataset.features,
    "epochs": epochs_of(config, dataset),
    "members": records,
    "seconds": time.perf_counter() - start,
  }


def chosen(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
  """The best setting of each repetition, over the groups of one method.

  By the smoothed validation score; ties go to more layers, then to the lower
  learning rate, then to the higher dropout rate (the paper's order).

  Args:
    records: of `record`, one task and one method.

  Returns:
    One member's record for each repetition, with its group's entries; none
    where every setting diverged.
  """
  best: dict[int, tuple[Any, dict[str, Any]]] = {}
  for record in records:
    group = {n: record[n] for n in Group._fields if n in record}
    for member in record["members"]:
      if member["diverged"]:
        continue
      rank = (
        round(member["validation"], 6),  # As `smoothed` has it.
        record["depth"],
        -member["learning_rate"],
        member["dropout"],
      )
      old = best.get(member["repetition"])
      if old is None or rank > old[0]:
        best[member["repetition"]] = (rank, {**group, **member})
  return [best[r][1] for r in sorted(best)]
