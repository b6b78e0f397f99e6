"""Trains a First Order GAN, or its rivals with the same networks.

    python -m projects.first_order_gan.train --workdir=runs/language \\
      --config=configs/first_order_gan/language.py --config.data_dir=news.txt
"""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
import numpy as np
import optax
from jax import numpy as jnp

from common import cli, experiment, keys
from common.gan import losses as usual
from common.gan import players
from common.gan.batches import interleaved
from common.stats import frechet, ngrams

from . import data, losses, model, pictures, schema

_DRAWN = 640  # Samples drawn at once for an evaluation.


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, steps done
  key: jax.Array  # typed key of the run's own noise
  generator: players.Player
  averages: Any  # moving averages of the generator's batch norms
  critic: players.Player


def optimiser(
  config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
  """Adam, of both players; their rates are constant, and of the state."""
  return optax.scale_by_adam(b1=config.adam_b1, b2=config.adam_b2)


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step; vmap over `key` if you like."""
  networks, adam = model.networks(config), optimiser(config)
  params, averages = networks.init_generator(keys.named(key, "generator"))
  critic = networks.init_critic(keys.named(key, "critic"))
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "noise"),
    generator=players.new(params, adam, config.generator_learning_rate),
    averages=averages,
    critic=players.new(critic, adam, config.critic_learning_rate),
  )


def make_critic_loss(config: ml_collections.ConfigDict) -> Callable:
  """Returns `loss(f, x, x_prime, key) -> loss, metrics` of `config.method`.

  `f` is the critic as a function of samples, `x` real samples and `x_prime`
  generated ones `[batch, ...]`, on which nothing depends.
  """
  weight = config.lipschitz_weight
  if config.method == "wgan_gp":

    def wgan_gp(f, x, x_prime, key):
      mixing = jax.random.uniform(keys.named(key, "mixing"), (len(x),))
      penalty = usual.gradient_penalty(f, x_prime, x, mixing)
      loss = usual.wgan_critic_loss(f(x_prime), f(x))
      metrics = {"tau": -loss, "gradient_penalty": penalty}
      return loss + config.gradient_penalty * penalty, metrics

    return wgan_gp

  def tau_p(f_x, f_x_prime, x, x_prime):
    return losses.penalised_wasserstein(
      f_x, f_x_prime, x, x_prime, weight, config.pairs
    )

  if config.method == "penalized":

    def penalized(f, x, x_prime, key):
      del key
      tau = tau_p(f(x), f(x_prime), x, x_prime)
      return losses.critic_loss(tau), {"tau": tau}

    return penalized

  def first_order(f, x, x_prime, key):
    del key
    f_x = f(x)
    f_x_prime, slope = losses.slopes(f, x_prime)
    if config.calculate_slope:
      target = losses.target_slope(f_x, f_x_prime, x, x_prime)
    else:
      target = losses.constant_slope(weight, x_prime)
    penalty = losses.slope_penalty(slope, target)
    tau = tau_p(f_x, f_x_prime, x, x_prime)
    tau_f = losses.first_order(tau, penalty, config.slope_weight)
    metrics = {"tau": tau_f, "slope_penalty": penalty}
    metrics |= {"slope": jnp.mean(slope), "target_slope": jnp.mean(target)}
    return losses.critic_loss(tau_f), metrics

  return first_order


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure.

  `config.update_order` says who moves first: "critic_first" (the code's images)
  or "generator_first" (its text), where the generator does not move in the
  first step of all. Each move has real samples and latents of its own.
  """
  schema.check(config)
  networks, adam = model.networks(config), optimiser(config)
  critic_loss = make_critic_loss(config)
  moves = config.critic_steps + 1
  text = config.network == "characters"

  def x_prime_of(made, x, key):
    if not config.interpolation:
      return made
    share = jax.random.uniform(keys.named(key, "share"), (len(x),))
    return losses.between(x, made, config.interpolation * share)

  def move_critic(state, x, z, key):
    generator = state.generator.params
    made, _ = networks.generate(generator, state.averages, z)
    x_prime = jax.lax.stop_gradient(x_prime_of(made, x, key))

    def loss(params):
      f = lambda a: networks.critic(params, a)
      return critic_loss(f, x, x_prime, key)

    critic, metrics = players.move(state.critic, adam, loss)
    return state.replace(critic=critic), metrics

  def move_generator(state, x, z, key):
    def loss(params):
      made, averages = networks.generate(params, state.averages, z)
      x_prime = x_prime_of(made, x, key)
      value = losses.generator_loss(
        networks.critic(state.critic.params, x_prime)
      )
      return value, (value, averages)

    generator, (value, averages) = players.move(state.generator, adam, loss)
    moved = state.replace(generator=generator, averages=averages)
    return moved, {"generator_loss": value}

  def step(state, batch):
    key = jax.random.fold_in(state.key, state.step)
    real, latent = (
      interleaved(batch[name], moves) for name in ("real", "latent")
    )
    samples = lambda i: data.one_hot(real[i], config) if text else real[i]

    def turn(move, state, i):
      return move(state, samples(i), latent[i], jax.random.fold_in(key, i))

    metrics = {}
    if config.update_order == "generator_first":
      moved, metrics = turn(move_generator, state, moves - 1)
      keep = lambda new, old: jnp.where(state.step > 0, new, old)
      state = jax.tree.map(keep, moved.replace(key=0), state.replace(key=0))
      state = state.replace(key=moved.key)
    for i in range(config.critic_steps):
      state, more = turn(move_critic, state, i)
      metrics |= more
    if config.update_order == "critic_first":
      state, more = turn(move_generator, state, moves - 1)
      metrics |= more
    return state.replace(step=state.step + 1), metrics

  return step


def make_draw(config: ml_collections.ConfigDict) -> Callable:
  """Returns `draw(state, key, n)`: samples `[n, ...]`, on the host.

  Images are float32 in [-1, 1]; text is character numbers `[n, length]`, the
  most probable of each place. The first k samples of a key are the same for
  every n.
  """
  networks = model.networks(config)
  text = config.network == "characters"

  @jax.jit
  def some(generator, averages, key):
    z = jax.random.normal(key, (_DRAWN, config.latent_dim))
    x = networks.sample(generator, averages, z)
    return jnp.argmax(x, axis=-1).astype(jnp.uint16) if text else x

  def draw(state, key, n):
    parts = [
      np.asarray(
        some(state.generator.params, state.averages, jax.random.fold_in(key, i))
      )
      for i in range(-(-n // _DRAWN))
    ]
    return np.concatenate(parts)[:n]

  return draw


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`.

  Of text, `jsd<n>_<samples>` for n = 1 .. 6, of `few_samples` and of
  `eval_samples` generated lines; of images `frechet_8x8`, between the pixels of
  pictures shrunk to 8x8, of `eval_samples` on both sides: not the FID.

  Args:
    config: of the run.
    real: from `data.test`.
  """
  draw = make_draw(config)
  if config.network == "characters":

    def divergences(state, key):
      ids = draw(state, key, config.eval_samples)
      return {
        f"jsd{n}_{count}": float(value)
        for count in (config.few_samples, config.eval_samples)
        for n, value in enumerate(ngrams.divergences(real, ids[:count]), 1)
      }

    return divergences

  of_real = small(np.asarray(real))

  def distance(state, key):
    made = small(draw(state, key, config.eval_samples))
    value = frechet.distance_from_features(of_real, made)
    return {"frechet_8x8": float(value)}

  return distance


def small(images: np.ndarray) -> np.ndarray:
  """Images `[n, h, w, c]` shrunk to 8x8 by means, as vectors `[n, 64 c]`."""
  n, h, w, c = images.shape
  parts = images.reshape(n, 8, h // 8, 8, w // 8, c)
  return parts.mean((2, 4)).reshape(n, -1)


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics, samples and curves in `workdir`.
  """
  schema.check(config)
  with experiment.Run(config, workdir) as run:
    run.claim_data(config.data_dir, data.arrays(config))
    state = run.restore_or(lambda key: init(key, config))
    update = run.compile(make_train_step(config))
    evaluate = make_evaluate(config, data.test(config, run.key("test")))
    draw = make_draw(config)
    batches = data.batches(config, run.key("data"))
    scores = {}
    for step, batch in run.steps(state, batches):
      state, metrics = update(state, batch)
      run.log(step, metrics)
      if run.every(config.eval_every, step):
        here = run.local(state)
        scores = run.log_now(step, evaluate(here, run.key("eval")))
        if run.main:
          drawn = draw(here, run.key("film"), config.picture_samples)
          pictures.snapshot(run, drawn, step)
      run.save(step, state)
    here = run.local(state)
    if run.main:
      drawn = draw(here, run.key("eval"), config.picture_samples)
      pictures.last(run, drawn)
    # No step was left to do: the run had ended before.
    return state, scores or evaluate(here, run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
