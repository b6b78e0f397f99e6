"""Clips of several sources, of archives and patterns, and of programs."""

import collections
import io
import zipfile

import jax
import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from projects.fvd import clips, record_files
from tests.projects.fvd.test_clips import read, video


def test_several_sources(tmp_path, monkeypatch):
  arrays = [video(16, seed=i) for i in range(6)]
  np.save(tmp_path / "x1.npy", arrays[0])
  np.save(tmp_path / "x2.npy", np.stack(arrays[1:3]))
  for t, frame in enumerate(arrays[3]):
    path = tmp_path / "folder" / "clip" / f"{t}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame).save(path)
  np.savez(tmp_path / "two.npz", *arrays[4:])
  first, *rest = map(Image.fromarray, arrays[3])
  first.save(tmp_path / "a.png", save_all=True, append_images=rest)
  with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
    for name in ("x1.npy", "two.npz", "a.png"):
      archive.write(tmp_path / name, f"top/{name}")
    for t in range(16):
      archive.write(tmp_path / f"folder/clip/{t}.png", f"top/clip/{t}.png")
    archive.writestr("top/readme.txt", "no clip")
    archive.writestr("__MACOSX/top/._x1.npy", "no clip")
  monkeypatch.setenv("HOME", str(tmp_path))
  found, notes = read("~/all.zip", strict=True)
  wanted = [arrays[i] for i in (4, 5, 0, 3, 3)]
  np.testing.assert_array_equal(found, wanted)
  assert notes == {"files .txt ignored": 1}
  names = ["~/x?.npy", tmp_path / "folder", "~/two.npz"]
  found, notes = read(names, strict=True)
  np.testing.assert_array_equal(found, arrays)
  shares = zip(names, (3, 1, 2), strict=True)
  assert notes == {f"from {name}": share for name, share in shares}
  found, more = read(names, count=4)
  assert len(found) == 4 and "from ~/two.npz" not in more
  lines = "\n".join(map(str, [*names, ""]))
  monkeypatch.setattr("sys.stdin", io.StringIO(lines))
  found, again = read("-")
  np.testing.assert_array_equal(found, arrays)
  assert again == notes
  for missing in ("~/y?.npy", "none"):
    with pytest.raises(InputError, match=r"(y\?\.npy|none) does not exist"):
      read([*names, missing])


def test_records_in_an_archive_and_a_cut_member(tmp_path, capsys):
  clip = video(16)
  record_files.write_scv(tmp_path / "a.tfrecords", [clip], 1, 1.0)
  with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
    archive.write(tmp_path / "a.tfrecords", "a.tfrecords")
    archive.writestr("b.npy", b"\x93NUMPY cut short")
  found, notes = read(tmp_path / "a.zip")
  np.testing.assert_array_equal(found, [clip])
  assert notes == {"unreadable": 1}
  assert "a.zip/b.npy" in capsys.readouterr().err


class Tensor:
  """What torch's are to others: no array until it is detached."""

  def __init__(self, array, dtype, left=("detach", "cpu", "float")):
    self.array, self.dtype, self._left = array, dtype, left

  def __getattr__(self, name):
    if name not in self._left:
      raise AttributeError(name)
    rest = tuple(step for step in self._left if step != name)
    return lambda: Tensor(self.array, self.dtype, rest)

  def __array__(self, dtype=None, copy=None):
    if "detach" in self._left:
      raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
    if "float" in self._left and "bfloat16" in self.dtype:
      raise TypeError("Got unsupported ScalarType BFloat16")
    return self.array


def test_arrays_of_programs():
  floats = video(32).astype(np.float32)
  for dtype in ("torch.bfloat16", "torch.float32"):
    found, notes = read(Tensor(floats, dtype), floats="0..255")
    np.testing.assert_array_equal(found, floats.reshape(2, 16, 6, 8, 3))
  ours = jax.numpy.asarray(floats, jax.numpy.bfloat16)
  found, _ = read(ours, floats="0..255")
  np.testing.assert_array_equal(found[0], np.asarray(ours[:16], np.float32))
  uneven = [
    video(16),
    np.stack([video(17, seed=1)]),
    video(40, (5, 5)),
    video(3),
  ]
  for stream in (uneven, iter(uneven)):
    found, notes = read(stream)
    assert [clip.shape[1] for clip in found] == [6, 6, 5, 5]
    np.testing.assert_array_equal(found[1], uneven[1][0, :16])
    assert notes == {"of another size": 2, "too short": 1}
  floats[20, 1, 1, 1] = np.nan
  for source, said in (
    (iter([video(16), floats]), r"item 1 .*not finite"),
    (Tensor(floats, "torch.bfloat16"), "the array has pixels that are not"),
    ([video(16), "a.npy"], r"item 1 \(from 0\) of the stream is no array"),
    (None, "the array is no array"),
    (iter([]), "the array has no clip"),
    (
      np.zeros((2, 16, 3, 8, 8)),
      r"move them there: array.transpose\(0, 1, 3, 4",
    ),
    (np.zeros((2, 3, 16, 8, 8)), r"array.transpose\(0, 2, 3, 4, 1\)"),
    (np.zeros((3, 16, 8, 8, 8)), r"3 or 4 channels at the end$"),
    (np.zeros((16, 3, 8, 8)), r"array.transpose\(0, 2, 3, 1\)"),
  ):
    with pytest.raises(InputError, match=said) as error:
      read(source, floats="0..255")
    assert "\n" not in str(error.value)


def test_a_palettes_transparent_colour_is_counted(tmp_path):
  for t in range(16):
    frame = Image.fromarray(np.full((4, 4), t, np.uint8)).convert("P")
    frame.save(tmp_path / f"{t}.png", transparency=3)
  notes = collections.Counter()
  (clip,) = clips.read(str(tmp_path), clips.Options(), notes)
  np.testing.assert_array_equal(clip[:, 0, 0, 0], range(16))
  assert notes == {"with transparency": 1}


def test_a_bad_frame_costs_its_clip_and_a_missing_one_is_said(tmp_path, capsys):
  for t in range(40):
    Image.fromarray(np.full((4, 4), t, np.uint8)).save(tmp_path / f"{t}.png")
  (tmp_path / "2.png").write_bytes(b"\x89PNG no more")
  notes = collections.Counter()
  (clip,) = clips.read(str(tmp_path), clips.Options(), notes)
  np.testing.assert_array_equal(clip[:, 0, 0, 0], range(16, 32))
  assert notes["unreadable"] == 1
  # Frames on either side of one that is not there would follow on each other.
  (tmp_path / "2.png").unlink()
  (tmp_path / "2.png").symlink_to(tmp_path / "nowhere.png")
  capsys.readouterr()
  assert list(clips.read(str(tmp_path), clips.Options(), collections.Counter()))
  assert "links to nothing): unreadable" in capsys.readouterr().err
  strict = clips.Options(strict=True)
  with pytest.raises(InputError, match="1 unreadable, which --strict forbids"):
    list(clips.read(str(tmp_path), strict, collections.Counter()))
