"""Every term of the composed train step, against a transcription in NumPy.

Adam's first moment after one step is (1 - b1) times the gradient: it shows what
was descended, sign and size, which the parameters after Adam's step do not.
"""

import functools

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import keys
from projects.coulomb_gan import data, losses, model, train

from .test_train import config_of, draw

pytestmark = pytest.mark.slow


BIG, SMALL = 1e-2, 1e-4  # Rates of the generator, and of the discriminator.


@functools.cache
def start():
  """The state, of a later step, and the batch that most steps begin with."""
  config = config_of("gaussian_grid")
  root = jax.random.key(3)
  state = jax.jit(lambda k: train.init(k, config))(keys.named(root, "init"))
  state = state.replace(step=jnp.int32(5))  # Noise is of the step.
  return state, draw(data.batches(config, keys.named(root, "data")), 0)


@functools.cache
def one_step(**changes):
  """State, batch, state after one step, and metrics."""
  config = config_of(
    "gaussian_grid",
    decay_steps=0,
    warmup_steps=0,
    generator_learning_rate=BIG,
    discriminator_learning_rate=SMALL,
    **changes,
  )
  state, batch = start()
  after, metrics = jax.jit(train.make_train_step(config))(state, batch)
  return config, state, batch, after, metrics


def gradients(opt, config):
  """What Adam was given in its first step."""
  return jax.tree.map(lambda m: m / (1 - config.adam_b1), opt[0].mu)


def slope(loss, params):
  """Value and gradient of a reference, compiled: faster than op by op."""
  return jax.jit(jax.value_and_grad(loss))(params)


# One of the steps that the discriminator's test takes.
PLAIN = {"smoothing_std": 0.3, "self_interaction": "drop"}
PLAIN["potential_scale"] = 3.0


def assert_same(got, expected):
  jax.tree.map(
    lambda g, e: np.testing.assert_allclose(
      g, e, rtol=2e-3, atol=1e-5 * float(np.abs(e).max()) + 1e-8
    ),
    got,
    expected,
  )


def potentials(a, x, y, config, own):
  """Phi at points `a`, where row i stems from row i of `own`; float64."""

  def kernel(b):
    r2 = ((a[:, None] - b[None]) ** 2).sum(-1)
    return (r2 + config.kernel_epsilon**2) ** (-config.kernel_exponent / 2)

  def mean(b):
    k = kernel(b)
    if b is own and config.self_interaction == "drop":
      np.fill_diagonal(k, 0)
      return k.sum(1) / (len(b) - 1)
    return k.mean(1)

  return mean(y) - mean(x)


@pytest.mark.parametrize("self_interaction", ["keep", "drop"])
@pytest.mark.parametrize("smoothing_std", [0.0, 0.3])
def test_the_discriminator_descends_to_the_potential(
  smoothing_std, self_interaction
):
  config, state, batch, after, metrics = one_step(
    smoothing_std=smoothing_std,
    self_interaction=self_interaction,
    potential_scale=3.0,
  )
  generator, discriminator = model.networks(config)
  x = jax.jit(generator.apply)(state.generator, batch["latent"])
  y = batch["real"]
  key = jax.random.fold_in(state.key, 5)
  a_x, a_y = x, y
  if smoothing_std:
    noise = lambda name: jax.random.normal(keys.named(key, name), x.shape)
    a_x, a_y = x + smoothing_std * noise("x"), y + smoothing_std * noise("y")
  x64, y64 = np.float64(x), np.float64(y)
  phi_x = 3 * potentials(np.float64(a_x), x64, y64, config, own=x64)
  phi_y = 3 * potentials(np.float64(a_y), x64, y64, config, own=y64)

  def loss(params):
    d_x = discriminator.apply(params, a_x)
    d_y = discriminator.apply(params, a_y)
    return jnp.mean((d_x - phi_x) ** 2) / 4 + jnp.mean((d_y - phi_y) ** 2) / 4

  value, expected = slope(loss, state.discriminator)
  np.testing.assert_allclose(metrics["discriminator_loss"], value, rtol=1e-4)
  assert_same(gradients(after.discriminator_opt, config), expected)


def test_the_generator_climbs_the_old_discriminator():
  config, state, batch, after, metrics = one_step(**PLAIN)
  generator, discriminator = model.networks(config)

  def loss(params):
    x = generator.apply(params, batch["latent"])
    return -jnp.mean(discriminator.apply(state.discriminator, x)) / 2

  value, expected = slope(loss, state.generator)
  np.testing.assert_allclose(metrics["generator_loss"], value, rtol=1e-4)
  assert_same(gradients(after.generator_opt, config), expected)
  assert int(after.step) == 6


def test_gan_step():
  config, state, batch, after, _ = one_step(method="gan")
  generator, discriminator = model.networks(config)
  x = jax.jit(generator.apply)(state.generator, batch["latent"])
  D = lambda p, a: jax.nn.sigmoid(discriminator.apply(p, a))

  def d_loss(p):
    real, fake = D(p, batch["real"]), D(p, x)
    return -jnp.mean(jnp.log(real)) - jnp.mean(jnp.log(1 - fake))

  def g_loss(p):
    made = generator.apply(p, batch["latent"])
    return -jnp.mean(jnp.log(D(state.discriminator, made)))

  _, expected = slope(d_loss, state.discriminator)
  assert_same(gradients(after.discriminator_opt, config), expected)
  _, expected = slope(g_loss, state.generator)
  assert_same(gradients(after.generator_opt, config), expected)


def test_wgan_gp_step():
  # The penalty and the rest are of one size: none hides the other.
  coefficient = 0.7
  config, state, batch, after, _ = one_step(
    method="wgan_gp", gradient_penalty=coefficient
  )
  generator, discriminator = model.networks(config)
  x = jax.jit(generator.apply)(state.generator, batch["latent"])
  y = batch["real"]
  key = jax.random.fold_in(state.key, 5)
  t = jax.random.uniform(keys.named(key, "mixing"), (len(x),))[:, None]

  def loss(p):
    D = lambda a: discriminator.apply(p, a[None])[0]
    slopes = jax.vmap(jax.grad(D))(t * y + (1 - t) * x)
    penalty = jnp.mean((jnp.linalg.norm(slopes, axis=1) - 1) ** 2)
    d_x, d_y = discriminator.apply(p, x), discriminator.apply(p, y)
    return jnp.mean(d_x) - jnp.mean(d_y) + coefficient * penalty

  _, expected = slope(loss, state.discriminator)
  assert_same(gradients(after.discriminator_opt, config), expected)
  made = lambda p: generator.apply(p, batch["latent"])
  climb = lambda p: -jnp.mean(discriminator.apply(state.discriminator, made(p)))
  _, expected = slope(climb, state.generator)
  assert_same(gradients(after.generator_opt, config), expected)


def test_rates_are_each_players_own():
  _, state, _, after, _ = one_step(**PLAIN)
  largest = lambda a, b: max(
    float(np.abs(np.asarray(u) - np.asarray(v)).max())
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
  )
  # Adam's first step has the length of the rate.
  moved = largest(state.generator, after.generator)
  np.testing.assert_allclose(moved, BIG, rtol=1e-2)
  moved = largest(state.discriminator, after.discriminator)
  np.testing.assert_allclose(moved, SMALL, rtol=1e-2)


def test_rates_rise_and_fall_as_a_cosine_and_both_moments_are_the_configs():
  config = config_of("gaussian_grid", adam_b1=0.6, adam_b2=0.9)
  assert (config.warmup_steps, config.decay_steps) == (10, 40)
  slope = jnp.float32(3.0)
  for optimizer, rate in zip(
    train.optimizers(config),
    (config.generator_learning_rate, config.discriminator_learning_rate),
    strict=True,
  ):

    def step(state, _, optimizer=optimizer):
      update, state = optimizer.update(slope, state)
      return state, (update, state[0].mu, state[0].nu)

    run = jax.jit(lambda s, step=step: jax.lax.scan(step, s, length=41)[1])
    updates, mu, nu = run(optimizer.init(slope))
    # Of a slope that stays the same Adam's step has the length of the rate.
    shares = -updates[jnp.array([0, 5, 10, 25, 40])] / rate
    np.testing.assert_allclose(shares, [0, 0.5, 1, 0.5, 0], atol=1e-5)
    np.testing.assert_allclose((mu[0], nu[0]), (0.4 * 3, 0.1 * 9), rtol=1e-5)


def test_a_sequential_step_and_what_each_part_of_it_sees():
  changes = {"update_order": "sequential", "critic_steps": 2}
  config = config_of("gaussian_grid", decay_steps=0, **changes)
  state, _ = start()
  batches = data.batches(config, keys.named(jax.random.key(3), "data"))
  batch = draw(batches, 0)
  n = config.batch_size
  assert batch["real"].shape == (2 * n, 2)
  assert batch["latent"].shape == (3 * n, config.latent_dim)
  step = jax.jit(train.make_train_step(config))
  plain, metrics = step(state, batch)
  assert int(plain.discriminator_opt[0].count) == 2
  # The generator moves against the new discriminator.
  generator, discriminator = model.networks(config)

  @jax.jit
  def judged(g, d, latent):
    of_x = discriminator.apply(d, generator.apply(g, latent))
    return losses.coulomb_generator_loss(of_x)

  latent = np.asarray(batch["latent"])[2::3]
  expected = judged(state.generator, plain.discriminator, latent)
  np.testing.assert_allclose(metrics["generator_loss"], expected, rtol=1e-4)
  # Rows i::3 of the latents are those of critic step i, the last the player's.
  for name, stride in (("latent", 3), ("real", 2)):
    for i in range(2):
      changed = np.array(batch[name])
      changed[i::stride] *= -1
      moved, _ = step(state, {**batch, name: changed})
      same = jax.tree.map(
        np.array_equal, plain.discriminator, moved.discriminator
      )
      assert not all(jax.tree.leaves(same)), f"critic step {i}, {name}"
  changed = np.array(batch["latent"])
  changed[2::3] *= -1
  moved, _ = step(state, {**batch, "latent": changed})
  jax.tree.map(
    np.testing.assert_array_equal, plain.discriminator, moved.discriminator
  )


def test_each_critic_step_has_noise_of_its_own():
  rates = dict(generator_learning_rate=0.0, discriminator_learning_rate=0.0)
  changes = dict(update_order="sequential", critic_steps=2, **rates)
  config = config_of("gaussian_grid", **changes)
  state, _ = start()
  batch = draw(data.batches(config, keys.named(jax.random.key(3), "data")), 0)
  _, metrics = jax.jit(train.make_train_step(config))(state, batch)
  generator, discriminator = model.networks(config)
  discriminator_loss, _ = train.make_losses(config)

  @jax.jit
  def last(key):
    D = lambda a: discriminator.apply(state.discriminator, a)
    x = generator.apply(state.generator, batch["latent"][1::3])
    return discriminator_loss(D, x, batch["real"][1::2], key)

  key = jax.random.fold_in(jax.random.fold_in(state.key, 5), 1)
  expected = last(key)
  np.testing.assert_allclose(metrics["discriminator_loss"], expected, rtol=1e-4)


@pytest.mark.parametrize("method", ["coulomb", "gan"])
def test_fakes_and_reals_pass_the_discriminator_apart(method):
  """As in the authors' code: each has batch statistics of its own."""
  config = config_of("gaussian_grid", method=method, smoothing_std=0.0)
  seen = []

  def discriminator(a):
    seen.append(np.asarray(a))
    return jnp.mean(a, axis=1)

  x, y = np.random.default_rng(0).normal(size=(2, 4, 2)).astype(np.float32)
  discriminator_loss, _ = train.make_losses(config)
  discriminator_loss(discriminator, x, y, jax.random.key(0))
  np.testing.assert_array_equal(np.stack(seen), [x, y])


def test_scores_have_both_estimates_of_the_energy():
  config = config_of("gaussian_grid")
  state, _ = start()
  of_test = keys.named(jax.random.key(3), "test")
  real = jax.jit(lambda key: data.test(config, key))(of_test)
  key = jax.random.key(4)
  scores = train.make_evaluate(config, real)(state, key)
  n = config.energy_samples
  sample = lambda g, key: model.sample(config, g, key, config.eval_samples)
  x = jax.jit(sample)(state.generator, key)[:n]
  kernel = (config.kernel_exponent, config.kernel_epsilon)
  energy = jax.jit(losses.energy, static_argnums=4)
  for name, rule in (("energy", "keep"), ("energy_u", "drop")):
    expected = energy(x, real[:n], *kernel, rule)
    np.testing.assert_allclose(scores[name], expected, rtol=1e-3, atol=1e-6)
  assert scores["energy_u"] < scores["energy"]
  fine = (config.kernel_exponent, config.mode_std, "drop")
  expected = energy(x, real[:n], *fine)
  np.testing.assert_allclose(scores["energy_at_mode_std"], expected, rtol=1e-3)
