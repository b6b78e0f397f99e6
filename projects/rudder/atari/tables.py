"""The table of Atari: PPO and PPO with RUDDER, as far as an hour goes.

    python -m projects.rudder.reproduce --table=atari

Final scores of the poster are of 200M frames; ours of `atari.py:hour`, which is
the same but shorter. `--only=venture` trains on another game than Bowling;
trainings that were cut short are in `--runs`, and go on. One that has ended is
read again by `--fresh`: remove its folder to train anew.
"""

import functools
import pathlib
from typing import Any

import ml_collections

from common import logs
from common.errors import check_names
from common.tables import cells, figures, markdown, reproduce

from ..figures import panels, save
from . import train

# Name -> variant of the config, label, colour.
METHODS = {
  "rudder": ("", "PPO+RUDDER", figures.OURS),
  "ppo": ("ppo", "PPO", figures.OTHERS),
}
# Final scores of RUDDER and of PPO, 3 seeds (NeurIPS 2019 poster).
PAPER = {
  "bowling": (192, 56),
  "solaris": (1_827, 616),
  "venture": (1_350, 820),
  "seaquest": (4_770, 1_616),
}


def training(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, Any]:
  """One training: its scores, what it played, and the curve of returns."""
  _, cell = cells.trained(train.train, config, workdir)
  kept = ("step", "return", "games", "lesson_loss", "quality")
  curve = [
    {name: row[name] for name in kept if name in row}
    for row in logs.read(workdir)
    if "return" in row
  ]
  steps = config.batch_size * config.rollout_steps * config.frame_skip
  return {**cell, "frames": cell["steps"] * steps, "curve": curve}


def atari(context: reproduce.Context) -> str:
  """Trains what is missing of a game; shows what is there of all."""
  asked, found = context.arguments, {}
  game = asked.only or "bowling"
  check_names("--only", [game], list(PAPER))
  for method, (variant, *_) in METHODS.items():
    length = "" if context.quick else "hour"
    of_game = "" if game == "bowling" else game
    config = reproduce.config_of(context, "atari", of_game, variant, length)
    name = f"atari_{game}_{method}"
    run = reproduce.workdir(context, asked.runs, name)
    compute = functools.partial(training, config, run)
    reproduce.cell(context, name, compute)
  for game in PAPER:
    for method in METHODS:
      path = context.out / f"atari_{game}_{method}.json"
      if path.exists():
        found[game, method] = cells.load(path)
  figure(context.out / "atari.png", found)
  return table(found)


def table(found: dict[tuple[str, str], dict[str, Any]]) -> str:
  """Markdown: a row a game and method, the paper's number beside ours.

  Args:
    found: by game and method what `training` returned, and its provenance.
  """
  rows = []
  for game, paper in PAPER.items():
    for (method, (_, label, _)), score in zip(
      METHODS.items(), paper, strict=True
    ):
      row, cell = [game.title(), label, f"{score:,}"], found.get((game, method))
      if cell is None:
        rows.append([*row, "not run", *("-",) * 3])
        continue
      scores = cell["scores"]
      mean = f"{scores['return']:.1f}" if "return" in scores else "-"
      row += [mean, f"{scores['games']:.0f}"]
      origin = cells.origin([cell], ".0f", "in pieces")
      rows.append([*row, f"{cell['frames'] / 1e6:.2f}M", origin])
  header = ["game", "method", "paper, 200M frames", "ours, mean of last games"]
  header += ["games", "frames", cells.ORIGIN]
  return markdown.table(header, rows)


def figure(
  path: pathlib.Path, found: dict[tuple[str, str], dict[str, Any]]
) -> None:
  """Draws the return of the actors' last games against frames, a panel a game.

  Nothing is drawn before the first game has ended.
  """
  games = list(dict.fromkeys(game for game, _ in found))
  drawn, row_of_axes = panels(len(games), 4.5, 3.2)
  for game, axes in zip(games, row_of_axes, strict=True):
    for method, (_, label, colour) in METHODS.items():
      if cell := found.get((game, method)):
        ended = [row for row in cell["curve"] if row["games"]]
        frames = cell["frames"] / cell["steps"] / 1e6
        axes.plot(
          [row["step"] * frames for row in ended],
          [row["return"] for row in ended],
          color=colour,
          label=label,
        )
    axes.set_title(game.title(), fontsize=10)
    axes.set_xlabel("million frames")
    axes.legend(fontsize=9)
  row_of_axes[0].set_ylabel("return, mean of the actors' last games")
  save(drawn, path)


TABLES = {"atari": atari}
