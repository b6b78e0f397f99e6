"""Inception-2015: golden features, wrong variants, and its weights' files."""

import csv
import pathlib
import tempfile
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from common import errors
from common.metrics import inception, inception_weights, resize, weights
from tests.common import test_torch_files as torch_tests
from tests.common.test_protobuf import field

# Ours, and the names under which the golden values are.
GOLDEN = {
  "maxpool1": "feat64",
  "maxpool2": "feat192",
  "mixed6e": "feat768",
  "pool": "feat2048",
  "logits_unbiased": "logits_unbiased",
  "logits": "logits",
}
TOLERANCE = 2e-5  # Of the golden values' README, for each of them.


def filled(name, shape):
  """The golden values' stand-in for a published array: its README, rule 1."""
  draw = np.random.default_rng(zlib.crc32(name.encode()))
  z = draw.standard_normal(shape)
  if name.endswith(("conv.weight", "fc.weight")):
    z *= np.sqrt(2 / np.prod(shape[1:]))
  elif name.endswith("bn.weight"):
    z = 1 + 0.1 * z
  elif name.endswith("running_var"):
    z = 1 + np.abs(0.1 * z)
  else:
    z *= 0.1
  return z.astype(np.float32)


@pytest.fixture(scope="module")
def arrays():
  return {name: filled(name, s) for name, s in inception.shapes().items()}


def test_names_shapes_and_numbers_of_the_arrays(shared, arrays):
  with open(shared / "golden" / "inception_params.tsv") as file:
    rows = list(csv.DictReader(file, delimiter="\t"))
  assert {row["name"] for row in rows} == set(arrays)
  graph = inception_weights.graph_names()
  for row in rows:
    array = arrays[row["name"]]
    assert array.shape == tuple(map(int, row["shape"].split("x")))
    checksum = f"{zlib.crc32(array.tobytes()):08x}"
    assert checksum == row["crc32_of_float32_le_bytes"]
    assert graph[row["name"]] == row["tf_name"]


def test_count_of_the_arrays():
  shapes = inception.shapes()
  assert len(shapes) == 472
  assert sum(np.prod(s) for s in shapes.values()) == 23_885_392


@pytest.fixture(scope="module")
def golden(shared):
  return np.load(shared / "golden" / "inception_golden.npz")


@pytest.fixture(scope="module")
def run():
  """One program for all tests: four images of the network's own size."""
  apply = jax.jit(lambda p, x: inception.Inception().apply({"params": p}, x))
  return lambda p, x: jax.device_get(apply(p, x))


@pytest.fixture(scope="module")
def resized(golden):
  size = inception.SIZE
  images = [golden[f"image_{i}"] for i in range(4)]
  return np.stack([resize.tf1_bilinear(x, size, size) for x in images])


@pytest.fixture(scope="module")
def parameters(arrays):
  return jax.device_put(inception.fold(arrays))


def worst(outputs, golden, name):
  """The largest error in each of the four images."""
  got = getattr(outputs, name)
  key = GOLDEN[name]
  return [np.abs(got[i] - golden[f"{key}_float64_{i}"]).max() for i in range(4)]


def test_golden_features(golden, run, resized, parameters):
  outputs = run(parameters, resized)
  for name in GOLDEN:
    assert max(worst(outputs, golden, name)) < TOLERANCE, name


# Not the third: it is 299x299 already, and neither rounded nor shifted.
@pytest.mark.parametrize("i", [0, 3])
def test_wrong_inputs_are_told_apart(golden, run, resized, parameters, i):
  right, image = resized[i], golden[f"image_{i}"].astype(np.float32)
  wrong = {
    "half pixel": jax.image.resize(image, right.shape, "linear", False),
    "rounded": np.round(right),  # As if to uint8.
    "scaled": right / 127.5 * 128,  # (x - 127.5) / 127.5
    "BGR": right[..., ::-1],
  }
  outputs = run(parameters, np.stack(list(wrong.values())))
  off = np.abs(outputs.pool - golden[f"feat2048_float64_{i}"]).max(1)
  assert off.min() > 10 * TOLERANCE, dict(zip(wrong, off, strict=True))


def test_a_wrong_epsilon_is_told_apart(golden, run, resized, arrays):
  outputs = run(inception.fold(arrays, 1e-5), resized)
  assert min(worst(outputs, golden, "pool")) > 10 * TOLERANCE


def test_pools():
  x = jnp.arange(9.0).reshape(1, 3, 3, 1)
  # The corner's mean is that of four, not of nine with zeros.
  assert inception._average(x)[0, 0, 0, 0] == (0 + 1 + 3 + 4) / 4
  assert inception._average(x)[0, 1, 1, 0] == 4
  assert inception._maximum(x)[0, 0, 0, 0] == 4


def test_every_product_is_of_full_precision():
  net = inception.Inception()
  images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.uint8)
  tree = jax.eval_shape(net.init, jax.random.key(0), images)
  program = str(jax.make_jaxpr(net.apply)(tree, images))
  products = program.count("= conv_general_dilated[")
  products += program.count("= dot_general[")
  assert products == 95
  assert program.count("precision=(Precision.HIGHEST, Precision.HIGHEST)") == 95


# Files of weights. Each is written as torch or TensorFlow would have, without.


def write_torch(path, arrays):
  """A state dict of tensors, each with a storage of its own."""
  arrays = {n: np.ascontiguousarray(a) for n, a in arrays.items()}
  tensors = (
    torch_tests.text(name) + torch_tests.tensor(str(key), array)
    for key, (name, array) in enumerate(arrays.items())
  )
  opcodes = b"}(" + b"".join(tensors) + b"u"
  storages = {str(key): array for key, array in enumerate(arrays.values())}
  return torch_tests.write(path, opcodes, storages)


def constant(name, array, packed=False):
  """A node of a GraphDef."""
  dims = b"".join(field(2, field(1, size)) for size in array.shape)
  kind = 3 if array.dtype == np.int32 else 1
  content = field(5 if packed else 4, array.tobytes())
  tensor = field(8, field(1, kind) + field(2, dims) + content)
  attributes = [("dtype", field(6, kind)), ("value", tensor)]
  node = field(1, name.encode()) + field(2, b"Const")
  for key, value in attributes:
    node += field(5, field(1, key.encode()) + field(2, value))
  return field(1, node)


def write_graph(path, arrays):
  nodes = [
    field(1, field(1, b"conv") + field(2, b"Relu") + field(3, b"conv/Conv2D")),
    constant("pool_3/_reshape/shape", np.array([1, 2048], np.int32)),
  ]
  for name, theirs in inception_weights.graph_names().items():
    array = arrays[name]
    if array.ndim == 4:
      array = array.transpose(2, 3, 1, 0)
    array = np.ascontiguousarray(array.T if name == "fc.weight" else array)
    nodes.append(constant(theirs, array, packed=name.endswith("bias")))
  path.write_bytes(b"".join(nodes))
  return path


@pytest.fixture(scope="module")
def folder():
  # Not pytest's own, which keeps three runs of files of 95 MB.
  with tempfile.TemporaryDirectory() as path:
    yield pathlib.Path(path)


def same(got, wanted):
  jax.tree.map(np.testing.assert_array_equal, got, wanted)


def test_both_forms_of_file_hold_the_same(folder, arrays, monkeypatch):
  extra = {"Conv2d_1a_3x3.bn.num_batches_tracked": np.float32([7])}
  torch = write_torch(folder / "mine.pth", arrays | extra)
  graph = write_graph(folder / "mine.pb", arrays)
  a, b = inception_weights.load(torch), inception_weights.load(graph)
  same(a.parameters, inception.fold(arrays))
  same(a.parameters, b.parameters)
  assert a.fingerprint == b.fingerprint
  assert (a.published, b.published) == (False, False)
  # As if these were the published numbers:
  digest = weights.sha256(torch)
  assert a.file == f"mine.pth {digest}"
  monkeypatch.setattr(inception_weights, "_SHA256", digest)
  assert inception_weights.load(torch).published


def test_a_graph_with_gammas_of_one_is_the_published(folder, arrays):
  ones = {
    name: np.ones_like(a) if name.endswith("bn.weight") else a
    for name, a in arrays.items()
  }
  loaded = inception_weights.load(write_graph(folder / "ones.pb", ones))
  assert loaded.published


def test_other_files(folder, arrays):
  path = folder / "other.pth"

  def refused(match):
    with pytest.raises(errors.InputError, match=match):
      inception_weights.load(path)

  write_torch(path, {"a": np.ones(3, np.float32)})
  refused("no array 'Conv2d_1a_3x3.*not Inception-2015; take pt_inception")
  write_torch(path, arrays | {"fc.weight": np.ones((1000, 2048), np.float32)})
  refused("shape \\(1000, 2048\\), not \\(1008, 2048\\).*torchvision")
  write_torch(path, arrays | {"fc.bias": np.full(1008, np.nan, np.float32)})
  refused("'fc.bias' has values that are not finite")
  path = folder / "none.pth"
  refused("none.pth cannot be read")
  path = folder / inception_weights.PUBLISHED[0].name
  path.write_bytes(b"half of it")
  refused("is not the published.*truncated, or changed.*take")


def test_damaged_graphs(folder):
  node = constant("softmax/biases", np.ones(1008, np.float32))
  path = folder / "damaged.pb"
  for damaged in (node[:-1], node[:9], b"\xff" * 12, b"\x0b"):
    path.write_bytes(damaged)
    with pytest.raises(errors.InputError, match=r"no.* Tensor|whole Tensor"):
      inception_weights.read_graph(path)
  path.write_bytes(node)
  (found,) = inception_weights.read_graph(path).items()
  assert found[0] == "fc.bias"
  np.testing.assert_array_equal(found[1], np.ones(1008))


def test_where_weights_are_looked_for(tmp_path, monkeypatch):
  for name in ("XDG_CACHE_HOME", "TORCH_HOME", "HOME"):
    monkeypatch.setenv(name, str(tmp_path / name))
  with pytest.raises(
    errors.InputError, match=r"not in .*weights: take .* give"
  ):
    inception_weights.load()
  # What pytorch-fid has downloaded before, here cut short.
  name = inception_weights.PUBLISHED[0].name
  downloaded = tmp_path / "TORCH_HOME" / "hub" / "checkpoints" / name
  downloaded.parent.mkdir(parents=True)
  downloaded.write_bytes(b"half of it")
  with pytest.raises(errors.InputError, match=r"checkpoints.*is not the publ"):
    inception_weights.load()
  cache = tmp_path / "XDG_CACHE_HOME"
  assert pathlib.Path(weights.folder()).parent == cache
  # Without TORCH_HOME torch is in the same cache.
  monkeypatch.delenv("TORCH_HOME")
  (cache / "torch").mkdir(parents=True)
  downloaded.parents[1].rename(cache / "torch" / "hub")
  with pytest.raises(
    errors.InputError, match=r"XDG_CACHE_HOME/torch/hub.*is not"
  ):
    inception_weights.load()
