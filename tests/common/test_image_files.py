"""One rule for all kinds of picture files, with the right pixels."""

import numpy as np
import pytest
from PIL import Image

from common.data import image_files, images
from common.errors import InputError
from tests.projects.fvd.test_clips import deep_png


def saved(path, array, mode=None, **options):
  Image.fromarray(array, mode).save(path, **options)
  return path


def test_the_orientation_tag_is_obeyed(tmp_path):
  pixels = np.zeros((2, 3, 3), np.uint8)
  pixels[0, 0] = 255  # Above left; turned to the right: above right.
  exif = Image.Exif()
  exif[0x0112] = 6
  path = saved(tmp_path / "a.png", pixels, exif=exif)
  found, done = image_files.decode(path, 3)
  assert found.shape == (3, 2, 3)
  assert found[0, 1].tolist() == [255] * 3 and found.sum() == 765
  assert done == ["it was turned as its orientation tag says"]


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled(tmp_path, channels):
  values = np.array([[0, 128, 129, 257], [32768, 65406, 65407, 65535]], "u2")
  path = saved(tmp_path / "a.png", values)
  found, done = image_files.decode(path, channels)
  right = [[0, 0, 1, 1], [128, 254, 255, 255]]
  np.testing.assert_array_equal(found, np.stack([right] * channels, -1))
  assert done[0] == "16 bits became 8"


def test_of_colours_of_sixteen_bits_the_upper_byte_is_kept(tmp_path):
  deep_png(tmp_path / "a.png", np.full((1, 2, 3), (255, 256, 65535), "u2"))
  found, done = image_files.decode(tmp_path / "a.png", 3)
  assert found.tolist() == [[[0, 1, 255]] * 2]
  assert done == ["16 bits became 8"]
  for most, said in ((65535, done), (255, [])):
    path = tmp_path / f"{most}.ppm"
    data = np.full((1, 2, 3), most // 2, ">u2" if most > 255 else "u1")
    path.write_bytes(b"P6 2 1 %d\n" % most + data.tobytes())
    found, done = image_files.decode(path, 3)
    assert (found == 127).all() and done == said


def test_what_is_transparent_lies_on_black(tmp_path):
  pixels = np.full((2, 2, 4), (200, 100, 50, 255), np.uint8)
  pixels[0, 0, 3], pixels[1, 1, 3] = 0, 51
  rgba = saved(tmp_path / "a.png", pixels)
  found, done = image_files.decode(rgba, 3)
  right = [[[0, 0, 0], [200, 100, 50]], [[200, 100, 50], [40, 20, 10]]]
  np.testing.assert_array_equal(found, right)
  assert done == ["what is transparent was laid on black"]
  # A colour of a palette may be transparent, and gray may be.
  gray = Image.fromarray(pixels[..., 0]).convert("LA")
  gray.putalpha(Image.fromarray(pixels[..., 3]))
  gray.save(tmp_path / "gray.png")
  found, _ = image_files.decode(tmp_path / "gray.png", 1)
  assert found[..., 0].tolist() == [[0, 200], [200, 40]]
  palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
  palette.putpalette([9, 9, 9, 70, 80, 90])
  palette.save(tmp_path / "p.png", transparency=0)
  found, _ = image_files.decode(tmp_path / "p.png", 3)
  assert found.tolist() == [[[0, 0, 0], [70, 80, 90]]]


def test_floats_and_several_pictures(tmp_path):
  unit = np.array([[0, 0.5], [0.25, 1]], np.float32)
  found, done = image_files.decode(saved(tmp_path / "a.tif", unit), 1)
  assert found[..., 0].tolist() == [[0, 128], [64, 255]]
  assert done == ["floats of 0..1 became 0 to 255"]
  found, _ = image_files.decode(saved(tmp_path / "b.tif", unit * 200), 1)
  assert found[..., 0].tolist() == [[0, 100], [50, 200]]
  frames = [Image.new("RGB", (2, 2), color) for color in ("red", "blue")]
  frames[0].save(tmp_path / "c.gif", save_all=True, append_images=frames[1:])
  found, done = image_files.decode(tmp_path / "c.gif", 3)
  assert found[0, 0].tolist() == [255, 0, 0]
  assert done[0] == "the first of 2 pictures was taken"


def test_what_is_no_picture_is_one_sentence(tmp_path, monkeypatch):
  unit = np.array([[0, 0.5]], np.float32)
  bad = {"nan": unit * np.nan, "wide": unit * 1e3, "below": unit - 1}
  for name, array in bad.items():
    path = saved(tmp_path / f"{name}.tif", array)
    with pytest.raises(
      InputError, match=rf"{name}\.tif is no picture that can"
    ):
      image_files.decode(path, 3)
  whole = saved(tmp_path / "a.png", np.zeros((9, 9, 3), np.uint8))
  (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:45])
  with pytest.raises(InputError, match=r"cut\.png is no picture"):
    image_files.decode(tmp_path / "cut.png", 3)
  monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
  with pytest.raises(
    InputError, match=r"a\.png is no picture .* decompression"
  ):
    image_files.decode(whole, 3)


def test_a_folder_without_splits_holds_every_tenth_out(tmp_path):
  folder, cache = tmp_path / "own", tmp_path / "cache"
  folder.mkdir()
  for i in range(21):
    saved(folder / f"{i:02}.png", np.full((4, 4), 10 * i, np.uint8))
  load = lambda test: images.load_split(
    folder, ("train", "test"), test, cache, (4, 4), 1
  )
  assert load(True)[:, 0, 0, 0].tolist() == [90, 190]
  rest = [10 * i for i in range(21) if i not in (9, 19)]
  assert load(False)[:, 0, 0, 0].tolist() == rest
  # With folders of the splits each is its own.
  (folder / "test").mkdir()
  saved(folder / "test" / "x.png", np.full((4, 4), 7, np.uint8))
  assert load(True)[:, 0, 0, 0].tolist() == [7]
  with pytest.raises(InputError, match="own/train is not a folder"):
    load(False)
  few = tmp_path / "few"
  few.mkdir()
  saved(few / "x.png", np.zeros((4, 4), np.uint8))
  with pytest.raises(InputError, match="few has 1 images, and every tenth is"):
    images.load_split(few, ("train", "test"), True, cache, (4, 4))
