"""Trains a Coulomb GAN, or a GAN or WGAN-GP with the same networks.

    python -m projects.coulomb_gan.train --workdir=runs/grid \\
      --config=configs/coulomb_gan/gaussian_grid.py
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
from common.errors import InputError
from common.gan import losses as gan_losses
from common.gan.batches import interleaved
from common.gan.gaussian_grid import mode_scores, mode_spread
from common.metrics import while_training
from common.nn import regularizers
from common.tables.figures import to_pixels

from . import data, losses, model, pictures, schema


@flax.struct.dataclass
class State:
  """All that a run is: arrays only."""

  step: jax.Array  # int32, steps done
  key: jax.Array  # typed key of the run's own noise
  generator: Any
  discriminator: Any
  generator_opt: optax.OptState
  discriminator_opt: optax.OptState


def optimizers(
  config: ml_collections.ConfigDict,
) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
  """Adam for the generator and for the discriminator.

  The rates are constant, as in the paper; or, where `decay_steps` is not zero,
  rise over `warmup_steps` and fall as a cosine to zero at `decay_steps`.
  """

  def adam(rate):
    if config.decay_steps:
      rate = optax.warmup_cosine_decay_schedule(
        0.0, rate, config.warmup_steps, config.decay_steps
      )
    return optax.adam(rate, b1=config.adam_b1, b2=config.adam_b2)

  return (
    adam(config.generator_learning_rate),
    adam(config.discriminator_learning_rate),
  )


def init(key: jax.Array, config: ml_collections.ConfigDict) -> State:
  """Returns the state before the first step; vmap over `key` if you like."""
  generator, discriminator = model.networks(config)
  adam_g, adam_d = optimizers(config)
  g = generator.init(keys.named(key, "generator"))
  d = discriminator.init(keys.named(key, "discriminator"))
  return State(
    step=jnp.int32(0),
    key=keys.named(key, "noise"),
    generator=g,
    discriminator=d,
    generator_opt=adam_g.init(g),
    discriminator_opt=adam_d.init(d),
  )


def make_losses(config: ml_collections.ConfigDict) -> tuple[Callable, Callable]:
  """Returns the two players' losses of `config.method`.

  `discriminator_loss(D, x, y, key)` and `generator_loss(D, x)`, with `D` a
  function of samples, `x` generated and `y` real ones `[batch, ...]`.

  Raises:
    InputError: an unknown method; or WGAN-GP with batch normalisation, where a
      sample's gradient is not its own.
  """
  if config.method == "coulomb":

    def coulomb_discriminator(D, x, y, key):
      a_x, a_y = smoothed(x, y, config.smoothing_std, key)
      flat = lambda a: a.reshape(len(a), -1)
      phi_x, phi_y = losses.batch_potentials(
        flat(x),
        flat(y),
        config.kernel_exponent,
        config.kernel_epsilon,
        config.self_interaction,
        flat(a_x),
        flat(a_y),
      )
      scale = config.potential_scale  # D learns scale * Phi.
      return losses.coulomb_discriminator_loss(
        D(a_x), D(a_y), scale * phi_x, scale * phi_y
      )

    return (
      coulomb_discriminator,
      lambda D, x: losses.coulomb_generator_loss(D(x)),
    )
  if config.method == "gan":
    return (
      lambda D, x, y, key: gan_losses.gan_discriminator_loss(D(x), D(y)),
      lambda D, x: gan_losses.gan_generator_loss(D(x)),
    )
  if config.network != "mlp" and config.discriminator_norm == "batch":
    raise InputError(
      "WGAN-GP penalises each sample's own gradient, which batch normalisation "
      "mixes; set config.discriminator_norm to 'layer' or 'none'"
    )

  def critic(D, x, y, key):
    mixing = jax.random.uniform(keys.named(key, "mixing"), (len(x),))
    penalty = gan_losses.gradient_penalty(D, x, y, mixing)
    wasserstein = gan_losses.wgan_critic_loss(D(x), D(y))
    return wasserstein + config.gradient_penalty * penalty

  return critic, lambda D, x: gan_losses.wgan_generator_loss(D(x))


def smoothed(
  x: jax.Array, y: jax.Array, std: float, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Draws from p(a): the samples, with Gaussian noise around each (Eq. 10).

  The noise tells the discriminator of the potential between samples, where the
  generator will ask for its slope. The authors' code adds none, nor does std 0.
  """
  if not std:
    return x, y
  noise = lambda name, a: jax.random.normal(keys.named(key, name), a.shape)
  return x + std * noise("x", x), y + std * noise("y", y)


def make_train_step(config: ml_collections.ConfigDict) -> Callable:
  """Returns `step(state, batch) -> state, metrics`, pure.

  `config.update_order` says when the players move:
  "simultaneous" (the authors' code): both gradients at the same parameters, on
  the same samples. "sequential": `critic_steps` discriminator updates, each on
  samples of its own, then the generator's against the new discriminator.
  """
  schema.check(config)
  if config.update_order == "simultaneous" and config.critic_steps != 1:
    raise InputError(
      f"config.critic_steps is {config.critic_steps}, which needs "
      "config.update_order='sequential'"
    )
  generator, discriminator = model.networks(config)
  adam_g, adam_d = optimizers(config)
  discriminator_loss, generator_loss = make_losses(config)

  def l2(params):
    # The authors' code decays convolution kernels only.
    if not config.l2_penalty:
      return 0.0
    return config.l2_penalty * regularizers.l2(params, is_convolution)

  def move_discriminator(state, x, y, key):
    def loss(params):
      D = lambda a: discriminator.apply(params, a)
      value = discriminator_loss(D, x, y, key)
      return value + l2(params), value

    grads, value = jax.grad(loss, has_aux=True)(state.discriminator)
    updates, opt = adam_d.update(grads, state.discriminator_opt)
    params = optax.apply_updates(state.discriminator, updates)
    return state.replace(discriminator=params, discriminator_opt=opt), value

  def move_generator(state, z):
    D = lambda a: discriminator.apply(state.discriminator, a)

    def loss(params):
      value = generator_loss(D, generator.apply(params, z))
      # The code has one penalty beside 4 L_D and beside 2 L_G.
      return value + 2 * l2(params), value

    grads, value = jax.grad(loss, has_aux=True)(state.generator)
    updates, opt = adam_g.update(grads, state.generator_opt)
    params = optax.apply_updates(state.generator, updates)
    return state.replace(generator=params, generator_opt=opt), value

  def step(state, batch):
    key = jax.random.fold_in(state.key, state.step)
    if config.update_order == "simultaneous":
      x = generator.apply(state.generator, batch["latent"])
      moved, d_loss = move_discriminator(state, x, batch["real"], key)
      state, g_loss = move_generator(state, batch["latent"])
      state = state.replace(
        discriminator=moved.discriminator,
        discriminator_opt=moved.discriminator_opt,
      )
    else:
      real = interleaved(batch["real"], config.critic_steps)
      latent = interleaved(batch["latent"], config.critic_steps + 1)
      for i in range(config.critic_steps):
        x = generator.apply(state.generator, latent[i])
        state, d_loss = move_discriminator(
          state, x, real[i], jax.random.fold_in(key, i)
        )
      state, g_loss = move_generator(state, latent[-1])
    metrics = {"discriminator_loss": d_loss, "generator_loss": g_loss}
    return state.replace(step=state.step + 1), metrics

  return step


def is_convolution(path: tuple[Any, ...]) -> bool:
  """True for the kernels of (transposed) convolutions, by their names."""
  layer, kind = path[0].key, path[-1].key
  return kind == "kernel" and layer.startswith(("conv_", "deconv_"))


def make_scores(
  config: ml_collections.ConfigDict,
) -> Callable[[State, jax.Array, jax.Array], dict[str, jax.Array]]:
  """Returns `scores(state, key, real) -> dict of scalars`, pure: vmap it.

  `energy` is the V-statistic (never negative) and `energy_u` the unbiased
  U-statistic of F, between `energy_samples` generated and real samples, with
  the configured kernel, whatever the method trained. `real` is `[n, ...]`,
  n >= energy_samples. On the grid come the modes, how wide they are, and
  `energy_at_mode_std`, the U-statistic of a kernel as narrow as a mode: what is
  wrong inside of modes does not show in that of a wide kernel.
  """
  n = config.energy_samples
  flat = lambda a: a[:n].reshape(n, -1)

  def scores(state, key, real):
    x = model.sample(config, state.generator, key, config.eval_samples)
    kernel = (config.kernel_exponent, config.kernel_epsilon)
    values = {
      "energy": losses.energy(flat(x), flat(real), *kernel, "keep"),
      "energy_u": losses.energy(flat(x), flat(real), *kernel, "drop"),
    }
    if config.dataset == "gaussian_grid":
      fine = (config.kernel_exponent, config.mode_std)
      values["energy_at_mode_std"] = losses.energy(
        flat(x), flat(real), *fine, "drop"
      )
      values |= mode_scores(x, config) | mode_spread(x, config)
    return values

  return scores


def make_evaluate(
  config: ml_collections.ConfigDict, real: jax.Array
) -> Callable[[State, jax.Array], dict[str, float]]:
  """Returns `evaluate(state, key) -> dict of floats`.

  The scores of `make_scores`; and, of images, the distance between generated
  and `real` ones, by its name: see `while_training`.

  Raises:
    InputError: FID is asked for, and Inception's weights are not there.
  """
  # An argument, not a closure: XLA would spend minutes on folding constants.
  scores = jax.jit(make_scores(config))
  floats = lambda state, key: {
    name: float(value) for name, value in scores(state, key, real).items()
  }
  if config.network != "dcgan":
    return floats
  net = while_training.network(
    config.features, config.weights, config.image_size
  )
  pixels = lambda x: iter([to_pixels(np.asarray(x))])
  distance = while_training.make_distance(
    net, pixels(real), config.feature_batch, config.seed
  )
  draw = pictures.sampler(config, config.eval_samples)
  return lambda state, key: {
    **floats(state, key),
    **distance(pixels(draw(state.generator, key))),
  }


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
    update = run.compile(make_train_step(config))
    evaluate = make_evaluate(config, data.test(config, run.key("test")))
    batches = data.batches(config, run.key("data"))
    snapshot = pictures.make_snapshot(run)
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
    here = run.local(state)
    if run.main:
      pictures.draw(run, here)
    # No step was left to do: the run had ended before.
    return state, scores or evaluate(here, run.key("eval"))


if __name__ == "__main__":
  cli.main(train)
