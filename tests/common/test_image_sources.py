"""Images from folders, arrays and data sets, and what is wrong with some."""

import tracemalloc

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from common import errors
from common.metrics import image_arrays, image_sources, resize


def read(source, **options):
  found = image_sources.find(source, **options)
  return list(found.images), dict(found.notes)


def refused(match, source, **options):
  with pytest.raises(errors.InputError, match=match) as caught:
    read(source, **options)
  assert "\n" not in str(caught.value)


@pytest.fixture
def images():
  draw = np.random.default_rng(0)
  return draw.integers(0, 256, (5, 6, 4, 3), np.uint8)


@pytest.fixture
def folder(tmp_path, images):
  for i, image in enumerate(images):
    path = tmp_path / "pictures" / "ab"[i % 2] / f"{i}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
  return tmp_path / "pictures"


def test_a_folder_in_the_order_of_its_names(folder, images):
  (folder / "a" / "notes.txt").write_text("no image")
  got, notes = read(folder, strict=True)
  np.testing.assert_array_equal(got, images[[0, 2, 4, 1, 3]])
  assert notes == {"files .txt ignored": 1}


def test_links_and_hidden_files(folder, images, tmp_path):
  (folder / ".ipynb_checkpoints").mkdir()
  for name in (".ipynb_checkpoints/0.png", "a/._0.png"):
    (folder / name).write_bytes(b"of another program")
  (tmp_path / "linked").symlink_to(folder)
  (folder / "loop").symlink_to(folder)
  got, notes = read(tmp_path / "linked", strict=True)
  assert len(got) == 5 and notes == {}
  (tmp_path / "above").mkdir()
  (tmp_path / "above" / "link").symlink_to(folder)
  assert len(read(tmp_path / "above")[0]) == 5


def test_more_files_than_are_decoded_in_advance(tmp_path):
  for i in range(150):
    Image.new("RGB", (2, 2), (i, 0, 0)).save(tmp_path / f"{i:03}.bmp")
  got, _ = read(tmp_path)
  assert [int(image[0, 0, 0]) for image in got] == list(range(150))


def test_some_of_the_images(folder, images):
  got, _ = read(folder, count=3, seed=1)
  again, _ = read(folder, count=3, seed=1)
  np.testing.assert_array_equal(got, again)
  assert len(got) == 3
  kept, _ = read(images, count=3, seed=1)
  ordered = images[[0, 2, 4, 1, 3]]
  chosen = [any((image == k).all() for k in kept) for image in images]
  assert sum(chosen) == 3
  of_folder = [any((image == k).all() for k in got) for image in ordered]
  assert of_folder == chosen  # The same places in either order.
  refused("holds 5 images, fewer than the 6 asked for", folder, count=6)
  refused("holds 5 images, fewer than the 6 asked for", images, count=6)
  refused("0 images were asked for", folder, count=0)


def test_kinds_of_files(tmp_path):
  gray = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
  color = np.stack([gray, gray[::-1], gray[:, ::-1]], -1)
  opacity = np.full((3, 4), 100, np.uint8)
  deep = gray.astype(np.uint16) * 257
  deep[gray > 0] -= 128  # The least that is nearest to these.
  palette = Image.fromarray(color).quantize(12)
  for name, image in {
    "color.png": Image.fromarray(color),
    "gray.png": Image.fromarray(gray),
    "gray_alpha.png": Image.fromarray(np.stack([gray, opacity], -1)),
    "alpha.png": Image.fromarray(np.dstack([color, opacity])),
    "palette.png": palette,
    "deep.png": Image.fromarray(deep),
    "bits.png": Image.fromarray(gray).convert("1"),
    "print.tif": Image.fromarray(color).convert("CMYK"),
    "floats.tif": Image.fromarray(gray.astype(np.float32)),
    "lossless.webp": Image.fromarray(color),
  }.items():
    more = {"lossless": True} if name.endswith("webp") else {}
    image.save(tmp_path / name, **more)
  frames = [Image.fromarray(color), Image.fromarray(color[::-1])]
  frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
  repeated = np.repeat(gray[..., None], 3, -1)
  for name, wanted, handled in (
    ("color.png", color, []),
    ("lossless.webp", color, []),
    ("gray.png", repeated, ["gray"]),
    ("gray_alpha.png", repeated, ["gray", "alpha"]),
    ("alpha.png", color, ["alpha"]),
    ("palette.png", np.asarray(palette.convert("RGB")), ["palette"]),
    ("deep.png", repeated, ["16-bit", "gray"]),
    ("bits.png", None, ["gray"]),
    ("print.tif", color, ["other modes"]),
    ("film.tif", color, ["animated"]),
  ):
    got, notes = image_sources.decode(tmp_path / name)
    assert (got.shape, got.dtype) == ((3, 4, 3), np.uint8), name
    assert notes == handled, name
    if wanted is not None:
      np.testing.assert_array_equal(got, wanted, err_msg=name)
  with pytest.raises(errors.InputError, match="floats, of a range"):
    image_sources.decode(tmp_path / "floats.tif")


def test_corrupt_files_are_counted(folder, capsys):
  whole = (folder / "a" / "2.png").read_bytes()
  (folder / "a" / "2.png").write_bytes(whole[:60])
  (folder / "b" / "1.png").write_bytes(b"")
  got, notes = read(folder)
  assert (len(got), notes) == (3, {"unreadable": 2})
  said = capsys.readouterr().err
  assert said.count("warning") == 1 and "a/2.png cannot be decoded" in said
  refused("a/2.png cannot be decoded", folder, strict=True)


def test_strict(tmp_path):
  Image.new("L", (2, 2)).save(tmp_path / "gray.png")
  refused(r"gray.png would have to be handled \(gray\)", tmp_path, strict=True)
  pictures = np.zeros((2, 3, 3, 4), np.uint8)
  refused(r"image 0 .* \(alpha\)", pictures, strict=True)


def test_mixed_sizes():
  ones = [np.full((4, 4, 3), i, np.uint8) for i in range(5)]
  ones[2] = np.full((6, 2, 3), 2, np.uint8)
  notes = image_arrays.Notes(strict=False)
  got = list(image_sources.batches(ones, 2, 8, notes))
  assert [b.shape for b in got] == [(2, 4, 4, 3), (2, 8, 8, 3), (1, 4, 4, 3)]
  assert [b[0, 0, 0, 0] for b in got] == [0, 2, 4]
  assert dict(notes) == {"other sizes": 1}
  with pytest.raises(errors.InputError, match="other sizes"):
    list(image_sources.batches(ones, 2, 8, image_arrays.Notes(strict=True)))


class Tensor:
  """What torch's are to others: no array until detached and made floats."""

  dtype, ndim = "torch.bfloat16", 4

  def __init__(self, array, steps=("detach", "cpu", "float")):
    self._array, self._steps = array, steps

  def __getattr__(self, name):
    if name not in ("detach", "cpu", "float"):
      raise AttributeError(name)
    left = tuple(step for step in self._steps if step != name)
    return lambda: Tensor(self._array, left)

  def __array__(self, dtype=None, copy=None):
    if self._steps:
      raise TypeError("Got unsupported ScalarType BFloat16")
    return self._array


def test_arrays_of_programs(images):
  floats = images.astype(np.float32)
  np.testing.assert_array_equal(read(Tensor(floats))[0], floats)
  ours = jax.numpy.asarray(images, jax.numpy.bfloat16)
  np.testing.assert_array_equal(read(ours)[0], np.asarray(ours, np.float32))
  mixed = [images[0], images[1, :, :, 0], images[2, :3], images[3:]]
  got, notes = read(mixed)
  assert [x.shape for x in got] == [(6, 4, 3)] * 2 + [(3, 4, 3)] + [
    (6, 4, 3)
  ] * 2
  np.testing.assert_array_equal(got[1][..., 2], images[1, :, :, 0])
  np.testing.assert_array_equal(got[-1], images[4])
  assert notes == {"gray": 1}
  stream = (part for part in (images[:2], images[2:]))
  np.testing.assert_array_equal(read(stream)[0], images)
  refused("take.*give no number", iter(images), count=2)
  refused("item 1 .* is no array of pixels", [images[0], "b.png"])
  refused("the array is no array of pixels", {"images": images})


def test_a_number_of_images_is_of_those_that_can_be_read(tmp_path):
  for i in range(12):
    Image.new("RGB", (2, 2), (i, 0, 0)).save(tmp_path / f"{i:02}.png")
  for i in range(0, 12, 3):  # 8 are left.
    (tmp_path / f"{i:02}.png").write_bytes(b"cut short")
  got, notes = read(tmp_path, count=8)
  assert sorted(int(x[0, 0, 0]) for x in got) == [1, 2, 4, 5, 7, 8, 10, 11]
  assert notes == {"unreadable": 4}
  refused(r"only 8 images can be read, .* 9 asked for \(4", tmp_path, count=9)


def test_photographs_do_not_fill_memory(tmp_path):
  """Their number in memory is bounded: by bytes while read, then by size."""
  draw = np.random.default_rng(0)
  small = draw.integers(0, 256, (40, 50, 3), np.uint8)
  large = np.asarray(Image.fromarray(small).resize((1600, 1200)))
  for i in range(32):  # 184 MB.
    Image.fromarray(large).save(tmp_path / f"{i:02}.bmp")
  found = image_sources.find(tmp_path)
  tracemalloc.start()
  try:
    batches = image_sources.batches(found.images, 32, 30, found.notes)
    (batch,) = batches
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  assert peak < 100e6 and batch.shape == (32, 30, 30, 3)
  expected = resize.tf1_bilinear(large, 30, 30)
  np.testing.assert_allclose(batch[3], expected, rtol=1e-5, atol=1e-3)


@given(
  n=st.integers(1, 150),
  trailing=st.sampled_from([(2, 5), (2, 3, 1), (2, 3, 3), (2, 3, 4)]),
  kind=st.sampled_from(["npy", "npz", "packed", "memory"]),
  dtype=st.sampled_from([np.uint8, np.uint16, np.float32, np.float16]),
)
def test_arrays(tmp_path, n, trailing, kind, dtype):
  draw = np.random.default_rng(n)
  array = draw.integers(0, 256, (n, *trailing)).astype(dtype)
  array.flat[0] = 200  # Not all dark: floats would be of another range.
  if dtype == np.uint16:
    array *= 257
  source = array
  if kind != "memory":
    source = tmp_path / f"array.{'npy' if kind == 'npy' else 'npz'}"
    write = {"npy": np.save, "npz": np.savez, "packed": np.savez_compressed}
    write[kind](source, array)
  got, notes = read(source)
  wanted = array[..., None] if array.ndim == 3 else array
  wanted = wanted[..., [0, 1, 2] if wanted.shape[3] > 1 else [0, 0, 0]]
  if dtype == np.uint16:
    wanted = wanted // 257
  np.testing.assert_array_equal(got, wanted)
  counted = {"gray": trailing in ((2, 5), (2, 3, 1)), "alpha": 4 in trailing}
  counted["16-bit"] = dtype == np.uint16
  assert notes == {k: n for k, v in counted.items() if v}


def test_three_axes_that_end_in_colours_are_refused():
  for width in (3, 4):
    photograph = np.zeros((64, 48, width), np.uint8)
    refused("one picture in colours as well as 64 gray", photograph)


def test_ranges_of_floats():
  unit = np.random.default_rng(0).random((20, 2, 2, 3), np.float32)
  got, _ = read(unit, floats="0..1")
  np.testing.assert_allclose(got, unit * 255, rtol=1e-6)
  got, _ = read(unit * 2 - 1, floats="-1..1")
  np.testing.assert_allclose(got, unit * 255, atol=1e-4)
  refused(r"from 0 to 1, and 0..255 is expected: say --floats", np.round(unit))
  refused(r"to 0.9\d+, and 0..255", unit[:1] * 0.99)
  refused(r"to 1.8\d, and 0..255 is expected: save them as uint8$", unit * 1.9)
  refused(r"pixels from .* not in --floats=0\.\.255: say another", unit * 300)
  refused(
    "is expected: say --floats=0..255, or save", unit * 255, floats="-1..1"
  )
  refused("not in --floats=-1..1", unit * 255 - 9, floats="-1..1")
  refused("floats='0..2'", unit, floats="0..2")
  unit[7, 1, 1, 1] = np.nan
  refused(r"image 7 \(from 0\) of the array has pixels", unit, floats="0..1")


def test_floats_of_each_array_are_judged_by_themselves(tmp_path):
  """Beside one in 0..255, an array in 0..1 would be all but black."""
  unit = np.random.default_rng(0).random((3, 2, 2, 3), np.float32)
  late = np.concatenate([np.zeros((40, 2, 2, 3), np.float32), unit * 255])
  arrays = {
    "unit.npy": unit,
    "bright.npy": unit * 255,
    "signed.NPZ": unit * 2 - 1,
    "late.npy": late,
    "dark.npy": (unit * 2).astype(np.uint8),
  }
  for name, array in arrays.items():
    with (tmp_path / name).open("wb") as file:
      (np.savez if name.endswith("Z") else np.save)(file, array)
  path = lambda name: tmp_path / name
  # As a whole: a file may begin with black pictures, or have none but those.
  for more in ({}, {"count": 5, "seed": 1}):
    got, _ = read([path("bright.npy"), path("late.npy")], **more)
    assert len(got) == more.get("count", 46)
  assert len(read([path("bright.npy"), path("dark.npy")])[0]) == 6
  both = r"{}\.\w+ is in {}, and in .*{}\.\w+ float pixels are {}.* bring"
  for first, second in (("bright", "unit"), ("unit", "bright")):
    names = [path(f"{first}.npy"), path(f"{second}.npy")]
    refused(
      both.format("bright", r"0\.\.255", "unit", "from 0.* to 0.9"), names
    )
    # Nothing is read before it is refused.
    with pytest.raises(errors.InputError, match=r"bright.* and in .*unit"):
      image_sources.find(names)
  names = [path("signed.NPZ"), path("unit.npy")]
  said = both.format("signed", r"-1\.\.1", "unit", "from 0.0.* to")
  refused(said, names, floats="-1..1")
  refused("not in --floats=0..1: .* all of one side", names, floats="0..1")
  refused(
    r"unit\.npy .* from 0.0.* expected: say --floats=0..1, or save",
    names[1],
    floats="-1..1",
  )
  # So it is with arrays in memory, or that come one by one.
  for source in ([unit * 255, unit], iter([unit * 255, unit])):
    refused(r"item 0 .* is in 0\.\.255, and in item 1 .* to 0.9", source)
  refused(r"item 0 .* float pixels are from 0.* to 0.9", [unit, unit * 255])


def test_pictures_of_a_stream_are_judged_together():
  """One of them may be black."""
  black = np.zeros((1, 2, 2, 3), np.float32)
  bright = black + 200
  for source in ([black, bright[0], bright], iter([black, *bright])):
    assert np.concatenate(read(source)[0]).max() == 200
  refused("from 0 to 0, and 0..255 is expected", [black, black[0]])
  refused(
    "up to image 0 .* of item 15 .* from 0 to 0", iter([*[black] * 16, bright])
  )


def test_a_glance_is_of_some_from_first_to_last(tmp_path, capsys):
  for i in range(40):
    Image.new("RGB", (2, 2), (i, 0, 0)).save(tmp_path / f"{i:02}.png")
  (tmp_path / "00.png").write_bytes(b"cut short")
  np.save(tmp_path / "x.npy", np.full((90, 2, 2, 3), 255, np.uint8))
  names = [tmp_path / "*.png", tmp_path / "x.npy"]
  found = image_sources.find(names, glance=True).images
  values = [int(image[0, 0, 0]) for image in found]
  assert values == [*range(2, 40, 2), *[255] * 16]
  assert not capsys.readouterr().err


def test_one_array_of_several(tmp_path, images):
  path = tmp_path / "several.npz"
  np.savez(path, images, labels=np.arange(5))  # arr_0: as others save them.
  np.testing.assert_array_equal(read(path)[0], images)
  np.savez(path, x=images, y=np.arange(5))
  refused("several.npz holds x, y: call the one", path)
  np.savez(path)
  refused("holds no array", path)


def test_arrays_that_are_no_images(tmp_path, images):
  refused(r"transpose\(0, 2, 3, 1\)", np.zeros((2, 3, 8, 8), np.uint8))
  refused(r"has shape \(30, 12\)", images.reshape(30, 12))
  refused(r"has shape \(0, 6, 4, 3\): it holds no images", images[:0])
  refused("is of int64", images.astype(np.int64))
  path = tmp_path / "array.npy"
  np.save(path, np.asfortranarray(images))
  refused("columns first", path)
  np.save(path, images)
  path.write_bytes(path.read_bytes()[:-10])
  refused("cut short or damaged", path)
  path.write_bytes(b"")
  refused("no whole .npy file", path)
  path = tmp_path / "packed.npz"
  np.savez_compressed(path, images)
  raw = bytearray(path.read_bytes())
  raw[120:140] = bytes(20)
  path.write_bytes(raw)
  refused("no whole .npz file|cut short or damaged", path)


def test_paths_that_are_nothing(tmp_path):
  refused("holds no images", tmp_path)
  refused("there is no folder or file", tmp_path / "missing")
  refused("there is no file", tmp_path / "missing.npz")
  refused("if it is a data set.*--size=64", "missing")
  (tmp_path / "one.txt").write_text("")
  refused("neither a folder of images nor", tmp_path / "one.txt")


def test_a_prepared_data_set(shared, tmp_path, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  name = "fashion_mnist:test[:20]"
  got, notes = read(name, data_dir=shared / "tfds")
  assert np.shape(got) == (20, 28, 28, 3) and notes == {"gray": 20}
  assert np.mean(got) > 30
  assert (tmp_path / "images").is_dir()
  refused("not prepared in", name, data_dir=tmp_path)
