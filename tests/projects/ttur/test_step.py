"""Steps of the three games against transcriptions in other words.

The networks are two matrices: what is tested is who moves when, at which rate,
on which samples, down which loss.
"""

import functools

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp

from common.errors import InputError
from configs.ttur import began_celeba64, gaussian_grid, wgan_gp_cifar10
from projects.ttur import losses, model, schema, train


def small(game, **changes):
  if "cpu_microbatch" in changes:
    images = {"began": began_celeba64, "wgan_gp": wgan_gp_cifar10}
    config = images[game].get_config("smoke").unlock()
  else:
    config = gaussian_grid.get_config("smoke").unlock()
    config.game = game
  config.update(dict(batch_size=8, latent_dim=3, **changes))
  config.discriminator_rate, config.generator_rate = 0.05, 0.01
  return config


@pytest.fixture
def matrices(monkeypatch):
  """Linear players, and averages that remember the means of what was made."""

  def of(config):
    def generate(params, averages, z):
      x = jnp.tanh(z @ params)
      mean = jnp.mean(x)
      return x, jax.tree.map(lambda a: 0.9 * a + 0.1 * mean, averages)

    def judge(params, averages, a):
      if config.get("four_samples_as_one"):
        a = jnp.tanh(a @ params).reshape(-1, 8)
        return jnp.tanh(jnp.sum(a, 1)), averages
      if config.game == "began":
        return jnp.tanh(a @ params), averages
      return jnp.tanh(a @ params)[:, 0] + jnp.sum(a**2 @ params**2, 1), averages

    random = lambda key, shape: (jax.random.normal(key, shape), jnp.float32(0))
    g = model.Network(lambda key: random(key, (3, 2)), generate, None)
    d = model.Network(lambda key: random(key, (2, 2)), judge, None)
    return g, d

  monkeypatch.setattr(model, "networks", of)
  return of


def adams(config):
  b = dict(b1=config.adam_b1, b2=config.adam_b2)
  return [
    optax.adam(r, **b)
    for r in (config.generator_rate, config.discriminator_rate)
  ]


@functools.partial(jax.jit, static_argnums=0)
def moved(optimiser, opt, params, grads):
  updates, opt = optimiser.update(grads, opt)
  return optax.apply_updates(params, updates), opt


def batch_of(config, t, latents=None):
  key = jax.random.fold_in(jax.random.key(5), t)
  n = config.batch_size * config.critic_steps
  z = jax.random.normal(key, (latents or n, 3))
  y = 1 + 0.3 * jax.random.normal(jax.random.fold_in(key, 1), (n, 2))
  return {"real": y, "latent": z}


def run(config, steps, latents=None):
  state = train.init(jax.random.key(0), config)
  step = jax.jit(train.make_train_step(config))
  for t in range(steps):
    state, metrics = step(state, batch_of(config, t, latents))
  return state, metrics


def same(state, g, d):
  np.testing.assert_allclose(state.generator.params, g, rtol=2e-4, atol=2e-6)
  np.testing.assert_allclose(
    state.discriminator.params, d, rtol=2e-4, atol=2e-6
  )


def test_dcgan_moves_one_after_the_other_on_the_same_latents(matrices):
  config = small("dcgan", halve_every=2)
  state, metrics = run(config, 3)
  G, D = (net.apply for net in matrices(config))
  begin = train.init(jax.random.key(0), config)
  g, d = begin.generator.params, begin.discriminator.params
  adam_g, adam_d = adams(config)
  opt_g, opt_d, kept = adam_g.init(g), adam_d.init(d), 0.0

  @jax.jit
  def slope_d(d, x, y):
    def loss(d):
      p_y, p_x = (jax.nn.sigmoid(D(d, 0.0, a)[0]) for a in (y, x))
      return -jnp.mean(jnp.log(p_y)) - jnp.mean(jnp.log(1 - p_x))

    return jax.grad(loss)(d)

  @jax.jit
  def of_g(g, d, z):
    def loss(g):
      p = jax.nn.sigmoid(D(d, 0.0, G(g, 0.0, z)[0])[0])
      return -jnp.mean(jnp.log(p))

    return jax.value_and_grad(loss)(g)

  for t in range(3):
    y, z = (batch_of(config, t)[k] for k in ("real", "latent"))
    x = jnp.tanh(z @ g)
    scale = 0.5 ** (t // 2)
    d_next, opt_d = moved(adam_d, opt_d, d, slope_d(d, x, y))
    d = d + scale * (d_next - d)
    last, slope = of_g(g, d, z)
    for _ in range(2):  # Both halves see the batch.
      kept = 0.9 * kept + 0.1 * float(jnp.mean(x))
    g_next, opt_g = moved(adam_g, opt_g, g, slope)
    g = g + scale * (g_next - g)
  same(state, g, d)
  np.testing.assert_allclose(state.averages, kept, rtol=1e-4)
  np.testing.assert_allclose(metrics["generator_loss"], last, rtol=1e-4)


@pytest.mark.parametrize("piece", [0, 2])
def test_wgan_gp_skips_the_generators_first_move(matrices, piece):
  config = small("wgan_gp", critic_steps=2, cpu_microbatch=piece)
  config.gradient_penalty, config.four_samples_as_one = 3.0, False
  latents = 3 * config.batch_size
  state, metrics = run(config, 3, latents)
  G, D = (net.apply for net in matrices(config))
  begin = train.init(jax.random.key(0), config)
  g, d = begin.generator.params, begin.discriminator.params
  adam_g, adam_d = adams(config)
  opt_g, opt_d = adam_g.init(g), adam_d.init(d)

  @jax.jit
  def slope_g(g, d, z):
    return jax.grad(lambda g: -jnp.mean(D(d, 0.0, G(g, 0.0, z)[0])[0]))(g)

  @jax.jit
  def of_d(d, x, y, t):
    def loss(d):
      point = lambda a: D(d, 0.0, a[None])[0][0]
      norm = jnp.linalg.norm(
        jax.vmap(jax.grad(point))(t * y + x - t * x), axis=1
      )
      far = jnp.mean(D(d, 0.0, x)[0]) - jnp.mean(D(d, 0.0, y)[0])
      return far + 3.0 * jnp.mean((norm - 1) ** 2), far

    return jax.grad(loss, has_aux=True)(d)

  for t in range(3):
    batch = batch_of(config, t, latents)
    key = jax.random.fold_in(begin.key, t)
    if t:
      slope = slope_g(g, d, batch["latent"][2::3])
      g, opt_g = moved(adam_g, opt_g, g, slope)
    for i in range(2):
      x, y = jnp.tanh(batch["latent"][i::3] @ g), batch["real"][i::2]
      t_ = jax.random.uniform(jax.random.fold_in(key, i), (8,))[:, None]
      slope, far = of_d(d, x, y, t_)
      d, opt_d = moved(adam_d, opt_d, d, slope)
  same(state, g, d)
  np.testing.assert_allclose(metrics["critic_loss"], far, rtol=1e-4)


@pytest.mark.parametrize("piece", [0, 2])
def test_began_moves_both_at_once_and_keeps_the_balance(matrices, piece):
  config = small("began", balance_rate=0.5, diversity=0.8, cpu_microbatch=piece)
  state, metrics = run(config, 3)
  begin = train.init(jax.random.key(0), config)
  g, d = begin.generator.params, begin.discriminator.params
  adam_g, adam_d = adams(config)
  opt_g, opt_d, k = adam_g.init(g), adam_d.init(d), 0.0
  energy = lambda d, a: jnp.mean(jnp.abs(jnp.tanh(a @ d) - a))

  @jax.jit
  def of_both(g, d, y, z, k):
    x = jnp.tanh(z @ g)
    of_d = lambda d: energy(d, y) - k * energy(d, x)
    of_g = lambda g: energy(d, jnp.tanh(z @ g))
    return energy(d, y), energy(d, x), jax.grad(of_d)(d), jax.grad(of_g)(g)

  for t in range(3):
    y, z = (batch_of(config, t)[name] for name in ("real", "latent"))
    real, fake, slope_d, slope_g = of_both(g, d, y, z, k)
    d, opt_d = moved(adam_d, opt_d, d, slope_d)
    g, opt_g = moved(adam_g, opt_g, g, slope_g)
    before, k = k, float(np.clip(k + 0.5 * (0.8 * real - fake), 0, 1))
  same(state, g, d)
  assert 0 < k < 1  # At a bound the sides could be exchanged.
  np.testing.assert_allclose(metrics["balance"], before, rtol=1e-3, atol=1e-6)
  np.testing.assert_allclose(state.balance, k, rtol=1e-3, atol=1e-6)


def test_began_in_numbers():
  # L(y) = 0.6, L(x) = 0.2, k = 0.5, gamma = 0.5, lambda = 0.1, by hand.
  assert losses.began_discriminator_loss(0.6, 0.2, 0.5) == pytest.approx(0.5)
  assert losses.began_generator_loss(0.2) == 0.2
  np.testing.assert_allclose(losses.balance(0.5, 0.6, 0.2, 0.5, 0.1), 0.51)
  np.testing.assert_allclose(losses.balance(0.0, 0.2, 0.6, 0.5, 0.1), 0.0)
  np.testing.assert_allclose(losses.balance(1.0, 0.6, 0.2, 0.5, 0.1), 1.0)
  np.testing.assert_allclose(losses.convergence(0.6, 0.2, 0.5), 0.7)
  np.testing.assert_allclose(losses.convergence(0.6, 0.5, 0.5), 0.8)
  a = jnp.arange(8.0).reshape(1, 2, 2, 2)
  np.testing.assert_allclose(losses.reconstruction(a, a - 2), 2.0)


@pytest.mark.parametrize(
  ("changes", "sentence"),
  [
    (dict(generator_rate=0.0), "generator_rate is 0.0; it can be a number ab"),
    (dict(discriminator_rate=-1e-4), "discriminator_rate is -0.0001; it can"),
    (dict(critic_steps=2), "critic_steps is 2; only WGAN-GP takes more"),
    (dict(game="wgan"), "did you mean 'wgan_gp'"),
    (dict(game="began"), "is played by config.network 'began'"),
    (dict(sweep_generator_rates=(1e-3, 0.0)), "sweep_generator_rates is"),
  ],
)
def test_a_config_that_cannot_be_is_one_sentence(changes, sentence):
  config = gaussian_grid.get_config("smoke").unlock()
  config.update(changes)
  with pytest.raises(InputError, match=sentence):
    schema.check(config)


def test_the_four_samples_that_share_a_number_are_in_one_piece(matrices):
  whole, pieces = (
    run(small("wgan_gp", cpu_microbatch=piece), 2, 16) for piece in (0, 4)
  )
  same(pieces[0], whole[0].generator.params, whole[0].discriminator.params)
  for name, value in whole[1].items():
    np.testing.assert_allclose(pieces[1][name], value, rtol=1e-4, atol=1e-6)


def test_pieces_of_a_batch_are_equal():
  config = small("began", cpu_microbatch=3)
  with pytest.raises(InputError, match="cpu_microbatch 3 does not divide"):
    schema.check(config)
  config = small("wgan_gp", cpu_microbatch=2)
  with pytest.raises(InputError, match="parts the four samples"):
    schema.check(config)
