"""PPO's objective against sums and NumPy, of two samples and by definition."""

import jax
import ml_collections
import numpy as np
import pytest
from jax import numpy as jnp

from projects.rudder import proximal


def small(**values):
  usual = dict(value_coefficient=0.5, entropy_coefficient=0.01)
  return ml_collections.ConfigDict(usual | {"value_clip": False} | values)


def batch_of(action, chance, advantage, target):
  """Of samples that nobody sees, whose values were 0."""
  return proximal.Batch(
    observation=np.zeros((len(action), 1), np.float32),
    action=np.array(action),
    log_prob=np.log(np.float32(chance)),
    value=np.zeros(len(action), np.float32),
    advantage=np.float32(advantage),
    target=np.float32(target),
  )


def test_advantages_are_the_sums_of_the_definition():
  rng = np.random.default_rng(0)
  time, envs, gamma, lam = 9, 3, 0.9, 0.8
  reward, value, after = rng.normal(size=(3, time, envs)).astype(np.float32)
  end = rng.random((time, envs)) < 0.3
  terminated = end & (rng.random((time, envs)) < 0.5)
  given = reward, value, after, terminated, end, gamma, lam
  got = np.asarray(jax.jit(proximal.advantages)(*given))
  delta = reward + gamma * np.where(terminated, 0, after) - value
  for t in range(time):
    for e in range(envs):
      total, weight = 0.0, 1.0
      for k in range(t, time):
        total += weight * delta[k, e]
        weight *= gamma * lam
        if end[k, e]:
          break
      assert got[t, e] == pytest.approx(total, rel=1e-4, abs=1e-5)


def test_the_clipped_loss():
  config = small()
  logits = np.log(np.float32([[0.5, 0.5], [0.9, 0.1]]))
  batch = batch_of([0, 0], [0.5, 0.5], [2.0, 3.0], [1.0, -1.0])
  f = lambda logits: proximal.loss(config, logits, jnp.zeros(2), batch, 0.2)[1]

  @jax.jit
  def both(logits):
    return f(logits), jax.grad(lambda logits: f(logits)["policy_loss"])(logits)

  parts, slope = both(logits)
  # Ratios 1 and 1.8, of which 1.2 counts.
  assert parts["policy_loss"] == pytest.approx(-(2 + 1.2 * 3) / 2)
  assert parts["value_loss"] == pytest.approx(0.5)
  np.testing.assert_allclose(slope[1], 0, atol=1e-7)
  assert slope[0, 0] < 0 < slope[0, 1]


@pytest.mark.parametrize("c_v, c_e", [(0.0, 0.0), (0.5, 0.01), (1.0, 1.0)])
def test_the_whole_loss_in_numpy(c_v, c_e):
  """-L^CLIP + c_v L^VF - c_e S, term by term, on two samples."""
  config = small(value_coefficient=c_v, entropy_coefficient=c_e)
  pi = np.array([[0.5, 0.5], [0.9, 0.1]])
  advantage, target = np.array([2.0, -3.0]), np.array([1.0, -1.0])
  value, old = np.array([0.5, 0.25]), np.array([0.4, 0.2])
  chosen = np.array([0.5, 0.1])  # Ratios 1.25 and 0.5: both beyond the clip.
  batch = batch_of([0, 1], old, advantage, target)
  loss = jax.jit(lambda *given: proximal.loss(config, *given, 0.2)[0])
  total = loss(np.float32(np.log(pi)), np.float32(value), batch)
  ratio = chosen / old
  surrogate = np.minimum(
    ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage
  )
  entropy = -np.sum(pi * np.log(pi), axis=1).mean()
  error = 0.5 * np.mean((value - target) ** 2)
  want = -surrogate.mean() + c_v * error - c_e * entropy
  assert total == pytest.approx(want, rel=1e-5)


def test_advantages_are_standardised():
  got = jax.jit(proximal.standardised)(np.float32([1.0, 2.0, 6.0]))
  np.testing.assert_allclose(
    got, (np.array([1, 2, 6]) - 3) / 14**0.5 * 3**0.5, rtol=1e-5
  )


@pytest.mark.parametrize("aim", [1.0, -1.0])
def test_a_value_moves_no_further_than_the_clip_range(aim):
  config = small(value_clip=True)
  batch = batch_of([0], [0.5], [0.0], [aim])

  @jax.jit
  def both(v):
    logits = jnp.zeros((1, 2))
    f = lambda v: proximal.loss(config, logits, v, batch, 0.2)[1]["value_loss"]
    return jax.value_and_grad(f)(v)

  error, slope = both(np.float32([aim * 0.1]))
  assert aim * slope < 0  # Within: on to the target.
  error, slope = both(np.float32([aim * 0.5]))
  assert slope == 0  # Beyond: no further.
  assert error == pytest.approx(0.5 * 0.8**2)
