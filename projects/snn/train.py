"""Trains one network on one table; `reproduce` trains whole grids of them.

    python -m projects.snn.train --workdir=runs/abalone \\
      --config=configs/snn/uci.py --config.data.name=abalone
"""

from collections.abc import Callable
from typing import Any

import chex
import flax.struct
import jax
import ml_collections
import optax
from jax import numpy as jnp
from jax.tree_util import Partial

from common import checkpoint, cli, config_schema, experiment, keys
from common.data import shuffle
from common.errors import InputError
from common.nn import regularizers

from . import losses, model, pictures
from .datasets import loading, new_rows, padded, tables
from .schema import SCHEMA


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, steps done
  key: jax.Array  # typed key of dropout
  params: Any
  stats: Any  # running averages of batch norm; {} for other methods


def network(config: ml_collections.ConfigDict) -> model.Network:
  """The network that `config` describes.

  Raises:
    InputError: a conic form of layers that all have one width.
  """
  if config.form != "rectangular" and config.method in model.ONE_WIDTH:
    raise InputError(
      f"layers of {config.method} have one width: set config.form='rectangular'"
    )
  shape = (config.form, config.width, config.depth, config.data.outputs)
  return model.Network(
    config.method,
    model.widths(*shape),
    config.data.outputs,
    config.bottleneck,
    config.block_layers,
    config.norm_behind,
  )


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step; vmap over `key` if you like."""
  present = jnp.arange(config.data.features) < config.data.present
  params, stats = model.init(
    network(config), keys.named(key, "weights"), present
  )
  return State(jnp.int32(0), keys.named(key, "dropout"), params, stats)


def update(
  network: model.Network,
  loss: Callable[[jax.Array, jax.Array], jax.Array],
  state: State,
  batch: dict[str, jax.Array],
  learning_rate: chex.Numeric,
  rate: chex.Numeric | None,
  weight_decay: chex.Numeric,
) -> tuple[State, jax.Array]:
  """One step of plain SGD; everything but `network` and `loss` may be traced.

  Args:
    network: of the parameters in `state`.
    loss: `loss(logits, y) -> scalar`.
    state: before the step.
    batch: `x` `[batch, features]`, `y` `[batch, ...]`.
    learning_rate: of SGD.
    rate: of dropout; None for none.
    weight_decay: times half the sum of the squared weights is added to the
      loss.

  Returns:
    The state after it, and the loss without the penalty.
  """

  def objective(params):
    key = jax.random.fold_in(state.key, state.step)
    logits, stats = model.apply_train(
      network, params, state.stats, batch["x"], rate, key
    )
    value = loss(logits, batch["y"])
    penalty = weight_decay * regularizers.l2(params, regularizers.is_kernel)
    return value + penalty, (value, stats)

  grads, (value, stats) = jax.grad(objective, has_aux=True)(state.params)
  sgd = optax.sgd(learning_rate)
  updates, _ = sgd.update(grads, sgd.init(state.params))
  params = optax.apply_updates(state.params, updates)
  return state.replace(step=state.step + 1, params=params, stats=stats), value


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure."""
  net = network(config)
  loss = losses.make_loss(config.data.kind, config.data.classes)

  def step(state, batch):
    state, value = update(
      net,
      loss,
      state,
      batch,
      config.learning_rate,
      config.dropout or None,
      config.weight_decay,
    )
    return state, {"loss": value}

  return step


def make_evaluate(
  config: ml_collections.ConfigDict, parts: dict[str, padded.Part]
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`: a score for each part.

  The score is the accuracy, or the (mean) area under the ROC curve, after
  `config.data.score`.
  """
  net = network(config)
  score = losses.make_score(config.data.score, config.data.classes)

  @jax.jit
  def scores(state, parts):
    logits = lambda x: model.apply(net, state.params, state.stats, x)
    mask = lambda part: jnp.arange(len(part.x)) < part.rows
    return {
      f"{name}_{config.data.score}": score(logits(p.x), p.y, mask(p))
      for name, p in parts.items()
    }

  return lambda state, key: {
    name: float(v) for name, v in scores(state, parts).items()
  }


def batches(
  part: padded.Part, batch_size: int, key: jax.Array
) -> Callable[[Any], dict[str, jax.Array]]:
  """Returns `t -> batch`: epochs, each in an order of its own.

  Every row comes in each epoch; its last batch, and a part smaller than a
  batch, are filled by going round.
  """
  rows, per_epoch = int(part.rows), int(part.batches(batch_size))

  def draw(part, key, t):
    at = (t % per_epoch) * batch_size + jnp.arange(batch_size)
    epoch = jax.random.fold_in(key, t // per_epoch)
    order = shuffle.permute(epoch, at % rows, rows)
    return {"x": part.x[order], "y": part.y[order]}

  return Partial(draw, part, key)


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Trains for `config.epochs` epochs; returns the state and the last scores.

  `config.total_steps` ends it before where it is fewer steps.
  The test score is reported at the end and chooses nothing: choosing is what
  `sweep.py` and `reproduce.py` do, on the validation part.
  """
  config_schema.check(config, SCHEMA)
  table = loading.read(config)
  loaded = loading.split(config, table)
  dataset = padded.pad(loaded)
  said = ", ".join(f"{n} {what}" for what, n in loaded.notes.items() if n)
  print(f"{loaded.name}: {said.replace('_', ' ') or 'nothing was changed'}")
  config = padded.with_sizes(config, dataset)
  # Orders and rates do not know how many epochs there will be.
  with experiment.Run(config, workdir, ("epochs", "total_steps")) as run:
    run.claim_data(config.data_dir, (loaded.x, loaded.y, loaded.split))
    if run.main:
      kept = {"table": loaded.name, "notes": loaded.notes}
      if loaded.moments and isinstance(table, tables.Table):
        kept |= new_rows.record(config.data.name, table, loaded.moments)
      checkpoint.save_json(run.workdir / "table.json", kept)
    state = run.restore_or(lambda key: init(key, config))
    step_of = run.compile(make_train_step(config))
    evaluate = make_evaluate(config, dataset.parts)
    data = batches(dataset.parts["train"], config.batch_size, run.key("data"))
    scores = {}
    for step, batch in run.steps(state, data):
      state, metrics = step_of(state, batch)
      run.log(step, metrics)
      if run.every(config.eval_every, step):
        here = run.local(state)
        scores = run.log_now(step, evaluate(here, run.key("eval")))
      run.save(step, state)
    if run.main:
      pictures.learning_curve(run.workdir)
    return state, scores or evaluate(run.local(state), run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
