"""The networks that see clips: I3D of the FVD, and a small one for motion.

    clips, 0..255 -> every frame to 224x224, TF1's legacy bilinear resize
      -> 2 x / 255 - 1 -> I3D -> 400 logits a time step -> their mean over time

I3D is Inception-v1 with kernels that reach through time. What the scores hang
on: TensorFlow's SAME padding, which puts the odd row behind; batch norm without
a gamma and with epsilon 1e-3; an average pool over two time steps before the
logits, and the mean over what steps are left after them.

Reference: Carreira and Zisserman (2017), "Quo Vadis, Action Recognition?",
arXiv:1705.07750; as the FVD uses it, arXiv:1812.01717.
"""

from collections.abc import Mapping
from typing import Any

import chex
import flax.linen as nn
import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from common.errors import InputError
from common.metrics import resize
from common.nn import convolution

SIZE = 224  # Height and width that every frame is stretched to.
CLASSES = 400  # Of Kinetics-400: the number of features.
FEWEST_FRAMES = 9  # Eight are one time step after three halvings; it takes two.
EPSILON = 1e-3  # Of the batch norms, added to the variance.

# Channels of the blocks: 1x1; 1x1, 3x3; 1x1, 3x3; 1x1 behind the pool.
BLOCKS = {
  "Mixed_3b": (64, 96, 128, 16, 32, 32),
  "Mixed_3c": (128, 128, 192, 32, 96, 64),
  "Mixed_4b": (192, 96, 208, 16, 48, 64),
  "Mixed_4c": (160, 112, 224, 24, 64, 64),
  "Mixed_4d": (128, 128, 256, 24, 64, 64),
  "Mixed_4e": (112, 144, 288, 32, 64, 64),
  "Mixed_4f": (256, 160, 320, 32, 128, 128),
  "Mixed_5b": (256, 160, 320, 32, 128, 128),
  "Mixed_5c": (384, 192, 384, 48, 128, 128),
}


class Convolution(nn.Module):
  """A convolution in time and space, with bias, SAME, as one in space.

  The frames that a kernel reaches are laid side by side as channels. On one CPU
  core that is 1.5 to 8 times as fast as XLA's convolution in three dimensions,
  faster than a sum over the kernel's time steps, and than torch's.

  Attributes:
    features: channels of the result.
    window: of the kernel: time, height, width.
    strides: likewise.
  """

  features: int
  window: tuple[int, int, int] = (1, 1, 1)
  strides: tuple[int, int, int] = (1, 1, 1)

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Takes [n, t, h, w, c]; the kernel is [height, width, time * c, out]."""
    n, t, *size, channels = x.shape
    steps, step = self.window[0], self.strides[0]
    out = -(-t // step)
    if steps > 1 or step > 1:
      pad = convolution.same(t, steps, step)[1:]
      x = jnp.pad(x, ((0, 0), pad, (0, 0), (0, 0), (0, 0)))
      reach = (out - 1) * step + 1
      x = jnp.concatenate(
        [lax.slice_in_dim(x, j, j + reach, step, 1) for j in range(steps)], -1
      )
    x = x.reshape(n * out, *size, steps * channels)
    x = nn.Conv(
      self.features,
      self.window[1:],
      self.strides[1:],
      [
        convolution.same(*args)[1:]
        for args in zip(size, self.window[1:], self.strides[1:], strict=True)
      ],
      precision=lax.Precision.HIGHEST,  # TF32 moves logits by 1e-3.
      name="conv",
    )(x)
    return x.reshape(n, out, *x.shape[1:])


class I3D(nn.Module):
  """The whole network; its parameters come from `fold`."""

  @nn.compact
  def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
    """Returns every endpoint by its name; the compiler drops what is unused.

    Args:
      x: float32 [n, t, 224, 224, 3], RGB in -1..1, t >= 9.

    Returns:
      The outputs of the layers, [n, t', h', w', c], and of the 2x7x7 average
      pool as "AvgPool"; "Logits" [n, steps, 400]. t = 9..16 has one step,
      17..24 two, and so on.
    """
    chex.assert_shape(x, (None, None, SIZE, SIZE, 3))
    ends = {}

    def layer(name, x, *args):
      ends[name] = nn.relu(Convolution(*args, name=name)(x))
      return ends[name]

    def pool(name, x, window, strides):
      ends[name] = max_pool(x, window, strides)
      return ends[name]

    def block(name, x):
      one, three_in, three, other_in, other, pooled = BLOCKS[name]
      cube = (3, 3, 3)

      def unit(branch, x, *args):
        return nn.relu(Convolution(*args, name=f"{name}.{branch}")(x))

      ends[name] = jnp.concatenate(
        [
          unit("b0", x, one),
          unit("b1b", unit("b1a", x, three_in), three, cube),
          unit("b2b", unit("b2a", x, other_in), other, cube),
          unit("b3b", max_pool(x, cube, (1, 1, 1)), pooled),
        ],
        -1,
      )
      return ends[name]

    x = layer("Conv3d_1a_7x7", x, 64, (7, 7, 7), (2, 2, 2))
    x = pool("MaxPool3d_2a_3x3", x, (1, 3, 3), (1, 2, 2))
    x = layer("Conv3d_2b_1x1", x, 64)
    x = layer("Conv3d_2c_3x3", x, 192, (3, 3, 3))
    x = pool("MaxPool3d_3a_3x3", x, (1, 3, 3), (1, 2, 2))  # 28x28
    x = block("Mixed_3c", block("Mixed_3b", x))
    x = pool("MaxPool3d_4a_3x3", x, (3, 3, 3), (2, 2, 2))  # 14x14
    for name in ("Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"):
      x = block(name, x)
    x = pool("MaxPool3d_5a_2x2", x, (2, 2, 2), (2, 2, 2))  # 7x7
    x = block("Mixed_5c", block("Mixed_5b", x))
    # 7x7 is all that there is, so that only time has more than one window.
    x = ends["AvgPool"] = nn.avg_pool(x, (2, 7, 7))
    x = Convolution(CLASSES, name="logits")(x)
    ends["Logits"] = x.reshape(*x.shape[:2], CLASSES)
    return ends


class MotionNet(nn.Module):
  """A small network that tells how things move; `motion.py` trains it.

  Attributes:
    heads: how many classes each question about a clip has.
  """

  heads: Mapping[str, int]

  @nn.compact
  def __call__(self, x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns features [n, 64] and logits {question: [n, classes]}.

    Args:
      x: float32 [n, t, 32, 32, 3], RGB in -1..1.
    """
    cube = (3, 3, 3)
    # It learns in half the steps without the mean colour, which it cannot see.
    x = x - x.mean((1, 2, 3), keepdims=True)
    for i, features in enumerate((16, 32, 64, 64)):
      x = nn.relu(Convolution(features, cube, (2, 2, 2), name=f"conv_{i}")(x))
    x = x.mean((1, 2, 3))
    logits = {
      name: nn.Dense(
        classes, precision=lax.Precision.HIGHEST, name=f"head_{name}"
      )(x)
      for name, classes in sorted(self.heads.items())
    }
    return x, logits


def max_pool(
  x: jax.Array, window: tuple[int, int, int], strides: tuple[int, int, int]
) -> jax.Array:
  """SAME max pool of [n, t, h, w, c], one axis after the other.

  XLA's own takes up to 60 times as long on a CPU.
  """
  for i in (2, 1, 0):
    axis, size, stride = i + 1, window[i], strides[i]
    if size == stride == 1:
      continue
    pads = [(0, 0)] * x.ndim
    pads[axis] = convolution.same(x.shape[axis], size, stride)[1:]
    reach = (-(-x.shape[axis] // stride) - 1) * stride + 1
    x = jnp.pad(x, pads, constant_values=-jnp.inf)
    slices = [
      lax.slice_in_dim(x, j, j + reach, stride, axis) for j in range(size)
    ]
    x = slices[0]
    for other in slices[1:]:
      x = jnp.maximum(x, other)
  return x


def scaled(clips: jax.Array, size: int) -> jax.Array:
  """Clips as the networks take them, I3D with size 224, the other with 32.

  Args:
    clips: [n, t, h, w, 3], 0..255, any real dtype.
    size: height and width of the result; the aspect ratio is not kept.

  Returns:
    float32 [n, t, size, size, 3], -1..1.
  """
  return 2 * resize.tf1_bilinear(clips, size, size) / 255 - 1


def features(params: Any, x: jax.Array) -> jax.Array:
  """The features of the FVD, float32 [n, 400].

  Args:
    params: of `fold`.
    x: clips as `scaled` makes them, [n, t, 224, 224, 3], t >= 9.

  Raises:
    InputError: fewer than 9 frames.
  """
  if x.shape[1] < FEWEST_FRAMES:
    raise InputError(
      f"a clip of {x.shape[1]} frames is too short: I3D takes "
      f"{FEWEST_FRAMES} or more"
    )
  return I3D().apply({"params": params}, x)["Logits"].mean(1)


def shapes() -> dict[str, tuple[int, ...]]:
  """The arrays that make the network, by the torch port's names.

  `<layer>.conv3d.weight` [out, in, time, height, width]; `<layer>.bn.bias`,
  `running_mean`, `running_var` [out]; `logits.conv3d.bias` [400]. The port has
  `bn.weight` besides, a gamma that is 1 throughout.
  """
  found = {}
  for name, (outer, inner, window) in _layers().items():
    found[f"{name}.conv3d.weight"] = (outer, inner, *window)
    parts = ("bias", "running_mean", "running_var")
    if name == "logits":
      found[f"{name}.conv3d.bias"] = (outer,)
    else:
      found.update({f"{name}.bn.{part}": (outer,) for part in parts})
  return found


def _layers() -> dict[str, tuple[int, int, tuple[int, int, int]]]:
  """Channels out and in, and the window, of every convolution."""
  one, cube = (1, 1, 1), (3, 3, 3)
  found = {
    "Conv3d_1a_7x7": (64, 3, (7, 7, 7)),
    "Conv3d_2b_1x1": (64, 64, one),
    "Conv3d_2c_3x3": (192, 64, cube),
  }
  inner = 192
  for name, (b0, b1a, b1b, b2a, b2b, b3b) in BLOCKS.items():
    for branch, layer in {
      "b0": (b0, inner, one),
      "b1a": (b1a, inner, one),
      "b1b": (b1b, b1a, cube),
      "b2a": (b2a, inner, one),
      "b2b": (b2b, b2a, cube),
      "b3b": (b3b, inner, one),
    }.items():
      found[f"{name}.{branch}"] = layer
    inner = b0 + b1b + b2b + b3b
  return found | {"logits": (CLASSES, inner, one)}


def fold(
  arrays: Mapping[str, np.ndarray], epsilon: float = EPSILON
) -> dict[str, Any]:
  """Returns the parameters of `I3D`, batch norms folded in.

  With g = 1 / sqrt(variance + epsilon), in float64, then rounded once,

      (conv(x, k) - mean) / sqrt(variance + epsilon) + beta
        = conv(x, g k) + beta - g mean

  Args:
    arrays: as `shapes` lists them. A gamma of the torch port is multiplied in;
      others are ignored.
    epsilon: of all batch norms.

  Returns:
    {layer: {"conv": {"kernel", "bias"}}}, float32, kernels [height, width,
    time * in, out].
  """
  params = {}
  for name, (outer, inner, (time, height, width)) in _layers().items():
    kernel = np.asarray(arrays[f"{name}.conv3d.weight"], np.float64)
    if name == "logits":
      gain, bias = np.ones(outer), arrays[f"{name}.conv3d.bias"]
    else:
      beta, mean, variance = (
        np.asarray(arrays[f"{name}.bn.{part}"], np.float64)
        for part in ("bias", "running_mean", "running_var")
      )
      gamma = np.asarray(arrays.get(f"{name}.bn.weight", 1.0), np.float64)
      gain = gamma / np.sqrt(variance + epsilon)
      bias = beta - gain * mean
    kernel = kernel.transpose(3, 4, 2, 1, 0) * gain
    params[name] = {
      "conv": {
        "kernel": kernel.reshape(height, width, time * inner, outer).astype(
          np.float32
        ),
        "bias": np.asarray(bias, np.float32),
      }
    }
  return params
