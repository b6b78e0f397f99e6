"""Torch files without torch: what is read, and what must not run."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from common.data import torch_files
from common.errors import InputError


def text(value):
  raw = value.encode()
  return b"X" + struct.pack("<I", len(raw)) + raw


def numbers(values):
  return b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"


def tensor(key, array, strides=None, offset=0, size=None):
  """Opcodes of one tensor, as `torch.save` writes them."""
  kind = {"f4": "FloatStorage", "i8": "LongStorage"}[array.dtype.str[1:]]
  strides = strides or [s // array.itemsize for s in array.strides]
  return b"".join(
    [
      b"ctorch._utils\n_rebuild_tensor_v2\n((",
      text("storage"),
      f"ctorch\n{kind}\n".encode(),
      text(key),
      text("cpu"),
      b"J" + struct.pack("<i", size or array.size) + b"tQ",
      b"J" + struct.pack("<i", offset),
      numbers(array.shape),
      numbers(strides),
      b"\x89}tR",
    ]
  )


def write(path, opcodes, storages):
  with zipfile.ZipFile(path, "w") as file:
    file.writestr("archive/data.pkl", b"\x80\x02" + opcodes + b".")
    for key, array in storages.items():
      file.writestr(f"archive/data/{key}", array.tobytes())
  return path


WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_state_dicts_lists_and_views(tmp_path):
  counts = np.arange(4, dtype=np.int64)
  opcodes = b"".join(
    [
      b"}(",
      text("layer.weight") + tensor("0", WEIGHT),
      # The transpose is a view of the same numbers.
      text("layer.turned") + tensor("0", WEIGHT.T, [1, 3]),
      text("steps") + tensor("1", counts[1:3], [1], 1, 4),
      text("epoch") + b"K\x07",
      text("more") + b"](" + tensor("0", WEIGHT) + b"e",
      b"u",
    ]
  )
  path = write(tmp_path / "a.pt", opcodes, {"0": WEIGHT, "1": counts})
  found = torch_files.read(path)
  assert list(found) == ["layer.weight", "layer.turned", "steps", "more.0"]
  np.testing.assert_array_equal(found["layer.weight"], WEIGHT)
  np.testing.assert_array_equal(found["layer.turned"], WEIGHT.T)
  np.testing.assert_array_equal(found["steps"], [1, 2])
  assert found["steps"].dtype == np.int64
  assert all(array.flags.c_contiguous for array in found.values())


class Malice:
  """What a pickle can do to who loads it."""

  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.mkdir, (self.path,)


def test_a_malicious_pickle_does_not_run(tmp_path):
  target = tmp_path / "owned"
  for protocol in (0, 2, 4):
    raw = pickle.dumps({"a": Malice(str(target))}, protocol)
    with zipfile.ZipFile(tmp_path / "evil.pt", "w") as file:
      file.writestr("archive/data.pkl", raw)
    (tmp_path / "old.pth").write_bytes(raw)
    for name in ("evil.pt", "old.pth"):
      with pytest.raises(InputError, match=name):
        torch_files.read(tmp_path / name)
  assert not target.exists()
  pickle.loads(raw)
  assert target.exists()  # It would have.


def test_files_cut_short_are_one_sentence(tmp_path):
  opcodes = b"}(" + text("w") + tensor("0", WEIGHT) + b"u"
  path = write(tmp_path / "a.pt", opcodes, {"0": WEIGHT})
  whole = path.read_bytes()
  for cut in range(0, len(whole), 40):
    path.write_bytes(whole[:cut])
    with pytest.raises(InputError, match=r"a\.pt"):
      torch_files.read(path)
  short = write(tmp_path / "b.pt", opcodes, {"0": WEIGHT[:1]})
  with pytest.raises(InputError, match=r"b\.pt is not a whole torch file"):
    torch_files.read(short)
  with pytest.raises(InputError, match="cannot be read"):
    torch_files.read(tmp_path / "absent.pt")


def test_views_beyond_their_numbers_are_refused(tmp_path):
  for strides, offset in (([100, 1], 0), ([3, 1], 5), ([-3, 1], 3)):
    opcodes = b"}(" + text("w") + tensor("0", WEIGHT, strides, offset) + b"u"
    path = write(tmp_path / "a.pt", opcodes, {"0": WEIGHT})
    with pytest.raises(InputError, match=r"a\.pt"):
      torch_files.read(path)


def test_torchs_own_files(tmp_path):
  torch = pytest.importorskip("torch")
  saved = {
    "a": torch.arange(6.0).reshape(2, 3).T,
    "b": {"c": torch.ones(2, dtype=torch.float16)},
    "p": torch.nn.Parameter(torch.zeros(3)),
  }
  for zipped in (True, False):
    buffer = io.BytesIO()
    torch.save(saved, buffer, _use_new_zipfile_serialization=zipped)
    path = tmp_path / "t.pt"
    path.write_bytes(buffer.getvalue())
    found = torch_files.read(path)
    assert list(found) == ["a", "b.c", "p"]
    np.testing.assert_array_equal(found["a"], saved["a"].numpy())
    assert found["b.c"].dtype == np.float16
