"""Networks that predict accuracies from features: linear, and an MLP.

A sigmoid behind ReLU layers, or behind none, trained by Adam on the squared
error; stopped early by other networks. Settings and seeds are members of one
program: rates and penalties are traced.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
import optax
from jax import numpy as jnp

from common import keys
from common.errors import InputError

from . import boosting, losses

Predict = Callable[[np.ndarray], np.ndarray]
KINDS = ("linear", "mlp", "gbm")


class Part(NamedTuple):
  """Some networks: features [n, k] and accuracies [n], float64."""

  x: np.ndarray
  y: np.ndarray


class Training(NamedTuple):
  """What a member's program carries along."""

  epoch: jax.Array
  params: Any
  moments: Any
  best: Any  # Parameters at the lowest loss of the networks that stop it.
  lowest: jax.Array
  waited: jax.Array  # Epochs since then.


def fit(
  kind: str,
  config: ml_collections.ConfigDict,
  training: Part,
  stopping: Part,
  restore: bool,
) -> Predict:
  """Fits every setting, and returns that which predicts `stopping` best.

  Args:
    kind: one of KINDS.
    config: configs/cnn_zoo/predictors.py.
    training: networks to learn from.
    stopping: others, which end a training and choose the setting.
    restore: whether linear and MLP go back to their best epoch, or stay where
      the patience ended, as the authors' do. Trees always go back.

  Returns:
    Features [n, k] to predictions [n].

  Raises:
    InputError: nobody to learn from, or a feature that is not finite.
  """
  for part in (training, stopping):
    if not len(part.y):
      raise InputError("no networks are left to train a predictor, or to stop")
    if not np.isfinite(part.x).all():
      raise InputError("a feature is not finite: leave such networks out")
  if kind == "gbm":
    return boosting.fit(config, training, stopping)
  return _fit_network(kind, config, training, stopping, restore)


def _fit_network(kind, config, training, stopping, restore):
  settings = config[kind]
  centre, scale = training.x.mean(0), training.x.std(0)
  scale = np.where(scale > 0, scale, 1.0)
  seen = lambda x: np.asarray((x - centre) / scale, np.float32)
  grid = itertools.product(
    settings.learning_rates, settings.penalties, range(config.members)
  )
  rates, penalties, seeds = (np.asarray(v) for v in zip(*grid, strict=True))
  root = keys.named(jax.random.key(config.seed), kind)
  ends = _train(
    jax.vmap(functools.partial(jax.random.fold_in, root))(seeds),
    jnp.asarray(rates, jnp.float32),
    jnp.asarray(penalties, jnp.float32),
    _filled(seen(training.x), training.y, config.batch_size),
    _filled(seen(stopping.x), stopping.y, config.batch_size),
    widths=tuple(settings.widths),
    dropout=float(settings.dropout),
    batch_size=config.batch_size,
    epochs=config.total_steps,
    patience=config.patience,
  )
  params = ends.best if restore else ends.params
  found = jax.vmap(forward, (0, None))(params, seen(stopping.x))
  errors = np.mean((np.asarray(found) - stopping.y) ** 2, axis=1)
  chosen = jax.tree.map(lambda leaf: leaf[np.argmin(errors)], params)
  return lambda x: np.asarray(forward(chosen, seen(x)), np.float64)


class Filled(NamedTuple):
  """A part in an array of a round size, so that many share a program."""

  x: jax.Array  # [room, k]
  y: jax.Array  # [room]
  count: jax.Array  # int32: how many are real, the first ones.


def _filled(x, y, batch_size):
  """Zeros behind the networks, up to four batches or a multiple of them."""
  room = -(-len(y) // (4 * batch_size)) * 4 * batch_size
  more = room - len(y)
  x = np.pad(np.asarray(x, np.float32), ((0, more), (0, 0)))
  return Filled(
    x, np.pad(np.asarray(y, np.float32), (0, more)), np.int32(len(y))
  )


def init(key: jax.Array, sizes: tuple[int, ...]) -> list[dict[str, jax.Array]]:
  """Layers from sizes[0] inputs to sizes[-1] outputs, Keras's defaults."""
  plain = jax.nn.initializers.glorot_uniform()
  return [
    {
      "kernel": plain(jax.random.fold_in(key, i), (fan_in, out)),
      "bias": jnp.zeros(out),
    }
    for i, (fan_in, out) in enumerate(itertools.pairwise(sizes))
  ]


def forward(
  params: list[dict[str, jax.Array]],
  x: jax.Array,
  dropout: float = 0.0,
  key: jax.Array | None = None,
) -> jax.Array:
  """Predictions in (0, 1) of features: `[n, k] -> [n]`."""
  for i, layer in enumerate(params):
    x = x @ layer["kernel"] + layer["bias"][None]
    if i < len(params) - 1:
      x = jax.nn.relu(x)
      if key is not None and dropout:
        keep = jax.random.bernoulli(
          jax.random.fold_in(key, i), 1 - dropout, x.shape
        )
        x = jnp.where(keep, x / (1 - dropout), 0.0)
  return jax.nn.sigmoid(x[:, 0])


@functools.partial(
  jax.jit,
  static_argnames=("widths", "dropout", "batch_size"),
)
def _train(
  member_keys,
  rates,
  penalties,
  training,
  stopping,
  *,
  widths,
  dropout,
  batch_size,
  epochs,
  patience,
) -> Training:
  """Trains all members: leaves [members, ...] in and out."""
  x, y, n = training
  sizes = (x.shape[1], *widths, 1)
  places = jnp.arange(len(y))
  batches = (n + batch_size - 1) // batch_size
  adam = optax.scale_by_adam()

  def judged(params):
    error = (forward(params, stopping.x) - stopping.y) ** 2
    real = jnp.arange(len(error)) < stopping.count
    return jnp.sum(jnp.where(real, error, 0.0)) / stopping.count

  def loss(params, rows, penalty, key):
    predicted = forward(params, x[rows], dropout, key)
    return losses.squared_error(predicted, y[rows]) + penalty * sum(
      jnp.sum(layer["kernel"] ** 2) for layer in params
    )

  def one_epoch(key, rate, penalty, t):
    epoch_key = jax.random.fold_in(key, t.epoch)
    drawn = jax.random.uniform(keys.named(epoch_key, "order"), len(y))
    order = jnp.argsort(jnp.where(places < n, drawn, 2.0))  # The real ones.
    # The last batch is filled up by the first ones, so that none is left out.
    order = order[places % n]

    def one_batch(i, carry):
      params, moments = carry
      rows = jax.lax.dynamic_slice_in_dim(order, i * batch_size, batch_size)
      noise = jax.random.fold_in(keys.named(epoch_key, "dropout"), i)
      slope = jax.grad(loss)(params, rows, penalty, noise)
      change, moments = adam.update(slope, moments)
      step = lambda leaf, c: leaf - rate * c
      return jax.tree.map(step, params, change), moments

    params, moments = jax.lax.fori_loop(
      0, batches, one_batch, (t.params, t.moments)
    )
    found = judged(params)
    better = found < t.lowest
    keep = lambda new, old: jnp.where(better, new, old)
    return Training(
      t.epoch + 1,
      params,
      moments,
      jax.tree.map(keep, params, t.best),
      keep(found, t.lowest),
      jnp.where(better, 0, t.waited + 1),
    )

  def member(key, rate, penalty):
    params = init(keys.named(key, "init"), sizes)
    start = Training(
      jnp.int32(0),
      params,
      adam.init(params),
      params,
      jnp.float32(jnp.inf),
      jnp.int32(0),
    )
    going = lambda t: (t.epoch < epochs) & (t.waited < patience)
    once = functools.partial(one_epoch, key, rate, penalty)
    return jax.lax.while_loop(going, once, start)

  return jax.vmap(member)(member_keys, rates, penalties)
