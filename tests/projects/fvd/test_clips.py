"""Reading clips: every form, and everything that can be wrong with one."""

import collections
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common.errors import InputError
from projects.fvd import clip_files, clips


def video(t, size=(6, 8), channels=3, seed=0, dtype=np.uint8):
  high = {np.uint8: 256, np.uint16: 65536}[dtype]
  rng = np.random.default_rng(seed)
  return rng.integers(0, high, (t, *size, channels)).astype(dtype)


def read(source, **options):
  """The clips of a source as a list, and the notes."""
  notes = collections.Counter()
  found = list(clips.read(source, clips.Options(**options), notes))
  return found, dict(notes)


@given(
  t=st.integers(0, 60),
  frames=st.integers(1, 9),
  stride=st.integers(1, 4),
  skip=st.integers(0, 5),
)
def test_clips_are_disjoint_and_as_many_as_fit(t, frames, stride, skip):
  array = np.zeros((max(t, 1), 1, 1, 1), np.uint8)
  array[:, 0, 0, 0] = np.arange(len(array))
  span = (frames - 1) * stride + 1
  if len(array) < skip + span:
    with pytest.raises(InputError, match="has no clip"):
      read(array, frames=frames, stride=stride, skip=skip)
    return
  found, _ = read(array, frames=frames, stride=stride, skip=skip)
  used = [list(clip[:, 0, 0, 0]) for clip in found]
  assert used[0][0] == skip
  assert all(set(np.diff(clip)) <= {stride} for clip in used)
  everything = [i for clip in used for i in clip]
  assert len(set(everything)) == len(everything) == frames * len(used)
  assert used[-1][-1] + frames * stride - span + 1 + span > len(array)


def test_all_forms_give_the_same_clips(tmp_path):
  arrays = [video(16, seed=i) for i in range(3)]
  batch = np.stack(arrays)
  np.save(tmp_path / "batch.npy", batch)
  np.savez(tmp_path / "batch.npz", clips=batch)
  np.savez_compressed(tmp_path / "each.npz", *arrays)
  one = tmp_path / "files"
  one.mkdir()
  for i, array in enumerate(arrays):
    np.save(one / f"{i}.npy", array)
  two = tmp_path / "frames"
  for i, array in enumerate(arrays):
    folder = two / f"clip_{i}"
    folder.mkdir(parents=True)
    for t, frame in enumerate(array):  # frame_10 after frame_9.
      Image.fromarray(frame).save(folder / f"frame_{t}.png")
  three = tmp_path / "animated"
  three.mkdir()
  for i, array in enumerate(arrays):
    first, *rest = map(Image.fromarray, array)
    first.save(three / f"{i}.png", save_all=True, append_images=rest)
  four = tmp_path / "webp"
  four.mkdir()
  for i, array in enumerate(arrays):
    first, *rest = map(Image.fromarray, array)
    first.save(
      four / f"{i}.webp", save_all=True, append_images=rest, lossless=True
    )
  forms = ["batch.npy", "batch.npz", "each.npz", one, two, three, four]
  for form in [batch, *(tmp_path / f for f in forms)]:
    found, notes = read(form)
    assert notes == {}
    np.testing.assert_array_equal(
      np.stack(found), batch, err_msg=str(form)[:90]
    )
    assert all(clip.dtype == np.uint8 for clip in found)


def test_a_gif(tmp_path):
  flat = np.zeros((16, 6, 8, 3), np.uint8)
  flat[:, :, :, 1] = 10 * np.arange(16)[:, None, None]
  first, *rest = map(Image.fromarray, flat)
  path = tmp_path / "a.gif"
  first.save(path, save_all=True, append_images=rest)
  found, notes = read(path)
  np.testing.assert_array_equal(found[0], flat)
  assert notes == {}


def test_durations_that_differ_are_counted(tmp_path):
  """What is shown longer is several frames; it is said, not silent."""
  frames = [Image.fromarray(f) for f in video(16)]
  for name in ("a.gif", "a.png"):
    path = tmp_path / name
    first, *rest = frames
    first.save(
      path, save_all=True, append_images=rest, duration=[480] + [40] * 15
    )
    found, notes = read(path)
    # 12 times the first; of 27 frames, one clip.
    assert (found[0][:12] == found[0][0]).all() and len(found) == 1
    assert (found[0][11] != found[0][12]).any()
    assert notes["with uneven durations"] == 1
    with pytest.raises(InputError, match="uneven durations, which --strict"):
      read(path, strict=True)
    first.save(path, save_all=True, append_images=rest, duration=40)
    assert read(path)[1] == {}


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_a_clip_that_stands_still_comes_back(tmp_path, suffix):
  """Pillow writes frames that are equal as one, and adds their times up."""
  clip = np.zeros((16, 6, 8, 3), np.uint8)
  clip[:, 1] = 60 * np.array([0, 1, 2, 2, 3] + [4] * 11)[:, None, None]
  images = list(map(Image.fromarray, clip))
  path = tmp_path / f"a.{suffix}"
  more = {"lossless": True} if suffix == "webp" else {}
  images[0].save(
    path, save_all=True, append_images=images[1:], duration=120, **more
  )
  with Image.open(path) as image:
    assert image.n_frames == 5
  found, notes = read(path)
  np.testing.assert_array_equal(found, [clip])
  assert notes["with uneven durations"] == 1


def test_times_that_an_encoder_rounded_are_equal():
  assert clip_files.times([30, 30, 40, 33]).tolist() == [1] * 4
  assert clip_files.times([120, 240, 0, 2000]).tolist() == [1, 2, 1, 17]
  assert clip_files.times([0, 0]).tolist() == [1, 1]


def test_a_folder_is_not_judged_by_its_first_image(tmp_path):
  frames = [Image.fromarray(f) for f in video(16)]
  frames[0].save(tmp_path / "0.gif")
  for i in range(1, 4):
    frames[0].save(
      tmp_path / f"{i}.gif", save_all=True, append_images=frames[1:]
    )
  found, notes = read(tmp_path)
  assert len(found) == 3 and notes == {"too short": 1}
  with pytest.raises(InputError, match=r"0\.gif, 1 frames: 1 too short"):
    read(tmp_path, strict=True)
  for i, frame in enumerate(frames):  # A preview beside its own frames.
    frame.save(tmp_path / f"{i}.png")
  found, notes = read(tmp_path)
  assert len(found) == 4
  assert notes == {"too short": 1, "folders of frames and of videos": 1}


def test_links_other_kinds_and_names_for_a_shell(tmp_path):
  folder = tmp_path / "clips"
  for i in range(2):
    (folder / f"{i}").mkdir(parents=True)
    for t, frame in enumerate(video(16)):
      Image.fromarray(frame).save(folder / f"{i}" / f"{t}.png")
  (folder / "again").symlink_to(folder)  # A loop.
  (folder / "readme.md").write_text("no clip")
  found, notes = read(folder, strict=True)
  assert len(found) == 2 and notes == {"files .md ignored": 1}
  (folder / "my film.WMV").write_bytes(b"")
  with pytest.raises(InputError, match=r"-i 'my film.WMV' 'my film'/%05d.png"):
    read(folder)


def test_kinds_of_pixels_are_counted(tmp_path):
  gray, alpha = video(16, channels=1), video(16, channels=4)
  found, notes = read(gray)
  assert notes == {"gray": 1}
  assert found[0].shape == (16, 6, 8, 3) and (found[0] == gray).all()
  found, notes = read(alpha)
  assert (
    notes == {"with transparency": 1} and (found[0] == alpha[..., :3]).all()
  )
  deep = video(16, dtype=np.uint16)
  found, notes = read(deep)
  assert notes == {"16-bit": 1} and found[0].dtype == np.float32
  np.testing.assert_allclose(found[0], deep / 257, rtol=1e-6)
  for t in range(16):
    Image.fromarray(deep[t, :, :, 0]).save(tmp_path / f"{t}.png")
  found, notes = read(tmp_path)
  assert notes == {"16-bit": 1, "gray": 1}
  np.testing.assert_allclose(found[0][..., 1], deep[..., 0] / 257, rtol=1e-6)
  for source in (gray, alpha, deep):
    with pytest.raises(InputError, match="--strict"):
      read(source, strict=True)


def deep_png(path, pixels):
  """16-bit colours, which Pillow does not write; uint16 [h, w, 3]."""
  chunk = lambda name, data: (
    struct.pack(">I", len(data))
    + name
    + data
    + struct.pack(">I", zlib.crc32(name + data))
  )
  height, width, _ = pixels.shape
  head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
  rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
  parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
  data = b"".join(chunk(*part) for part in parts)
  path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def test_frames_of_more_than_8_bits(tmp_path):
  deep = video(16, dtype=np.uint16)
  for name in ("colours", "floats", "beyond", "below"):
    (tmp_path / name).mkdir()
  for t in range(16):
    deep_png(tmp_path / "colours" / f"{t}.png", deep[t])
    gray = deep[t, ..., 0]
    for name, numbers in (
      ("floats", gray / np.float32(65535)),
      ("beyond", gray.astype(np.int32) + 65536),
      ("below", gray.astype(np.int32) - 65536),
    ):
      Image.fromarray(numbers).save(tmp_path / name / f"{t}.tif")
  found, notes = read(tmp_path)
  assert notes == {"16-bit": 1, "unreadable": 3} and len(found) == 1
  assert np.abs(found[0] - deep / 257).max() <= 1
  with pytest.raises(InputError, match="colours: 1 16-bit, which --strict"):
    read(tmp_path / "colours", strict=True)
  with pytest.raises(InputError, match="has no clip: 1 of its files or clips"):
    read(tmp_path / "floats")
  with pytest.raises(InputError, match=r"beyond .its pixels are no 16-bit num"):
    read(tmp_path / "beyond", strict=True)


def test_frames_of_several_kinds_are_one_video(tmp_path):
  rgb = video(16)
  kinds = {3: rgb[3, ..., 0], 5: np.dstack([rgb[5], rgb[5, ..., :1]])}
  kinds[7] = rgb[7, ..., 1].astype(np.uint16) * 257
  for t in range(16):
    Image.fromarray(kinds.get(t, rgb[t])).save(tmp_path / f"{t}.png")
  found, notes = read(tmp_path)
  wanted = rgb.copy()
  wanted[3], wanted[7] = rgb[3, ..., :1], rgb[7, ..., 1:2]
  np.testing.assert_array_equal(found, [wanted])
  assert notes == {"gray": 1, "with transparency": 1, "16-bit": 1}
  with pytest.raises(InputError, match=r"0: 1 gray, which --strict forbids$"):
    read(tmp_path, strict=True)


def test_floats_need_a_range():
  pixels = video(16).astype(np.float32)
  with pytest.raises(InputError, match=r"--floats=0\.\.255, --floats=0\.\.1"):
    read(pixels)
  for name, values in (
    ("0..255", pixels),
    ("0..1", pixels / 255),
    ("-1..1", pixels / 127.5 - 1),
  ):
    found, notes = read(values, floats=name)
    assert notes == {}
    np.testing.assert_allclose(found[0], pixels, rtol=0, atol=1e-4)
  with pytest.raises(InputError, match="pixels from 0 to 2"):
    read(pixels, floats="0..1")
  with pytest.raises(InputError, match=r"from 0 to 1, and 0\.\.255"):
    read(pixels / 255, floats="0..255")
  pixels[3, 2, 1, 0] = np.nan
  with pytest.raises(InputError, match="not finite"):
    read(pixels, floats="0..255")
  with pytest.raises(InputError, match=r"it can be 0\.\.255"):
    read(pixels, floats="0..256")


def test_an_array_of_floats_in_another_range_is_not_taken_for_a_dark_one(
  tmp_path,
):
  pixels = np.stack([video(16), video(16)]).astype(np.float32)
  np.save(tmp_path / "a.npy", pixels)
  np.save(tmp_path / "b.npy", pixels / 255)
  with pytest.raises(InputError, match=r"b\.npy .* from 0 to 1, and 0\.\.255"):
    read(tmp_path, floats="0..255")
  # A single video may well be black: those are judged together.
  np.save(tmp_path / "b.npy", np.zeros_like(pixels[0]))
  np.save(tmp_path / "c.npy", pixels[0])
  assert len(read(tmp_path, floats="0..255")[0]) == 4


def test_wrong_lengths_and_sizes(tmp_path, capsys):
  np.save(tmp_path / "a.npy", video(40))
  np.save(tmp_path / "b.npy", video(15))
  np.save(tmp_path / "c.npy", video(16, size=(5, 5)))
  found, notes = read(tmp_path)
  assert [c.shape[1:3] for c in found] == [(6, 8), (6, 8), (5, 5)]
  assert notes == {"too short": 1, "of another size": 1}
  error = capsys.readouterr().err
  assert error.count("\n") == 1 and "b.npy, 15 frames: too short" in error
  with pytest.raises(InputError, match="too short"):
    read(tmp_path, strict=True)
  with pytest.raises(InputError, match=r"longest video has 40 .* takes 64"):
    read(tmp_path, frames=64)
  found, notes = read(tmp_path, count=1)
  assert len(found) == 1 and notes == {}
  found, notes = read(tmp_path, count=7)
  assert len(found) == 3 and notes["missing"] == 4
  with pytest.raises(InputError, match="at least 1"):
    read(tmp_path, frames=0)
  with pytest.raises(InputError, match="take 1 or more"):
    read(tmp_path, count=0)


def test_damaged_files_are_counted(tmp_path, capsys):
  np.save(tmp_path / "good.npy", video(16))
  whole = (tmp_path / "good.npy").read_bytes()
  (tmp_path / "cut.npy").write_bytes(whole[:-5])
  (tmp_path / "head.npy").write_bytes(whole[:20])
  (tmp_path / "no.npz").write_bytes(b"not a zip")
  np.savez_compressed(tmp_path / "cut.npz", video(16))
  packed = bytearray((tmp_path / "cut.npz").read_bytes())
  packed[300:330] = bytes(30)
  (tmp_path / "cut.npz").write_bytes(packed)
  folder = tmp_path / "frames"
  folder.mkdir()
  for t in range(16):
    Image.fromarray(video(1)[0]).save(folder / f"{t:02}.png")
  (folder / "07.png").write_bytes(b"\x89PNG no more")
  mixed = tmp_path / "mixed"
  mixed.mkdir()
  for t in range(16):
    Image.fromarray(video(1, (4, 4 + t % 2))[0]).save(mixed / f"{t:02}.png")
  (tmp_path / "notes.txt").write_text("no clip")
  (tmp_path / ".hidden.npy").write_text("no clip")
  found, notes = read(tmp_path)
  assert len(found) == 1
  assert notes == {"unreadable": 6, "files .txt ignored": 1}
  assert capsys.readouterr().err.count("\n") == 1
  with pytest.raises(InputError, match="unreadable"):
    read(tmp_path, strict=True)
  with pytest.raises(InputError, match=r"cut\.npy cannot be read as clips"):
    read(tmp_path / "cut.npy")


def test_what_is_no_set_of_clips(tmp_path):
  with pytest.raises(InputError, match="does not exist"):
    read(tmp_path / "none")
  with pytest.raises(InputError, match="has no clip: give"):
    read(tmp_path)
  (tmp_path / "a.txt").write_text("")
  with pytest.raises(InputError, match="no file of clips"):
    read(tmp_path / "a.txt")
  (tmp_path / "film.mp4").write_bytes(b"")
  for path in (tmp_path, tmp_path / "film.mp4"):
    with pytest.raises(InputError, match=r"is a film.*ffmpeg -i film\.mp4"):
      read(path)
  for shape in [
    (16, 8, 8),
    (2, 3, 16, 8, 8),
    (20, 50, 64, 64),
    (2, 16, 0, 8, 3),
  ]:
    with pytest.raises(InputError, match=r"clips are \[n, t, h, w, c\]"):
      read(np.zeros(shape, np.uint8))
  with pytest.raises(InputError, match="int64: pixels are"):
    read(np.zeros((16, 8, 8, 3), np.int64))
  np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
  with pytest.raises(InputError, match="cannot be read as clips"):
    read(tmp_path / "a.npy")


def test_an_archive_streams(tmp_path):
  big = np.zeros((200, 16, 64, 64, 3), np.uint8)
  big[:, 0, 0, 0, 0] = np.arange(200)
  np.savez_compressed(tmp_path / "big.npz", big)
  notes = collections.Counter()
  import tracemalloc

  tracemalloc.start()
  firsts = [
    int(clip[0, 0, 0, 0])
    for clip in clips.read(tmp_path / "big.npz", clips.Options(), notes)
  ]
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert firsts == list(range(200))
  assert peak < big.nbytes / 20
