"""The command of a metric and files of statistics: what it says and refuses."""

import sys

import numpy as np
import pytest

from common.errors import InputError
from common.metrics import command, feature_distance

READ = []


def features(path, arguments, images="48x48"):
  READ.append(path)
  x = np.random.default_rng(len(str(path))).normal(size=(60, 2))
  protocol = {"score": "toy", "images": images}
  return feature_distance.collect(str(path), [x], protocol, {})


def run(monkeypatch, *words, **named):
  READ.clear()
  monkeypatch.setattr(sys, "argv", ["toy", *map(str, words)])
  command.main("Toy.", lambda p: None, features, **named)


def test_statistics_take_no_other_files_place(tmp_path, monkeypatch, capsys):
  real = tmp_path / "real.npz"
  np.savez(real, images=np.zeros((4, 8, 8, 3), np.uint8))
  before = real.read_bytes()
  with pytest.raises(SystemExit):
    run(monkeypatch, real, f"--save-stats={real}")
  assert "is there already and holds no statistics" in capsys.readouterr().err
  assert real.read_bytes() == before and not READ
  kept = f"--save-stats={tmp_path / 'kept.npz'}"
  for _ in range(2):  # Statistics may be made again.
    run(monkeypatch, real, kept)
  assert READ == [str(real)]


def test_what_saved_statistics_do_to_the_error_bar_is_said(tmp_path):
  a, b = features("a", None), features("b long", None)
  path = tmp_path / "a.npz"
  feature_distance.save(path, a)
  both = feature_distance.compare(a, b)
  assert both["exact"] == "" and "taken as exact" not in command.text(both)
  found = feature_distance.compare(feature_distance.load(path), b)
  assert found["exact"] == "a" and found["distance"] == both["distance"]
  said = command.text(found)
  assert f"of {path} the statistics are saved, and taken as exact" in said
  # What is left out makes the bar shorter.
  assert found["standard_error"] < both["standard_error"]
  bare = feature_distance.load(path)
  neither = command.text(feature_distance.compare(bare, bare))
  assert "taken as exact" not in neither  # There is no error bar, either.


def test_statistics_of_float16_have_three_digits_and_are_refused(tmp_path):
  path = tmp_path / "half.npz"
  np.savez(path, mu=np.zeros(2, np.float16), sigma=np.eye(2, dtype=np.float16))
  with pytest.raises(InputError, match=r"half\.npz .* they are float16"):
    feature_distance.load(path)


@pytest.mark.parametrize("images, refused", [("mixed", 0), ("24x24", 1)])
def test_a_glance_does_not_know_that_all_have_one_size(
  tmp_path, monkeypatch, capsys, images, refused
):
  path = tmp_path / "a.npz"
  feature_distance.save(path, features("a", None, images))
  glance = lambda *_: {"images": "48x48"}
  # Read in full, B is of one size, and that is refused at the end.
  with pytest.raises(SystemExit):
    run(monkeypatch, path, "b", check=glance)
  assert "are not made the same way" in capsys.readouterr().err
  assert len(READ) == 1 - refused
