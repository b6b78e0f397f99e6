"""Inception, the 2015-12-05 graph: the network that FID and KID are made of.

    images, 0..255 -> TF1's legacy bilinear resize to 299x299 -> (x - 128) / 128
    -> the layers below -> mean of the last 8x8 places: `pool`, 2048 features

It differs from the Inception v3 of most libraries: 1,008 classes; batch norm
with a gamma and epsilon 1e-3; average pools that leave the padding out of the
mean; and in the last block a max pool instead of an average. Each changes the
scores. Layer names are those of the torch port.

Reference: Szegedy et al. (2015), "Rethinking the Inception Architecture for
Computer Vision", arXiv:1512.00567; the graph's own constants and operations.
"""

import functools
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from . import resize

SIZE = 299  # Height and width that all images are brought to.
CLASSES = 1008
EPSILON = 1e-3  # Of the batch norms, added to the variance.
# The features that scores are made of, by name: how many there are.
TAPS = {
  "maxpool1": 64,
  "maxpool2": 192,
  "mixed6e": 768,
  "pool": 2048,
  "logits_unbiased": 1008,
}


class Outputs(NamedTuple):
  """Features of b images, float32: means over the places of four layers.

  The Inception Score takes `logits_unbiased`, as the graph's authors did.
  """

  maxpool1: jax.Array  # [b, 64]
  maxpool2: jax.Array  # [b, 192]
  mixed6e: jax.Array  # [b, 768]
  pool: jax.Array  # [b, 2048], the features of FID: `pool_3:0` of the graph.
  logits_unbiased: jax.Array  # [b, 1008], without the last layer's bias.
  logits: jax.Array  # [b, 1008]


class Convolution(nn.Module):
  """relu(conv(x) + bias), batch norm folded in by `fold`."""

  features: int
  kernel: tuple[int, int] = (1, 1)
  stride: int = 1
  padding: str = "SAME"

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    return nn.relu(
      nn.Conv(
        self.features,
        self.kernel,
        self.stride,
        self.padding,
        precision=jax.lax.Precision.HIGHEST,  # TF32 moves features by 1e-3.
        name="conv",
      )(x)
    )


class Inception(nn.Module):
  """The whole network; its parameters come from `parameters`."""

  @nn.compact
  def __call__(self, images: jax.Array) -> Outputs:
    """Returns the features of images [b, h, w, 3], RGB in 0..255, any dtype.

    Fractions are kept: nothing is rounded or clipped before the network.
    """
    chex.assert_shape(images, (None, None, None, 3))
    x = resize.tf1_bilinear(images, SIZE, SIZE)
    x = (x - 128) / 128

    x = Convolution(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(x)
    x = Convolution(32, (3, 3), 1, "VALID", name="Conv2d_2a_3x3")(x)
    x = Convolution(64, (3, 3), name="Conv2d_2b_3x3")(x)
    x = maxpool1 = _halve(x)  # 73x73
    x = Convolution(80, padding="VALID", name="Conv2d_3b_1x1")(x)
    x = Convolution(192, (3, 3), 1, "VALID", name="Conv2d_4a_3x3")(x)
    x = maxpool2 = _halve(x)  # 35x35

    x = _MixedFives(32, name="Mixed_5b")(x)
    x = _MixedFives(64, name="Mixed_5c")(x)
    x = _MixedFives(64, name="Mixed_5d")(x)
    x = _ToSeventeen(name="Mixed_6a")(x)  # 17x17
    x = _MixedSevens(128, name="Mixed_6b")(x)
    x = _MixedSevens(160, name="Mixed_6c")(x)
    x = _MixedSevens(160, name="Mixed_6d")(x)
    x = mixed6e = _MixedSevens(192, name="Mixed_6e")(x)
    x = _ToEight(name="Mixed_7a")(x)  # 8x8
    x = _MixedSplit(_average, name="Mixed_7b")(x)
    x = _MixedSplit(_maximum, name="Mixed_7c")(x)  # Not a slip: see above.

    pool = x.mean((1, 2))
    dense = nn.Dense(
      CLASSES, use_bias=False, precision=jax.lax.Precision.HIGHEST, name="fc"
    )
    bias = self.param("fc_bias", nn.initializers.zeros_init(), (CLASSES,))
    unbiased = dense(pool)
    means = (t.mean((1, 2)) for t in (maxpool1, maxpool2, mixed6e))
    return Outputs(*means, pool, unbiased, unbiased + bias[None])


class _MixedFives(nn.Module):
  """1x1, 5x5, two 3x3 and a pool, side by side, at 35x35."""

  pooled: int

  @nn.compact
  def __call__(self, x):
    one = Convolution(64, name="branch1x1")(x)
    five = Convolution(48, name="branch5x5_1")(x)
    five = Convolution(64, (5, 5), name="branch5x5_2")(five)
    three = Convolution(64, name="branch3x3dbl_1")(x)
    three = Convolution(96, (3, 3), name="branch3x3dbl_2")(three)
    three = Convolution(96, (3, 3), name="branch3x3dbl_3")(three)
    pool = Convolution(self.pooled, name="branch_pool")(_average(x))
    return jnp.concatenate([one, five, three, pool], -1)


class _ToSeventeen(nn.Module):
  """Halves 35x35."""

  @nn.compact
  def __call__(self, x):
    three = Convolution(384, (3, 3), 2, "VALID", name="branch3x3")(x)
    twice = Convolution(64, name="branch3x3dbl_1")(x)
    twice = Convolution(96, (3, 3), name="branch3x3dbl_2")(twice)
    twice = Convolution(96, (3, 3), 2, "VALID", name="branch3x3dbl_3")(twice)
    return jnp.concatenate([three, twice, _halve(x)], -1)


class _MixedSevens(nn.Module):
  """1x1, 7x7 as 1x7 and 7x1, that twice, and a pool, at 17x17."""

  width: int

  @nn.compact
  def __call__(self, x):
    across, down = (1, 7), (7, 1)
    one = Convolution(192, name="branch1x1")(x)
    seven = Convolution(self.width, name="branch7x7_1")(x)
    seven = Convolution(self.width, across, name="branch7x7_2")(seven)
    seven = Convolution(192, down, name="branch7x7_3")(seven)
    twice = Convolution(self.width, name="branch7x7dbl_1")(x)
    twice = Convolution(self.width, down, name="branch7x7dbl_2")(twice)
    twice = Convolution(self.width, across, name="branch7x7dbl_3")(twice)
    twice = Convolution(self.width, down, name="branch7x7dbl_4")(twice)
    twice = Convolution(192, across, name="branch7x7dbl_5")(twice)
    pool = Convolution(192, name="branch_pool")(_average(x))
    return jnp.concatenate([one, seven, twice, pool], -1)


class _ToEight(nn.Module):
  """Halves 17x17."""

  @nn.compact
  def __call__(self, x):
    three = Convolution(192, name="branch3x3_1")(x)
    three = Convolution(320, (3, 3), 2, "VALID", name="branch3x3_2")(three)
    seven = Convolution(192, name="branch7x7x3_1")(x)
    seven = Convolution(192, (1, 7), name="branch7x7x3_2")(seven)
    seven = Convolution(192, (7, 1), name="branch7x7x3_3")(seven)
    seven = Convolution(192, (3, 3), 2, "VALID", name="branch7x7x3_4")(seven)
    return jnp.concatenate([three, seven, _halve(x)], -1)


class _MixedSplit(nn.Module):
  """1x1, 3x3 split in two, 3x3 and another split in two, a pool, at 8x8."""

  pool: Any

  @nn.compact
  def __call__(self, x):
    one = Convolution(320, name="branch1x1")(x)
    three = Convolution(384, name="branch3x3_1")(x)
    three = [
      Convolution(384, (1, 3), name="branch3x3_2a")(three),
      Convolution(384, (3, 1), name="branch3x3_2b")(three),
    ]
    twice = Convolution(448, name="branch3x3dbl_1")(x)
    twice = Convolution(384, (3, 3), name="branch3x3dbl_2")(twice)
    twice = [
      Convolution(384, (1, 3), name="branch3x3dbl_3a")(twice),
      Convolution(384, (3, 1), name="branch3x3dbl_3b")(twice),
    ]
    pool = Convolution(192, name="branch_pool")(self.pool(x))
    return jnp.concatenate([one, *three, *twice, pool], -1)


def _halve(x: jax.Array) -> jax.Array:
  return nn.max_pool(x, (3, 3), (2, 2))


def _average(x: jax.Array) -> jax.Array:
  """Mean of the 3x3 neighbours that lie inside of the image."""
  return nn.avg_pool(x, (3, 3), padding="SAME", count_include_pad=False)


def _maximum(x: jax.Array) -> jax.Array:
  return nn.max_pool(x, (3, 3), padding="SAME")


@functools.cache
def shapes() -> Mapping[str, tuple[int, ...]]:
  """Returns the arrays that make the network, by the torch port's names.

  `<layer>.conv.weight` [out, in, height, width]; `<layer>.bn.weight`, `bias`,
  `running_mean`, `running_var` [out]; `fc.weight` [1008, 2048]; `fc.bias`.
  """
  tree = jax.eval_shape(
    Inception().init,
    jax.random.key(0),
    jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), jnp.float32),
  )["params"]
  found = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    *layer, kind = (key.key for key in path)
    if layer[-1:] == ["conv"] and kind == "kernel":
      height, width, inner, outer = leaf.shape
      name = ".".join(layer[:-1])
      found[f"{name}.conv.weight"] = (outer, inner, height, width)
      for part in ("weight", "bias", "running_mean", "running_var"):
        found[f"{name}.bn.{part}"] = (outer,)
  found |= {"fc.weight": (CLASSES, 2048), "fc.bias": (CLASSES,)}
  return types.MappingProxyType(found)


def fold(
  arrays: Mapping[str, np.ndarray], epsilon: float = EPSILON
) -> dict[str, Any]:
  """Returns the parameters of `Inception`, batch norms folded in.

  With g = gamma / sqrt(variance + epsilon), in float64, then rounded once,

      gamma (conv(x, k) - mean) / sqrt(variance + epsilon) + beta
        = conv(x, g k) + beta - g mean

  Args:
    arrays: as `shapes` lists them; others are ignored.
    epsilon: of all batch norms.

  Returns:
    Nested dictionary of float32 arrays, kernels [height, width, in, out].
  """
  tree: dict[str, Any] = {}
  for name in shapes():
    if not name.endswith(".conv.weight"):
      continue
    layer = name.removesuffix(".conv.weight")
    gamma, beta, mean, variance = (
      arrays[f"{layer}.bn.{part}"].astype(np.float64)
      for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gamma / np.sqrt(variance + epsilon)
    kernel = arrays[name].astype(np.float64).transpose(2, 3, 1, 0) * gain
    node = tree
    for part in layer.split("."):
      node = node.setdefault(part, {})
    node["conv"] = {
      "kernel": kernel.astype(np.float32),
      "bias": (beta - gain * mean).astype(np.float32),
    }
  weight = np.ascontiguousarray(arrays["fc.weight"].T, np.float32)
  bias = np.asarray(arrays["fc.bias"], np.float32)
  return tree | {"fc": {"kernel": weight}, "fc_bias": bias}
