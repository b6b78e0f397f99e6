"""Which inputs made the output: five answers, for functions of rows.

`f` maps rows `[n, d]` to `[n]`, each row by itself; `x` and `baseline` are
`[n, d]` (or broadcast to it), and so is the answer: how much each input of each
row has added to f(x) - f(baseline), or would be missed.
"""

import itertools
from collections.abc import Callable, Sequence

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys
from common.errors import InputError

from . import inputs

Function = Callable[[jax.Array], jax.Array]
# A network's: an affine function of rows, and what follows it, entry by entry.
Layer = tuple[Function, Function]
# `slope(activation, a, b)`: what stands for the activation's derivative between
# its inputs a and b, entry by entry.
Slope = Callable[[Function, jax.Array, jax.Array], jax.Array]

_NEAR = 1e-4  # Below it, float32 leaves a secant three digits or fewer.


def gradient(f: Function) -> Function:
  """The gradient of each row's output, `[n, d] -> [n, d]`."""
  return jax.grad(lambda x: jnp.sum(f(x)))


def integrated_gradients(
  f: Function, x: jax.Array, baseline: jax.Array, steps: int
) -> jax.Array:
  r"""The paper's, by Sundararajan et al. (arXiv:1703.01365):

  .. math::
    a_i = (x_i - x'_i) \frac1m \sum_{k=1}^m
      \partial_i f(x' + \frac{k}{m} (x - x')).

  Their sum over i comes to f(x) - f(x') as m grows; see `gap`.

  Args:
    f: see the module.
    x: where it is asked.
    baseline: x', where nothing is there.
    steps: m; the paper has 1,000.
  """
  slope = gradient(f)

  def add(total, k):
    return total + slope(baseline + k / steps * (x - baseline)), None

  points = jnp.arange(1, steps + 1, dtype=x.dtype)
  total, _ = jax.lax.scan(add, jnp.zeros_like(x), points)
  return (x - baseline) * total / steps


def composed(layers: Sequence[Layer]) -> Function:
  """The function that layers make, one after the other."""

  def f(x):
    for affine, activation in layers:
      x = activation(affine(x))
    return x

  return f


def along_path(
  layers: Sequence[Layer],
  x: jax.Array,
  baseline: jax.Array,
  pieces: int,
  slope: Slope,
) -> jax.Array:
  """Integrated gradients of a network, the path in pieces of equal length.

  A piece's gradient is the chain rule's with `slope` for each derivative. With
  `mean_of(1)` that is `integrated_gradients` of as many steps. On the path, the
  first layer's output is linear in the step: it is computed at both ends alone,
  and its transpose is applied to the sum.

  Args:
    layers: see `Layer`; the last gives `[n]`.
    x: where it is asked.
    baseline: x', where nothing is there.
    pieces: how many; the time is in proportion.
    slope: `secant`, or of `mean_of`.
  """
  first = layers[0][0]
  end, pull = jax.vjp(first, x)
  start = first(jnp.broadcast_to(baseline, x.shape))

  def inputs(z):
    """What goes into each activation."""
    found = [z]
    for (_, activation), (affine, _) in itertools.pairwise(layers):
      found.append(affine(activation(found[-1])))
    return found

  def add(carry, k):
    before, total = carry
    here = inputs(start + k / pieces * (end - start))
    slopes = [
      slope(activation, a, b)
      for (_, activation), a, b in zip(layers, before, here, strict=True)
    ]
    back = slopes[-1]
    for i in reversed(range(1, len(layers))):
      # Affine: its transpose is the same at any point.
      back = slopes[i - 1] * jax.vjp(layers[i][0], here[i - 1])[1](back)[0]
    return (here, total + back), None

  steps = jnp.arange(1, pieces + 1, dtype=x.dtype)
  carry = inputs(start), jnp.zeros_like(end)
  (_, total), _ = jax.lax.scan(add, carry, steps)
  return (x - baseline) * pull(total)[0] / pieces


def mean_of(points: int) -> Slope:
  """The mean derivative at `points` points from a, left out, to b.

  Of K pieces that is nearly the paper's sum of K * points steps: within a piece
  the inputs of activations count as linear in the step, and their derivatives
  as independent of each other.
  """

  def slope(activation, a, b):
    derivative = lambda z: jax.jvp(activation, (z,), (jnp.ones_like(z),))[1]
    add = lambda i, total: total + derivative(b + i / points * (a - b))
    return jax.lax.fori_loop(1, points, add, derivative(b)) / points

  return slope


def secant(activation: Function, a: jax.Array, b: jax.Array) -> jax.Array:
  """How much the activation has changed from a to b, by b - a.

  In one piece that is DeepLIFT's rescale rule (arXiv:1704.02685), in many it
  tends to the integral of gradients, jumps of a derivative included. Whatever
  the number of pieces, attributions sum to f(x) - f(x').
  """
  near = jnp.abs(b - a) < _NEAR
  derivative = mean_of(1)(activation, a, (a + b) / 2)
  change = activation(b) - activation(a)
  return jnp.where(near, derivative, change / jnp.where(near, 1, b - a))


def gradient_times_input(
  f: Function, x: jax.Array, baseline: jax.Array
) -> jax.Array:
  """(x - x') times the gradient at x: integrated gradients of one step."""
  return (x - baseline) * gradient(f)(x)


def smooth_grad(
  f: Function,
  x: jax.Array,
  baseline: jax.Array,
  key: jax.Array,
  samples: int,
  noise: float,
) -> jax.Array:
  """(x - x') times the mean gradient near x (arXiv:1706.03825).

  Args:
    f: see the module.
    x: where it is asked.
    baseline: x'.
    key: typed key.
    samples: points near x.
    noise: standard deviation of their normal distance, in each input.
  """
  slope = gradient(f)

  def add(total, i):
    away = jax.random.normal(jax.random.fold_in(key, i), x.shape, x.dtype)
    return total + slope(x + noise * away), None

  total, _ = jax.lax.scan(add, jnp.zeros_like(x), jnp.arange(samples))
  return (x - baseline) * total / samples


def occlusion(
  f: Function, x: jax.Array, baseline: jax.Array, most: int
) -> jax.Array:
  """f(x) less f(x with one input at its baseline), for each input.

  Args:
    f: see the module.
    x: where it is asked.
    baseline: x'.
    most: of a row's inputs that differ from their baseline; those beyond it are
      left at 0, so that sparse rows cost little.
  """
  x, baseline = jnp.asarray(x), jnp.broadcast_to(baseline, x.shape)
  # Those that differ come first.
  order = jnp.argsort(x == baseline, axis=1, stable=True)[:, :most]
  rows = jnp.arange(len(x))
  whole = f(x)

  def one(found, column):
    without = x.at[rows, column].set(baseline[rows, column])
    return found.at[rows, column].set(whole - f(without)), None

  found, _ = jax.lax.scan(one, jnp.zeros_like(x), order.T)
  return found


def gap(
  f: Function, x: jax.Array, baseline: jax.Array, found: jax.Array
) -> jax.Array:
  """What an attribution lacks of completeness: its sum less f(x) - f(x')."""
  difference = f(x) - f(jnp.broadcast_to(baseline, x.shape))
  return jnp.sum(found, axis=1) - difference


# An explanation's method, if none is named, is the first.
METHODS = (
  "integrated_secants",
  "integrated_gradients",
  "gradient_times_input",
  "occlusion",
  "smooth_grad",
)


def check_blocks(config: ml_collections.ConfigDict) -> None:
  """Raises InputError unless `config.attribution` has steps in whole blocks."""
  given = config.attribution
  if given.steps % given.block:
    raise InputError(
      f"config.attribution.block is {given.block}; it must divide "
      f"config.attribution.steps = {given.steps}"
    )


def make_attribution(
  layers: Callable[..., Sequence[Layer]],
  config: ml_collections.ConfigDict,
  method: str,
  most: int,
) -> Callable:
  """Returns `attribute(params, x, task) -> attributions [n, d], gaps [n]`.

  A method by its name, with zeros for the baseline, compiled once.

  Args:
    layers: `params -> layers`, of which the last gives logits `[n, tasks]`.
    config: with `config.attribution`, and the seed.
    method: one of `METHODS`.
    most: see `occlusion`.

  Raises:
    InputError: there is no such method, or integrated gradients' steps are not
      whole blocks.
  """
  if method not in METHODS:
    raise InputError(
      f"there is no method {method!r}; there are {', '.join(METHODS)}"
    )
  if method == "integrated_gradients":
    check_blocks(config)
  given = config.attribution
  key = keys.named(jax.random.key(config.seed), "smooth_grad")
  last = jax.nn.sigmoid if given.target == "probability" else lambda z: z

  @jax.jit
  def attribute(params, x, task):
    *hidden, (logits, _) = layers(params)
    chain = [*hidden, (lambda x: logits(x)[:, task], last)]
    f, base = composed(chain), jnp.zeros_like(x)
    calls = {
      "integrated_secants": lambda: along_path(
        chain, x, base, given.pieces, secant
      ),
      "integrated_gradients": lambda: along_path(
        chain, x, base, given.steps // given.block, mean_of(given.block)
      ),
      "gradient_times_input": lambda: gradient_times_input(f, x, base),
      "occlusion": lambda: occlusion(f, x, base, most),
      "smooth_grad": lambda: smooth_grad(
        f, x, base, key, given.samples, given.noise
      ),
    }
    found = calls[method]()
    return found, gap(f, x, base, found)

  return attribute


def of_bits(
  layers: Callable[..., Sequence[Layer]],
  config: ml_collections.ConfigDict,
  method: str,
  params,
  bits: np.ndarray,
  task: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Attributions `[n, bits]` and completeness gaps `[n]`, batch by batch.

  Args:
    layers: see `make_attribution`.
    config: see `make_attribution`; batches are `config.eval_batch` long.
    method: one of `METHODS`.
    params: of `layers`.
    bits: 0 or 1, `[n, bits]`.
    task: which output.
  """
  most = max(int(bits.sum(axis=1).max(initial=0)), 1)
  attribute = make_attribution(layers, config, method, most)
  found, gaps = [], []
  size = min(config.eval_batch, max(len(bits), 1))
  for rows, x in inputs.chunks(bits, size):
    one, missing = attribute(params, x, task)
    found.append(np.asarray(one)[: len(rows)])
    gaps.append(np.asarray(missing)[: len(rows)])
  empty = [np.empty((0, bits.shape[1]), np.float32)]
  return np.concatenate(empty + found), np.concatenate([np.empty(0), *gaps])
