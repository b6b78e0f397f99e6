"""Images are decoded once, to the right pixels, and errors say what to do."""

import concurrent.futures
import json
import multiprocessing
import shutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common import errors
from common.data import images


@pytest.fixture
def folder(tmp_path):
  """Five 12x10 PNGs of noise in a folder and a subfolder, and a text file."""
  path = tmp_path / "photos"
  (path / "more").mkdir(parents=True)
  rng = np.random.default_rng(0)
  for name in ("a.png", "b.PNG", "c.bmp", "more/d.png", "more/e.webp"):
    pixels = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path / name, lossless=True)
  (path / "notes.txt").write_text("no image")
  return path


@pytest.fixture
def prepared(shared):
  path = shared / "tfds"
  if not path.is_dir():
    pytest.skip("no prepared data sets")
  return path


@settings(max_examples=50, deadline=None)
@given(
  height=st.integers(1, 20),
  width=st.integers(1, 20),
  more=st.tuples(st.integers(0, 9), st.integers(0, 9)),
  channels=st.sampled_from([1, 3]),
)
def test_pad_keeps_the_image_in_the_centre(height, width, more, channels):
  image = np.full((height, width, channels), 7, np.uint8)
  size = (height + more[0], width + more[1])
  out = images.fit(image, size, "pad")
  assert out.shape == (*size, channels)
  assert out.sum() == image.sum()
  top, left = more[0] // 2, more[1] // 2
  np.testing.assert_array_equal(
    out[top : top + height, left : left + width], image
  )


def test_crop_is_the_centre():
  image = np.arange(218 * 178 * 3).reshape(218, 178, 3).astype(np.uint8)
  out = images.fit(image, (108, 108), "crop_resize", (108, 108))
  np.testing.assert_array_equal(out, image[55:163, 35:143])
  square = images.fit(image, (178, 178), "crop_resize")
  np.testing.assert_array_equal(square, image[20:198])
  assert images.fit(image, (64, 64), "crop_resize", (108, 108)).shape == (
    64,
    64,
    3,
  )


def test_resize_averages_instead_of_aliasing():
  checkers = np.indices((64, 64)).sum(0)[..., None] % 2 * np.uint8(255)
  out = images.fit(checkers.astype(np.uint8), (16, 16), "crop_resize")
  assert out.shape == (16, 16, 1)
  # Every fourth pixel would be all black; the mean is 127.5.
  assert np.abs(out.astype(int) - 127).max() <= 2


def test_fit_errors():
  image = np.zeros((64, 64, 3), np.uint8)
  with pytest.raises(images.DataError, match="64x64 cannot be padded to 32x32"):
    images.fit(image, (32, 32), "pad")
  with pytest.raises(images.DataError, match="no centre of 108x108"):
    images.fit(image, (64, 64), "crop_resize", (108, 108))
  wrong: Any = (("shrink", None), ("pad", (8, 8)))
  for mode, crop in wrong:
    with pytest.raises(images.DataError, match="'pad', without a crop, or"):
      images.fit(image, (64, 64), mode, crop)


def test_folder_is_decoded_once(folder, tmp_path, monkeypatch):
  arguments = (folder, tmp_path / "cache", (12, 10))
  first = images.load_folder(*arguments)
  assert isinstance(first, np.memmap)
  assert first.dtype == np.uint8
  assert first.shape == (5, 12, 10, 3)
  for row, name in enumerate(["a.png", "b.PNG", "c.bmp", "more/d.png"]):
    with Image.open(folder / name) as image:
      np.testing.assert_array_equal(first[row], np.asarray(image))
  assert len(list((tmp_path / "cache").iterdir())) == 2
  record = json.loads(next((tmp_path / "cache").glob("*.json")).read_text())
  assert record["facts"]["count"] == 5

  decoded = []
  decode = images._decode
  monkeypatch.setattr(
    images, "_decode", lambda *a: decoded.append(a[0]) or decode(*a)
  )
  np.testing.assert_array_equal(images.load_folder(*arguments), first)
  assert not decoded
  (folder / "a.png").unlink()
  assert len(images.load_folder(*arguments)) == 4


def test_folder_in_grey(folder, tmp_path):
  grey = images.load_folder(folder, tmp_path, (8, 8), channels=1)
  assert grey.shape == (5, 8, 8, 1)


@pytest.mark.parametrize("damage", ["cut", "cut_header", "record", "missing"])
def test_damaged_cache_is_rebuilt(folder, tmp_path, damage, caplog):
  arguments = (folder, tmp_path / "cache", (12, 10))
  whole = np.array(images.load_folder(*arguments))
  file = next((tmp_path / "cache").glob("*.npy"))
  if damage == "cut":
    file.write_bytes(file.read_bytes()[:-100])
  elif damage == "cut_header":
    file.write_bytes(b"\x93NUM")
  elif damage == "record":
    next(file.parent.glob("*.json")).write_text("{")
  else:
    file.unlink()
  np.testing.assert_array_equal(images.load_folder(*arguments), whole)
  assert "Decoding again" in caplog.text


def test_interrupted_decoding_leaves_nothing(folder, tmp_path):
  (folder / "more" / "e.webp").write_bytes(b"RIFF")
  with pytest.raises(
    images.DataError, match=r"e\.webp is no picture that can be decoded"
  ):
    images.load_folder(folder, tmp_path / "cache", (12, 10))
  assert not list((tmp_path / "cache").iterdir())


def test_two_processes_at_once(folder, tmp_path):
  # Spawned, as a fork of a process that runs JAX may hang.
  context = multiprocessing.get_context("spawn")
  arguments = (folder, tmp_path / "cache", (12, 10))
  with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
    found = [pool.submit(images.load_folder, *arguments) for _ in range(2)]
    a, b = (np.asarray(f.result()) for f in found)
  np.testing.assert_array_equal(a, b)
  assert len(list((tmp_path / "cache").iterdir())) == 2


def test_folder_errors(folder, tmp_path):
  empty = tmp_path / "empty"
  empty.mkdir()
  with pytest.raises(images.DataError, match="holds no images: give a folder"):
    images.load_folder(empty, tmp_path, (8, 8))
  with pytest.raises(images.DataError, match="is not a folder"):
    images.load_folder(tmp_path / "typo", tmp_path, (8, 8))
  Image.new("RGB", (9, 9)).save(folder / "b.PNG")
  assert len(images.load_folder(folder, tmp_path, (8, 8))) == 5


def test_full_disk(folder, tmp_path, monkeypatch):
  usage = shutil.disk_usage(tmp_path)._replace(free=10)
  monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
  with pytest.raises(errors.InputError, match="give another cache_dir"):
    images.load_folder(folder, tmp_path, (12, 10))


def test_prepared_set(prepared, tmp_path):
  arguments = ("mnist", "test[:300]", prepared, tmp_path, (32, 32), "pad")
  found, labels = images.load(*arguments, labels=True)
  assert found.shape == (300, 32, 32, 1)
  assert found.dtype == np.uint8
  assert labels.shape == (300,)
  assert labels.dtype == np.int32
  assert not np.asarray(found[:, :2]).any()
  assert not np.asarray(found[:, :, 30:]).any()

  import tensorflow_datasets as tfds

  examples: Any = tfds.data_source(
    "mnist", split="test[:300]", data_dir=prepared, download=False
  )
  for row in (0, 255, 256, 299):
    np.testing.assert_array_equal(
      found[row, 2:30, 2:30], examples[row]["image"]
    )
    assert labels[row] == examples[row]["label"]
  np.testing.assert_array_equal(images.load(*arguments), found)


def test_prepared_set_errors(prepared, tmp_path):
  def load(name="mnist", split="test", data_dir=prepared, size=(32, 32)):
    return images.load(name, split, data_dir, tmp_path, size, "pad")

  with pytest.raises(images.DataError, match="no split 'valid'; it has train"):
    load(split="valid")
  with pytest.raises(images.DataError, match=r"'test\[:0\]', has no images"):
    load(split="test[:0]")
  with pytest.raises(
    images.DataError, match=r"image \d+ of mnist.* cannot be padded to 16x16"
  ):
    load(split="test[:9]", size=(16, 16))


def test_set_that_is_not_prepared(tmp_path):
  for name in ("celeb_a", "lsun/bedroom", "mnist"):
    with pytest.raises(images.DataError) as caught:
      images.load(name, "train", tmp_path, tmp_path, (64, 64), "crop_resize")
    message = str(caught.value)
    assert f"{name} is not prepared in {tmp_path}: name another" in message
    assert "by --data_dir (of a training: --config.data_dir)" in message
    assert message.endswith(
      f"python -m tensorflow_datasets.scripts.cli.main build {name} "
      f"--data_dir={tmp_path} --file_format=array_record"
    )
  assert not list(tmp_path.iterdir())  # Nothing was downloaded.
  with pytest.raises(
    images.DataError, match="has no data set 'mnits'"
  ) as caught:
    images.load("mnits", "train", tmp_path, tmp_path, (64, 64), "pad")
  assert len(str(caught.value)) < 200


@pytest.mark.parametrize("installed", [True, False])
def test_command_says_whether_tensorflow_is_missing(monkeypatch, installed):
  monkeypatch.setattr(
    images.importlib.util, "find_spec", lambda name: installed or None
  )
  message = images._command("celeb_a", "a b")
  assert ("pip install tensorflow" in message) != installed
  assert "--data_dir='a b'" in message
