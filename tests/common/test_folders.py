"""The walk that finds files: links, hidden names, what may not be read."""

import os
import zipfile

import pytest

from common import errors
from common.data import folders

SUFFIXES = (".png", ".jpg")


def names(root):
  found = folders.find(root, SUFFIXES)
  return [str(path.relative_to(root)) for path in found.files], found.ignored


@pytest.fixture
def tree(tmp_path):
  root = tmp_path / "root"
  for name in ("b.png", "a/c.JPG", "a/notes.txt", "a/movie.gif", "README"):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"")
  return root


def test_sorted_with_subfolders_and_what_was_left_out(tree):
  assert names(tree) == (["a/c.JPG", "b.png"], {".txt": 1, ".gif": 1, "": 1})


def test_hidden_names_belong_to_others(tree):
  for name in ("._b.png", ".DS_Store", ".ipynb_checkpoints/b.png"):
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_bytes(b"")
  assert names(tree)[0] == ["a/c.JPG", "b.png"]


def test_links_are_followed_and_loops_end(tree, tmp_path):
  elsewhere = tmp_path / "elsewhere"
  elsewhere.mkdir()
  (elsewhere / "d.png").write_bytes(b"")
  (tree / "link").symlink_to(elsewhere)
  (tree / "e.png").symlink_to(elsewhere / "d.png")
  (tree / "a" / "up").symlink_to(tree)
  (tree / "self.png").symlink_to(tree / "self.png")
  found, ignored = names(tree)
  assert found == ["a/c.JPG", "b.png", "e.png", "link/d.png"]
  assert ignored[".png"] == 1  # The link to nothing.
  # What lies beside the set is no part of it.
  (tmp_path / "beside.png").write_bytes(b"")
  (tree / "out").symlink_to(tmp_path)
  assert names(tree)[0] == found
  # Named twice, by two links, it counts twice: no loop.
  (tree / "again").symlink_to(elsewhere)
  assert names(tree)[0][0] == "a/c.JPG" and len(names(tree)[0]) == 5


def test_what_may_not_be_read_is_an_error(tree, monkeypatch):
  listed = os.listdir

  def denied(path):
    if path.name == "a":
      raise PermissionError(13, "Permission denied", str(path))
    return listed(path)

  monkeypatch.setattr(os, "listdir", denied)
  with pytest.raises(errors.InputError, match=r"a cannot be read \(Permission"):
    names(tree)


def test_the_members_of_an_archive(tmp_path):
  path = tmp_path / "a.zip"
  kept = ["_a.csv", "b/a.csv", "b/c..csv"]
  others = ["__MACOSX/a.csv", "b/.hidden/a.csv", ".a.csv", "b/._a.csv"]
  with zipfile.ZipFile(path, "w") as archive:
    for name in reversed([*kept, *others, "folder/"]):
      archive.writestr(name, "")
  with folders.archive(path) as archive:
    assert folders.members(archive) == kept
  for wrong in (b"PK and nothing more", None):
    path.write_bytes(wrong) if wrong else path.unlink()
    with pytest.raises(errors.InputError, match=r"a\.zip cannot be read"):
      folders.archive(path)


def test_patterns(tree):
  relative = lambda found: [str(one.relative_to(tree)) for one in found]
  for name in (".b.png", "x[1].png"):
    (tree / name).write_bytes(b"")
  (tree / "dir.png").mkdir()
  assert relative(folders.pattern(tree / "*.png")) == ["b.png", "x[1].png"]
  assert "dir.png" in relative(folders.pattern(tree / "*.png", True))
  assert relative(folders.pattern(tree / "**/*.JPG")) == ["a/c.JPG"]
  assert relative(folders.pattern(tree / ".*png")) == [".b.png"]
  # Two links to above are 2^40 ways for `glob`.
  for name in ("up", "up_again"):
    (tree / "a" / name).symlink_to(tree)
  assert relative(folders.pattern(tree / "**/*.JPG")) == ["a/c.JPG"]
  assert relative(folders.pattern(tree / "*/**/*.JPG")) == ["a/c.JPG"]
  assert folders.pattern(tree / "*.bmp") == []
  # Names that are no patterns, or of what is there.
  for name in ("b.png", "none.png", "x[1].png"):
    assert folders.pattern(tree / name) is None


def test_suffixes_behind_which_others_stand():
  assert folders.suffix("a/b.CSV.gz", (".gz",)) == ".csv"
  assert folders.suffix("a/b.CSV.gz") == folders.suffix(".x.GZ") == ".gz"
  assert folders.suffix("a.b/c", (".gz",)) == ""
