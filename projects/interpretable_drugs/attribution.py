"""Which inputs made the output: four answers, for any function of rows.

`f` maps rows `[n, d]` to `[n]`, each row by itself; `x` and `baseline` are
`[n, d]` (or broadcast to it), and so is the answer: how much each input of each
row has added to f(x) - f(baseline), or would be missed.
"""

from collections.abc import Callable

import jax
import ml_collections
import numpy as np
from jax import numpy as jnp

from common import keys
from common.errors import InputError

Function = Callable[[jax.Array], jax.Array]


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


METHODS = (
  "integrated_gradients",
  "gradient_times_input",
  "occlusion",
  "smooth_grad",
)


def make_attribution(
  apply: Callable, config: ml_collections.ConfigDict, method: str, most: int
) -> Callable:
  """Returns `attribute(params, x, task) -> attributions [n, d], gaps [n]`.

  A method by its name, with zeros for the baseline, compiled once.

  Args:
    apply: `(params, x) -> logits [n, tasks]`.
    config: with `config.attribution`, and the seed.
    method: one of `METHODS`.
    most: see `occlusion`.

  Raises:
    InputError: there is no such method.
  """
  if method not in METHODS:
    raise InputError(
      f"there is no method {method!r}; there are {', '.join(METHODS)}"
    )
  given = config.attribution
  key = keys.named(jax.random.key(config.seed), "smooth_grad")
  calls = {
    "integrated_gradients": lambda f, x, base: integrated_gradients(
      f, x, base, given.steps
    ),
    "gradient_times_input": gradient_times_input,
    "occlusion": lambda f, x, base: occlusion(f, x, base, most),
    "smooth_grad": lambda f, x, base: smooth_grad(
      f, x, base, key, given.samples, given.noise
    ),
  }

  @jax.jit
  def attribute(params, x, task):
    def f(x):
      logit = apply(params, x)[:, task]
      return logit if given.target == "logit" else jax.nn.sigmoid(logit)

    base = jnp.zeros_like(x)
    found = calls[method](f, x, base)
    return found, gap(f, x, base, found)

  return attribute


def of_bits(
  apply: Callable,
  config: ml_collections.ConfigDict,
  method: str,
  params,
  bits: np.ndarray,
  task: int,
) -> tuple[np.ndarray, np.ndarray]:
  """Attributions `[n, bits]` and completeness gaps `[n]`, batch by batch.

  Args:
    apply: see `make_attribution`.
    config: see `make_attribution`; batches are `config.eval_batch` long.
    method: one of `METHODS`.
    params: of `apply`.
    bits: 0 or 1, `[n, bits]`.
    task: which output.
  """
  most = max(int(bits.sum(axis=1).max(initial=0)), 1)
  attribute = make_attribution(apply, config, method, most)
  found, gaps = [], []
  size = min(config.eval_batch, max(len(bits), 1))
  for start in range(0, len(bits), size):
    rows = np.arange(start, start + size)
    real = int(np.sum(rows < len(bits)))
    x = jnp.asarray(bits[np.minimum(rows, len(bits) - 1)], jnp.float32)
    one, missing = attribute(params, x, task)
    found.append(np.asarray(one)[:real])
    gaps.append(np.asarray(missing)[:real])
  empty = [np.empty((0, bits.shape[1]), np.float32)]
  return np.concatenate(empty + found), np.concatenate([np.empty(0), *gaps])
