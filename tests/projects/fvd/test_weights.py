"""Readers of the published files, on files made here in their formats."""

import pathlib

import jax
import numpy as np
import pytest

from common.data import torch_files
from common.errors import InputError
from common.metrics import weights as cache
from projects.fvd import model, weights
from tests.common.test_protobuf import field, varint


@pytest.fixture(scope="module")
def arrays():
  rng = np.random.default_rng(0)
  found = {
    name: rng.standard_normal(shape, np.float32)
    for name, shape in model.shapes().items()
  }
  return {
    n: np.abs(a) + 1 if n.endswith("running_var") else a
    for n, a in found.items()
  }


def block(entries):
  """A block of a table: keys share beginnings, from every 16th on anew."""
  out, restarts, last = b"", [], b""
  for i, (key, value) in enumerate(entries):
    shared = 0
    if i % 16 == 0:
      restarts.append(len(out))
    else:
      while key[: shared + 1] == last[: shared + 1] and shared < len(last):
        shared += 1
    out += varint(shared) + varint(len(key) - shared) + varint(len(value))
    out, last = out + key[shared:] + value, key
  for number in [*restarts, len(restarts)]:
    out += number.to_bytes(4, "little")
  return out


def write_bundle(prefix, arrays):
  """Writes `prefix`.index and its data as TensorFlow's Saver does."""
  data, entries = b"", [(b"", field(1, 1))]
  for name in sorted(arrays):
    array = arrays[name]
    shape = b"".join(
      field(2, field(1, size)) if size else field(2, b"")
      for size in array.shape
    )
    kind = {"float32": 1, "int64": 9}[array.dtype.name]
    raw = array.tobytes()
    entry = field(1, kind) + field(2, shape)
    entry += field(4, len(data)) * bool(data) + field(5, len(raw))
    entry += bytes([6 << 3 | 5]) + b"crc."  # A fixed number of 32 bits.
    entries.append((name.encode(), entry))
    data += raw
  out, index = b"", []
  for i in range(0, len(entries), 40):  # Several blocks.
    part = block(entries[i : i + 40])
    handle = varint(len(out)) + varint(len(part))
    index.append((entries[min(i + 39, len(entries) - 1)][0] + b"~", handle))
    out += part + b"\0crc."
  meta, index = block([]), block(index)
  footer = varint(len(out)) + varint(len(meta))
  out += meta + b"\0crc."
  footer += varint(len(out)) + varint(len(index))
  out += index + b"\0crc."
  out += footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")
  prefix = pathlib.Path(prefix)
  prefix.parent.mkdir(parents=True, exist_ok=True)
  prefix.with_name(prefix.name + ".index").write_bytes(out)
  prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)


def deepminds(arrays):
  """The arrays as DeepMind's checkpoint has them."""
  out = {"global_step": np.array(7)}
  for name, array in arrays.items():
    if array.ndim == 5:
      array = array.transpose(2, 3, 4, 1, 0)
    elif ".bn." in name:
      array = array.reshape(1, 1, 1, 1, -1)
    out[weights.tf_name(name)] = np.ascontiguousarray(array)
  return out


def test_a_bundle_comes_back(tmp_path):
  rng = np.random.default_rng(1)
  arrays = {
    f"layer_{i}/{'w' * (i % 3)}": rng.random((i % 4, 3), np.float32)
    for i in range(100)
  }
  arrays["scalar"] = np.array(3, np.float32)
  write_bundle(tmp_path / "model.ckpt", {**arrays, "step": np.array([1, 2])})
  found = weights.read_bundle(tmp_path / "model.ckpt.index")
  assert found.keys() == arrays.keys()
  for name, array in arrays.items():
    assert found[name].shape == array.shape
    np.testing.assert_array_equal(found[name], array)


def test_damaged_bundles(tmp_path):
  index = tmp_path / "model.ckpt.index"
  data = tmp_path / "model.ckpt.data-00000-of-00001"
  write_bundle(tmp_path / "model.ckpt", {"a": np.ones(9, np.float32)})
  whole, numbers = index.read_bytes(), data.read_bytes()
  for cut in (0, 10, 47, 60, len(whole) - 1):
    index.write_bytes(whole[:cut])
    with pytest.raises(InputError, match="not a whole TensorFlow checkpoint"):
      weights.read_bundle(index)
  index.write_bytes(whole)
  data.write_bytes(numbers[:-1])
  with pytest.raises(InputError, match="the data end before 'a' does"):
    weights.read_bundle(index)
  data.unlink()
  with pytest.raises(InputError, match="is missing: a checkpoint is an index"):
    weights.read_bundle(index)


def test_each_form_of_file_gives_the_same_network(
  tmp_path, arrays, monkeypatch, capsys
):
  wanted = model.fold(arrays)
  hub = tmp_path / weights.HUB
  write_bundle(hub / "variables" / "variables", deepminds(arrays))
  found = weights.load(hub)
  assert found.known and "TF-Hub" in found.source
  assert found.fingerprint == weights.fingerprint(wanted)
  jax.tree.map(np.testing.assert_array_equal, found.parameters, wanted)

  plain = tmp_path / "plain"
  hub.rename(plain)
  prefix = plain / "variables" / "variables"
  for path in (plain, plain / "variables", prefix, f"{prefix}.index"):
    again = weights.load(path)
    assert not again.known and again.fingerprint == found.fingerprint
  assert "none of the published files" in capsys.readouterr().err

  port = tmp_path / weights.TORCH
  port.write_bytes(b"a torch file")
  gammas = {
    n.replace("bias", "weight"): np.ones_like(a)
    for n, a in arrays.items()
    if n.endswith("bn.bias")
  }
  monkeypatch.setattr(torch_files, "read", lambda path: {**arrays, **gammas})
  assert weights.load(port).fingerprint == found.fingerprint
  assert weights.load(port).file.startswith("rgb_imagenet.pt ")
  # As `git hash-object` has it.
  published = {"ff0e4fcd4e8a3e05ef7b6f1f3d7ba2b4c0b1a3a9": "here"}
  published[weights._git_id(port)] = "somewhere"
  monkeypatch.setattr(weights, "PUBLISHED", published)
  assert weights.load(port).source == "somewhere"


def test_git_ids_are_gits(tmp_path):
  (tmp_path / "a").write_bytes(b"hello\n")
  # `printf 'hello\n' | git hash-object --stdin`
  wanted = "ce013625030ba8dba906f756967f9e9ca394464a"
  assert weights._git_id(tmp_path / "a") == wanted


def test_other_networks_are_refused(tmp_path, arrays, monkeypatch):
  path = tmp_path / "other.pt"
  path.write_bytes(b"")
  kinetics600 = {**arrays, "logits.conv3d.bias": np.zeros(600, np.float32)}
  for wrong, message in (
    (kinetics600, r"of shape \(600,\), not \(400,\)"),
    ({}, "has no array"),
    (
      {**arrays, "Mixed_3b.b0.bn.bias": np.full(64, np.nan, np.float32)},
      "values that are not finite",
    ),
  ):
    monkeypatch.setattr(torch_files, "read", lambda path, w=wrong: w)
    with pytest.raises(InputError, match=message):
      weights.load(path)


def test_missing_weights_are_one_sentence(tmp_path, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  with pytest.raises(InputError) as error:
    weights.load()
  message = str(error.value)
  assert str(cache.folder()) in message and "\n" not in message
  for part in ("rgb_imagenet.pt", "pytorch-i3d", "--features=motion"):
    assert part in message
  with pytest.raises(InputError, match="cannot be read"):
    weights.load(tmp_path / "none.pt")
  (tmp_path / "empty").mkdir()
  with pytest.raises(InputError, match="0 checkpoints"):
    weights.load(tmp_path / "empty")


def test_a_tilde_is_the_users_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  with pytest.raises(InputError, match=f"{tmp_path}/none.pt"):
    weights.load("~/none.pt")
