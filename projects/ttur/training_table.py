"""`--table=training`: the paper's Table 1, and what was trained here beside it.

`--name=CONFIG` trains a config's pair of rates and its `original` single rate,
`--seeds` times each; the paper's numbers are the best of all runs and
evaluations, and so is that column.
"""

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np

from common.errors import InputError, check_names
from common.tables import cells, markdown, reproduce

from . import published, rates
from .rates_table import curve, number, trained

VARIANTS = {"": "two rates", "original": "one rate"}


def measure(
  config: ml_collections.ConfigDict,
  folder: pathlib.Path,
  seeds: int,
  picture: pathlib.Path,
) -> dict[str, Any]:
  """All seeds, one after the other; copies the first one's samples.

  Of a run that diverges the evaluations until then count, and it is counted.

  Raises:
    InputError: all runs diverge.
  """
  done, minutes = None, []
  for seed in range(seeds):
    config.unlock().seed = seed
    if cell := trained(config, folder / f"{seed}"):
      done = cell
      minutes.append(cell["minutes"])
  if done is None:
    raise InputError(
      f"all {seeds} runs in {folder} diverged: give lower "
      "config.discriminator_rate and config.generator_rate"
    )
  shown = folder / "0" / "samples.png"
  if shown.exists():
    picture.write_bytes(shown.read_bytes())
  score = next(iter(done["scores"]))
  curves = [np.array(curve(folder / f"{i}", score)) for i in range(seeds)]
  whole = [m for m in minutes if m is not None]
  return {
    "score": score,
    "curves": [rates.plain(one) for one in curves],
    "diverged": seeds - len(minutes),
    "steps": done["steps"],
    "minutes": float(np.mean(whole)) if whole else None,
    "config": cells.recorded(config),
  }


def best_of(curve: Sequence[float | None]) -> float:
  """The best evaluation of a run, infinite where it diverged before any."""
  return min((v for v in curve if v is not None), default=np.inf)


def table(context: reproduce.Context) -> str:
  """A row for each config and variant; `-` where nothing was trained."""
  asked = context.arguments.name
  if context.quick:
    asked = asked or "dcgan_fashion_mnist"
  check_names("--name", [asked] * bool(asked), list(published.TRAININGS))
  rows = []
  for name, theirs in published.TRAININGS.items():
    for variant, title in VARIANTS.items():
      config = reproduce.config_of(context, name, variant)
      file = f"training_{name}_{variant or 'ttur'}"
      path = context.out / f"{file}.json"
      rates = [f"{config.discriminator_rate:g}", f"{config.generator_rate:g}"]
      row = [name, title, *rates, *map(text, theirs[variant])]
      if name == asked:
        config.data_dir = context.arguments.data_dir or config.data_dir
        compute = functools.partial(
          measure,
          config,
          reproduce.workdir(context, context.arguments.runs, file),
          context.seeds,
          context.out / f"{file}.png",
        )
        cell = reproduce.cell(context, file, compute)
      elif path.exists():
        cell = cells.load(path)
      else:
        rows.append([*row, *["-"] * 4])
        continue
      best = [best_of(c) for c in cell["curves"]]
      diverged = cell.get("diverged", 0)
      runs = f"{len(best)} of {cell['steps']:,} steps"
      rows.append(
        [
          *row,
          f"{cell['score']} {min(best):.4g}",
          number(float(np.median(best)), 4),
          runs + f", {diverged} diverged" * bool(diverged),
          cells.origin([cell]),
        ]
      )
  header = ["config", "rates", "D", "G", "paper: best"]
  header += ["paper: mean run's best", "ours: best", "ours: median run's best"]
  return markdown.table([*header, "runs", cells.ORIGIN], rows)


def text(value: float | None) -> str:
  """A published number, or that there is none."""
  return "-" if value is None else f"{value:g}"
