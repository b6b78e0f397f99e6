"""A function over several processes: its results, and what breaks others."""

import functools
import os
import sys
import time

import pytest

from common.chem import canonical, workers
from common.errors import InputError


def test_results_are_those_of_a_loop_in_its_order():
  chunks = [str(i) for i in range(20)]
  done = []
  base = functools.partial(int, base=16)
  found = workers.mapped(base, chunks, 2, done.append)
  assert found == [base(chunk) for chunk in chunks]
  assert sorted(done, key=chunks.index) == chunks
  assert workers.mapped(len, [], 3) == []


def test_errors_are_the_functions_and_death_is_a_sentence():
  with pytest.raises(ValueError, match=r"invalid literal .* 'x'"):
    workers.mapped(int, ["1", "x", "2"], 2)
  with pytest.raises(InputError, match="has died"):
    workers.mapped(os._exit, [0, 1, 2], 2)
  with pytest.raises(InputError, match="processes = 0"):
    workers.mapped(len, [], 0)
  # After an error nothing more is begun.
  done = []
  with pytest.raises(TypeError):
    workers.mapped(time.sleep, ["x", *[0.01] * 400], 2, done.append)
  assert len(done) < 300


def test_the_users_files_and_path_do_not_break_them(tmp_path, monkeypatch):
  here, mine = tmp_path / "here", tmp_path / "mine"
  here.mkdir()
  mine.mkdir()
  for name in ("random", "csv", "json", "common", "signal"):
    (here / f"{name}.py").write_text("raise SystemExit('not this one')\n")
  # One that only the caller's path knows, on a path of 2,000 entries.
  (mine / "found_by_path.py").write_text(
    "import csv, random\n\n\ndef twice(x):\n  print('noise')\n  return 2 * x\n"
  )
  monkeypatch.chdir(here)
  many = [str(mine / f"{'no' * 20}{i}") for i in range(2_000)]
  monkeypatch.setattr(sys, "path", ["", *sys.path, *many, str(mine)])
  import found_by_path  # pyright: ignore[reportMissingImports]

  assert workers.mapped(found_by_path.twice, [1, 2, 3], 2) == [2, 4, 6]
  monkeypatch.setattr(canonical, "_MIN_FOR_PROCESSES", 1)
  assert canonical.canonicalise(["OCC"] * 600, 2) == ["CCO"] * 600


def test_a_users_pythonpath_is_kept(tmp_path, monkeypatch):
  monkeypatch.setenv("PYTHONPATH", str(tmp_path))
  assert workers.mapped(os.getenv, ["PYTHONPATH"] * 2, 2) == [str(tmp_path)] * 2
