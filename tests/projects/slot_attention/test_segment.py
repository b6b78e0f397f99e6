"""Segmenting one's own pictures: what is converted is said; bad input too."""

import jax
import ml_collections
import numpy as np
import pytest
from PIL import Image

from common import checkpoint
from common.errors import InputError
from common.workdir import save_config
from configs.slot_attention import tetrominoes_small
from projects.slot_attention import files, segment, train

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


def sized(run, size, **changes):
  config = run[1].copy_and_resolve_references().unlock()
  config.update(image_size=size, **changes)
  return config


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
    ("I;16", ["16 bits became 8", "gray became RGB"]),
  ],
)
def test_every_kind_of_picture_becomes_rgb(run, tmp_path, mode, notes):
  ramp = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
  image = Image.fromarray(ramp)
  if mode != "I;16":
    image = Image.fromarray((ramp >> 8).astype(np.uint8)).convert(mode)
  path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
  image.save(path)
  pixels, done = segment.read(path, sized(run, 8))
  assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8
  assert done == notes
  if mode not in ("1", "P"):
    gray = (ramp / 257)[..., None].repeat(3, -1)
    np.testing.assert_allclose(pixels, gray, atol=2)


def test_bad_input_is_one_sentence(run, tmp_path):
  workdir, config = run
  (tmp_path / "text.png").write_text("no picture")
  for name in ("text.png", "none.png"):
    with pytest.raises(InputError, match=f"{name} is no picture that can be"):
      segment.write_masks(workdir, tmp_path, [tmp_path / name], 0)
  named = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.jpg"]
  with pytest.raises(InputError, match=r"a/x\.png and .*b/x\.jpg would write"):
    segment.write_masks(workdir, tmp_path, named, 0)
  pair = [tmp_path / "x.png", tmp_path / "x_segments.png"]
  with pytest.raises(InputError, match=r"x_segments\.png is one of the pic"):
    segment.write_masks(workdir, tmp_path, pair, 0)
  with pytest.raises(InputError, match="holds no run"):
    segment.write_masks(tmp_path, tmp_path, [tmp_path / "text.png"], 0)
  save_config(tmp_path, ml_collections.ConfigDict({"seed": 0, "potential": 1}))
  with pytest.raises(InputError, match="is a run of another project, or of an"):
    segment.write_masks(tmp_path, tmp_path, [tmp_path / "text.png"], 0)
  config = config.copy_and_resolve_references().unlock()
  config.task = "set_prediction"
  save_config(tmp_path, config)
  with pytest.raises(InputError, match="predicts sets and has no masks"):
    segment.write_masks(tmp_path, tmp_path, [tmp_path / "text.png"], 0)


def test_pictures_are_resized_as_those_trained_on(run, tmp_path):
  checkers = np.indices((64, 64)).sum(0) % 2 * 255
  Image.fromarray(checkers.astype(np.uint8)).save(tmp_path / "a.png")
  own, _ = segment.read(tmp_path / "a.png", sized(run, 16, dataset="folder"))
  # Averages; CLEVR's way takes one pixel of four, or the mean of two.
  assert np.abs(own.astype(int) - 127).max() <= 2
  plain, done = segment.read(tmp_path / "a.png", sized(run, 16))
  np.testing.assert_array_equal(
    plain, files.resized(checkers[..., None].repeat(3, -1).astype("u1"), 16)
  )
  assert done == ["gray became RGB", "64x64 was resized to 16x16"]
