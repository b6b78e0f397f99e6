"""The stand-in for Inception: against NumPy, and on real photographs."""

import jax
import numpy as np
import pytest
from PIL import Image

from common import errors
from common.metrics import fid, resize, squeezenet
from common.stats import kid
from tests.common.test_protobuf import field

pytestmark = pytest.mark.slow


def layers():
  """Name, channels in and out, and width of the kernel of each layer."""
  yield "conv1", 3, 96, 7
  inner = 96
  for number, (squeezed, expanded) in enumerate(squeezenet._FIRES, 2):
    yield f"fire{number}_conv1x1_1", inner, squeezed, 1
    yield f"fire{number}_conv1x1_2", squeezed, expanded, 1
    yield f"fire{number}_conv3x3_2", squeezed, expanded, 3
    inner = 2 * expanded


@pytest.fixture(scope="module")
def arrays():
  """Random weights, in the published layout."""
  draw = np.random.default_rng(0)
  found = {}
  for name, inner, outer, k in layers():
    scale = np.sqrt(2 / (inner * k * k))
    found[f"{name}.w"] = draw.normal(0, scale, (outer, inner, k, k))
    found[f"{name}.b"] = draw.normal(0, 0.1, outer)
  return {name: array.astype(np.float32) for name, array in found.items()}


def by_definition(arrays, image):
  """The network on one image, in NumPy and float64."""

  def windows(x, size, stride):
    views = np.lib.stride_tricks.sliding_window_view(x, (size, size), (0, 1))
    return views[::stride, ::stride]

  def convolution(x, name, stride=1, pad=0):
    weight = arrays[f"{name}.w"].astype(np.float64)
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    view = windows(x, weight.shape[2], stride)
    y = np.tensordot(view, weight, ((2, 3, 4), (1, 2, 3)))
    return np.maximum(y + arrays[f"{name}.b"], 0)

  x = resize.tf1_bilinear_on_host(image, 227, 227).astype(np.float64)
  x = np.stack([x[..., 2] - 104, x[..., 1] - 117, x[..., 0] - 123], -1)
  x = windows(convolution(x, "conv1", 2), 3, 2).max((3, 4))
  for i in range(2, 10):
    x = convolution(x, f"fire{i}_conv1x1_1")
    one = convolution(x, f"fire{i}_conv1x1_2")
    x = np.concatenate([one, convolution(x, f"fire{i}_conv3x3_2", pad=1)], 2)
    if i in (4, 8):
      x = windows(x, 3, 2).max((3, 4))
  assert x.shape == (13, 13, 512)
  return x.mean((0, 1))


def test_the_definition(arrays, tmp_path):
  np.savez(tmp_path / "random.npz", **arrays)
  parameters = squeezenet.load(tmp_path / "random.npz")
  draw = np.random.default_rng(1)
  image = draw.integers(0, 256, (40, 30, 3), np.uint8)
  got = jax.jit(squeezenet.SqueezeNet().apply)(
    {"params": parameters}, image[None]
  )[0]
  wanted = by_definition(arrays, image)
  np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5 * wanted.max())


def test_a_caffe_model(arrays, tmp_path):
  parts = {"conv1x1_1": "squeeze1x1", "conv1x1_2": "expand1x1"}
  model = field(1, b"squeezenet")
  for name, *_ in layers():
    fire, _, part = name.partition("_")
    theirs = f"{fire}/{parts.get(part, 'expand3x3')}" if part else name
    layer = field(1, theirs.encode()) + field(2, b"Convolution")
    for kind in "wb":
      layer += field(7, field(5, arrays[f"{name}.{kind}"].tobytes()))
    model += field(100, layer)
  path = tmp_path / "squeezenet.caffemodel"
  path.write_bytes(model)
  np.savez(tmp_path / "same.npz", **arrays)
  jax.tree.map(
    np.testing.assert_array_equal,
    squeezenet.load(path),
    squeezenet.load(tmp_path / "same.npz"),
  )
  path.write_bytes(model[:-9])
  with pytest.raises(errors.InputError, match="no whole file of weights"):
    squeezenet.load(path)


def test_other_files(arrays, tmp_path):
  def refused(match, **changed):
    np.savez(tmp_path / "other.npz", **{**arrays, **changed})
    with pytest.raises(errors.InputError, match=match):
      squeezenet.load(tmp_path / "other.npz")

  refused("no layer 'conv1' of 3 by 96", **{"conv1.w": np.ones(3)})
  refused("no bias of layer 'conv1'", **{"conv1.b": np.ones(3)})
  refused("not finite", **{"conv1.b": np.full(96, np.inf)})
  with pytest.raises(errors.InputError, match=r"cannot be read.*forresti"):
    squeezenet.load(tmp_path / "missing.npz")


def test_photographs_of_one_kind_are_near_each_other(shared):
  sheet = Image.open(shared / "data" / "cifar10" / "train_00.webp")
  images = np.array(sheet.convert("RGB")).reshape(25, 32, 40, 32, 3)
  images = images.transpose(0, 2, 1, 3, 4).reshape(1000, 32, 32, 3)
  labels = np.loadtxt(
    shared / "data" / "cifar10" / "labels.csv.xz",
    delimiter=",",
    skiprows=1,
    max_rows=1000,
    usecols=2,
  )
  cats, ships = images[labels == 3][:48], images[labels == 8][:24]
  path = shared / "data" / "squeezenet" / "squeezenet_v1.0_deepcompressed.npz"
  net = fid.network("squeezenet", path)
  assert net.protocol["score"] == "SqueezeNet distance (not FID)"
  sets = iter([cats[:24], cats[24:], ships])
  some, others, at_sea = fid.features(net, sets, 24)
  assert some.shape == (24, 512)
  # Of 24 images, nearly all of a Fréchet distance is their small number: the
  # unbiased kernel distance, and the means, show what the network sees.
  kernel = kid.polynomial_mmd
  near, far = (float(kernel(some, x)) for x in (others, at_sea))
  assert abs(near) < 0.2 * far
  means = [x.mean(0) for x in (some, others, at_sea)]
  near, far = (np.sum((means[0] - m) ** 2) for m in means[1:])
  assert near < 0.2 * far
