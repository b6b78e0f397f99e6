"""Self-normalizing networks and their six competitors, under one roof.

Hidden layers differ by method, the rest does not: `[batch, features]` in, one
linear layer of `outputs` units at the end. Dropout rates are traced, so that
networks of different rates can train in one program. The paper names its
competitors without drawing them; where it leaves a choice, the docstrings say
what is done here.
"""

from collections.abc import Sequence
from typing import Any

import chex
import jax
from flax import linen as nn
from jax import numpy as jnp

from common.errors import InputError
from common.nn import initializers, regularizers

# In the order of `published.METHODS`, the columns of the paper's Table A11.
METHODS = (
  "selu",
  "msra_init",
  "highway",
  "resnet",
  "batch_norm",
  "weight_norm",
  "layer_norm",
)

# Their layers add an input to an output, and so have one width.
ONE_WIDTH = ("highway", "resnet")

_he_normal = nn.initializers.he_normal()
_lecun_normal = initializers.lecun_normal()


class Network(nn.Module):
  """A feed-forward network of one of `METHODS`.

  Attributes:
    method: what a hidden layer is.
      selu: LeCun-normal weights, SELU; its dropout is alpha dropout.
      msra_init: He-normal weights, ReLU.
      batch_norm, layer_norm: He-normal weights, the norm and ReLU, in either
        order.
      weight_norm: directions and lengths apart (arXiv:1602.07868), lengths
        from sqrt(2), as He's weights have them; ReLU.
      highway: one dense layer to the width, then layers T(x) H(x) +
        (1 - T(x)) x, the gate's bias from -1 (arXiv:1505.00387).
      resnet: one dense layer to the width, then blocks x + f(x) and ReLU, f
        being dense layers to the inner widths and back, each with batch norm,
        and ReLU between them (arXiv:1512.03385).
    widths: of the hidden layers (of the blocks; all the same for `ONE_WIDTH`).
    outputs: of the last, linear layer.
    bottleneck: units inside a block of `resnet`, as a share of its width. The
      paper's "diavolo" blocks have 0.25 or 0.5, its rectangular ones 1; it does
      not say how a block of three layers narrows: here both inner widths are
      the share, as in a bottleneck of arXiv:1512.03385.
    block_layers: of a block of `resnet`, 2 or more.
    norm_behind: batch norm and layer norm stand behind the ReLU, as in the
      authors' code of their Figure 1, not before it.
  """

  method: str
  widths: Sequence[int]
  outputs: int
  bottleneck: float = 0.5
  block_layers: int = 2
  norm_behind: bool = False

  @nn.compact
  def __call__(
    self, x: jax.Array, rate: chex.Numeric | None, train: bool
  ) -> jax.Array:
    """Returns logits `[batch, outputs]`.

    Args:
      x: `[batch, features]`.
      rate: of dropout, a scalar in [0, 1), may be traced; None for a network
        without dropout.
      train: drops units and uses the batch's own statistics; needs the stream
        "dropout", and "batch_stats" mutable.
    """
    for i, width in enumerate(self.widths):
      x = getattr(self, f"_{self.method}")(i, width, x, train)
      if train and rate is not None:
        drop = regularizers.alpha_dropout if self.method == "selu" else dropout
        x = drop(self.make_rng("dropout"), x, rate)
    return nn.Dense(self.outputs, kernel_init=_lecun_normal, name="out")(x)

  def _dense(self, i, width, x, rule=_he_normal):
    return nn.Dense(width, kernel_init=rule, name=f"dense_{i}")(x)

  def _selu(self, i, width, x, train):
    del train
    return jax.nn.selu(self._dense(i, width, x, _lecun_normal))

  def _msra_init(self, i, width, x, train):
    del train
    return nn.relu(self._dense(i, width, x))

  def _batch_norm(self, i, width, x, train):
    return self._with_relu(_norm(f"norm_{i}", train), self._dense(i, width, x))

  def _layer_norm(self, i, width, x, train):
    del train
    norm = nn.LayerNorm(name=f"norm_{i}")
    return self._with_relu(norm, self._dense(i, width, x))

  def _with_relu(self, norm, x):
    return norm(nn.relu(x)) if self.norm_behind else nn.relu(norm(x))

  def _weight_norm(self, i, width, x, train):
    del train
    kernel = self.param(f"dense_{i}", _direction_and_length, x.shape[1], width)
    direction = kernel["kernel"]
    norms = jnp.sqrt(jnp.sum(direction**2, axis=0, keepdims=True) + 1e-12)
    return nn.relu(
      x @ (direction * (kernel["length"] / norms)) + kernel["bias"]
    )

  def _highway(self, i, width, x, train):
    del train
    h = nn.relu(self._dense(i, width, x))
    if i == 0:
      return h
    gate = nn.Dense(
      width,
      kernel_init=_lecun_normal,
      bias_init=nn.initializers.constant(-1.0),
      name=f"gate_{i}",
    )
    t = nn.sigmoid(gate(x))
    return t * h + (1 - t) * x

  def _resnet(self, i, width, x, train):
    if i == 0:
      x = nn.relu(_norm("norm_0", train)(self._dense(0, width, x)))
    narrow = max(1, round(self.bottleneck * width))
    h = x
    for j in range(1, self.block_layers):
      at = f"{i}" if j == 1 else f"{i}_{j}"
      h = nn.Dense(narrow, kernel_init=_he_normal, name=f"in_{at}")(h)
      h = nn.relu(_norm(f"in_norm_{at}", train)(h))
    h = nn.Dense(width, kernel_init=_he_normal, name=f"out_{i}")(h)
    return nn.relu(x + _norm(f"out_norm_{i}", train)(h))


def _norm(name, train):
  return nn.BatchNorm(
    use_running_average=not train,
    momentum=0.9,
    use_fast_variance=False,
    name=name,
  )


def _direction_and_length(key, inputs, width):
  return {
    "kernel": _lecun_normal(key, (inputs, width)),
    "length": jnp.full((1, width), jnp.sqrt(2.0)),
    "bias": jnp.zeros((1, width)),
  }


def dropout(key: jax.Array, x: jax.Array, rate: chex.Numeric) -> jax.Array:
  """Sets units to 0 with probability `rate`, and scales the others up.

  `nn.Dropout` has no traced rates. At rate 0 the result is `x`.
  """
  keep = jax.random.uniform(key, x.shape) >= rate
  return jnp.where(keep, x / (1 - rate), 0.0)


def widths(form: str, width: int, depth: int, outputs: int) -> tuple[int, ...]:
  """The widths of `depth` hidden layers.

  Args:
    form: "rectangular": all are `width`. "conic": the first is, the others
      shrink geometrically towards `outputs`, which the last layer has.
    width: of the first hidden layer.
    depth: how many hidden layers.
    outputs: units of the layer after them.

  Raises:
    InputError: a depth below 1.
  """
  if depth < 1:
    raise InputError(f"a network of {depth} hidden layers: it takes 1 or more")
  if form == "rectangular":
    return (width,) * depth
  ratio = (outputs / width) ** (1 / depth)
  return tuple(max(1, round(width * ratio**i)) for i in range(depth))


def init(
  network: Network, key: jax.Array, present: jax.Array
) -> tuple[Any, Any]:
  """Returns (parameters, batch statistics) for inputs that may be padded.

  Weights of padding are 0 and stay so, and the first layer starts as if the
  others were all: a padded network is the network without padding.

  Args:
    network: what to initialise.
    key: typed key.
    present: bool `[features]`; false for padding, where all inputs are 0.
  """
  x = jnp.zeros((1, len(present)))
  variables = network.init(key, x, None, False)
  params = variables["params"]
  share = jnp.mean(present)
  first = params["dense_0"]["kernel"]
  scaled = jnp.where(present[:, None], first * jax.lax.rsqrt(share), 0.0)
  params = {**params, "dense_0": {**params["dense_0"], "kernel": scaled}}
  return params, variables.get("batch_stats", {})


def apply(network: Network, params: Any, stats: Any, x: jax.Array) -> jax.Array:
  """Logits `[batch, outputs]` at test time."""
  variables = {"params": params, "batch_stats": stats}
  return jnp.asarray(network.apply(variables, x, None, False))


def apply_train(
  network: Network,
  params: Any,
  stats: Any,
  x: jax.Array,
  rate: chex.Numeric | None,
  key: jax.Array,
) -> tuple[jax.Array, Any]:
  """Logits `[batch, outputs]` in training, and the new batch statistics."""
  logits, changed = network.apply(
    {"params": params, "batch_stats": stats},
    x,
    rate,
    True,
    rngs={"dropout": key},
    mutable=["batch_stats"],
  )
  return logits, changed.get("batch_stats", {})
