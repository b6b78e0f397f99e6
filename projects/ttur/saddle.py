"""The theory's pictures: two rates at a saddle, and Adam as a heavy ball.

All is a function of `configs/ttur/saddle.py`, in float32, and pure.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import ml_collections
import numpy as np
import optax
from jax import numpy as jnp

from common import keys
from common.errors import InputError


def objective(x: jax.Array, y: jax.Array) -> jax.Array:
  """f(x, y) = (1 + x^2)(100 - y^2): min in x, max in y, saddle at (0, 0)."""
  return (1 + x**2) * (100 - y**2)


def play(
  key: jax.Array,
  rate_x: chex.Numeric,
  rate_y: chex.Numeric,
  config: ml_collections.ConfigDict,
) -> jax.Array:
  """Stochastic descent of x and ascent of y, from `config.start`.

  y sees the x of the same step, as in the authors' notebook.

  Args:
    key: of the gradients' noise.
    rate_x: a(n) of the paper, of the player that minimises, as G.
    rate_y: b(n), of the one that maximises, as D.
    config: start, noise, steps.

  Returns:
    `[steps + 1, 2]`, the points (x, y), start and end included.
  """
  slope_x, slope_y = jax.grad(objective, 0), jax.grad(objective, 1)
  noise = config.noise * jax.random.normal(key, (config.steps, 2))

  def step(point, noise):
    x, y = point
    x = x - rate_x * (slope_x(x, y) + noise[0])
    y = y + rate_y * (slope_y(x, y) + noise[1])
    point = jnp.stack([x, y])
    return point, point

  start = jnp.asarray(config.start, jnp.float32)
  _, points = jax.lax.scan(step, start, noise)
  return jnp.concatenate([start[None], points])


def population(config: ml_collections.ConfigDict) -> np.ndarray:
  """Every row of rates with every seed, one program.

  Rows share their seeds' noise.

  Returns:
    Float32 `[rows, seeds, steps + 1, 2]`.

  Raises:
    InputError: a rate of zero or less.
  """
  rates = np.asarray(config.rates, np.float32)
  if not (rates > 0).all():
    raise InputError(
      f"config.rates has {rates.min():g}; rates of both players are above 0"
    )
  root = keys.named(jax.random.key(config.seed), "saddle")
  seeds = jax.vmap(lambda i: jax.random.fold_in(root, i))(
    jnp.arange(config.seeds)
  )
  one = lambda rate, key: play(key, rate[0], rate[1], config)
  many = jax.vmap(jax.vmap(one, (None, 0)), (0, None))
  return np.asarray(jax.jit(many)(jnp.asarray(rates), seeds))


def scores(
  points: np.ndarray, config: ml_collections.ConfigDict
) -> dict[str, np.ndarray]:
  """What became of each seed, float64 `[..., seeds]`.

  Args:
    points: `[..., seeds, steps + 1, 2]`.
    config: near, last.

  Returns:
    final_norm: distance from the saddle at the end.
    last_norm: mean distance over the last `config.last` steps.
    first_near: first step at less than `config.near`; infinite if none.
    final_objective: f at the end; 100 at the saddle.
  """
  points = np.asarray(points, np.float64)
  norm = np.linalg.norm(points, axis=-1)
  near = norm < config.near
  first = np.where(near.any(-1), near.argmax(-1), np.inf)
  x, y = points[..., -1, 0], points[..., -1, 1]
  return {
    "final_norm": norm[..., -1],
    "last_norm": norm[..., -config.last :].mean(-1),
    "first_near": first,
    "final_objective": (1 + x**2) * (100 - y**2),
  }


def landscape(theta: jax.Array, ditch: tuple[float, ...]) -> jax.Array:
  """A wide bowl around 0 with a narrow ditch (place, width, depth) in its side.

  Both are minima: the ditch is the sharp one.
  """
  place, width, depth = ditch
  dip = jnp.exp(-0.5 * ((theta - place) / width) ** 2)
  return 0.5 * theta**2 - depth * dip


class Path(NamedTuple):
  """Where a ball was: `time` and `theta`, float64 `[n]`."""

  time: np.ndarray
  theta: np.ndarray


def heavy_ball(
  slope: Callable[[jax.Array], jax.Array], config: ml_collections.ConfigDict
) -> Path:
  """Solves theta'' + a theta' + grad f(theta) = 0 (Theorem 3), from rest.

  By the classical Runge-Kutta method.

  Args:
    slope: grad f.
    config: ball_start, ball_time, ball_friction (a).
  """
  fine = 5_000  # Steps a unit of time.
  h, count = 1 / fine, int(config.ball_time * fine)

  def flow(state):
    theta, speed = state
    return jnp.stack([speed, -config.ball_friction * speed - slope(theta)])

  def step(state, _):
    one = flow(state)
    two = flow(state + h / 2 * one)
    three = flow(state + h / 2 * two)
    four = flow(state + h * three)
    state = state + h / 6 * (one + 2 * two + 2 * three + four)
    return state, state[0]

  start = jnp.array([config.ball_start, 0.0])
  _, theta = jax.jit(lambda s: jax.lax.scan(step, s, length=count))(start)
  theta = np.concatenate([[config.ball_start], np.float64(theta)])
  return Path(np.arange(count + 1) * h, theta)


def gradient_flow(
  slope: Callable[[jax.Array], jax.Array], config: ml_collections.ConfigDict
) -> Path:
  """Solves a theta' + grad f(theta) = 0: the ball without its mass."""
  fine = 1_000  # Steps a unit of time.
  h, count = 1 / fine, int(config.ball_time * fine)

  def step(theta, _):
    theta = theta - h / config.ball_friction * slope(theta)
    return theta, theta

  start = jnp.float32(config.ball_start)
  _, theta = jax.jit(lambda s: jax.lax.scan(step, s, length=count))(start)
  theta = np.concatenate([[config.ball_start], np.float64(theta)])
  return Path(np.arange(count + 1) * h, theta)


def adam_b1(rate: float, friction: float) -> float:
  """beta1 of the Adam that is a ball of that friction: 1 - friction^2 rate.

  Adam without its second moments is theta' = -m, m' = r (grad f - m) in the
  time (rate x steps), with r = (1 - beta1) / rate: theta'' + r theta' +
  r grad f = 0. In the time sqrt(r) as fast that is the paper's equation with
  a = sqrt(r).
  """
  return 1 - friction**2 * rate


def adam(
  slope: Callable[[jax.Array], jax.Array],
  rate: float,
  config: ml_collections.ConfigDict,
  stationary: bool,
) -> Path:
  """Adam's path in the equation's time, sqrt(r) x rate a step.

  Args:
    slope: grad f.
    rate: of Adam; beta1 follows from `config.ball_friction`.
    config: ball_start, ball_time, ball_friction, ball_b2.
    stationary: the theorem's premise: second moments stay 1. Else they are
      averages by `config.ball_b2`, which start there.
  """
  friction = config.ball_friction
  b1 = adam_b1(rate, friction)
  unit = friction * rate  # sqrt(r) x rate: a step in the equation's time
  count = round(config.ball_time / unit)
  start = jnp.float32(config.ball_start)
  if stationary:  # Then the mean of gradients is all that is left.
    adam = optax.ema(b1, debias=False)
    state = adam.init(start)
  else:
    adam = optax.scale_by_adam(b1, config.ball_b2, eps=0.0)
    # As after very many steps at rest: averages without a correction of bias.
    rest = jnp.zeros_like(start)
    state = optax.ScaleByAdamState(jnp.int32(10**8), rest, rest + 1)

  def step(carry, _):
    theta, state = carry
    update, state = adam.update(slope(theta), state)
    theta = theta - rate * update
    return (theta, state), theta

  run = lambda carry: jax.lax.scan(step, carry, length=count)
  _, theta = jax.jit(run)((start, state))
  theta = np.concatenate([[config.ball_start], np.float64(theta)])
  return Path(np.arange(count + 1) * unit, theta)


def gap(path: Path, truth: Path) -> float:
  """The largest distance of a path from the true one, at its own times."""
  there = np.interp(path.time, truth.time, truth.theta)
  return float(np.max(np.abs(path.theta - there)))


def balls(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """All paths on the landscape, by name, and the gaps of Adam's."""
  slope = jax.grad(lambda theta: landscape(theta, config.ditch))
  truth = heavy_ball(slope, config)
  rates = list(config.ball_rates)
  held = [adam(slope, rate, config, True) for rate in rates]
  moving = [adam(slope, rate, config, False) for rate in rates]
  return {
    "truth": truth,
    "flow": gradient_flow(slope, config),
    "held": held,
    "moving": moving,
    "gaps": [gap(path, truth) for path in held],
    "gaps_moving": [gap(path, truth) for path in moving],
  }
