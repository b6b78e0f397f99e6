"""SqueezeNet 1.0, trained on ImageNet: features where Inception has no weights.

    images, 0..255 -> TF1's bilinear resize to 227x227 -> BGR - (104, 117, 123)
    -> the layers below -> mean over the 13x13 places of fire9: 512 features

Twenty times smaller than Inception, and freely licensed. Its distances rank
sets of images by what an ImageNet classifier sees, but they are not FID, and
compare with no published number.

Reference: Iandola et al. (2016), arXiv:1602.07360; layers and preprocessing as
in the published `deploy.prototxt`.
"""

import os
import pathlib
from typing import Any

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from common.data import foreign
from common.data.protobuf import fields
from common.errors import InputError

from . import resize

SIZE = 227
_MEAN_BGR = (104.0, 117.0, 123.0)
# Widths of the fire modules 2 to 9: squeezed, and of each half expanded.
_FIRES = (
  (16, 64),
  (16, 64),
  (32, 128),
  (32, 128),
  (48, 192),
  (48, 192),
  (64, 256),
  (64, 256),
)
_ADVICE = (
  "give squeezenet_v1.0.caffemodel of github.com/forresti/SqueezeNet, or an "
  ".npz of its arrays, by --weights=FILE"
)


class SqueezeNet(nn.Module):
  """All but the last layer; its parameters come from `load`."""

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    """Returns features [b, 512] of images [b, h, w, 3], RGB in 0..255."""
    chex.assert_shape(images, (None, None, None, 3))
    x = resize.tf1_bilinear(images, SIZE, SIZE)[..., ::-1]
    x = x - jnp.array(_MEAN_BGR).reshape(1, 1, 1, 3)
    x = _convolution("conv1", 96, 7, 2)(x)
    x = _halve(x)  # 55x55; Caffe rounds sizes up, but at 227 all are whole.
    for number, (squeezed, expanded) in enumerate(_FIRES, 2):
      fire = f"fire{number}"
      x = _convolution(f"{fire}_conv1x1_1", squeezed)(x)
      one = _convolution(f"{fire}_conv1x1_2", expanded)(x)
      three = _convolution(f"{fire}_conv3x3_2", expanded, 3)(x)
      x = jnp.concatenate([one, three], -1)
      if number in (4, 8):
        x = _halve(x)  # 27x27, 13x13
    return x.mean((1, 2))


def _convolution(name: str, features: int, size: int = 1, stride: int = 1):
  layer = nn.Conv(
    features,
    (size, size),
    stride,
    "VALID" if stride > 1 else "SAME",
    precision=jax.lax.Precision.HIGHEST,
    name=name,
  )
  return lambda x: nn.relu(layer(x))


def _halve(x: jax.Array) -> jax.Array:
  return nn.max_pool(x, (3, 3), (2, 2))


def load(path: str | os.PathLike) -> dict[str, Any]:
  """Reads the parameters of `SqueezeNet`.

  Args:
    path: of a Caffe model, or of an .npz with `<layer>.w` [out, in, height,
      width] and `<layer>.b` [out], layers called as here; BGR, as published.

  Returns:
    Nested dictionary of float32 arrays, kernels [height, width, in, out].

  Raises:
    InputError: it cannot be read, or is another network.
  """
  path = pathlib.Path(path).expanduser()
  try:
    whole = path.read_bytes()
    if path.suffix == ".npz":
      with (
        open(path, "rb") as file,
        np.load(file, allow_pickle=False) as zipped,
      ):
        arrays = {name: zipped[name] for name in zipped.files}
    else:
      arrays = _caffe(memoryview(whole))
  except OSError as error:
    raise InputError(
      f"{path} cannot be read ({error.strerror}): {_ADVICE}"
    ) from error
  except foreign.BROKEN as error:
    raise InputError(
      f"{path} is no whole file of weights ({error}): {_ADVICE}"
    ) from error
  shapes = jax.eval_shape(
    SqueezeNet().init, jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3))
  )["params"]
  parameters: dict[str, Any] = {}
  for layer, leaves in shapes.items():
    height, width, inner, outer = leaves["kernel"].shape
    weight, bias = (arrays.get(f"{layer}.{part}") for part in "wb")
    if weight is None or weight.size != height * width * inner * outer:
      raise InputError(
        f"{path} has no layer {layer!r} of {inner} by {outer} channels: it is "
        f"not SqueezeNet 1.0; {_ADVICE}"
      )
    if bias is None or bias.shape != (outer,):
      raise InputError(f"{path} has no bias of layer {layer!r}: {_ADVICE}")
    weight = weight.reshape(outer, inner, height, width).astype(np.float32)
    bias = bias.astype(np.float32)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
      raise InputError(
        f"{path}: layer {layer!r} has values that are not finite"
      )
    parameters[layer] = {"kernel": weight.transpose(2, 3, 1, 0), "bias": bias}
  return parameters


def _caffe(model: memoryview) -> dict[str, np.ndarray]:
  """The arrays of a NetParameter, flat, by the names of this file."""
  names = {"conv1": "conv1"}
  for number in range(2, 10):
    theirs = ("squeeze1x1", "expand1x1", "expand3x3")
    ours = ("conv1x1_1", "conv1x1_2", "conv3x3_2")
    for there, here in zip(theirs, ours, strict=True):
      names[f"fire{number}/{there}"] = f"fire{number}_{here}"
  arrays = {}
  for field, layer in fields(model):
    if field != 100:  # NetParameter.layer
      continue
    name = bytes(dict(fields(layer)).get(1, b"")).decode()
    blobs = [blob for number, blob in fields(layer) if number == 7]
    for part, blob in zip("wb", blobs, strict=False):
      # BlobProto.data, in one piece or number by number.
      data = b"".join(bytes(v) for number, v in fields(blob) if number == 5)
      arrays[f"{names.get(name, name)}.{part}"] = np.frombuffer(data, "<f4")
  return arrays
