"""Trains DCGAN, WGAN-GP or BEGAN with a learning rate for each player.

    python -m projects.ttur.train --workdir=runs/fashion_mnist \\
      --config=configs/ttur/dcgan_fashion_mnist.py
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import ml_collections
import numpy as np
import optax
from jax import numpy as jnp
from optax import microbatching

from common import cli, experiment, keys
from common.gan import gaussian_grid, players
from common.gan import losses as usual
from common.gan.batches import interleaved

from . import data, losses, model, pictures, schema, scores


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, steps done
  key: jax.Array  # typed key of the run's own noise
  generator: players.Player
  discriminator: players.Player
  averages: Any  # of the generator's batch norms
  balance: jax.Array  # BEGAN's k


def adam(config: ml_collections.ConfigDict) -> optax.GradientTransformation:
  """Both players' Adam; its rate is the player's."""
  return optax.scale_by_adam(b1=config.adam_b1, b2=config.adam_b2)


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step; vmap over `key` if you like."""
  generator, discriminator = model.networks(config)
  g, averages = generator.init(keys.named(key, "generator"))
  d, _ = discriminator.init(keys.named(key, "discriminator"))
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "noise"),
    generator=players.new(g, adam(config), config.generator_rate),
    discriminator=players.new(d, adam(config), config.discriminator_rate),
    averages=averages,
    balance=jnp.float32(0.0),
  )


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure, of `config.game`."""
  schema.check(config)
  games = {"dcgan": dcgan_step, "wgan_gp": wgan_gp_step, "began": began_step}
  return games[config.game](config)


def decay(step: jax.Array, config: ml_collections.ConfigDict) -> jax.Array:
  """What both rates are multiplied by: halved every `halve_every` steps."""
  if not config.halve_every:
    return jnp.float32(1.0)
  return 0.5 ** (step // config.halve_every).astype(jnp.float32)


def dcgan_step(config: ml_collections.ConfigDict) -> Callable:
  """The discriminator moves, then the generator, on the same latents.

  Real and generated samples pass the discriminator apart, each with batch
  statistics of their own; the generator's averages move in both halves.
  """
  G, D = model.networks(config)
  optimiser = adam(config)

  def step(state, batch):
    y, z = batch["real"], batch["latent"]
    scale = decay(state.step, config)
    x, averages = G.apply(state.generator.params, state.averages, z)

    def discriminator_loss(params):
      of = lambda a: D.apply(params, {}, a)[0]
      value = usual.gan_discriminator_loss(of(x), of(y))
      return value, value

    discriminator, d_value = players.move(
      state.discriminator, optimiser, discriminator_loss, scale
    )

    def generator_loss(params):
      x, moved = G.apply(params, averages, z)
      value = usual.gan_generator_loss(D.apply(discriminator.params, {}, x)[0])
      return value, (value, moved)

    generator, (g_value, averages) = players.move(
      state.generator, optimiser, generator_loss, scale
    )
    metrics = {"discriminator_loss": d_value, "generator_loss": g_value}
    state = state.replace(
      step=state.step + 1,
      generator=generator,
      discriminator=discriminator,
      averages=averages,
    )
    return state, metrics

  return step


def wgan_gp_step(config: ml_collections.ConfigDict) -> Callable:
  """The generator moves, but not in the first step; then the critic.

  The critic moves `critic_steps` times, on samples of its own each time, whose
  batch may go through in pieces: its norms do not mix samples.
  """
  G, D = model.networks(config)
  optimiser = adam(config)

  def critic_loss(params, batch):
    x, y, mixing = batch
    of = lambda a: D.apply(params, {}, a)[0]
    value = usual.wgan_critic_loss(of(x), of(y))
    penalty = usual.gradient_penalty(of, x, y, mixing)
    return value + config.gradient_penalty * penalty, (value, penalty)

  slopes = in_pieces(jax.grad(critic_loss, has_aux=True), config)

  def step(state, batch):
    key = jax.random.fold_in(state.key, state.step)
    scale = decay(state.step, config)
    real = interleaved(batch["real"], config.critic_steps)
    latent = interleaved(batch["latent"], config.critic_steps + 1)

    def generator_loss(params):
      x, _ = G.apply(params, {}, latent[-1])
      of = D.apply(state.discriminator.params, {}, x)[0]
      value = usual.wgan_generator_loss(of)
      return value, value

    generator, g_value = players.move(
      state.generator, optimiser, generator_loss, scale
    )
    generator = jax.tree.map(
      lambda moved, still: jnp.where(state.step > 0, moved, still),
      generator,
      state.generator,
    )

    def move_critic(critic, turn):
      i, y, z = turn
      x, _ = G.apply(generator.params, {}, z)
      mixing = jax.random.uniform(jax.random.fold_in(key, i), (len(x),))
      grads, values = slopes(critic.params, (x, y, mixing))
      return players.follow(critic, optimiser, grads, scale), values

    turns = jnp.arange(config.critic_steps), real, latent[:-1]
    critic, values = jax.lax.scan(move_critic, state.discriminator, turns)
    d_value, penalty = (value[-1] for value in values)
    metrics = {
      "critic_loss": d_value,
      "gradient_penalty": penalty,
      "generator_loss": g_value,
    }
    state = state.replace(
      step=state.step + 1, generator=generator, discriminator=critic
    )
    return state, metrics

  return step


def in_pieces(slopes: Callable, config: ml_collections.ConfigDict) -> Callable:
  """`slopes(params, batch)` as the mean of those of the batch's pieces.

  On CPUs only, where a piece's layers stay in the caches, and where
  `config.cpu_microbatch` says how many samples are a piece.

  Args:
    slopes: means over a batch, a tree of `[batch, ...]`. Its samples do not
      interact, but for those of `config.four_samples_as_one`; these stay
      together.
    config: of the run.
  """
  piece = config.get("cpu_microbatch", 0)
  if not piece or jax.default_backend() != "cpu":
    return slopes
  fours = 4 if config.four_samples_as_one else 1
  split = lambda a: a.reshape(-1, fours, *a.shape[1:])
  of_piece = lambda params, batch: slopes(
    params, jax.tree.map(jnp.concatenate, batch)
  )
  mean = microbatching.AccumulationType.MEAN
  found = microbatching.microbatch(of_piece, 1, piece // fours, mean)
  return lambda params, batch: found(params, jax.tree.map(split, batch))


def began_step(config: ml_collections.ConfigDict) -> Callable:
  """Both players move at once, from the same parameters; then the balance.

  So one way back through D(G(z)) serves them both. No norm mixes samples: the
  batch may go through in pieces.
  """
  G, D = model.networks(config)
  optimiser = adam(config)

  def energy(d, a):
    return losses.reconstruction(a, D.apply(d, {}, a)[0])

  def slopes(params, batch):
    """L(y), L(x), and their gradients: by d; by d and g."""
    (d, g), (y, z) = params, batch
    of_x = lambda d, g: energy(d, G.apply(g, {}, z)[0])
    return (
      jax.value_and_grad(energy)(d, y),
      jax.value_and_grad(of_x, (0, 1))(d, g),
    )

  slopes = in_pieces(slopes, config)

  def step(state, batch):
    k, gamma = state.balance, config.diversity
    (real, real_d), (fake, (fake_d, fake_g)) = slopes(
      (state.discriminator.params, state.generator.params),
      (batch["real"], batch["latent"]),
    )
    # Losses are linear in L(y) and L(x): their gradients are made as they are.
    loss = functools.partial(losses.began_discriminator_loss, k=k)
    d_grads = jax.tree.map(loss, real_d, fake_d)
    g_grads = jax.tree.map(losses.began_generator_loss, fake_g)
    scale = decay(state.step, config)
    metrics = {
      "real_loss": real,
      "generator_loss": fake,
      "balance": k,
      "convergence": losses.convergence(real, fake, gamma),
    }
    state = state.replace(
      step=state.step + 1,
      generator=players.follow(state.generator, optimiser, g_grads, scale),
      discriminator=players.follow(
        state.discriminator, optimiser, d_grads, scale
      ),
      balance=losses.balance(k, real, fake, gamma, config.balance_rate),
    )
    return state, metrics

  return step


def make_mode_scores(
  config: ml_collections.ConfigDict,
) -> Callable[[State, jax.Array], dict[str, jax.Array]]:
  """Returns `scores(state, key) -> dict of scalars` of points; vmap it."""

  def mode_scores(state, key):
    x = model.sample(
      config, state.generator.params, state.averages, key, config.eval_samples
    )
    found = gaussian_grid.mode_scores(x, config)
    return {"mode_distance": gaussian_grid.mode_distance(x, config), **found}

  return mode_scores


def make_evaluate(
  config: ml_collections.ConfigDict, real: Any = None
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`.

  Points: how well they cover the modes. Images: the distance to `real`, of
  `data.reference`; see `scores.image_scores`.

  Raises:
    InputError: FID is asked for, and Inception's weights are not there.
  """
  if config.network != "mlp":
    return scores.image_scores(config, real)
  mode_scores = jax.jit(make_mode_scores(config))
  return lambda state, key: {
    name: float(value) for name, value in mode_scores(state, key).items()
  }


def make_draw(
  config: ml_collections.ConfigDict,
) -> Callable[[State, jax.Array], np.ndarray]:
  """Returns `draw(state, key)`: `config.picture_samples` of them, to see."""
  drawn = scores.sampled(config)
  n = config.picture_samples
  return lambda state, key: np.concatenate(list(drawn(state, key, n)))


def train(
  config: ml_collections.ConfigDict, workdir: str
) -> tuple[State, dict[str, float]]:
  """Trains to `config.total_steps`; returns the state and the last evaluation.

  Leaves checkpoints, metrics and pictures in `workdir`.
  """
  schema.check(config)
  with experiment.Run(config, workdir) as run:
    batches = data.batches(config, run.key("data"))
    if config.network != "mlp":
      run.claim_data(config.data_dir, data.arrays(config))
    evaluate = make_evaluate(config, data.reference(config, run.key("test")))
    state = run.restore_or(lambda key: init(key, config))
    update = run.compile(make_train_step(config))
    draw = make_draw(config)
    found = {}
    for step, batch in run.steps(state, batches):
      state, metrics = update(state, batch)
      run.log(step, metrics)
      if run.every(config.eval_every, step):
        here = run.local(state)
        found = run.log_now(step, evaluate(here, run.key("eval")))
        if run.main:
          pictures.snapshot(run, draw(here, run.key("film")), step)
      run.save(step, state)
    # No step was left to do: the run had ended before.
    return state, found or evaluate(run.local(state), run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
