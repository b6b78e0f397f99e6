"""One's own pictures: splits, masks, what is missing; a whole short run."""

import jax
import numpy as np
import pytest
from PIL import Image

from common import logs
from common.errors import InputError
from projects.slot_attention import data, folder, pictures, train

from .test_model import config_of
from .test_segment import pixels_of

pytestmark = pytest.mark.slow


def own(tmp_path, count=5, masks=True, **changes):
  """A folder of 12x10 pictures with two objects each, and its config."""
  for split in ("train", "test"):
    (tmp_path / split / "more").mkdir(parents=True)
    for i in range(count):
      pixels = np.zeros((12, 10, 3), np.uint8)
      pixels[2:5, 1:5], pixels[6:9, 4:9] = (250, 10 * i, 0), (0, 0, 200)
      Image.fromarray(pixels).save(tmp_path / split / "more" / f"{i}.png")
  if masks:
    (tmp_path / folder.MASKS / "more").mkdir(parents=True)
    for i in range(count):
      mask = np.zeros((12, 10), np.uint8)
      mask[2:5, 1:5], mask[6:9, 4:9] = 1, 2
      Image.fromarray(mask).save(tmp_path / folder.MASKS / "more" / f"{i}.png")
  # The networks of a config whose programs other tests compile.
  sizes = dict(dataset="folder", data_dir=str(tmp_path), eval_images=4)
  sizes |= dict(cache_dir=str(tmp_path / "cache"))
  return config_of("tetrominoes_small", **(sizes | changes))


def test_a_run_on_a_folder_with_masks_and_without(tmp_path):
  config = own(tmp_path / "own")
  _, scores = train.train(config, str(tmp_path / "run"))
  assert scores.keys() == {"foreground_ari", "test_loss"}
  assert -1 <= scores["foreground_ari"] <= 1
  assert (tmp_path / "run" / "slots.png").exists()
  test = data.test(config, jax.random.key(0))
  # Rows 1 to 10 are the central square.
  right = np.zeros((10, 10), int)
  right[1:4, 1:5], right[5:8, 4:9] = 1, 2
  np.testing.assert_array_equal(test["masks"].argmax(1), [right] * 4)
  red = test["image"][:, 1, 1]
  np.testing.assert_allclose(red[:, 0], 250 / 127.5 - 1, rtol=1e-6)
  batch = data.batches(config, jax.random.key(0))(0)
  assert batch["image"].shape == (4, 10, 10, 3)
  # Other pictures are other data.
  plain = own(tmp_path / "plain", masks=False)
  with pytest.raises(InputError, match="holds a run on other data"):
    train.train(plain, str(tmp_path / "run"))
  # Without masks there is no index, and no column of objects.
  plain.update(total_steps=2)
  _, scores = train.train(plain, str(tmp_path / "other"))
  assert scores.keys() == {"test_loss"}
  assert "foreground_ari" not in logs.read(tmp_path / "other")[-1]
  width = lambda run: pixels_of(tmp_path / run / "slots.png").shape[1]
  columns = 4 + config.eval_slots
  assert width("run") * (columns - 1) == width("other") * columns


def test_what_is_missing_is_one_sentence(tmp_path):
  config = own(tmp_path, eval_images=6)
  key = jax.random.key(0)
  with pytest.raises(
    InputError, match="folder has 5 held-out images of up to 3"
  ):
    data.test(config, key)
  config.update(eval_images=4, batch_size=6)
  with pytest.raises(InputError, match="number of examples, 5, but takes 6"):
    data.batches(config, key)(0)
  mask = tmp_path / folder.MASKS / "more" / "2.png"
  Image.new("L", (10, 11)).save(mask)
  with pytest.raises(InputError, match=r"2\.png is 10x11 .* 10x12 as its pict"):
    data.test(config, key)
  Image.new("RGB", (10, 12)).save(mask)
  with pytest.raises(InputError, match=r"of mode RGB; it must be gray or with"):
    data.test(config, key)
  mask.unlink()
  with pytest.raises(InputError, match=r"mask .*2\.png cannot be read"):
    data.test(config, key)
  config.task = "set_prediction"
  with pytest.raises(InputError, match="has no property vectors"):
    data.test(config, key)


def test_masks_are_resized_to_the_nearest_pixel(tmp_path):
  config = own(tmp_path, count=1, image_size=5)
  whole = np.zeros((10, 10), np.uint8)
  whole[1:4, 1:5], whole[5:8, 4:9] = 1, 2
  (mask,) = folder.arrays(config, "test")["mask"]
  np.testing.assert_array_equal(mask, whole[1::2, 1::2])


def test_columns_of_a_sheet_have_titles():
  panels = [[np.full((64, 64, 3), 7, np.uint8)] * 2] * 3
  plain = pictures.sheet(panels)
  titled = pictures.sheet(panels, ["picture", "slot 0"])
  np.testing.assert_array_equal(titled[14:], plain)
  head = titled[:14]
  for start in (0, 68):  # Black on white above both columns.
    part = head[:, start : start + 60]
    assert part.max() == 255 and part.min() < 50
