"""Malformed files end in one sentence, in every reader of foreign files."""

import collections
import io
import lzma
import zipfile

import numpy as np
import pytest
from PIL import Image

from common.data import foreign, npz_files, torch_files
from common.errors import InputError
from common.metrics import feature_distance, image_arrays, image_sources
from projects.fvd import clips


def read_clips(path):
  return list(clips.read(path, clips.Options(), collections.Counter()))


def read_rows(path):
  return list(image_arrays.open_file(path).open())


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


VIDEO = np.random.default_rng(0).integers(0, 256, (16, 6, 8, 3), np.uint8)
STATISTICS = {"mu": np.zeros(3), "sigma": np.eye(3), "n": 5}
READERS = (
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
)


def mutated(whole, draw):
  """Changes one to four bytes, most at the front, or cuts, or doubles."""
  found = bytearray(whole)
  for _ in range(draw.integers(1, 5)):
    reach = len(found) if draw.random() < 0.5 else min(160, len(found))
    found[draw.integers(reach)] = draw.integers(256)
  kind = draw.random()
  if kind < 0.15:
    return bytes(found[: draw.integers(len(found))])
  return bytes(found) + whole * bool(kind > 0.95)


@pytest.mark.parametrize(
  "name, whole, reader",
  READERS,
  ids=[f"{r[0]}-{i}" for i, r in enumerate(READERS)],
)
@pytest.mark.filterwarnings("ignore")
def test_mutants_are_read_or_refused_in_a_sentence(
  name, whole, reader, tmp_path
):
  path = tmp_path / name
  path.write_bytes(whole)
  assert reader(path) is not None
  draw = np.random.default_rng(13)
  refused = 0
  for _ in range(120):
    path.write_bytes(mutated(whole, draw))
    try:
      refused += reader(path) is None
    except InputError as error:
      refused += 1
      assert str(path.parent) in str(error)
  assert refused > 0


def header(text):
  """An .npy file whose header is this text."""
  text = text.ljust(117) + "\n"
  return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
  "text",
  [
    "{'descr': '|u1', 'shape': (16, 6, 8, 3",  # TokenError in some NumPys.
    "{'descr': '|u1' 'fortran",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (16, -6, 8, 3), }",
    "(" * 110,
    "\0",
  ],
)
def test_a_broken_header(text, tmp_path):
  with pytest.raises(ValueError, match=r"its header"):
    foreign.npy_header(io.BytesIO(header(text)))
  path = tmp_path / "a.npy"
  path.write_bytes(header(text))
  for reader in (read_clips, read_rows):
    with pytest.raises(InputError, match=r"a\.npy"):
      reader(path)


@pytest.mark.parametrize("what", ["encrypted", "newer version"])
def test_zip_members_that_cannot_be_opened(what, tmp_path):
  whole = bytearray(npz(**STATISTICS, images=VIDEO))
  directory = 0
  while (directory := whole.find(b"PK\x01\x02", directory + 1)) > 0:
    if what == "encrypted":
      whole[directory + 8] |= 1
    else:
      whole[directory + 6] = 99
  while (local := whole.find(b"PK\x03\x04", directory + 1)) >= 0:
    whole[local + 6] |= what == "encrypted"
    directory = local
  path = tmp_path / "a.npz"
  path.write_bytes(whole)
  for reader in (read_clips, read_rows, feature_distance.load):
    with pytest.raises(InputError, match=r"a\.npz"):
      reader(path)
  assert npz_files.load(path) is None
  with pytest.raises(InputError, match=r"a\.npz"):
    torch_files.read(path)
  assert isinstance(whole, bytearray) and zipfile.is_zipfile(path)


def test_a_decompression_bomb(tmp_path, monkeypatch):
  monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
  path = tmp_path / "a.gif"
  path.write_bytes(picture("GIF", 16))
  with pytest.raises(InputError, match=r"a\.gif cannot be read as clips"):
    read_clips(path)
  with pytest.raises(InputError, match=r"a\.gif cannot be decoded"):
    image_sources.decode(path)


def test_a_damaged_member_that_is_packed_by_lzma(tmp_path):
  path = tmp_path / "a.npz"
  with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
    archive.writestr("x.npy", npy(np.arange(1000)))
  assert npz_files.load(path)["x"][-1] == 999
  packed = bytearray(path.read_bytes())
  packed[39:44] = b"\xff" * 5  # Behind the local header: LZMA's properties.
  path.write_bytes(packed)
  with pytest.raises(lzma.LZMAError), zipfile.ZipFile(path) as archive:
    archive.read("x.npy")
  assert npz_files.load(path) is None
