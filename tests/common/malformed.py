"""Whole files for each reader of foreign files, and what damages them.

`test_foreign` takes some hundred of each, `python -m tools.malformed` as many
as one has time for.
"""

import collections
import gzip
import io
import unittest.mock
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image

from common.data import npz_files, tfrecord, torch_files
from common.errors import InputError
from common.metrics import (
  feature_distance,
  image_arrays,
  image_sources,
  inception_weights,
  squeezenet,
)
from projects.fvd import clips
from projects.slot_attention import files
from tests.common import test_torch_files as torch
from tests.common.test_protobuf import field
from tests.projects.slot_attention import test_files as slots


class Reader(NamedTuple):
  """A whole file, and what reads one of its kind.

  Attributes:
    name: of the file; its suffix counts.
    whole: its bytes.
    read: `read(path)`; what it returns of a whole file is not None, and None
      refuses a file without a word.
  """

  name: str
  whole: bytes
  read: Callable[[Any], Any]


def read_clips(path):
  return list(clips.read(path, clips.Options(), collections.Counter()))


def read_images(path):
  return list(image_sources.find(path).images)


def read_rows(path):
  return list(image_arrays.open_file(path).open())


def read_masks(path):
  """A TFRecord file of Slot Attention's, which has a name of its own."""
  path.rename(path.with_name(slots.FILE))
  return list(files._published(path.parent, "tetrominoes_file", 0, 2, 35))


def read_record(path):
  """An Example: its bytes in a file whose check sums are right."""
  record = path.read_bytes()
  path.write_bytes(gzip.compress(tfrecord.framed(record), 1))
  return read_masks(path)


LAYER = {"conv1": {"kernel": np.zeros((1, 1, 2, 3))}}  # For a whole network.


def read_caffe(path):
  with unittest.mock.patch.object(
    jax, "eval_shape", lambda *_: {"params": LAYER}
  ):
    return squeezenet.load(path)


def npy(array):
  file = io.BytesIO()
  np.save(file, array)
  return file.getvalue()


def npz(save=np.savez, **arrays):
  file = io.BytesIO()
  save(file, **arrays)
  return file.getvalue()


def picture(kind, frames=1, **options):
  draw = np.random.default_rng(0)
  first, *rest = (
    Image.fromarray(draw.integers(0, 256, (6, 8, 3), np.uint8))
    for _ in range(frames)
  )
  file = io.BytesIO()
  if rest:
    options |= {"save_all": True, "append_images": rest}
  first.save(file, kind, **options)
  return file.getvalue()


def zipped(**files):
  """An archive of files, packed."""
  out = io.BytesIO()
  with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, content in files.items():
      archive.writestr(f"in/{name.replace('_', '.')}", content)
  return out.getvalue()


def torch_file():
  """A state dict, in a zip archive."""
  weight = torch.text("a.weight") + torch.tensor("0", torch.WEIGHT)
  file = io.BytesIO()
  torch.write(file, b"}(" + weight + b"u", {"0": torch.WEIGHT})
  return file.getvalue()


def old_torch_file():
  """The same from before zip archives, its pickles one after the other."""
  number = lambda value: b"\x8a\x0a" + value.to_bytes(10, "little")
  weight = torch.text("a.weight") + torch.tensor("0", torch.WEIGHT)
  pickles = (
    number(torch_files._MAGIC),
    b"M" + (1001).to_bytes(2, "little"),
    b"}" + torch.text("little_endian") + b"\x88s",
    b"}(" + weight + b"u",
    b"]" + torch.text("0") + b"a",
  )
  return (
    b"".join(b"\x80\x02" + one + b"." for one in pickles)
    + torch.WEIGHT.size.to_bytes(8, "little")
    + torch.WEIGHT.tobytes()
  )


def graph():
  """A TensorFlow graph of one array of Inception's."""
  values = np.arange(6, dtype="<f4")
  shape = b"".join(field(2, field(1, n)) for n in (2, 3))
  tensor = field(1, 1) + field(2, shape) + field(4, values.tobytes())
  value = field(1, b"value") + field(2, field(8, tensor))
  node = field(1, b"softmax/weights") + field(2, b"Const") + field(5, value)
  return field(1, node)


def caffe():
  """A Caffe model of one layer of SqueezeNet's."""
  blob = lambda count: field(5, np.arange(count, dtype="<f4").tobytes())
  return field(100, field(1, b"conv1") + field(7, blob(6)) + field(7, blob(3)))


VIDEO = np.random.default_rng(0).integers(0, 256, (16, 6, 8, 3), np.uint8)
STATISTICS = {"mu": np.zeros(3), "sigma": np.eye(3), "n": 5}
RECORD = slots.tetrominoes(0)[0]
WEIGHTS = {"conv1.w": np.ones((3, 2, 1, 1), "f4"), "conv1.b": np.ones(3, "f4")}
READERS = [
  Reader(*one)
  for one in (
    ("a.npy", npy(VIDEO), read_clips),
    ("a.npz", npz(a=VIDEO), read_clips),
    ("a.npz", npz(np.savez_compressed, a=VIDEO), read_clips),
    ("a.gif", picture("GIF", 16), read_clips),
    ("a.png", picture("PNG", 16), read_clips),
    ("a.webp", picture("WEBP", 16), read_clips),
    ("b.npy", npy(VIDEO), read_rows),
    ("b.npz", npz(np.savez_compressed, images=VIDEO), read_rows),
    ("c.npz", npz(**STATISTICS), feature_distance.load),
    ("d.npz", npz(a=VIDEO), npz_files.load),
    ("e.png", picture("PNG"), image_sources.decode),
    ("e.jpg", picture("JPEG"), image_sources.decode),
    ("f.pt", torch_file(), torch_files.read),
    ("f.pth", old_torch_file(), torch_files.read),
    ("g.tfrecords", gzip.compress(tfrecord.framed(RECORD)), read_masks),
    ("g.example", RECORD, read_record),
    ("h.pb", graph(), inception_weights.read_graph),
    ("i.caffemodel", caffe(), read_caffe),
    ("i.npz", npz(**WEIGHTS), read_caffe),
    ("j.zip", zipped(a_npy=npy(VIDEO), b_png=picture("PNG", 16)), read_clips),
    ("k.zip", zipped(a_png=picture("PNG"), b_jpg=picture("JPEG")), read_images),
  )
]


def mutated(whole: bytes, draw: np.random.Generator) -> bytes:
  """Changes one to four bytes, most at the front, or cuts, or doubles."""
  found = bytearray(whole)
  for _ in range(draw.integers(1, 5)):
    reach = len(found) if draw.random() < 0.5 else min(160, len(found))
    found[draw.integers(reach)] = draw.integers(256)
  kind = draw.random()
  if kind < 0.15:
    return bytes(found[: draw.integers(len(found))])
  return bytes(found) + whole * bool(kind > 0.95)


def refused(reader: Reader, content: bytes, folder) -> bool:
  """Whether a file of this content is refused, in a sentence that names it.

  Raises:
    Exception: any other than InputError that reading it ends in.
    AssertionError: the sentence does not name the file, or is several.
  """
  path = folder / reader.name
  path.write_bytes(content)
  try:
    return reader.read(path) is None
  except InputError as error:
    assert str(folder) in str(error), error
    return True
