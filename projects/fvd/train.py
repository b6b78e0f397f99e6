"""Trains a model that predicts videos: CDNA, SV2P, SVP-FP or SAVP.

    python -m projects.fvd.train --workdir=runs/cdna \\
      --config=configs/fvd/cdna.py:small
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

from . import data, film, frames, predict, schema
from .models import choice, svp_fp


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, steps done
  key: jax.Array  # typed key of the run's own noise
  params: Any  # {player: tree}
  stats: Any  # {player: tree}, what is kept without a gradient
  opt: Any  # {player: optimizer's state}


def optimizer(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam, each player's own; the rate is constant, or falls to zero.

  It falls on a line from step `decay_start` to `decay_end`, where that is not
  0. A `clip_norm` that is not 0 bounds the gradient's norm first.
  """
  rate = config.learning_rate
  if config.decay_end:
    rate = optax.linear_schedule(
      rate, 0.0, config.decay_end - config.decay_start, config.decay_start
    )
  adam = optax.adam(rate, b1=config.adam_b1, b2=config.adam_b2)
  if not config.clip_norm:
    return adam
  return optax.chain(optax.clip_by_global_norm(config.clip_norm), adam)


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step; vmap over `key` if you like."""
  model = choice.model_of(config)
  variables = model.init(keys.named(key, "params"))
  params = variables["params"]
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "noise"),
    params=params,
    stats=variables["stats"],
    opt={player: optimizer(config).init(params[player]) for player in params},
  )


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure.

  The players move one after the other, each against the others as they are by
  then, with the same noise. What the last one shows them is made once; its own
  gradient is pulled back through that. A batch is `{"video": [b, frames, h, w,
  3]}`.

  Raises:
    InputError: a value of `config` that it cannot have; in `step`, clips that
      the model cannot take.
  """
  schema.check(config)
  model = choice.model_of(config)
  adam = optimizer(config)

  def step(state, batch):
    video = batch["video"]
    schema.check_video(video.shape, config, config.context + 1)
    key = jax.random.fold_in(state.key, state.step)
    metrics, maker = {}, model.players[-1]
    made, pull_back = jax.vjp(
      lambda own: model.make(own, video, key, state.step), state.params[maker]
    )
    for player in model.players:

      def loss(own, made, state=state, player=player):
        params = {**state.params, player: own}
        variables = {"params": params, "stats": state.stats}
        return model.loss(variables, video, key, state.step, player, made)

      slope = jax.grad(loss, argnums=(0, 1), has_aux=True)
      (grads, to_made), (found, stats) = slope(state.params[player], made)
      if player == maker:
        grads = jax.tree.map(jnp.add, grads, *pull_back(to_made))
      updates, opt = adam.update(grads, state.opt[player])
      own = optax.apply_updates(state.params[player], updates)
      metrics |= found
      state = state.replace(
        params={**state.params, player: own},
        opt={**state.opt, player: opt},
        stats=stats,
      )
    return state.replace(step=state.step + 1), metrics

  return step


def compiler_options(config: ml_collections.ConfigDict) -> dict[str, str]:
  """What XLA is told when a train step is compiled."""
  apart = config.model == "svp_fp" and svp_fp.at_once(config)
  return xla_options.convolutions() if apart else {}


def make_evaluate(
  config: ml_collections.ConfigDict,
  videos: jax.Array,
  draw: Callable | None = None,
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> {"psnr", "ssim"}` of the frames predicted.

  Both are means over clips of the first prediction for each.

  Args:
    config: of the run.
    videos: uint8 [n, context + frames to predict, h, w, 3].
    draw: of `predict.make_predict` for so many frames, where there is one.
  """
  c = config.context
  schema.check_video(videos.shape, config, c + 1)
  truth = np.asarray(videos[:, c:])
  draw = draw or predict.make_predict(config, truth.shape[1])

  def evaluate(state, key):
    made = draw(predict.variables(state), videos[:, :c], key)
    return {
      "psnr": float(frames.psnr_of_each(truth, made).mean()),
      "ssim": float(frames.ssim_of_each(truth, made).mean()),
    }

  return evaluate


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics and a film strip in `workdir`.
  """
  schema.check(config)
  with experiment.Run(config, workdir) as run:
    run.claim_data(config.data_dir, data.arrays(config))
    state = run.restore_or(lambda key: init(key, config))
    update = run.compile(make_train_step(config), compiler_options(config))
    videos = data.test(config, run.key("test"))
    draw = predict.make_predict(config, config.eval_frames)
    evaluate = make_evaluate(config, videos, draw)
    batches = data.batches(config, run.key("data"))
    scores = {}
    for step, batch in run.steps(state, batches):
      state, metrics = update(state, batch)
      run.log(step, metrics)
      if run.every(config.eval_every, step):
        scores = run.log_now(step, evaluate(run.local(state), run.key("eval")))
      run.save(step, state)
    here = run.local(state)
    if run.main:
      # As many as the evaluation draws at once: its program is there.
      given = videos[: predict.AT_ONCE, : config.context]
      made = draw(predict.variables(here), given, run.key("eval"))
      first = slice(film.STRIP_CLIPS)
      truth = videos[first, config.context :]
      film.strip(
        run.workdir / "film.png",
        {"truth": truth, config.model: made[first]},
        given[first],
      )
    # No step was left to do: the run had ended before.
    return state, scores or evaluate(here, run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
