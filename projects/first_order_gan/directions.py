"""Which way a generator is told to go, where the steepest descent is known.

Real points `x` and generated points `x'` are a few in the plane. There the
maximiser of tau_P is the solution of linear equations, its descent in x' is a
sum, and that of the Wasserstein distance, which WGAN-GP estimates, is a
matching: both exact, in float64. Critics learn on the same points by each
method's loss, and their slopes at x' are compared with both, on the way.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax import numpy as jnp
from scipy import optimize

from common import keys
from common.gan import losses as usual
from common.gan import players

from . import losses

METHODS = ("first_order", "penalized", "wgan_gp", "gan")


class Case(NamedTuple):
  """Points and critics of the study; all numbers are ours but the weights'.

  Attributes:
    real: how many real points.
    generated: how many generated ones.
    gap: between the two clouds' centres.
    spread: standard deviation of each.
    width: of the critic's two hidden layers.
    rate: of Adam, with `b1` and `b2` of the paper's text experiment.
    steps: how many.
    every: how often the slopes are looked at.
    lipschitz: lambda (the paper's).
    slope: mu (the paper's).
    gradient_penalty: of WGAN-GP (arXiv:1704.00028).
  """

  real: int = 8
  generated: int = 8
  gap: float = 2.0
  spread: float = 0.5
  width: int = 64
  rate: float = 1e-3
  b1: float = 0.5
  b2: float = 0.9
  steps: int = 5_000
  every: int = 50
  lipschitz: float = 0.5
  slope: float = 1.0
  gradient_penalty: float = 10.0


def points(case: Case, key: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Real and generated points `[n, 2]`, `[k, 2]`: two Gaussian clouds."""
  draw = lambda name, n: jax.random.normal(keys.named(key, name), (n, 2))
  x = case.spread * draw("real", case.real)
  x_prime = case.spread * draw("generated", case.generated)
  return x, x_prime + jnp.array([[case.gap, 0.0]])


def best_critic(
  x: np.ndarray, x_prime: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray, float]:
  """The maximiser of tau_P over functions of finite sets, and tau_P there.

  tau_P is quadratic in the values of f, which are free up to a constant: that
  with a mean of zero is returned.

  Args:
    x: `[n, m]` real points.
    x_prime: `[k, m]` generated points, none of which is a real one.
    weight: lambda.

  Returns:
    f at x `[n]`, f at x' `[k]`, and tau_P; float64.
  """
  x, x_prime = (np.asarray(a, np.float64) for a in (x, x_prime))
  n, k = len(x), len(x_prime)
  ties = 1 / np.linalg.norm(x[:, None] - x_prime[None], axis=2) / (n * k)
  # Half the penalty's second derivative: a graph's Laplacian.
  laplacian = np.block(
    [[np.diag(ties.sum(1)), -ties], [-ties.T, np.diag(ties.sum(0))]]
  )
  push = np.concatenate([np.full(n, 1 / n), np.full(k, -1 / k)])
  f = np.linalg.lstsq(2 * weight * laplacian, push, rcond=None)[0]
  tau = push @ f - weight * f @ laplacian @ f
  return f[:n], f[n:], float(tau)


def descent(x: np.ndarray, x_prime: np.ndarray, weight: float) -> np.ndarray:
  """-d tau_P / d x' `[k, m]`, by the envelope theorem; see `best_critic`."""
  f_x, f_x_prime, _ = best_critic(x, x_prime, weight)
  apart = np.float64(x_prime)[None] - np.float64(x)[:, None]  # [n, k, m]
  length = np.linalg.norm(apart, axis=2)
  rise = f_x[:, None] - f_x_prime[None]
  pull = weight * rise**2 / length**3 / rise.size
  return -np.einsum("nk,nkm->km", pull, apart)


def transport(x: np.ndarray, x_prime: np.ndarray) -> np.ndarray:
  """-d W_1 / d x' `[k, m]` for as many points on both sides: a matching."""
  x, x_prime = (np.asarray(a, np.float64) for a in (x, x_prime))
  lengths = np.linalg.norm(x_prime[:, None] - x[None], axis=2)
  rows, columns = optimize.linear_sum_assignment(lengths)
  towards = x[columns] - x_prime[rows]
  return towards / lengths[rows, columns][:, None] / len(x)


def angle(a: np.ndarray, b: np.ndarray) -> float:
  """Between two updates of all points `[k, m]`, in degrees."""
  a, b = np.float64(a).ravel(), np.float64(b).ravel()
  lengths = np.linalg.norm(a) * np.linalg.norm(b)
  return float(np.degrees(np.arccos(np.clip(a @ b / lengths, -1, 1))))


def critic_loss(case: Case, method: str) -> Callable:
  """`loss(f, x, x', key)` of a method; see `train.make_critic_loss`."""

  def loss(f, x, x_prime, key):
    if method == "gan":
      return usual.gan_discriminator_loss(f(x_prime), f(x))
    if method == "wgan_gp":
      mixing = jax.random.uniform(key, (len(x),))
      penalty = usual.gradient_penalty(f, x_prime, x, mixing)
      return (
        usual.wgan_critic_loss(f(x_prime), f(x))
        + case.gradient_penalty * penalty
      )
    f_x = f(x)
    f_x_prime, slope = losses.slopes(f, x_prime)
    tau = losses.penalised_wasserstein(
      f_x, f_x_prime, x, x_prime, case.lipschitz, "all"
    )
    if method == "first_order":
      target = losses.target_slope(f_x, f_x_prime, x, x_prime)
      penalty = losses.slope_penalty(slope, target)
      tau = losses.first_order(tau, penalty, case.slope)
    return losses.critic_loss(tau)

  return loss


def told(
  case: Case, method: str, key: jax.Array
) -> tuple[np.ndarray, jax.Array, jax.Array]:
  """Trains a critic on fixed points, and asks it where x' should go.

  Returns:
    The generator's updates of x' `[steps / every, k, 2]`, minus the gradient of
    its loss, before any optimiser; x `[n, 2]`; x' `[k, 2]`.
  """
  x, x_prime = points(case, keys.named(key, "points"))
  sizes = [(2, case.width), (case.width, case.width), (case.width, 1)]
  params = [
    jax.random.normal(keys.named(key, f"layer_{i}"), size)
    * (2 / size[0]) ** 0.5
    for i, size in enumerate(sizes)
  ]
  params = [(kernel, jnp.zeros(kernel.shape[1])) for kernel in params]
  adam = optax.scale_by_adam(b1=case.b1, b2=case.b2)
  loss = critic_loss(case, method)

  def critic(params, a):
    for kernel, bias in params[:-1]:
      a = jax.nn.relu(a @ kernel + bias[None])
    return (a @ params[-1][0])[:, 0] + params[-1][1]

  def step(player, t):
    noise = jax.random.fold_in(keys.named(key, "mixing"), t)
    value = lambda p: (loss(lambda a: critic(p, a), x, x_prime, noise), ())
    return players.move(player, adam, value)[0], None

  def generator_loss(x_prime, player):
    d = critic(player.params, x_prime)
    if method == "gan":
      return usual.gan_generator_loss(d)
    return losses.generator_loss(d)

  def some(player, start):
    player, _ = jax.lax.scan(step, player, start + jnp.arange(case.every))
    return player, -jax.grad(generator_loss)(x_prime, player)

  starts = jnp.arange(0, case.steps, case.every)
  player = players.new(params, adam, case.rate)
  _, updates = jax.jit(lambda p: jax.lax.scan(some, p, starts))(player)
  return np.asarray(updates), x, x_prime


def cell(case: Case, seeds: int) -> dict[str, Any]:
  """Angles and lengths of all methods' updates over the critic's training.

  Returns:
    Of each method: `angle` to the steepest descent of tau_P and `angle_w1` to
    that of the Wasserstein distance in degrees, and `length` in units of the
    former's, `[seeds][looks]` each; `arrows` of the first seed.
  """
  found: dict[str, Any] = {
    "case": case._asdict(),
    "seeds": seeds,
    "step": list(range(case.every, case.steps + 1, case.every)),
    "arrows": {},
  }
  for method in METHODS:
    rows = {"angle": [], "angle_w1": [], "length": []}
    for seed in range(seeds):
      updates, x, x_prime = told(case, method, jax.random.key(seed))
      best = descent(np.asarray(x), np.asarray(x_prime), case.lipschitz)
      moved = transport(np.asarray(x), np.asarray(x_prime))
      rows["angle"].append([angle(u, best) for u in updates])
      rows["angle_w1"].append([angle(u, moved) for u in updates])
      size = np.linalg.norm(best)
      rows["length"].append(
        [float(np.linalg.norm(np.float64(u)) / size) for u in updates]
      )
      if seed == 0:
        found["arrows"] |= {
          "x": np.asarray(x).tolist(),
          "x_prime": np.asarray(x_prime).tolist(),
          "descent": best.tolist(),
          method: updates[-1].tolist(),
        }
    found[method] = rows
  return found
