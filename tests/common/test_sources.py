"""Files as users name them: archives, patterns, lists."""

import gc
import io
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from common import errors
from common.data import sources
from common.metrics import image_sources

NAMES = ("a/0.png", "a/1.PNG", "b/2.png")


@pytest.fixture
def images():
  return np.random.default_rng(0).integers(0, 256, (3, 6, 4, 3), np.uint8)


@pytest.fixture
def folder(tmp_path, images):
  for name, image in zip(NAMES, images, strict=True):
    path = tmp_path / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
  (tmp_path / "pictures" / "a" / "notes.txt").write_text("no image")
  return tmp_path / "pictures"


def read(source, **options):
  found = image_sources.find(source, **options)
  return list(found.images), dict(found.notes)


def test_an_archive(folder, images, tmp_path):
  with zipfile.ZipFile(tmp_path / "p.ZIP", "w") as archive:
    for name in (*NAMES, "a/notes.txt"):
      archive.write(folder / name, f"top/{name}")
    for name in ("__MACOSX/top/a/._0.png", "top/.hidden/0.png", "top/._x.png"):
      archive.writestr(name, b"of another program")
  got, notes = read(tmp_path / "p.ZIP", strict=True)
  np.testing.assert_array_equal(got, images)
  assert notes == {"files .txt ignored": 1}
  assert len(read(tmp_path / "p.ZIP", count=2)[0]) == 2


@pytest.mark.filterwarnings("error")
def test_an_archive_is_closed_with_its_last_file(folder, tmp_path):
  with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
    archive.write(folder / NAMES[0], "a.png")
  found = sources.find(tmp_path / "a.zip", (".png",))
  raw = found.files[0].root.fp.raw
  gc.collect()  # Which brings what is only held by others behind `raw`, ...
  cycle = [found]  # ... and what is in a cycle ends in this order.
  cycle.append(cycle)
  del found, raw, cycle
  gc.collect()


def test_archives_that_are_damaged(folder, tmp_path, capsys):
  (tmp_path / "p.zip").write_bytes(b"PK and nothing more")
  with pytest.raises(errors.InputError, match="is no whole zip archive"):
    read(tmp_path / "p.zip")
  raw = io.BytesIO()
  with zipfile.ZipFile(raw, "w") as archive:
    for name in NAMES:
      archive.write(folder / name, name)
  whole = bytearray(raw.getvalue())
  whole[whole.index(b"IDAT") + 8] ^= 255  # The member's check sum is wrong.
  (tmp_path / "p.zip").write_bytes(whole)
  got, notes = read(tmp_path / "p.zip")
  assert len(got) == 2 and notes == {"unreadable": 1}
  assert "p.zip/a/0.png cannot be decoded" in capsys.readouterr().err


def test_patterns(folder, images):
  got, _ = read(str(folder / "*" / "*.[pP]*"))
  np.testing.assert_array_equal(got, images)
  got, notes = read(f"{folder}/a/*")
  assert len(got) == 2 and notes == {"files .txt ignored": 1}
  assert len(read(f"{folder}/**/*.png")[0]) == 2  # As it is written.
  with pytest.raises(errors.InputError, match="there is no folder or file"):
    read(f"{folder}/*.gif")


def test_a_folder_whose_name_looks_like_a_pattern(folder):
  odd = folder.parent / "run[1]"
  folder.rename(odd)
  assert len(read(odd)[0]) == 3


def test_lists_of_paths(folder, images, monkeypatch):
  paths = [folder / "b" / "2.png", str(folder / "a")]
  got, notes = read(paths)
  np.testing.assert_array_equal(got, images[[2, 0, 1]])
  wanted = {
    "files .txt ignored": 1,
    f"from {paths[0]}": 1,
    f"from {paths[1]}": 2,
  }
  assert notes == wanted
  lines = "\r\n".join(map(str, [*paths, ""]))
  monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
  got, notes = read("-")
  np.testing.assert_array_equal(got, images[[2, 0, 1]])
  assert notes == wanted
  with pytest.raises(errors.InputError, match=r"no folder or file .*x\.png"):
    read([folder / "x.png"])


def test_files_and_arrays_are_one_set(folder, images, tmp_path, monkeypatch):
  """Of each source its share is counted; a number is drawn of all together."""
  draw = np.random.default_rng(1)
  more = draw.integers(0, 256, (6, 6, 4, 3), np.uint8)
  np.save(tmp_path / "x1.npy", more[:4])
  np.savez(tmp_path / "x2.npz", more[4:])
  monkeypatch.setenv("HOME", str(tmp_path))
  names = ["~/x*.np?", "~/pictures/a", "~/pictures/b/2.png"]
  got, notes = read(names, strict=True)
  np.testing.assert_array_equal(got, [*images, *more])
  shares = {f"from {name}": n for name, n in zip(names, (6, 2, 1), strict=True)}
  assert notes == {**shares, "files .txt ignored": 1}
  got, notes = read(names, count=7, seed=2)
  everything = [image.tobytes() for image in (*images, *more)]
  places = [everything.index(image.tobytes()) for image in got]
  assert places == sorted(set(places)) and len(places) == 7
  assert sum(notes[label] for label in shares) == 7
  assert places != [i for i, _ in enumerate(places)]
  with pytest.raises(errors.InputError, match="holds 9 images, fewer than"):
    read(names, count=10)
  (folder / "b" / "2.png").write_bytes(b"cut short")  # Nothing is left for it.
  with pytest.raises(errors.InputError, match=r"fewer than the 3 asked for"):
    read(names, count=9)


@pytest.mark.parametrize(
  ("name", "found"),
  [
    ("a", ["a/0.png", "a/1.PNG"]),
    ("*", ["a/0.png", "a/1.PNG", "b/2.png"]),  # Folders, as of a shell.
    ("[a]*/*", ["a/0.png", "a/1.PNG"]),
    ("b/2.png", ["b/2.png"]),
    ("a/notes.txt", ["a/notes.txt"]),  # As it was named.
    ("**", ["a/0.png", "a/1.PNG", "b/2.png"]),  # Each once.
    ("c", None),
    ("c*", None),
  ],
)
def test_what_a_name_stands_for(folder, name, found):
  got = sources.find(folder / name, (".png",))
  if found is None:
    assert got is None
  else:
    assert [str(f.relative_to(folder)) for f in got.files] == found
    ignored = {".txt": 1} if name in ("a", "*", "**", "[a]*/*") else {}
    assert got.ignored == ignored


def test_an_empty_name_is_not_the_working_directory(folder, monkeypatch):
  monkeypatch.chdir(folder)
  for name in ("", ["a", ""]):
    with pytest.raises(errors.InputError, match="a name is empty, as that of"):
      read(name)
  assert len(read(".")[0]) == 3


def test_what_sides_are_called():
  assert sources.title("a") == "a" and sources.title(["a", "b"]) == "a + b"
  assert sources.title(list("abcdef")) == "a and 5 more"
  assert sources.labels(["a"]) == [""]
  assert sources.labels(list("abcdefghijklmnopqrstu"))[3] == "from 21 sources"
  for source in ([], ["a", 1], [np.zeros(2)], 1, None):
    assert not sources.are_names(source)
