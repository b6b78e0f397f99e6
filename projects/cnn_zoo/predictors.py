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
    (seen(training.x), np.asarray(training.y, np.float32)),
    (seen(stopping.x), np.asarray(stopping.y, np.float32)),
    widths=tuple(settings.widths),
    dropout=float(settings.dropout),
    batch_size=min(config.batch_size, len(training.y)),
    epochs=config.total_steps,
    patience=config.patience,
  )
  params = ends.best if restore else ends.params
  found = jax.vmap(forward, (0, None))(params, seen(stopping.x))
  errors = np.mean((np.asarray(found) - stopping.y) ** 2, axis=1)
  chosen = jax.tree.map(lambda leaf: leaf[np.argmin(errors)], params)
  return lambda x: np.asarray(forward(chosen, seen(x)), np.float64)


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
  static_argnames=("widths", "dropout", "batch_size", "epochs", "patience"),
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
  x, y = training
  n, sizes = len(y), (x.shape[1], *widths, 1)
  # Filled up by some that come twice, so that none is left out.
  fill = np.arange(-(-n // batch_size) * batch_size) % n
  adam = optax.scale_by_adam()

  def loss(params, rows, penalty, key):
    predicted = forward(params, x[rows], dropout, key)
    return losses.squared_error(predicted, y[rows]) + penalty * sum(
      jnp.sum(layer["kernel"] ** 2) for layer in params
    )

  def one_epoch(key, rate, penalty, t):
    epoch_key = jax.random.fold_in(key, t.epoch)
    order = jax.random.permutation(keys.named(epoch_key, "order"), n)[fill]

    def one_batch(carry, rows_and_place):
      params, moments = carry
      rows, place = rows_and_place
      noise = jax.random.fold_in(keys.named(epoch_key, "dropout"), place)
      slope = jax.grad(loss)(params, rows, penalty, noise)
      change, moments = adam.update(slope, moments)
      step = lambda leaf, c: leaf - rate * c
      return (jax.tree.map(step, params, change), moments), None

    rows = order.reshape(-1, batch_size)
    places = jnp.arange(len(rows), dtype=jnp.int32)
    (params, moments), _ = jax.lax.scan(
      one_batch, (t.params, t.moments), (rows, places)
    )
    found = losses.squared_error(forward(params, stopping[0]), stopping[1])
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
