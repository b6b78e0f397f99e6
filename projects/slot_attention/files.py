"""The published data sets, converted once to memory-mapped arrays.

Three are TFRecord files of https://github.com/google-deepmind/multi_object_datasets
(its README links them), with true masks; CLEVR itself, with properties but
without masks, comes through tensorflow-datasets. Put the files into
`config.data_dir`, or prepare CLEVR there; arrays go to `config.cache_dir`:
`image` uint8 `[n, s, s, 3]`, and `mask` uint8 `[n, s, s]`, the number of the
object at each pixel with 0 the background, or `vector` float32 `[n, 10, 19]`;
and `objects` int32 `[n]`, how many there are.
"""

import io
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import ml_collections
import numpy as np
import tqdm
from jax import numpy as jnp
from PIL import Image

from common import keys
from common.data import decoded, in_memory, tfrecord
from common.errors import InputError

from . import folder, scenes

# File, size of its images, entities with the background, objects' axis.
_FILES = {
  "tetrominoes_file": ("tetrominoes_train.tfrecords", (35, 35), 4, 0),
  "multi_dsprites_file": (
    "multi_dsprites_colored_on_grayscale.tfrecords",
    (64, 64),
    6,
    2,
  ),
  "clevr_with_masks": ("clevr_with_masks_train.tfrecords", (240, 320), 11, 0),
}
DATASETS = ("folder", "clevr", *_FILES)
_MOST = 10  # objects in a CLEVR scene


def batches(
  config: ml_collections.ConfigDict, key: jax.Array
) -> Callable[[Any], dict[str, np.ndarray]]:
  """Returns `t -> batch`, a pure function of (key, t) that runs on the host.

  The first `train_images` examples, less those with more than `max_objects`.

  Raises:
    InputError: see `arrays`; or no example has so few objects.
  """
  found = arrays(config, "train")
  few = np.flatnonzero(found["objects"] <= config.max_objects)
  rows = in_memory.batches(
    few.astype(np.int32),
    keys.named(key, "rows"),
    config.batch_size,
    transform=lambda rows, key: rows,
    max_device_bytes=0,
  )

  def batch(t):
    # In the file's order: a disk likes that, and a batch has none.
    index = np.sort(np.asarray(rows(t)))
    part = {"image": to_unit(found["image"][index])}
    if config.task == "set_prediction":
      # As many rows as objects at most: a missing one is a target, too.
      part["vector"] = np.asarray(found["vector"][index, : config.max_objects])
    return part

  return batch


def test(config: ml_collections.ConfigDict) -> dict[str, jax.Array]:
  """Returns `eval_images` held-out examples of up to `eval_max_objects`.

  Returns:
    `image`; where there are, `masks` `[n, 1 + objects, s, s]`, of which the
    first is the background's; for set prediction `vector`.

  Raises:
    InputError: see `arrays`; or there are not so many.
  """
  found = arrays(config, "test")
  few = np.flatnonzero(found["objects"] <= config.eval_max_objects)
  if len(few) < config.eval_images:
    raise InputError(
      f"{config.dataset} has {len(few)} held-out images of up to "
      f"{config.eval_max_objects} objects: set config.eval_images to that"
    )
  few = few[: config.eval_images]
  part = {"image": jnp.asarray(to_unit(found["image"][few]))}
  if "mask" in found:
    index = jnp.asarray(found["mask"][few])
    entities = jnp.arange(1 + config.eval_max_objects, dtype=jnp.uint8)
    masks = index[:, None] == entities[None, :, None, None]
    part["masks"] = masks.astype(jnp.float32)
  if config.task == "set_prediction":
    vector = found["vector"][few, : config.eval_max_objects]
    part["vector"] = jnp.asarray(vector)
  return part


def to_unit(pixels: np.ndarray) -> np.ndarray:
  """uint8 to float32 in [-1, 1]."""
  return np.asarray(pixels, np.float32) / np.float32(127.5) - 1


def arrays(
  config: ml_collections.ConfigDict, split: str
) -> dict[str, np.ndarray]:
  """Maps the arrays of a split, after converting the files if need be.

  "train" are the first `train_images` of a file, "test" the `test_images`
  after them; of CLEVR those of its splits train and validation.

  Raises:
    InputError: the files are missing, truncated, damaged, of another data set
      or too few; CLEVR is not prepared; images of another size than
      `config.image_size`.
  """
  size, crop = config.image_size, config.task == "discovery"
  if config.dataset == "folder":
    return folder.arrays(config, split)
  count = config.train_images if split == "train" else config.test_images
  start = config.train_images if split == "test" else 0
  where = pathlib.Path(config.data_dir).expanduser()
  if config.dataset == "clevr":
    rows, start = _clevr(where, split, count, size, crop), 0
    source = {"folder": str(where.absolute())}
  else:
    rows = _published(where, config.dataset, start, count, size)
    path = _existing(where, config.dataset, size)
    source = {"file": decoded.fingerprint([path], where)}
  name = f"{config.dataset}-{start}-{count}-{size}{'-crop' * crop}-{split}"
  return _converted(config.cache_dir, name, source, rows, count)


def _converted(
  folder: pathlib.Path,
  name: str,
  source: dict[str, Any],
  rows: Iterator[dict[str, np.ndarray]],
  count: int,
) -> dict[str, np.ndarray]:
  """Writes rows as arrays into the cache `folder` once, and maps them."""

  def build(create: decoded.Create) -> None:
    parts, done = {}, 0
    for row in tqdm.tqdm(rows, total=count, desc=f"converting {name}"):
      for key, value in row.items():
        if key not in parts:
          parts[key] = create(key, (count, *value.shape), value.dtype)
        parts[key][done] = value
      done += 1
    if done < count:
      raise InputError(
        f"{name}: {done} examples were found where {count} are asked "
        "for; set config.train_images and config.test_images to fewer"
      )

  return decoded.mapped(folder, name, source, build)


def _published(
  folder: pathlib.Path, dataset: str, start: int, count: int, size: int
) -> Iterator[dict[str, np.ndarray]]:
  """Yields images and masks of one of the TFRecord files."""
  name, (height, width), entities, axis = _FILES[dataset]
  path = folder / name
  pixels = height * width
  sizes = {"image": pixels * 3, "mask": pixels * entities}
  sizes["visibility"] = entities
  shape = [height, width]
  shape.insert(axis, entities)
  for i, record in enumerate(tfrecord.read(path)):
    if i < start:
      continue
    if i == start + count:
      return
    where = f"record {i} of {path}"
    try:
      features = tfrecord.example(record)
    except ValueError as error:
      raise InputError(f"{where} is no tf.train.Example") from error
    tfrecord.checked(features, sizes, where)
    image = features["image"].reshape(height, width, 3)
    mask = np.argmax(features["mask"].reshape(shape), axis=axis)
    if height != width:
      image, mask = cropped(image, size), cropped(mask[..., None], size, True)
    yield {
      "image": image,
      "mask": mask.reshape(size, size).astype(np.uint8),
      "objects": np.asarray(np.sum(features["visibility"] > 0) - 1, np.int32),
    }


def _existing(folder: pathlib.Path, dataset: str, size: int) -> pathlib.Path:
  """The file of a data set; InputError if absent, or of another image size."""
  name, (height, width), _, _ = _FILES[dataset]
  path = folder / name
  if height == width and size != height:
    raise InputError(
      f"the images of {name} are {height}x{width}: config.image_size is {size}"
    )
  if not path.exists():
    raise InputError(
      f"there is no file {path}: get it from "
      "https://github.com/google-deepmind/multi_object_datasets (Download)"
    )
  return path


def cropped(image: np.ndarray, size: int, nearest: bool = False) -> np.ndarray:
  """CLEVR's central square, rows 29 to 221 and columns 64 to 256, resized."""
  top, left, height, width = scenes.CROP
  if image.shape[:2] != scenes.FRAME:
    raise InputError(
      f"an image of CLEVR is 240x320, and this is {image.shape[:2]}"
    )
  return resized(image[top : top + height, left : left + width], size, nearest)


def resized(image: np.ndarray, size: int, nearest: bool = False) -> np.ndarray:
  """Bilinear (or nearest), centres of pixels half in: tf.image.resize's.

  Without averaging where it shrinks. `[h, w, c]` to `[size, size, c]`, of the
  same type; what was uint8 is rounded, which the original does not.
  """
  pixels = image if nearest else image.astype(np.float32)
  shape = (size, size, image.shape[2])
  method = "nearest" if nearest else "bilinear"
  result = np.asarray(jax.image.resize(pixels, shape, method, antialias=False))
  if image.dtype == np.uint8:
    result = np.round(result)
  return result.astype(image.dtype)


def _clevr(
  folder: pathlib.Path, split: str, count: int, size: int, crop: bool
) -> Iterator[dict[str, np.ndarray]]:
  """Yields images and property vectors of tensorflow-datasets' `clevr`."""
  # Its splits are train, validation and test, whose objects are secret.
  split = "train" if split == "train" else "validation"
  properties = jax.jit(scenes.properties)
  for example in _prepared(folder, split, count):
    with Image.open(io.BytesIO(example["image"])) as picture:
      image = np.asarray(picture.convert("RGB"))
    objects = example["objects"]
    found = len(objects["color"])
    padded = lambda name: np.pad(
      np.asarray(objects[name]),
      [(0, _MOST - found)] + [(0, 0)] * (np.ndim(objects[name]) - 1),
    )
    named = map(padded, ("3d_coords", "size", "material", "shape", "color"))
    vector = properties(*named, np.arange(_MOST) < found)
    yield {
      "image": cropped(image, size) if crop else resized(image, size),
      "vector": np.asarray(vector),
      "objects": np.asarray(found, np.int32),
    }


def _prepared(folder: pathlib.Path, split: str, count: int) -> Any:
  """The first `count` examples of prepared CLEVR, images not decoded."""
  try:
    import tensorflow_datasets as tfds
  except ImportError as error:
    raise InputError(
      f"reading CLEVR needs a package that is not installed ({error}): pip "
      "install tensorflow-datasets array_record importlib_resources"
    ) from error
  try:
    builder = tfds.builder("clevr", data_dir=folder)
    prepared = builder.is_prepared()
  except (
    Exception
  ) as error:  # Its own code asks for TensorFlow, in some versions.
    raise InputError(f"clevr cannot be read from {folder}: {error}") from error
  if not prepared:
    raise InputError(
      f"clevr is not prepared in {folder}: run python -m "
      "tensorflow_datasets.scripts.cli.main build clevr "
      f"--data_dir={folder} --file_format=array_record (which needs, once, pip "
      "install tensorflow)"
    )
  rows = builder.as_data_source(
    split=split, decoders={"image": tfds.decode.SkipDecoding()}
  )
  return (rows[i] for i in range(min(count, len(rows))))
