"""Segmenting one's own pictures: what is converted is said; bad input too."""

import jax
import numpy as np
import pytest
from PIL import Image

from common import checkpoint
from common.errors import InputError
from common.workdir import save_config
from configs.slot_attention import tetrominoes_small
from projects.slot_attention import segment, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """The workdir of a run of no steps."""
  workdir = tmp_path_factory.mktemp("run")
  config = tetrominoes_small.get_config("smoke")
  state = jax.jit(lambda key: train.init(key, config))(jax.random.key(0))
  save_config(workdir, config)
  with checkpoint.Checkpoints(workdir) as checkpoints:
    checkpoints.save(1, state, {})
  return workdir, config


def pixels_of(path):
  with Image.open(path) as image:
    return np.asarray(image)


def test_masks_are_written(run, tmp_path, capsys):
  workdir, config = run
  size = config.image_size
  rng = np.random.default_rng(0)
  plain, large = tmp_path / "plain.png", tmp_path / "large.png"
  pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
  Image.fromarray(pixels).save(plain)
  Image.fromarray(pixels).resize((3 * size, 4 * size)).save(large)
  out = tmp_path / "new" / "out"
  sheets = segment.write_masks(workdir, out, [plain, large], seed=0)
  assert sheets == [out / "plain_sheet.png", out / "large_sheet.png"]
  for stem in ("plain", "large"):
    masks = [
      pixels_of(out / f"{stem}_slot_{k}.png").astype(int)
      for k in range(config.eval_slots)
    ]
    assert masks[0].shape == (size, size)
    np.testing.assert_allclose(sum(masks), 255, atol=2)
    assert pixels_of(out / f"{stem}_segments.png").shape == (size, size, 3)
  said = capsys.readouterr().out
  assert "plain.png" not in said  # Nothing was done to it.
  assert f"large.png: of {4 * size}x{3 * size} the central" in said


@pytest.mark.parametrize(
  ("mode", "notes"),
  [
    ("RGB", []),
    ("L", ["gray became RGB"]),
    ("1", ["gray became RGB"]),
    ("P", ["P became RGB"]),
    ("CMYK", ["CMYK became RGB"]),
    ("RGBA", ["what is transparent was laid on black"]),
    ("LA", ["what is transparent was laid on black"]),
    ("I;16", ["its values, 0 to 65535, became 0 to 255", "gray became RGB"]),
  ],
)
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode, notes):
  ramp = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
  image = Image.fromarray(ramp)
  if mode != "I;16":
    image = Image.fromarray((ramp >> 8).astype(np.uint8)).convert(mode)
  path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
  image.save(path)
  pixels, done = segment.read(path, 8)
  assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8
  assert done == notes
  if mode not in ("1", "P"):
    gray = (ramp / 257)[..., None].repeat(3, -1)
    np.testing.assert_allclose(pixels, gray, atol=2)


def test_transparent_is_black(tmp_path):
  image = Image.new("RGBA", (4, 4), (200, 100, 50, 0))
  image.putpixel((1, 2), (200, 100, 50, 255))
  image.save(tmp_path / "a.png")
  pixels, _ = segment.read(tmp_path / "a.png", 4)
  assert tuple(pixels[2, 1]) == (200, 100, 50) and pixels.sum() == 350


def test_bad_input_is_one_sentence(run, tmp_path):
  workdir, config = run
  (tmp_path / "text.png").write_text("no picture")
  for name in ("text.png", "none.png"):
    with pytest.raises(InputError, match=f"{name} is no picture that can be"):
      segment.write_masks(workdir, tmp_path, [tmp_path / name], 0)
  with pytest.raises(InputError, match="holds no run"):
    segment.write_masks(tmp_path, tmp_path, [tmp_path / "text.png"], 0)
  with config.unlocked():
    config.task = "set_prediction"
  save_config(tmp_path, config)
  with pytest.raises(InputError, match="predicts sets and has no masks"):
    segment.write_masks(tmp_path, tmp_path, [tmp_path / "text.png"], 0)
