"""Sheets of pictures are cut in the order of their labels; dropout's noise."""

import itertools
import lzma

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from common.errors import InputError
from configs.cnn_zoo import cifar10_gs, mnist
from projects.cnn_zoo import data, model

SIDE, ROWS = 3, 2  # Of a picture; of pictures on a sheet, 40 each.


@pytest.fixture
def sheets(tmp_path):
  """Two sheets to train on, one to test; the config, pictures and labels."""
  draw = np.random.default_rng(0)
  pictures, lines = {}, ["file,pos,label"]
  for name in ("train_00", "train_01", "test_00"):
    one = draw.integers(0, 256, (ROWS * 40, SIDE, SIDE, 3), dtype=np.uint8)
    rows = one.reshape(ROWS, 40, SIDE, SIDE, 3).transpose(0, 2, 1, 3, 4)
    sheet = Image.fromarray(rows.reshape(ROWS * SIDE, 40 * SIDE, 3))
    sheet.save(tmp_path / f"{name}.webp", lossless=True)
    labels = draw.integers(0, 10, len(one))
    lines += [f"{name}.webp,{i},{label}" for i, label in enumerate(labels)]
    pictures[name] = one, labels
  # Their order in the table says nothing.
  table = "\n".join([lines[0], *lines[:0:-1]])
  (tmp_path / "labels.csv.xz").write_bytes(lzma.compress(table.encode()))
  config = cifar10_gs.get_config().unlock()
  config.update(dict(dataset="sheets", data_dir=str(tmp_path)))
  config.image_size = SIDE
  return config, pictures


def test_pictures_and_labels_belong_together(sheets):
  config, pictures = sheets
  for split in ("train", "test"):
    parts = [pictures[name] for name in pictures if name.startswith(split)]
    wanted, labels = map(np.concatenate, zip(*parts, strict=True))
    got = data.load(config, split)
    np.testing.assert_array_equal(got.labels, labels)
    gray = wanted.mean(-1) / 127.5 - 1
    np.testing.assert_allclose(got.pixels * got.scale - 1, gray, atol=1e-6)


def test_what_is_missing_is_one_sentence(sheets, tmp_path):
  config, _ = sheets
  (tmp_path / "train_01.webp").unlink()
  with pytest.raises(InputError, match=r"train_01\.webp cannot be read"):
    data.load(config, "train")
  table = "file,pos,label\ntest_00.webp,0,1\ntest_00.webp,2,1\n"
  (tmp_path / "labels.csv.xz").write_bytes(lzma.compress(table.encode()))
  with pytest.raises(InputError, match=r"of picture 1 of .* \(78 in all\)"):
    data.load(config, "test")
  with pytest.raises(InputError, match="no sheets of the split 'train'"):
    data.load(config, "train")


@pytest.mark.parametrize(
  ("table", "said"),
  [
    ("name,pos,label\ntest_00.webp,0,1", r"line 2: a row has file, .*'file'"),
    ("file,pos,label\ntest_00.webp,0,1\ntest_00.webp,1,cat", "line 3: .*'cat'"),
    ("file,pos,label\ntest_00.webp,0", "line 2: a row has file, pos and"),
  ],
)
def test_a_bad_table_of_labels_is_one_sentence(sheets, tmp_path, table, said):
  (tmp_path / "labels.csv.xz").write_bytes(lzma.compress(table.encode()))
  with pytest.raises(InputError, match=said):
    data.load(sheets[0], "test")


@pytest.mark.parametrize("size", [(40 * SIDE + 1, SIDE), (40 * SIDE, SIDE + 1)])
def test_a_sheet_of_another_size_is_one_sentence(sheets, tmp_path, size):
  Image.new("RGB", size).save(tmp_path / "test_00.webp")
  said = f"is {size[0]} wide and {size[1]} high: a sheet has 40"
  with pytest.raises(InputError, match=said):
    data.load(sheets[0], "test")


def test_each_epoch_has_an_order_of_its_own():
  orders = [
    np.asarray(data.order(jax.random.key(0), epoch, 50, 6, 8))
    for epoch in range(3)
  ]
  for found in orders:
    assert found.shape == (6, 8)
    assert len(np.unique(found)) == 48 and 0 <= found.min() <= found.max() < 50
  for one, other in itertools.combinations(orders, 2):
    assert (one == other).mean() < 0.2


def test_noise_is_even_and_another_at_each_unit_example_and_step():
  config = mnist.get_config("smoke").unlock()
  config.widths = (5, 5, 5)  # So that the draws are an odd number.
  config.batch_size, config.microbatch = 21, 7
  found = [data.noise(jax.random.key(0), t, config) for t in range(40)]
  noise = np.asarray(found) / data.NOISE
  assert noise.shape == (40, 3, model.units(config), 7)
  assert noise[0].size % 2
  assert stats.kstest(noise.ravel(), "uniform").pvalue > 1e-3
  # Of n independent draws of 2^16 values, n^2 / 2^17 pairs are equal.
  one = noise[0].ravel()
  assert len(one) - len(np.unique(one)) < 2 * len(one) ** 2 / 2**17
  flat = noise.reshape(40, -1)
  for other in (np.roll(flat, 1, axis=0), np.roll(flat, 1, axis=1)):
    bound = 5 / np.sqrt(flat.size)
    assert abs(np.corrcoef(flat.ravel(), other.ravel())[0, 1]) < bound
