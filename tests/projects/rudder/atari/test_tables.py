"""The table of Atari: rows with and without a training, curves."""

import argparse
import json
import pathlib
import types

import pytest

from common.errors import InputError
from common.tables import reproduce as frame
from projects.rudder.atari import tables

pytestmark = pytest.mark.slow


def context(out, **flags):
  arguments = argparse.Namespace(**{"only": "", "runs": "", **flags})
  project = tables.__name__.split(".")[1]  # Of a fork, its own.
  return frame.Context(project, out, True, False, arguments)


def test_what_was_not_trained_is_said():
  cell = {
    "scores": {"return": 31.25, "games": 12.0},
    "frames": 491_520,
    "minutes": None,
    "provenance": {"device": "a machine", "commit": "abc"},
  }
  rows = tables.table({("bowling", "ppo"): cell}).splitlines()
  assert len(rows) == 2 + 2 * len(tables.PAPER)
  assert rows[2] == "| Bowling | PPO+RUDDER | 192 | not run | - | - | - |"
  assert rows[3] == (
    "| Bowling | PPO | 56 | 31.2 | 12 | 0.49M | in pieces, a machine, abc |"
  )
  assert rows[6].startswith("| Venture | PPO+RUDDER | 1,350 | not run")
  cell["scores"] = {"games": 0.0}
  row = tables.table({("bowling", "ppo"): cell}).splitlines()[3]
  assert row.startswith("| Bowling | PPO | 56 | - | 0 | 0.49M |")


def test_each_method_is_trained_once_and_its_curve_kept(tmp_path, monkeypatch):
  asked = []

  def played(config, workdir):
    """Four steps, the first without a game that has ended."""
    asked.append((config.game, config.method, config.total_steps))
    folder = pathlib.Path(workdir)
    folder.mkdir(parents=True)
    rows = [
      {"step": n, "return": 7.0 * n, "games": n - 1, "quality": 0.5, "kl": 1.0}
      for n in range(1, 5)
    ]
    lines = [json.dumps(row) for row in rows]
    (folder / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 4}']))
    return types.SimpleNamespace(step=4), {"return": 28.0, "games": 3.0}

  monkeypatch.setattr(tables.train, "train", played)
  monkeypatch.chdir(tmp_path)
  with pytest.raises(InputError, match="did you mean 'venture'"):
    tables.atari(context(tmp_path, only="ventura"))
  assert not asked
  tables.atari(context(tmp_path))
  shown = tables.atari(context(tmp_path, only="venture"))
  again = tables.atari(context(tmp_path, only="venture"))
  assert again == shown and shown.count("not run") == 4
  assert asked == [
    *(("bowling", "rudder", 6), ("bowling", "ppo", 6)),
    *(("venture", "rudder", 6), ("venture", "ppo", 6)),
  ]
  cell = json.loads((tmp_path / "atari_venture_rudder.json").read_text())
  assert cell["frames"] == 4 * 4 * 64 * 4  # 4 actors of 64 steps of 4 frames.
  assert [row["return"] for row in cell["curve"]] == [7, 14, 21, 28]
  assert cell["curve"][0].keys() == {"step", "return", "games", "quality"}
  assert (tmp_path / "atari.png").stat().st_size > 5_000
  whole = context(tmp_path / "whole")._replace(quick=False)
  whole.out.mkdir()
  whole.arguments.runs = str(tmp_path / "runs_of_an_hour")
  tables.atari(whole)
  assert asked[4:] == [("bowling", "rudder", 120), ("bowling", "ppo", 120)]
