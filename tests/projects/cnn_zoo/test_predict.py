"""What the tool says of networks in files, and of other files."""

import json
import os
import re
import struct
import sys

import numpy as np
import pytest

from common.errors import InputError
from configs.cnn_zoo import predictors as settings
from projects.cnn_zoo import (
  collection,
  features,
  files,
  generated,
  network_files,
  predict,
)
from tests.common.test_inception import write_torch

CONFIG = settings.get_config("smoke")
LAYOUT = generated.LAYOUT


def write_safetensors(path, arrays):
  header, numbers = {"__metadata__": {"by": "test"}}, b""
  for name, array in arrays.items():
    end = len(numbers) + array.nbytes
    header[name] = {
      "dtype": {"float32": "F32", "float16": "F16"}[str(array.dtype)],
      "shape": array.shape,
      "data_offsets": [len(numbers), end],
    }
    numbers += array.tobytes()
  text = json.dumps(header).encode()
  path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
  return path


def network(seed=0):
  """A vector, and its tensors as torch would name and lay them out."""
  vector = np.random.default_rng(seed).normal(size=LAYOUT[-1].end)
  vector, tensors = vector.astype(np.float32), {}
  for i, tensor in enumerate(LAYOUT):
    values = vector[tensor.start : tensor.end].reshape(tensor.shape)
    kind = "weight" if values.ndim > 1 else "bias"
    # Numbers of two digits, so that they do not sort as text.
    tensors[f"{8 + 3 * (i // 2)}.{kind}"] = np.ascontiguousarray(values.T)
  return vector, tensors


def seen(vectors):
  return features.layer_statistics(vectors, LAYOUT, range(4))


def test_all_formats_are_the_same_network(tmp_path):
  vector, tensors = network()
  # Alphabetically, "11" lies before "8".
  by_name = {name: tensors[name] for name in sorted(tensors)}
  np.savez(tmp_path / "named.npz", **by_name)
  np.savez(tmp_path / "flat.npz", weights=vector)
  np.save(tmp_path / "flat.npy", vector)
  write_safetensors(tmp_path / "named.safetensors", by_name)
  write_torch(tmp_path / "named.pt", tensors)
  for path in sorted(tmp_path.iterdir()):
    found = network_files.read(path, LAYOUT)
    assert found.shape == (1, LAYOUT[-1].end)
    np.testing.assert_allclose(seen(found), seen(vector[None]), rtol=1e-6)
  rows = np.stack([vector, 2 * vector])
  np.save(tmp_path / "rows.npy", rows)
  found = network_files.read(tmp_path / "rows.npy", LAYOUT)
  np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize(
  "names",
  [
    ("conv.{}", "conv1.{}", "conv2.{}", "fc.{}"),
    ("input_conv.{}", "conv1.{}", "conv2.{}", "fc.{}"),
    ("conv2d_{}", "conv2d_1_{}", "conv2d_2_{}", "dense_{}"),
    ("conv2d/{}:0", "conv2d_1/{}:0", "conv2d_2/{}:0", "dense/{}:0"),
    ("params/Conv_0/{}", "params/Conv_1/{}", "params/Conv_2/{}", "Dense_0/{}"),
    ("{}1", "{}2", "{}3", "{}4"),
  ],
)
def test_a_bias_stays_with_its_kernel(tmp_path, names):
  vector, tensors = network()
  for kernel in ("kernel", "weight", "w"):
    named = {}
    in_order = sorted(tensors, key=network_files._natural)
    for name, old in zip(np.repeat(names, 2), in_order, strict=True):
      role = "bias" if tensors[old].ndim == 1 else kernel
      named[str(name).format(role)] = tensors[old]
    assert len(named) == len(tensors)
    # Whatever the order in the file.
    for order in (sorted(named), sorted(named, reverse=True)):
      np.savez(tmp_path / "a.npz", **{name: named[name] for name in order})
      found = network_files.read(tmp_path / "a.npz", LAYOUT)
      np.testing.assert_allclose(seen(found), seen(vector[None]), rtol=1e-6)


def test_an_order_that_names_do_not_say_is_one_sentence(tmp_path):
  _, tensors = network()
  names = {"8": "stem", "11": "body", "14": "neck", "17": "head"}
  named = {}
  for name, array in tensors.items():
    layer, kind = name.split(".")
    named[f"{names[layer]}.{kind}"] = array
  np.savez(tmp_path / "a.npz", **named)
  with pytest.raises(InputError, match="body, neck have equal shapes, and"):
    network_files.read(tmp_path / "a.npz", LAYOUT)
  # In the order of a model's list of weights, as Keras gives it.
  arrays = [tensors[n] for n in sorted(tensors, key=network_files._natural)]
  np.savez(tmp_path / "list.npz", *arrays)
  found = network_files.read(tmp_path / "list.npz", LAYOUT)
  np.testing.assert_allclose(seen(found), seen(network()[0][None]), rtol=1e-6)


def test_other_files_are_one_sentence(tmp_path):
  vector, tensors = network()
  other = {**tensors, "99.weight": np.zeros((3, 3), np.float32)}
  fewer = {n: tensors[n] for n in list(tensors)[:-1]}
  for name, arrays in (("other", other), ("fewer", fewer), ("none", {})):
    np.savez(tmp_path / f"{name}.npz", allow_pickle=False, **arrays)
    with pytest.raises(InputError, match="is of another architecture, with"):
      network_files.read(tmp_path / f"{name}.npz", LAYOUT)
  np.save(tmp_path / "short.npy", vector[1:])
  with pytest.raises(InputError, match="another architecture"):
    network_files.read(tmp_path / "short.npy", LAYOUT)
  vector[7] = np.nan
  np.save(tmp_path / "nan.npy", vector)
  with pytest.raises(InputError, match="NaN or infinity"):
    network_files.read(tmp_path / "nan.npy", LAYOUT)
  np.save(tmp_path / "empty.npy", np.zeros((0, len(vector))))
  with pytest.raises(InputError, match=r"has no networks: .* \(0, "):
    network_files.read(tmp_path / "empty.npy", LAYOUT)
  (tmp_path / "other.npz").rename(tmp_path / "archive.npy")
  with pytest.raises(InputError, match=r"archive\.npy cannot be read"):
    network_files.read(tmp_path / "archive.npy", LAYOUT)
  with pytest.raises(InputError, match="No such file"):
    network_files.read(tmp_path / "none.npy", LAYOUT)
  os.mkfifo(tmp_path / "pipe.npy")  # Opening it would wait for ever.
  with pytest.raises(InputError, match="named pipe"):
    network_files.read(tmp_path / "pipe.npy", LAYOUT)
  np.save(tmp_path / "pickle.npy", np.asarray([{}], object))
  with pytest.raises(InputError, match=r"pickle\.npy cannot be read"):
    network_files.read(tmp_path / "pickle.npy", LAYOUT)


@pytest.mark.parametrize("cut", [4, 40, -8])
def test_a_cut_safetensors_file_is_one_sentence(tmp_path, cut):
  path = write_safetensors(tmp_path / "a.safetensors", network()[1])
  path.write_bytes(path.read_bytes()[:cut])
  with pytest.raises(InputError, match="cannot be read"):
    network_files.read(path, LAYOUT)


def test_the_interval_is_the_conformal_one(written, monkeypatch):
  found = collection.read(written, CONFIG)
  truth = found.scores["test_accuracy"][:, -1]
  constant = (lambda x: np.full(len(x), 0.5), 0.0)
  monkeypatch.setattr(predict.protocols, "fitted", lambda *_: constant)
  judged = predict.judge(found, CONFIG)
  test = predict.protocols.split(np.arange(40), CONFIG).test
  # Of 12 residuals, ceil(13 x 0.9) = 12: the largest.
  assert judged.margin == np.max(np.abs(truth[test] - 0.5))
  assert f"; intervals of 90%: ±{judged.margin:.3f}" in judged.about
  config = CONFIG.copy_and_resolve_references().unlock()
  config.coverage = 0.5  # ceil(6.5): the seventh.
  judged = predict.judge(found, config)
  assert judged.margin == np.sort(np.abs(truth[test] - 0.5))[6]
  config.coverage = 0.99  # 12 networks cannot say it.
  judged = predict.judge(found, config)
  assert judged.margin == np.inf
  assert judged.about.endswith("; too few for an interval of 99%")


def test_the_command(written, tmp_path, monkeypatch, capsys):
  vector = np.array(files.read(written).weights[2])
  np.save(tmp_path / "a.npy", vector)
  np.save(tmp_path / "b.npy", np.zeros(3))
  arguments = [
    "predict",
    f"--zoo={written}",
    "--config=configs/cnn_zoo/predictors.py:smoke",
    str(tmp_path / "a.npy"),
  ]
  monkeypatch.setattr(sys, "argv", arguments)
  predict.main()
  about, said = capsys.readouterr().out.splitlines()
  assert "learned from 28 networks of MNIST after 2 epochs" in about
  numbers = re.findall(r"\d\.\d+", said.split(": ")[1])
  value, low, high = map(float, numbers)
  assert 0 <= low < value < high <= 1
  # Among others, one that has diverged.
  np.save(tmp_path / "a.npy", np.stack([vector, vector * np.nan, vector]))
  predict.main()
  _, first, second, third = capsys.readouterr().out.splitlines()
  assert second == f"{tmp_path / 'a.npy'}[1]: its weights are not finite"
  for line in (first, third):
    assert line.split("]: ")[1] == said.split(": ")[1]
  monkeypatch.setattr(sys, "argv", [*arguments[:-1], str(tmp_path / "b.npy")])
  with pytest.raises(SystemExit):
    predict.main()
  error = capsys.readouterr().err
  assert "b.npy is of another architecture" in error and error.count("\n") == 1
