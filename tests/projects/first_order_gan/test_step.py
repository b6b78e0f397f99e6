"""One training step of each method against its transcription."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common import keys
from projects.first_order_gan import data, model, train

from .test_train import config_of


class Taken:
  """A step, all that it saw, and both players' gradients by Adam's moments."""

  def __init__(self, config):
    root = jax.random.key(1)
    begin = jax.jit(lambda k: train.init(k, config))
    self.config, self.networks = config, model.networks(config)
    self.before = begin(keys.named(root, "init")).replace(step=jnp.int32(1))
    self.batch = data.batches(config, keys.named(root, "data"))(1)
    self.step = jax.jit(train.make_train_step(config))
    self.after, self.metrics = self.step(self.before, self.batch)
    self.key = jax.random.fold_in(self.before.key, 1)

  def gradient(self, player):
    """What Adam saw in its first step: mu = (1 - b1) gradient."""
    found = getattr(self.after, player).opt.mu
    return jax.tree.map(lambda m: m / (1 - self.config.adam_b1), found)

  def seen(self, i, generator, averages):
    """Real samples, made samples and x' of the i-th move."""
    config = self.config
    moves = config.critic_steps + 1
    real, z = self.batch["real"][i::moves], self.batch["latent"][i::moves]
    if config.network == "characters":
      real = jax.nn.one_hot(real, len(data.text_of(config).characters))
    made, moved = self.networks.generate(generator, averages, z)
    key = jax.random.fold_in(self.key, i)
    share = jax.random.uniform(keys.named(key, "share"), (len(real),))
    share = (config.interpolation * share).reshape(-1, *(1,) * (real.ndim - 1))
    return real, made, (1 - share) * made + share * real, moved


def assert_same(got, expected, rtol=2e-3):
  flat = lambda tree: np.concatenate(
    [np.ravel(leaf) for leaf in jax.tree.leaves(tree)]
  )
  got, expected = flat(got), flat(expected)
  scale = np.abs(expected).max()
  assert scale > 0
  np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * scale)


def objective(config, critic, real, x_prime, mixing):
  """The critic's loss as the paper writes it, sample by sample."""
  f = lambda a: critic(a[None])[0]
  n = len(real)
  f_x, f_q = jax.vmap(f)(real), jax.vmap(f)(x_prime)
  flat_x, flat_q = real.reshape(n, -1), x_prime.reshape(n, -1)
  loss = jnp.mean(f_q) - jnp.mean(f_x)
  norm = lambda a: jnp.linalg.norm(a.reshape(n, -1), axis=1)
  if config.method == "wgan_gp":
    t = mixing.reshape(-1, *(1,) * (real.ndim - 1))
    slopes = norm(jax.vmap(jax.grad(f))(t * real + (1 - t) * x_prime))
    return loss + config.gradient_penalty * jnp.mean((slopes - 1) ** 2)
  pairs = (f_x - f_q) ** 2 / norm(flat_x - flat_q)
  if config.pairs == "all":
    apart = flat_x[:, None] - flat_q[None]
    length = jnp.sqrt(jnp.sum(apart**2, axis=2))
    pairs = (f_x[:, None] - f_q[None]) ** 2 / length
  loss += config.lipschitz_weight * jnp.mean(pairs)
  if config.method == "penalized":
    return loss
  slopes = norm(jax.vmap(jax.grad(f))(x_prime))
  targets = []
  for q, f_one in zip(flat_q, f_q, strict=True):
    length = jnp.linalg.norm(flat_x - q[None], axis=1) + 1e-6
    pull = (flat_x - q[None]) * ((f_x - f_one) / length**3)[:, None]
    targets.append(jnp.linalg.norm(pull.mean(0)) / jnp.mean(1 / length))
  target = jax.lax.stop_gradient(jnp.stack(targets))
  if not config.calculate_slope:
    target = jnp.full(n, 1 / (2 * config.lipschitz_weight))
  return loss + config.slope_weight * jnp.mean((slopes - target) ** 2)


CASES = {
  "text": dict(slope_weight=0.7, lipschitz_weight=0.3),
  "all pairs, constant slope, critic first": dict(
    pairs="all", calculate_slope=False, update_order="critic_first"
  ),
  "penalized": dict(variant="penalized,smoke"),
  "wgan_gp": dict(variant="wgan_gp,smoke"),
}


@pytest.fixture(scope="module")
def taken():
  """Steps by name, each made once."""
  made = {}

  def get(name):
    if name not in made:
      made[name] = Taken(config_of(**CASES[name]))
    return made[name]

  return get


@pytest.mark.parametrize("name", CASES)
def test_both_players_move_by_the_papers_gradients(name, taken):
  step = taken(name)
  config, networks = step.config, step.networks
  first = config.update_order == "generator_first"
  # Who moves second plays against the other as it is by now.
  maker = step.after if first else step.before
  judge = step.before if first else step.after
  averages = maker.averages
  real, _, x_prime, _ = step.seen(0, maker.generator.params, averages)
  mixing = jax.random.uniform(
    keys.named(jax.random.fold_in(step.key, 0), "mixing"), (len(real),)
  )

  @jax.jit
  def critics(params):
    critic = lambda a: networks.critic(params, a)
    return objective(config, critic, real, x_prime, mixing)

  assert_same(
    step.gradient("critic"), jax.grad(critics)(step.before.critic.params)
  )

  @jax.jit
  def generators(params):
    _, _, x_prime, moved = step.seen(1, params, step.before.averages)
    return -jnp.mean(networks.critic(judge.critic.params, x_prime)), moved

  (value, moved), expected = jax.value_and_grad(generators, has_aux=True)(
    step.before.generator.params
  )
  assert_same(step.gradient("generator"), expected)
  np.testing.assert_allclose(step.metrics["generator_loss"], value, rtol=1e-3)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
    step.after.averages,
    moved,
  )


def test_each_critic_step_has_samples_and_noise_of_its_own():
  changes = dict(variant="penalized,smoke", update_order="critic_first")
  changes.update(generator_learning_rate=1e-12, critic_learning_rate=1e-12)
  step = Taken(config_of(**changes, critic_steps=2))
  before = step.before

  @jax.jit
  def slope(params, real, x_prime):
    def loss(params):
      critic = lambda a: step.networks.critic(params, a)
      return objective(step.config, critic, real, x_prime, None)

    return jax.grad(loss)(params)

  gradients = []
  for i in range(2):
    real, _, x_prime, _ = step.seen(i, before.generator.params, before.averages)
    gradients.append(slope(before.critic.params, real, x_prime))
  # Both at the same parameters: Adam's moment has each with its weight.
  b1 = step.config.adam_b1
  expected = jax.tree.map(lambda a, b: b1 * a + b, *gradients)
  assert_same(step.gradient("critic"), expected)


def test_rates_are_each_players_own(taken):
  step = taken("text")
  for player in ("generator", "critic"):
    before, after = (
      getattr(state, player).params for state in (step.before, step.after)
    )
    largest = max(
      float(jnp.abs(a - b).max())
      for a, b in zip(
        jax.tree.leaves(before), jax.tree.leaves(after), strict=True
      )
    )
    # Adam's first step has the length of the rate.
    rate = step.config[f"{player}_learning_rate"]
    np.testing.assert_allclose(largest, rate, rtol=1e-2)


def test_the_generator_of_text_does_not_move_first(taken):
  first = taken("text").before.replace(step=jnp.int32(0))
  after, _ = taken("text").step(first, taken("text").batch)
  jax.tree.map(
    np.testing.assert_array_equal,
    (first.generator, first.averages),
    (after.generator, after.averages),
  )
  assert int(after.critic.opt.count) == 1
  assert int(after.step) == 1
