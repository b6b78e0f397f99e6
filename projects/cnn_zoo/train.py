"""Trains a zoo: thousands of networks that differ in their hyperparameters.

    python -m projects.cnn_zoo.train --workdir=runs/zoo_mnist \\
      --config=configs/cnn_zoo/mnist.py
"""

import functools
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
from jax import numpy as jnp
from jax.experimental import multihost_utils
from tqdm import tqdm

from common import cli, config_schema, keys, logs, population
from common import workdir as workdirs
from common.errors import InputError

from . import (
  data,
  files,
  hyperparameters,
  losses,
  model,
  networks,
  optimizers,
  programs,
)
from .schema import SCHEMA


@flax.struct.dataclass
class State:
  """One network: arrays only."""

  step: jax.Array  # int32, steps done
  drawn: hyperparameters.Hyperparameters
  weights: jax.Array  # [weights], in the released zoo's order
  moments: jax.Array  # [2, weights], of the optimiser


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns a network before its first step; vmap over `key` for many."""
  drawn = hyperparameters.sample(keys.named(key, "hyperparameters"), config)
  weights = model.init(
    keys.named(key, "weights"), drawn.initializer, drawn.init_std, config
  )
  return State(
    step=jnp.int32(0),
    drawn=drawn,
    weights=weights,
    moments=jnp.zeros((2, len(weights))),
  )


def network_key(config: ml_collections.ConfigDict, i: jax.Array) -> jax.Array:
  """The key of network i of the zoo."""
  root = keys.named(jax.random.key(config.seed), "network")
  return jax.random.fold_in(root, i)


def by_activation(
  config: ml_collections.ConfigDict, function: Callable[..., Any]
) -> Callable[..., Any]:
  """`function(activation, *args)` under the network's own, a traced place."""
  branches = [
    lambda *args, chosen=model.ACTIVATIONS[name]: function(chosen, *args)
    for name in tuple(config.activations)
  ]
  return lambda place, *args: jax.lax.switch(place, branches, *args)


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics` of one network, pure.

  A batch has `columns`, `labels` and `noise` (see data.py).

  Raises:
    InputError: a value of `config` that it cannot have.
  """
  config_schema.check(config, SCHEMA)
  checks(config)
  mask = model.kernel_mask(config)
  which = jnp.asarray(
    [optimizers.NAMES.index(n) for n in tuple(config.optimizers)]
  )
  sides, strides = model.sides(config), tuple(config.strides)

  def keep_of(noise, rate):
    """Each layer's factors, of the noise of a microbatch [units, n]."""
    dropped = noise < (rate * data.NOISE).astype(jnp.uint16)
    factors = jnp.where(dropped, 0.0, 1 / (1 - rate))
    keep = []
    for width, side in zip(config.widths, sides, strict=True):
      here, factors = jnp.split(factors, [width * side**2])
      keep.append(here.reshape(width, side**2, -1))
    return keep

  def summed_loss(activation, parts, batch, rate):
    keep = keep_of(batch["noise"], rate)
    found = model.logits(parts, batch["columns"], activation, strides, keep)
    return jnp.sum(losses.cross_entropy(found, batch["labels"]))

  def gradient(activation, weights, rate, batch):
    """Of the mean cross-entropy, over microbatches that fit the cache."""
    parts = model.tensors(weights, config)
    value = jax.value_and_grad(summed_loss, argnums=1)

    def add(total, microbatch):
      found = value(activation, parts, microbatch, rate)
      return jax.tree.map(jnp.add, total, found), None

    zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, parts))
    (loss, parts), _ = jax.lax.scan(add, zero, batch)
    examples = batch["labels"].size
    return loss / examples, model.joined(parts) / examples

  chosen = by_activation(config, gradient)

  def step(state, batch):
    drawn = state.drawn
    loss, slope = chosen(drawn.activation, state.weights, drawn.dropout, batch)
    slope += jax.grad(losses.penalty)(state.weights, mask, drawn.l2)
    weights, moments = optimizers.update(
      which[drawn.optimizer],
      state.weights,
      slope,
      state.moments,
      drawn.learning_rate,
      state.step,
    )
    loss += losses.penalty(state.weights, mask, drawn.l2)
    new = state.replace(step=state.step + 1, weights=weights, moments=moments)
    return new, {"loss": loss}

  return step


def make_judge(config: ml_collections.ConfigDict) -> Callable:
  """Returns `judge(state, batch) -> sums` of one network, without dropout.

  A batch has `columns`, `labels` and `mask`; the sums are of the examples that
  count: `correct`, and the cross-entropy as `loss`.
  """

  strides = tuple(config.strides)

  def sums(activation, weights, batch):
    parts = model.tensors(weights, config)

    def add(total, part):
      found = model.logits(parts, part["columns"], activation, strides)
      right = losses.correct(found, part["labels"]) & part["mask"]
      loss = losses.cross_entropy(found, part["labels"])
      loss = jnp.where(part["mask"], loss, 0.0)
      found = {"correct": right.sum(dtype=jnp.float32), "loss": loss.sum()}
      return jax.tree.map(jnp.add, total, found), None

    zero = {"correct": jnp.zeros(()), "loss": jnp.zeros(())}
    return jax.lax.scan(add, zero, batch)[0]

  chosen = by_activation(config, sums)
  return lambda state, batch: chosen(
    state.drawn.activation, state.weights, batch
  )


def make_evaluate(
  config: ml_collections.ConfigDict, test: data.Pictures
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats` of one network.

  `accuracy` over all pictures of `test`, and `loss`, which holds the penalty,
  as Keras's does. Nothing is random.
  """
  judge = make_judge(config)
  mask = model.kernel_mask(config)
  block = config.batch_size
  size = len(test.labels)

  @jax.jit
  def sums(state):
    def one_block(total, start):
      rows = start + jnp.arange(block)
      batch = data.gather(test, jnp.minimum(rows, size - 1), config)
      batch["mask"] = (rows < size).reshape(-1, config.microbatch)
      return jax.tree.map(jnp.add, total, judge(state, batch)), None

    zero = {"correct": jnp.zeros(()), "loss": jnp.zeros(())}
    total = jax.lax.scan(one_block, zero, jnp.arange(0, size, block))[0]
    penalty = losses.penalty(state.weights, mask, state.drawn.l2)
    return {
      "accuracy": total["correct"] / size,
      "loss": total["loss"] / size + penalty,
    }

  return lambda state, key: {n: float(v) for n, v in sums(state).items()}


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Trains the zoo's networks from `first_network` to `total_steps` of them.

  A step of a zoo is a network. Shards of `steps_per_call` networks come into
  `workdir/shards`; networks that are there are not trained again, whatever
  `total_steps` and `steps_per_call` were. Several processes take every n-th
  chunk.

  Returns:
    The last network that this call trained (the first of the zoo where none
    was left), and the zoo's summary so far.

  Raises:
    InputError: a value of the config, or the pictures; the directory.
  """
  config_schema.check(config, SCHEMA)
  checks(config)
  folder = pathlib.Path(workdir).expanduser().absolute()
  main = jax.process_index() == 0
  lock = workdirs.lock(folder) if main else None
  try:
    if (folder / "config.json").exists() and any(files.shards(folder)):
      workdirs.refuse_other_config(folder, config)
    return _train(config, folder, main)
  finally:
    if lock:
      lock.release()


def _train(config, folder, main):
  first, end = config.first_network, config.first_network + config.total_steps
  starts = range(first, end, config.steps_per_call)
  chunks = [range(s, min(s + config.steps_per_call, end)) for s in starts]
  share = population.share_of_this_process(chunks)
  pieces = [run for chunk in share for run in files.missing(folder, chunk)]
  first_states, run = _compiled(ml_collections.FrozenConfigDict(config))
  numbers = jnp.arange(config.steps_per_call)
  sets = [data.load(config, name) for name in ("train", "test") if pieces]
  if config.dataset != "generated":
    named = [(part.pixels, part.labels) for part in sets]
    begun = any(files.shards(folder))
    workdirs.claim_data(folder, config.data_dir, named, begun, main)
  if main:  # Not before: other data may have been refused.
    workdirs.save_config(folder, config)
    files.write_layout(folder, model.layout_of(config))
  state = None
  if pieces:
    zoo = networks.Zoo(config, *sets, run)
    log = logs.Log(folder, end) if main else None
    bar = tqdm(pieces, desc=folder.name, disable=not main, dynamic_ncols=True)
    bar.mininterval = 0.2 if sys.stderr.isatty() else 30
    for piece in bar:
      began = time.perf_counter()
      states = first_states(numbers + piece[0])
      states, weights, rows = networks.train(zoo, states, piece)
      files.write_shard(folder, piece, weights, rows)
      state = jax.tree.map(lambda leaf: leaf[-1], states)
      scores = networks.summary(rows)
      scores["networks_per_second"] = len(piece) / (time.perf_counter() - began)
      bar.set_postfix({n: f"{v:.3g}" for n, v in scores.items()}, refresh=False)
      if log:
        log.write(piece[-1] + 1, scores)
    if log:
      log.close()
  elif jax.process_count() == 1:  # Else others may have some left.
    total = config.total_steps
    print(workdirs.greeting(folder, total, total))
  if state is None:
    state = jax.tree.map(lambda leaf: leaf[0], first_states(numbers + first))
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices("the zoo is trained")
  return state, networks.summary(files.read(folder).rows)


@functools.lru_cache(maxsize=1)
def _compiled(config):
  """(numbers -> first states, the zoo's programs), kept for the next call."""
  # Not vmapped, which would go through every initialiser for each network.
  one = lambda i: init(network_key(config, i), config)
  first_states = jax.jit(lambda numbers: jax.lax.map(one, numbers))
  run = programs.compiled(make_train_step(config), make_judge(config), config)
  return first_states, run


def checks(config: ml_collections.ConfigDict) -> None:
  """What values must fit each other, beyond what each of them can be.

  Raises:
    InputError: they do not.
  """
  if config.batch_size % config.microbatch:
    raise InputError(
      f"config.batch_size is {config.batch_size}; it must be a multiple of "
      f"config.microbatch = {config.microbatch}"
    )
  model.sides(config)


if __name__ == "__main__":
  population.use_all_cores()
  cli.main(train)
