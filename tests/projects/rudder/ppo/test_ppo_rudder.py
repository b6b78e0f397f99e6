"""PPO+RUDDER: the parts of a rollout against one episode's functions."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from common.errors import InputError
from configs.rudder import cartpole
from projects.rudder import lessons_buffer, mixing, redistribution
from projects.rudder.ppo import model, ppo, ppo_rudder, sequences

pytestmark = pytest.mark.slow


def small(**values):
  config = cartpole.get_config("smoke")
  config.unlock()
  config.update(values)
  return config


# Two environments: episodes of 3 and 2 steps and an unfinished one; one of 5.
END = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [1, 1], [0, 0]], bool)


def test_sums_and_ends_along_a_rollout():
  start = sequences.starts(jnp.array(END))
  np.testing.assert_array_equal(
    start, [[1, 1], [0, 0], [0, 0], [1, 0], [0, 0], [1, 1]]
  )
  values = jnp.arange(12.0).reshape(6, 2)
  np.testing.assert_array_equal(
    sequences.running(values, start)[:, 0], [0, 2, 6, 6, 14, 10]
  )
  spread = sequences.spread(values, jnp.array(END))
  np.testing.assert_array_equal(spread[:, 0], [4, 4, 4, 8, 8, 0])
  np.testing.assert_array_equal(spread[:, 1], [9, 9, 9, 9, 9, 0])


def test_what_the_model_sees():
  observation = jnp.arange(12.0).reshape(6, 2, 1)
  start = sequences.starts(jnp.array(END))
  action = jnp.array([[0, 1]] * 6)
  x = sequences.inputs(observation, action, start, 2, 10.0)
  # The difference of two steps is 2; the first of an episode is itself.
  np.testing.assert_array_equal(x[:, 0, 0], [0, 20, 20, 60, 20, 100])
  np.testing.assert_array_equal(x[:, 0, 1:], [[1, 0]] * 6)
  np.testing.assert_array_equal(x[:, 1, 1:], [[0, 1]] * 6)


def test_the_memory_is_empty_where_an_episode_starts():
  network = model.ReturnModel(4, -1.0)
  x = jax.random.normal(jax.random.key(0), (6, 2, 3))
  parts = [(0, (0, 3)), (0, (3, 5))]

  @jax.jit
  def predicted(x):
    weights = network.init(jax.random.key(1), x)
    apply = lambda x, carry: network.apply(weights, x, carry)
    g = sequences.predict(apply, x, sequences.starts(jnp.array(END)), 4)
    alone = [network.apply(weights, x[a:b, e : e + 1]) for e, (a, b) in parts]
    return g, [prediction for _, prediction in alone]

  g, alone = jax.device_get(predicted(x))
  for (e, (a, b)), one in zip(parts, alone, strict=True):
    np.testing.assert_allclose(g[a:b, e], one[:, 0], rtol=1e-5, atol=1e-6)


def test_the_return_model_begins_as_the_authors_does():
  """Weights by N(0, 0.1^2), biases by N(mean, 1); the read-out is Flax's."""
  config = small(lstm_features=800, lstm_gate_bias=-2.0)
  network = model.return_model(config)
  begin = jax.jit(lambda key: network.init(key, jnp.zeros((1, 1, 50))))
  params = jax.device_get(begin(jax.random.key(0)))["params"]
  lstm, read_out = params["lstm"], params["read_out"]
  wanted = {
    "cell_input_forward": (0, 0.1),
    "cell_input_bias": (0, 1),
    "input_gate_recurrent": (0, 0.1),
    "input_gate_bias": (-2, 1),
  }
  assert lstm.keys() == wanted.keys()
  for name, (mean, std) in wanted.items():
    assert lstm[name].mean() == pytest.approx(mean, abs=0.15 * std), name
    assert lstm[name].std() == pytest.approx(std, rel=0.1), name
  assert read_out["kernel"].std() == pytest.approx(800**-0.5, rel=0.1)
  assert not read_out["bias"].any()


def test_a_rollout_is_redistributed_as_each_of_its_episodes():
  rng = np.random.default_rng(1)
  g, reward = rng.normal(size=(2, 6, 2)).astype(np.float32)
  g[2, 0] = reward[:3, 0].sum() + 0.05
  given = g, reward, END, np.float32(1.0), 0.2, 0.5
  got, quality = jax.device_get(jax.jit(sequences.redistribute)(*given))
  for e, (a, b) in [(0, (0, 3)), (0, (3, 5)), (1, (0, 5))]:
    total, mask = reward[a:b, e].sum(), np.ones(b - a, bool)
    want = redistribution.redistribute(g[a:b, e], total, mask)
    np.testing.assert_allclose(got[a:b, e], want, rtol=1e-4, atol=1e-5)
    assert got[a:b, e].sum() == pytest.approx(total, abs=1e-5)
    # The quality is of the rewards without their scale, here 0.5.
    q = mixing.quality(g[b - 1, e] / 0.5, total / 0.5, 2.0, 0.2)
    np.testing.assert_allclose(quality[a:b, e], q, rtol=1e-4)
  assert quality[0, 0] > 0.9
  np.testing.assert_array_equal(np.r_[got[5], quality[5]], 0)


def rollout_of(seed=2):
  rng = np.random.default_rng(seed)
  values = jnp.float32(rng.normal(size=(6, 2)))
  return ppo.Rollout(
    observation=jnp.arange(24.0).reshape(6, 2, 1, 2),
    action=jnp.arange(12).reshape(6, 2) % 2,
    log_prob=values,
    value=values,
    reward=values,
    earned=values,
    terminated=jnp.array(END),
    end=jnp.array(END),
    next_observation=values,
  )


def test_the_first_episode_of_each_environment_is_the_lesson():
  rollout = rollout_of()
  got = ppo_rudder.first_episodes(rollout, 5)
  assert got.length.tolist() == [3, 5]
  reward = np.asarray(rollout.reward)
  np.testing.assert_allclose(
    got.episode_return, [reward[:3, 0].sum(), reward[:5, 1].sum()], rtol=1e-5
  )
  assert got.observation.shape == (2, 5, 2)
  assert got.observation[1, :, 0].tolist() == [2, 6, 10, 14, 18]
  assert got.action.tolist() == [[0] * 5, [1] * 5]


def test_an_episode_that_outlasts_its_room_is_no_number():
  assert ppo_rudder.longest(END, 6) == 5
  assert ppo_rudder.longest(END, 5) == 5
  assert np.isnan(ppo_rudder.longest(END, 4))


def test_lessons_are_learnt_up_to_their_ends():
  """Of 3 and 5 steps: the losses of each alone, without padding."""
  config = small(auxiliary_weight=0.7)
  network = model.return_model(config)
  played = ppo_rudder.first_episodes(rollout_of(), 5)

  @jax.jit
  def both(played):
    weights = network.init(jax.random.key(1), jnp.zeros((1, 1, 2 + 2)))
    whole = jnp.swapaxes(played.observation, 0, 1)
    start = jnp.arange(5)[:, None] == jnp.zeros((1, 2))
    x = sequences.inputs(whole, played.action.T, start, 2, config.delta_scale)
    found = ppo_rudder.make_lesson_losses(config, 2)(weights, played)
    return found, network.apply(weights, x)[1]

  found, g = both(played)
  for e, n in ((0, 3), (1, 5)):
    error = np.asarray(g)[:n, e] - float(played.episode_return[e])
    want = error[-1] ** 2 + 0.7 * np.mean(error**2)
    assert float(found[e]) == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("standardise", [False, True])
def test_the_advantage_of_a_rollout_of_many_episodes(standardise):
  """Episode by episode; the unfinished ones are PPO's alone."""
  config = small(
    share=0.6,
    trace=0.5,
    quality_threshold=9.0,
    reward_scale=0.5,
    standardise=standardise,
  )
  rng = np.random.default_rng(3)
  own, g = np.float32(rng.normal(size=(2, 6, 2)))
  rollout = rollout_of()
  mixed, told, quality = jax.jit(
    lambda own, g: ppo_rudder.advantage(config, own, g, rollout, 0.8)
  )(own, g)
  reward = np.asarray(rollout.reward, np.float64)
  # Episodes begin at these places; what is expected of them is their mean g.
  expected = np.mean([g[0, 0], g[3, 0], g[5, 0], g[0, 1], g[5, 1]])
  smooth, given, q = np.zeros((3, 6, 2))
  for e, a, b in ((0, 0, 3), (0, 3, 5), (1, 0, 5)):
    total = reward[a:b, e].sum()
    first = expected if standardise else 0.0
    h = np.diff(g[a:b, e], prepend=first)
    given[a:b, e] = h + (total - g[b - 1, e]) / (b - a)
    smooth[a:b, e] = given[a:b, e]
    for t in reversed(range(a, b - 1)):
      smooth[t, e] += 0.5 * smooth[t + 1, e]
    error = ((total - g[b - 1, e]) / 0.5) ** 2
    error /= (total / 0.5) ** 2 + 1.6**0.5
    q[a:b, e] = 1 - error if error < 9 else 0
  if standardise:
    known = smooth[:5]  # The sixth step is in no episode that ends.
    smooth = (smooth - known.mean()) / known.std()
  want = 0.4 * own + 0.6 * (q * smooth + (1 - q) * own)
  np.testing.assert_allclose(told, given, rtol=1e-3, atol=1e-5)
  np.testing.assert_allclose(quality, q, rtol=1e-3, atol=1e-5)
  np.testing.assert_allclose(mixed, want, rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(mixed[5], own[5], rtol=1e-5)
  assert (q[:5] != 0).all()


@pytest.mark.parametrize("returns, varied", [([2, 2], False), ([2, 3], True)])
def test_a_constant_return_has_nothing_to_decompose(returns, varied):
  blank = ppo_rudder.Episode(
    observation=jnp.zeros((4, 1)),
    action=jnp.zeros(4, jnp.int32),
    length=jnp.int32(4),
    episode_return=jnp.float32(0),
  )
  buffer = lessons_buffer.create(3, blank)
  for value in returns:
    one = blank.replace(episode_return=jnp.float32(value))
    buffer = lessons_buffer.push(buffer, one)
  assert bool(ppo_rudder.varies(buffer)) == varied


def test_rudder_wants_whole_episodes():
  with pytest.raises(InputError, match="RUDDER explains whole episodes"):
    ppo_rudder.init(jax.random.key(0), small(restart=False))
