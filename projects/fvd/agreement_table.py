"""`--table=agreement`: which score ranks models as semantic scores do.

Semantic scores come from `semantics.py`, of what the models of the benchmark's
table have predicted.
"""

import functools
import pathlib
from typing import Any

import ml_collections
import numpy as np
import scipy.stats

from common.tables import cells, markdown, reproduce

from . import predict, published, semantics
from .model_tables import (
  BASELINES,
  MODELS,
  PREDICTED,
  config_of,
  judged_parts,
  parts_of,
  run_of,
  size_of,
  split_of,
)
from .scenarios import SCENARIOS

# Which way a score is better, what the paper's study of people calls it, and
# the table.
METRICS = {
  "distance": (-1, "FVD", "clips' distance"),
  "kernel": (-1, "KVD", "kernel distance"),
  "frames": (-1, "average FID", "frames' distance"),
  "psnr": (1, "PSNR", "PSNR"),
  "ssim": (1, "SSIM", "SSIM"),
}


def agreement(context: reproduce.Context) -> str:
  """How scores rank models, against how semantic scores do.

  Spearman's rank correlation over the models and baselines of a scenario, of
  cells that are there; beside it what people said of the paper's models.
  """
  rows = []
  for scenario in SCENARIOS:
    entries = judged_entries(context, scenario)
    runs = {
      member: path
      for member in MODELS
      if MODELS[member] in entries
      and ((path := run_of(context, scenario, member)) / PREDICTED).exists()
    }
    name = f"semantics_{size_of(context)}_{scenario}"
    path = context.out / f"{name}.json"
    if runs:
      config = config_of(context, scenario, "cdna")
      # With `--fresh`, those whose runs are elsewhere stay.
      old = cells.load(path)["semantics"] if path.exists() else {}
      compute = functools.partial(semantic_cell, config, runs, old)
      cell = reproduce.cell(context, name, compute)
    elif path.exists():
      cell = cells.load(path)
    else:
      continue
    rows += [
      ranked(scenario, title, values, entries)
      for title, values in semantic_scores(cell["semantics"]).items()
    ]
    papers = {
      title: -published.BENCHMARK[member][scenario][0]
      for member, title in MODELS.items()
    }
    rows.append(ranked(scenario, "the paper's FVD, 64 pixels", papers, entries))
  rows.append(
    [
      "BAIR (paper)",
      "what people prefer",
      "models spread by FVD / SSIM / PSNR, agreement in %",
      *(
        " / ".join(map(str, published.AGREEMENT[name][3:]))
        for _, name, _ in METRICS.values()
      ),
    ]
  )
  header = ["scenario", "semantic score", "of whom"]
  header += [title for *_, title in METRICS.values()]
  return markdown.table(header, rows)


def semantic_cell(
  config: ml_collections.ConfigDict,
  runs: dict[str, pathlib.Path],
  old: dict[str, Any],
) -> dict[str, Any]:
  """Scores of `semantics.py` of what was predicted first, by model.

  Args:
    config: names the scenario.
    runs: of the models whose predictions are there.
    old: what is kept of other models.
  """
  videos, c = split_of(config)
  made = {
    name: make(videos[:, :c], config.eval_frames)
    for name, make in predict.BASELINES.items()
  }
  made |= {MODELS[m]: np.load(path / PREDICTED) for m, path in runs.items()}
  new = {
    name: semantics.of_predictions(config.scenario, video, c)
    for name, video in made.items()
  }
  return {"semantics": {**old, **new}}


def ranked(
  scenario: str,
  title: str,
  values: dict[str, float],
  entries: dict[str, dict[str, Any]],
) -> list[str]:
  """A row: how each of `METRICS` ranks whom `values` rank, more is better."""
  names = [entry for entry in values if entry in entries]
  found = [
    rank_correlation(
      [sign * entries[e][metric] for e in names], [values[e] for e in names]
    )
    for metric, (sign, *_) in METRICS.items()
  ]
  texts = ["-" if rank is None else f"{rank:+.2f}" for rank in found]
  shares = ", ".join(f"{e} {abs(values[e]):.4g}" for e in names)
  return [scenario, title, shares, *texts]


def judged_entries(
  context: reproduce.Context, scenario: str
) -> dict[str, dict[str, Any]]:
  """The scores of a scenario's cells that are there, by model and baseline."""
  entries = {}
  for member in (BASELINES, *MODELS):
    entries |= judged_parts(parts_of(context, scenario, member))
  return entries


def semantic_scores(
  entries: dict[str, dict[str, Any]],
) -> dict[str, dict[str, float]]:
  """By semantic score, what each entry has; higher is better."""
  out: dict[str, dict[str, float]] = {}
  for entry, found in entries.items():
    for name, value in found.items():
      if isinstance(value, float | int):
        out.setdefault(name, {})[entry] = float(value)
  return out


def rank_correlation(a: list[float], b: list[float]) -> float | None:
  """Spearman's; None of fewer than three, or where one side is all ties."""
  if len(a) < 3 or len(set(a)) == 1 or len(set(b)) == 1:
    return None
  return float(scipy.stats.spearmanr(a, b).statistic)
