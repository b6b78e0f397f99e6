"""Trains Slot Attention, to find objects or to predict their properties.

    python -m projects.slot_attention.train --workdir=runs/tetrominoes \\
      --config=configs/slot_attention/tetrominoes_small.py
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
import numpy as np
import optax
from jax import numpy as jnp

from common import cli, experiment, keys, xla_options

from . import (
  clustering,
  data,
  losses,
  matching,
  model,
  pictures,
  precision,
  schema,
)


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, steps done
  key: jax.Array  # typed key of the slots' noise
  params: Any
  opt: optax.OptState


def learning_rate(
  config: ml_collections.ConfigDict,
) -> Callable[[jax.Array], jax.Array]:
  """The schedule `step -> rate`: a linear rise, times a decay from step 0 on.

  The authors': the first update has rate 0, and the decay counts while the rate
  still rises.
  """

  def rate(step):
    rise = jnp.minimum(1.0, step / max(config.warmup_steps, 1))
    fall = config.decay_rate ** (step / config.decay_steps)
    return config.learning_rate * rise * fall

  return rate


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step; vmap over `key` if you like."""
  params = model.network(config).init(keys.named(key, "params"))
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "noise"),
    params=params,
    opt=optax.adam(learning_rate(config)).init(params),
  )


def make_loss(config: ml_collections.ConfigDict) -> Callable:
  """Returns `loss(params, batch, noise) -> number` of `config.task`."""
  network = model.network(config)

  def discovery(params, batch, noise):
    out = network.apply(params, batch["image"], noise, config.iterations)
    return losses.reconstruction_loss(batch["image"], out["reconstruction"])

  def set_prediction(params, batch, noise):
    out = network.apply(params, batch["image"], noise, config.iterations)
    return matching.matched_loss(batch["vector"], out["predictions"])

  return discovery if config.task == "discovery" else set_prediction


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure.

  Raises:
    InputError: a value of `config` that it cannot have.
  """
  schema.check(config)
  loss = make_loss(config)
  adam = optax.adam(learning_rate(config))

  def step(state, batch):
    key = jax.random.fold_in(state.key, state.step)
    shape = (len(batch["image"]), config.slots, config.slot_dim)
    noise = jax.random.normal(key, shape)
    value, grads = jax.value_and_grad(loss)(state.params, batch, noise)
    updates, opt = adam.update(grads, state.opt)
    params = optax.apply_updates(state.params, updates)
    metrics = {"loss": value, "gradient": optax.tree.norm(grads)}
    state = state.replace(step=state.step + 1, params=params, opt=opt)
    return state, metrics

  return step


def make_evaluate(
  config: ml_collections.ConfigDict, test: dict[str, jax.Array]
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`, by `config.eval_*`.

  There may be more slots and iterations than in training. Of discovery:
  `test_loss`, and `foreground_ari` where there are true masks, averaged over
  pictures; of set prediction
  the average precision at each distance, `ap_inf` to `ap_0.125`, over all
  pictures together.

  Args:
    config: of the run.
    test: from `data.test`, any number of pictures.

  Raises:
    InputError: fewer slots than objects.
  """
  model.check_slots(config.eval_slots, config.eval_max_objects)
  network = model.network(config)

  @jax.jit
  def outputs(params, images, masks, key):
    noise = jax.random.normal(
      key, (len(images), config.eval_slots, config.slot_dim)
    )
    out = network.apply(params, images, noise, config.eval_iterations)
    if config.task == "set_prediction":
      return {"predictions": out["predictions"]}
    error = jnp.mean((images - out["reconstruction"]) ** 2, axis=(1, 2, 3))
    if masks is None:
      return {"test_loss": error}
    tables = jax.vmap(clustering.foreground_contingency)(masks, out["masks"])
    return {"contingency": tables, "test_loss": error}

  def evaluate(state, key):
    parts = []
    # Not lax.map: XLA's CPU convolutions are many times slower inside a loop.
    for start in range(0, len(test["image"]), config.eval_batch):
      rows = slice(start, start + config.eval_batch)
      noise = jax.random.fold_in(key, start)
      masks = test["masks"][rows] if "masks" in test else None
      parts.append(outputs(state.params, test["image"][rows], masks, noise))
    whole = {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}
    if config.task == "discovery":
      if (tables := whole.pop("contingency", None)) is not None:
        index = clustering.adjusted_rand_index(tables)
        whole = {"foreground_ari": index, **whole}
      return {name: float(values.mean()) for name, values in whole.items()}
    found = precision.average_precision(
      whole["predictions"], np.asarray(test["vector"])
    )
    return {f"ap_{distance:g}": ap for distance, ap in found.items()}

  return evaluate


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics and pictures in `workdir`.
  """
  schema.check(config)
  with experiment.Run(config, workdir) as run:
    run.claim_data(config.data_dir, data.arrays(config))
    state = run.restore_or(lambda key: init(key, config))
    update = run.compile(make_train_step(config), xla_options.convolutions())
    test = data.test(config, run.key("test"))
    evaluate = make_evaluate(config, test)
    snapshot = pictures.make_snapshot(run, test)
    batches = data.batches(config, run.key("data"))
    scores = {}
    for step, batch in run.steps(state, batches):
      state, metrics = update(state, batch)
      run.log(step, metrics)
      if run.every(config.eval_every, step):
        here = run.local(state)
        scores = run.log_now(step, evaluate(here, run.key("eval")))
        if run.main:
          snapshot(here, step)
      run.save(step, state)
    # No step was left to do: the run had ended before.
    return state, scores or evaluate(run.local(state), run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
