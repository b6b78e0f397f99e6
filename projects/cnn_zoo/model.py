"""The zoo's networks as vectors of weights, in the form that CPUs are fast at.

The CNN (arXiv:2002.11448): some 3x3 convolutions without padding, of stride 2
in the paper's own, each with an activation and dropout; the mean over the
places; a dense layer. A fully connected network has dense layers for
convolutions, on the pixels. Either is one vector, in the released zoo's order:
of each layer the bias, then the kernel `[height, width, in, out]`, or
`[in, out]` of a dense one.

Activations are `[channels, height, width, microbatch]`: the minor dimension is
as wide as the vector units, and a convolution is one product of its kernel
with the patches (nine strided slices).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import ml_collections
from jax import numpy as jnp

from common import keys
from common.errors import InputError

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}
INITIALIZERS = (
  "glorot_normal",
  "he_normal",
  "orthogonal",
  "RandomNormal",
  "TruncatedNormal",
)
NETWORKS = ("cnn", "dense")
SIDE = 3  # Of every convolution.


class Tensor(NamedTuple):
  """Where a tensor lies in the vector of weights."""

  name: str
  start: int
  end: int
  shape: tuple[int, ...]


def layout(
  widths: Sequence[int], classes: int, pixels: int | None = None
) -> tuple[Tensor, ...]:
  """The tensors of a network with these widths; bias before kernel.

  Args:
    widths: channels of the convolutions, or units of the hidden layers.
    classes: units of the last layer.
    pixels: of a picture, which a fully connected network has; None of a CNN.
  """
  window = () if pixels else (SIDE, SIDE)
  counts = {"conv2d": 0, "dense": 0}
  ends = [pixels or 1, *widths, classes]
  shapes = []
  for i, (fan_in, out) in enumerate(itertools.pairwise(ends)):
    around = window if i < len(widths) else ()
    kind = "conv2d" if around else "dense"
    name = f"{kind}_{counts[kind]}" if counts[kind] else kind
    counts[kind] += 1
    shapes.append((f"{name}/bias:0", (out,)))
    shapes.append((f"{name}/kernel:0", (*around, fan_in, out)))
  ends = [0, *itertools.accumulate(math.prod(shape) for _, shape in shapes)]
  return tuple(
    Tensor(name, start, end, shape)
    for (name, shape), (start, end) in zip(
      shapes, itertools.pairwise(ends), strict=True
    )
  )


def layout_of(config: ml_collections.ConfigDict) -> tuple[Tensor, ...]:
  """The layout of the config's networks."""
  dense = config.network == "dense"
  pixels = config.image_size**2 if dense else None
  return layout(config.widths, config.classes, pixels)


def out_side(side: int, stride: int) -> int:
  """The side after a convolution without padding.

  Raises:
    InputError: nothing would be left.
  """
  if side < SIDE:
    raise InputError(
      f"a picture of side {side} is too small for a 3x3 convolution: "
      "config.widths has too many layers for config.image_size"
    )
  return (side - SIDE) // stride + 1


def sides(config: ml_collections.ConfigDict) -> tuple[int, ...]:
  """The sides of each hidden layer's maps: 13, 6, 2 of MNIST; 1 of dense.

  Raises:
    InputError: the config's layers do not fit each other, or the pictures.
  """
  widths, strides = tuple(config.widths), tuple(config.strides)
  if config.network == "dense":
    if strides:
      raise InputError(
        f"config.strides is {strides}, and config.network = 'dense' has no "
        "convolutions: it must be ()"
      )
    return (1,) * len(widths)
  if len(strides) != len(widths):
    raise InputError(
      f"config.strides has {len(strides)} strides and config.widths "
      f"{len(widths)} convolutions: each needs one"
    )
  found = [int(config.image_size)]
  for stride in strides:
    found.append(out_side(found[-1], stride))
  return tuple(found[1:])


def units(config: ml_collections.ConfigDict) -> int:
  """How many units of an example can be dropped, all layers together."""
  each = zip(tuple(config.widths), sides(config), strict=True)
  return sum(width * side**2 for width, side in each)


def init(
  key: jax.Array,
  initializer: jax.Array,
  std: jax.Array,
  config: ml_collections.ConfigDict,
) -> jax.Array:
  """A network's first weights, Keras's rules; biases are 0.

  Glorot's and He's normals are truncated at two deviations and corrected for
  the variance that this costs; TruncatedNormal is not corrected. JAX's
  initialisers have the same rules.

  Args:
    key: typed.
    initializer: int32 scalar, a place in `config.initializers`.
    std: scalar, of RandomNormal and TruncatedNormal.
    config: has `widths`, `classes`, `initializers`.

  Returns:
    float32 [weights].
  """
  plain = jax.nn.initializers
  rules = {
    "glorot_normal": plain.glorot_normal(),
    "he_normal": plain.he_normal(),
    "orthogonal": plain.orthogonal(),
    "RandomNormal": lambda key, shape: std * jax.random.normal(key, shape),
    "TruncatedNormal": lambda key, shape: (
      std * jax.random.truncated_normal(key, -2.0, 2.0, shape)
    ),
  }
  parts = []
  for tensor in layout_of(config):
    if len(tensor.shape) == 1:
      parts.append(jnp.zeros(tensor.shape))
      continue
    name, shape = keys.named(key, tensor.name), tensor.shape
    branches = [
      lambda key, rule=rules[rule], shape=shape: rule(key, shape).ravel()
      for rule in tuple(config.initializers)
    ]
    parts.append(jax.lax.switch(initializer, branches, name))
  return jnp.concatenate(parts)


def tensors(
  weights: jax.Array, config: ml_collections.ConfigDict
) -> list[jax.Array]:
  """Cuts a vector: of each layer the bias [out], then the kernel [in, out]."""
  return [
    weights[t.start : t.end].reshape(-1, t.shape[-1])
    if len(t.shape) > 1
    else weights[t.start : t.end]
    for t in layout_of(config)
  ]


def joined(parts: Sequence[jax.Array]) -> jax.Array:
  """`tensors` undone."""
  return jnp.concatenate([part.ravel() for part in parts])


def kernel_mask(config: ml_collections.ConfigDict) -> jax.Array:
  """1 where the vector holds a kernel, 0 where a bias: float32 [weights]."""
  return jnp.concatenate(
    [
      jnp.full(t.end - t.start, float(len(t.shape) > 1))
      for t in layout_of(config)
    ]
  )


def patches(a: jax.Array, stride: int) -> jax.Array:
  """The 3x3 patches: `[c, h, w, n] -> [9 c, places, n]`.

  Rows are in the order of the kernel's rows `[height, width, in]`.
  """
  channels, height, _, n = a.shape
  side = out_side(height, stride)
  last = stride * (side - 1) + 1
  taps = [
    a[:, y : y + last : stride, x : x + last : stride]
    for y, x in itertools.product(range(SIDE), range(SIDE))
  ]
  return jnp.stack(taps).reshape(SIDE**2 * channels, side**2, n)


def columns(a: jax.Array, strides: Sequence[int], layer: int) -> jax.Array:
  """What a hidden layer's kernel is multiplied with: `[rows, places, n]`.

  Args:
    a: [channels, height, width, n], what the layer sees.
    strides: of the convolutions; none, and the layer is dense.
    layer: its number.
  """
  if strides:
    return patches(a, strides[layer])
  return a.reshape(-1, 1, a.shape[-1])


def logits(
  parts: Sequence[jax.Array],
  first: jax.Array,
  activation: Callable[[jax.Array], jax.Array],
  strides: Sequence[int],
  keep: Sequence[jax.Array] | None = None,
) -> jax.Array:
  """A network's logits of a microbatch.

  Args:
    parts: from `tensors`.
    first: `columns` of the pictures, [rows, places, n]: they are the same for
      all networks.
    activation: after each hidden layer.
    strides: of the convolutions; none of a fully connected network.
    keep: of each hidden layer, factors [width, places, n] of its dropout, 0 or
      1 / (1 - rate); none at the test.

  Returns:
    float32 [classes, n].
  """
  found, hidden = first, len(parts) // 2 - 1
  for i in range(hidden):
    bias, kernel = parts[2 * i], parts[2 * i + 1]
    rows, places, n = found.shape
    a = _product(kernel, found.reshape(rows, places * n))
    a = activation(a.reshape(-1, places, n) + bias[:, None, None])
    if keep is not None:
      a = a * keep[i]
    if i + 1 < hidden:
      side = math.isqrt(places)
      found = columns(a.reshape(-1, side, side, n), strides, i + 1)
  pooled = jnp.mean(a, axis=1)  # [width, n]
  return _product(parts[-1], pooled) + parts[-2][:, None]


def _product(kernel, columns):
  """[in, out] and [in, n] to [out, n]."""
  return jax.lax.dot_general(kernel, columns, (((0,), (0,)), ((), ())))
