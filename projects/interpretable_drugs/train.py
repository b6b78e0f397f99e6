"""Trains a network on molecules: SELU layers on bits, or graph convolutions.

    python -m projects.interpretable_drugs.train --workdir=runs/tox21 \\
      --config=configs/interpretable_drugs/tox21.py --config.data_dir=DIR
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
import numpy as np
import optax
from jax import numpy as jnp

from common import checkpoint, cli, config_schema, experiment, keys
from common.errors import InputError

from . import attribution, datasets, inputs, losses, model
from .schema import SCHEMA


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, steps done
  key: jax.Array  # typed key of dropout
  params: Any
  opt: optax.OptState
  best: Any  # parameters of the best evaluation so far
  best_score: jax.Array  # its validation AUC; -1 before the first


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step; vmap over `key` if you like."""
  variables = model.network(config).init(
    keys.named(key, "weights"), model.example(config)
  )
  params = variables["params"]
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "dropout"),
    params=params,
    opt=optax.adam(config.learning_rate).init(params),
    best=jax.tree.map(jnp.copy, params),
    best_score=jnp.float32(-1),
  )


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure.

  Raises:
    InputError: a value of `config` that it cannot have.
  """
  check(config)
  network = model.network(config)
  adam = optax.adam(config.learning_rate)

  def step(state, batch):
    key = jax.random.fold_in(state.key, state.step)

    def loss(params):
      logits, _ = network.apply(
        {"params": params}, batch["x"], train=True, rngs={"dropout": key}
      )
      return losses.cross_entropy(logits, batch["y"])

    value, grads = jax.value_and_grad(loss)(state.params)
    updates, opt = adam.update(grads, state.opt)
    params = optax.apply_updates(state.params, updates)
    state = state.replace(step=state.step + 1, params=params, opt=opt)
    return state, {"loss": value}

  return step


def make_predict(
  config: ml_collections.ConfigDict,
) -> Callable[[Any, inputs.Inputs], np.ndarray]:
  """Returns `predict(params, inputs) -> logits [n, tasks]`, compiled once.

  It goes through the inputs in batches of `config.eval_batch`.
  """
  network = model.network(config)
  apply = jax.jit(lambda params, x: network.apply({"params": params}, x)[0])

  def predict(params, found):
    parts = [np.empty((0, config.tasks), np.float32)]
    for rows, x in inputs.chunks(found, config.eval_batch):
      parts.append(np.asarray(apply(params, x))[: len(rows)])
    return np.concatenate(parts)

  return predict


def make_evaluate(
  config: ml_collections.ConfigDict, data: datasets.Dataset
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key)`: the mean AUC of validation and test.

  That of the test chooses nothing. The key is the contract's, and not used.

  Raises:
    InputError: (of `evaluate`) a part has no task with both classes.
  """
  apply = make_predict(config)
  parts = {
    part: (
      inputs.of_molecules(
        [data.molecules[i] for i in data.parts[part]], config
      ),
      data.y[data.parts[part]],
    )
    for part in ("validation", "test")
  }

  def evaluate(state, key):
    del key
    return {
      f"{part}_auc": losses.mean_auc(apply(state.params, found), y)
      for part, (found, y) in parts.items()
    }

  return evaluate


@jax.jit
def keep_best(state: State, score: jax.Array) -> State:
  """The state with its parameters as the best, if `score` is the highest."""
  better = score > state.best_score
  best = jax.tree.map(
    lambda new, old: jnp.where(better, new, old), state.params, state.best
  )
  return state.replace(
    best=best, best_score=jnp.maximum(score, state.best_score)
  )


def check(config: ml_collections.ConfigDict) -> None:
  """Raises InputError unless the config is one of this project."""
  config_schema.check(config, SCHEMA)
  attribution.check_blocks(config)  # Not after the training, by `explain`.
  if config.model == "graph_conv" and config.steps_per_call != 1:
    raise InputError(
      f"config.steps_per_call is {config.steps_per_call}: packed graphs have "
      "several lengths, and go one step a call; set it to 1"
    )


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the best's scores.

  Best is the evaluation of the highest validation AUC, as in the authors' code.
  """
  check(config)
  data = datasets.load(config)
  with experiment.Run(config, workdir) as run:
    run.claim_data(config.data_dir, inputs.arrays(config, data))
    state = run.restore_or(lambda key: init(key, config))
    if run.main:  # `explain` names the outputs by it.
      checkpoint.save_json(run.workdir / "tasks.json", data.tasks)
    update = run.compile(make_train_step(config))
    evaluate = make_evaluate(config, data)
    draw = inputs.batches(config, data, run.key("data"))
    for step, batch in run.steps(state, draw):
      state, metrics = update(state, batch)
      run.log(step, metrics)
      if run.every(config.eval_every, step):
        scores = evaluate(run.local(state), run.key("eval"))
        run.log_now(step, scores)
        state = keep_best(state, np.float32(scores["validation_auc"]))
      run.save(step, state)
    here = run.local(state)
    return state, evaluate(here.replace(params=here.best), run.key("eval"))


if __name__ == "__main__":
  cli.main(train, waits=False)
