"""Files that are written whole, or not at all."""

import pytest

from common.data import atomic


def test_the_new_file_replaces_the_old_one(tmp_path):
  path = tmp_path / "new" / "file.txt"
  for text in ("one", "two"):
    with atomic.replacing(path) as part:
      part.write_text(text)
  assert path.read_text() == "two"
  assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_failure_leaves_the_old_one(tmp_path):
  path = tmp_path / "file.txt"
  path.write_text("old")
  with pytest.raises(KeyError), atomic.replacing(path) as part:
    part.write_text("half of")
    raise KeyError
  assert path.read_text() == "old"
  assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
