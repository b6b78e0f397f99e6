"""Malformed files end in one sentence, in every reader of foreign files."""

import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest
from PIL import Image

from common.data import foreign, npz_files, tfrecord, torch_files
from common.errors import InputError
from common.metrics import feature_distance, image_sources
from tests.common.malformed import (
  READERS,
  STATISTICS,
  VIDEO,
  mutated,
  npy,
  npz,
  picture,
  read_clips,
  read_rows,
  refused,
)


@pytest.mark.parametrize(
  "i", range(len(READERS)), ids=lambda i: READERS[i].name
)
@pytest.mark.filterwarnings("ignore")
def test_mutants_are_read_or_refused_in_a_sentence(i, tmp_path):
  reader = READERS[i]
  assert not refused(reader, reader.whole, tmp_path)
  draw = np.random.default_rng(13)
  assert any(
    [refused(reader, mutated(reader.whole, draw), tmp_path) for _ in range(120)]
  )


def test_the_length_of_a_record_has_a_check_sum(tmp_path):
  path = tmp_path / "a.tfrecords"
  whole = bytearray(tfrecord.framed(b"a record"))
  path.write_bytes(gzip.compress(whole))
  assert list(tfrecord.read(path)) == [b"a record"]
  whole[9] ^= 1  # The length is right, and nothing else is wrong.
  path.write_bytes(gzip.compress(whole))
  with pytest.raises(InputError, match="damaged at record 0"):
    list(tfrecord.read(path))


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
  whole = npz_files.load(path)
  assert whole and whole["x"][-1] == 999
  packed = bytearray(path.read_bytes())
  packed[39:44] = b"\xff" * 5  # Behind the local header: LZMA's properties.
  path.write_bytes(packed)
  with pytest.raises(lzma.LZMAError), zipfile.ZipFile(path) as archive:
    archive.read("x.npy")
  assert npz_files.load(path) is None
