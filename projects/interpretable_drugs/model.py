"""The paper's two networks: SELU layers on bits, convolutions on graphs.

Both give logits `[molecules, tasks]`; what lies behind them, which the paper
looks at, comes out as well.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import ml_collections
from flax import linen as nn
from jax import numpy as jnp

from common.nn import initializers, regularizers

from . import graphs

_he_normal = nn.initializers.he_normal()
_lecun_normal = initializers.lecun_normal()


class SeluNetwork(nn.Module):
  """Fully connected self-normalizing layers (arXiv:1706.02515).

  Attributes:
    widths: of the hidden layers.
    tasks: outputs.
    rate: of alpha dropout, behind each hidden layer.
  """

  widths: Sequence[int]
  tasks: int
  rate: float

  @nn.compact
  def __call__(
    self, x: jax.Array, train: bool = False
  ) -> tuple[jax.Array, list[jax.Array]]:
    """Logits `[n, tasks]`, and each hidden layer's activations `[n, width]`.

    Args:
      x: `[n, bits]`.
      train: drops units; needs the stream "dropout".
    """
    hidden = []
    for i, width in enumerate(self.widths):
      x = nn.Dense(width, kernel_init=_lecun_normal, name=f"dense_{i}")(x)
      x = jax.nn.selu(x)
      hidden.append(x)
      if train and self.rate:
        x = regularizers.alpha_dropout(self.make_rng("dropout"), x, self.rate)
    return nn.Dense(self.tasks, kernel_init=_lecun_normal, name="out")(
      x
    ), hidden


class GraphNetwork(nn.Module):
  """The paper's graph convolution, on packed molecules.

  A layer makes of each bond relu(W [neighbour; centre]), without a bias, and of
  an atom the mean over its bonds; a molecule is the mean over its atoms, and a
  dense layer follows. W is split into its two halves, so that a product is
  computed once an atom and not once a bond.

  Attributes:
    widths: of the convolutions.
    hidden: units of the dense layer.
    tasks: outputs.
    rate: of dropout behind the dense layer.
    atom_slots: the mean over atoms divides by it; 0: by the atoms there are.
    neighbour_slots: likewise of neighbours.
  """

  widths: Sequence[int]
  hidden: int
  tasks: int
  rate: float
  atom_slots: int
  neighbour_slots: int

  def setup(self):
    inputs = (graphs.FEATURES, *self.widths)
    self.kernels = [
      self.param(f"convolution_{i}", _he_normal, (2 * inputs[i], width))
      for i, width in enumerate(self.widths)
    ]
    self.dense = nn.Dense(self.hidden, kernel_init=_he_normal)
    self.dropout = nn.Dropout(self.rate)
    self.out = nn.Dense(self.tasks, kernel_init=_lecun_normal)

  def atoms(self, batch: graphs.Packed) -> list[jax.Array]:
    """Each layer's atom vectors `[atoms, width]`."""
    x, found = jnp.asarray(batch.atoms), []
    leaving = jnp.asarray(batch.source), jnp.asarray(batch.leaving)
    arriving = jnp.asarray(batch.target), jnp.asarray(batch.arriving)
    count = self.neighbour_slots
    if not count:
      real = arriving[1] != len(batch.target) - 1
      count = jnp.maximum(jnp.sum(real, axis=1, keepdims=True), 1)
    for kernel in self.kernels:
      of_neighbour, of_centre = jnp.split(kernel, 2)
      neighbour = graphs.spread(x @ of_neighbour, *leaving)
      centre = graphs.spread(x @ of_centre, *arriving)
      x = graphs.collect(nn.relu(neighbour + centre), *arriving) / count
      found.append(x)
    return found

  def head(self, x: jax.Array, train: bool = False) -> jax.Array:
    """Logits `[n, tasks]` of molecules' vectors `[n, width]`."""
    x = nn.relu(self.dense(x))
    return self.out(self.dropout(x, deterministic=not train))

  def __call__(
    self, batch: graphs.Packed, train: bool = False
  ) -> tuple[jax.Array, list[jax.Array]]:
    """Logits `[molecules, tasks]`, and `atoms`' vectors."""
    found = self.atoms(batch)
    sizes = jnp.asarray(batch.sizes)
    total = jax.ops.segment_sum(
      found[-1], batch.molecule, len(sizes), indices_are_sorted=True
    )
    count = self.atom_slots or sizes[:, None].astype(total.dtype)
    return self.head(total / count, train), found

  def atom_scores(self, batch: graphs.Packed) -> jax.Array:
    """Logits `[atoms, tasks]`: each atom as if it were the molecule's one.

    The paper's score of an atom's neighbourhood. Where molecules are means over
    slots, one such atom fills one of them.
    """
    return self.head(self.atoms(batch)[-1] / (self.atom_slots or 1))


def network(
  config: ml_collections.ConfigDict,
) -> SeluNetwork | GraphNetwork:
  """The network that `config` describes."""
  widths = (config.width,) * config.depth
  if config.model == "selu":
    return SeluNetwork(widths, config.tasks, config.dropout)
  return GraphNetwork(
    widths,
    config.graph.hidden,
    config.tasks,
    config.dropout,
    config.graph.atom_slots,
    config.graph.neighbour_slots,
  )


def layers(
  config: ml_collections.ConfigDict, params: Any
) -> list[tuple[Callable, Callable]]:
  """The "selu" network at test time, a layer after the other.

  Pairs: an affine function of rows, and what follows it, entry by entry. The
  last gives the logits.
  """

  def affine(name):
    weights = params[name]
    dense = nn.Dense(weights["bias"].size)
    return lambda x: dense.apply({"params": weights}, x)

  hidden = [(affine(f"dense_{i}"), jax.nn.selu) for i in range(config.depth)]
  return [*hidden, (affine("out"), lambda logits: logits)]


def example(config: ml_collections.ConfigDict) -> jax.Array | graphs.Packed:
  """An input of the smallest size, to initialise a network with."""
  if config.model == "selu":
    return jnp.zeros((1, config.bits))
  one, table = jnp.zeros(1, jnp.int32), jnp.zeros((1, 1), jnp.int32)
  atoms = jnp.zeros((1, graphs.FEATURES))
  return graphs.Packed(atoms, one, one, table, table, one, one + 1)
