"""Published files: read without TensorFlow, converted once, clear errors."""

import gzip
import io
import struct
import types

import jax
import ml_collections
import numpy as np
import pytest
from PIL import Image

from common.data import tfrecord
from common.errors import InputError
from projects.slot_attention import data, files, scenes
from tests.common.test_protobuf import field, varint


def feature(values):
  values = np.asarray(values)
  if values.dtype == np.uint8:  # One string a byte, as in the published files.
    triples = np.array([10, 1, 0], np.uint8) + np.zeros((values.size, 1), "u1")
    triples[:, 2] = values.ravel()
    return field(1, triples.tobytes())
  if values.dtype.kind == "f":
    return field(2, field(1, values.astype("<f4").tobytes()))
  return field(3, field(1, b"".join(map(varint, values.ravel().tolist()))))


def example(**features):
  entries = (
    field(1, field(1, name.encode()) + field(2, feature(values)))
    for name, values in features.items()
  )
  return field(1, b"".join(entries))


def write(path, *examples):
  path.write_bytes(gzip.compress(b"".join(map(tfrecord.framed, examples)), 1))
  return path


def tetrominoes(seed, objects=3):
  """An example of 35x35, its image and the object at each pixel."""
  rng = np.random.default_rng(seed)
  image = rng.integers(0, 256, (35, 35, 3), dtype=np.uint8)
  index = rng.integers(0, 1 + objects, (35, 35))
  mask = np.uint8(255) * (index == np.arange(4)[:, None, None]).astype(np.uint8)
  visibility = (np.arange(4) <= objects).astype(np.float32)
  return example(image=image, mask=mask, visibility=visibility), image, index


def config(tmp_path, **changes):
  return ml_collections.ConfigDict(
    dict(
      task="discovery",
      dataset="tetrominoes_file",
      image_size=35,
      data_dir=str(tmp_path),
      cache_dir=str(tmp_path / "cache"),
      train_images=4,
      test_images=2,
      batch_size=3,
      max_objects=3,
      eval_max_objects=3,
      eval_images=2,
    )
    | changes
  )


FILE = "tetrominoes_train.tfrecords"


def test_crc_is_castagnolis_turned():
  # The published check of CRC-32C is 0xE3069283.
  turned = (0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8
  assert tfrecord.masked_crc(b"123456789") == turned & 0xFFFFFFFF


def test_examples_are_parsed(tmp_path):
  sent = dict(
    image=np.arange(200, dtype=np.uint8),
    x=np.array([1.5, -2.0], np.float32),
    size=np.array([3, 300, 2**40]),
  )
  (record,) = tfrecord.read(write(tmp_path / "one", example(**sent)))
  got = tfrecord.example(record)
  assert got.keys() == sent.keys()
  for name, values in sent.items():
    np.testing.assert_array_equal(got[name], values)
  # One string for all bytes, and floats one by one, mean the same.
  whole = field(1, field(1, bytes(range(200))))
  single = field(2, b"".join(b"\x0d" + struct.pack("<f", v) for v in (1.5, -2)))
  entries = ((b"image", whole), (b"x", single))
  record = field(
    1, b"".join(field(1, field(1, n) + field(2, v)) for n, v in entries)
  )
  for name, values in tfrecord.example(record).items():
    np.testing.assert_array_equal(values, sent[name])


def test_files_become_batches_and_tests(tmp_path, monkeypatch):
  made = [tetrominoes(i, objects=3 - (i == 1)) for i in range(7)]
  write(tmp_path / FILE, *(e for e, _, _ in made))
  batch = files.batches(config(tmp_path), jax.random.key(0))(0)
  assert batch["image"].shape == (3, 35, 35, 3)
  images = np.stack([image for _, image, _ in made])
  for row in np.round((batch["image"] + 1) * 127.5):
    assert any((row == image).all() for image in images[:4])
  test = files.test(config(tmp_path))
  np.testing.assert_allclose(test["image"], images[4:6] / 127.5 - 1, atol=1e-6)
  assert test["masks"].shape == (2, 4, 35, 35)
  np.testing.assert_array_equal(
    test["masks"].argmax(1), [made[4][2], made[5][2]]
  )
  # A second time nothing is read; and examples with more objects are left out.
  monkeypatch.setattr(tfrecord, "read", None)
  again = files.batches(config(tmp_path), jax.random.key(0))(0)
  np.testing.assert_array_equal(again["image"], batch["image"])
  few = config(tmp_path, max_objects=2, batch_size=1)
  only = files.batches(few, jax.random.key(0))(5)["image"][0]
  np.testing.assert_allclose(only, images[1] / 127.5 - 1, atol=1e-6)
  with pytest.raises(InputError, match="has 0 held-out images of up to 1"):
    files.test(config(tmp_path, eval_max_objects=1))
  # Another file of that name is not taken for the one that was converted.
  monkeypatch.undo()
  write(tmp_path / FILE, *(e for e, _, _ in made[::-1]))
  other = files.arrays(config(tmp_path), "train")["image"]
  np.testing.assert_array_equal(other, images[::-1][:4])
  (tmp_path / FILE).unlink()
  with pytest.raises(InputError, match="there is no file"):
    files.arrays(config(tmp_path), "train")


def test_clevr_with_masks_of_real_scenes(shared, tmp_path):
  folder = shared / "data" / "objects" / "clevr_with_masks_sample"
  read = lambda name, mode: np.asarray(
    Image.open(folder / f"{name}.png").convert(mode)
  )
  image = read("CLEVR_image_0", "RGB")
  mask = np.stack([read(f"CLEVR_mask_0_{k}", "L") for k in range(11)])
  mask = np.where(mask > 127, 255, 0).astype(np.uint8)
  seen = (mask.max(axis=(1, 2)) > 0).astype(np.float32)
  record = example(image=image, mask=mask, visibility=seen)
  write(tmp_path / "clevr_with_masks_train.tfrecords", record)
  found = files.arrays(
    config(
      tmp_path, dataset="clevr_with_masks", image_size=128, train_images=1
    ),
    "train",
  )
  assert found["image"].shape == (1, 128, 128, 3)
  assert found["objects"][0] == 7
  # The crop as Pillow would shrink it, averages apart.
  square = Image.fromarray(image).crop((64, 29, 256, 221)).resize((128, 128))
  gap = np.abs(found["image"][0].astype(int) - np.asarray(square))
  assert gap.mean() < 2
  # Every large object keeps its share of the square.
  true = np.bincount(mask.argmax(0)[29:221, 64:256].ravel(), minlength=8)
  ours = np.bincount(found["mask"][0].ravel(), minlength=8)
  np.testing.assert_allclose(ours / 128**2, true / 192**2, atol=2e-3)


def test_resize_has_its_centres_half_a_pixel_in():
  ramp = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 6, 1))
  got = files.resized(ramp.astype(np.float32), 4)
  # Centres at (i + 1/2) 6/4 - 1/2.
  np.testing.assert_allclose(got[:, 0, 0], [0.25, 1.75, 3.25, 4.75])
  np.testing.assert_allclose(got.std(axis=1), 0, atol=1e-6)
  labels = files.resized(
    np.arange(6)[:, None, None] + np.zeros((1, 6, 1), int), 3, nearest=True
  )
  np.testing.assert_array_equal(labels[:, 0, 0], [1, 3, 5])


def test_clevr_of_tensorflow_datasets(tmp_path, monkeypatch):
  picture = io.BytesIO()
  Image.new("RGB", (320, 240), (255, 0, 51)).save(picture, "PNG")
  objects = {
    "color": np.array([1, 7]),
    "material": np.array([0, 1]),
    "shape": np.array([2, 0]),
    "size": np.array([1, 0]),
    "3d_coords": np.array([[0, 3, 0.7], [-3, 1.5, 0.35]], np.float32),
  }
  rows = [{"image": picture.getvalue(), "objects": objects}] * 3
  monkeypatch.setattr(files, "_prepared", lambda *_: iter(rows))
  settings = config(
    tmp_path,
    dataset="clevr",
    image_size=16,
    train_images=3,
    task="set_prediction",
    max_objects=10,
  )
  batch = files.batches(settings, jax.random.key(0))(0)
  assert batch["image"].shape == (3, 16, 16, 3)
  np.testing.assert_allclose(batch["image"][0, 0, 0], [1, -1, -0.6], atol=1e-6)
  first, second, none = batch["vector"][0, :3]
  np.testing.assert_allclose(first[:3], [0.5, 1.0, 3.7 / 6], rtol=1e-6)
  # Large, rubber, cylinder, blue, real; small, metal, cube, cyan, real.
  assert list(np.flatnonzero(first[3:])) == [1, 2, 6, 8, 15]
  assert list(np.flatnonzero(second[3:])) == [0, 3, 4, 14, 15]
  assert not none.any()
  assert batch["vector"].shape == (3, 10, scenes.DIMENSION)
  # No more rows than objects at most: slots would go to the others for nothing.
  settings.update(
    max_objects=3, eval_max_objects=2, eval_images=1, test_images=3
  )
  assert files.batches(settings, jax.random.key(0))(0)["vector"].shape[1] == 3
  vector = files.test(settings)["vector"]
  np.testing.assert_array_equal(vector, batch["vector"][:1, :2])


def broken(tmp_path, how):
  path = tmp_path / FILE
  data, image, index = tetrominoes(0)
  if how == "text":
    path.write_text("no records")
  elif how == "gzipped text":
    path.write_bytes(gzip.compress(b"no records, but long enough"))
  elif how == "truncated":
    write(path, data, data)
    path.write_bytes(path.read_bytes()[:-500])
  elif how == "truncated inside":
    path.write_bytes(gzip.compress(tfrecord.framed(data)[:-10]))
  elif how == "damaged":
    raw = bytearray(tfrecord.framed(data))
    raw[5000] ^= 1
    path.write_bytes(gzip.compress(bytes(raw)))
  elif how == "other":
    write(path, example(image=image, label=np.array([1])))
  elif how == "sizes":
    write(
      path,
      example(
        image=image[:32, :32],
        mask=index[None].astype("u1"),
        visibility=np.ones(4, np.float32),
      ),
    )
  elif how == "no example":
    write(path, b"\x0a\xff\xff\xff")
  elif how == "few":
    write(path, data)


@pytest.mark.parametrize(
  ("how", "says"),
  [
    ("missing", "there is no file .*multi_object_datasets"),
    ("text", "cannot be read as gzip"),
    ("gzipped text", "damaged at record 0, or is no TFRecord"),
    ("truncated", "truncated after"),
    ("truncated inside", "truncated after 0 records"),
    ("damaged", "record 0 of .* is damaged"),
    ("other", "no feature 'mask', but image, label: it is of another"),
    ("sizes", "has 3072 values of 'image', not 3675"),
    ("no example", "record 0 of .* is no tf.train.Example"),
    ("few", "1 examples were found where 4"),
  ],
)
def test_a_bad_file_is_one_sentence(tmp_path, how, says):
  broken(tmp_path, how)
  with pytest.raises(InputError, match=says):
    files.arrays(config(tmp_path), "train")
  assert not list((tmp_path / "cache").glob("*"))


def test_what_is_asked_must_be_there(tmp_path):
  with pytest.raises(InputError, match="image_size is 32"):
    files.arrays(config(tmp_path, image_size=32), "train")
  with pytest.raises(InputError, match="has no property vectors"):
    data.arrays(config(tmp_path, task="set_prediction"))
  with pytest.raises(InputError, match="clevr is not prepared in"):
    files.arrays(config(tmp_path, dataset="clevr"), "train")
  with pytest.raises(InputError, match="of CLEVR is 240x320"):
    files.cropped(np.zeros((64, 64, 3), np.uint8), 32)


def test_an_interrupted_conversion_leaves_nothing(tmp_path, monkeypatch):
  data, _, _ = tetrominoes(0)
  write(tmp_path / FILE, data)

  def stop(*_):
    raise KeyboardInterrupt

  monkeypatch.setattr(
    files,
    "tfrecord",
    types.SimpleNamespace(read=tfrecord.read, example=stop, checked=None),
  )
  with pytest.raises(KeyboardInterrupt):
    files.arrays(config(tmp_path), "train")
  assert not list((tmp_path / "cache").glob("*"))
