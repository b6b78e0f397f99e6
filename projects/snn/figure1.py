"""Figure 1 of arXiv:1706.02515: the training loss of deep networks on images.

Each curve is a run of `train`, which keeps the loss of a batch every few steps.
"""

import functools
import pathlib
from typing import Any

import ml_collections
import numpy as np

from common import logs
from common.tables import cells, markdown, reproduce

from . import asked, pictures, result_tables, train

METHODS = ("selu", "batch_norm")
DEPTHS = (8, 16, 32)
RUNS = pathlib.Path("runs/snn_figure1")


def training(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, Any]:
  """One training: its scores, and its loss at steps of the log."""
  _, cell = cells.trained(train.train, config, workdir)
  found = [row for row in logs.read(workdir) if "loss" in row]
  return {**cell, **{k: [row[k] for row in found] for k in ("step", "loss")}}


def last_epoch(cell: dict[str, Any]) -> np.ndarray:
  """The losses kept of the batches of a training's last epoch."""
  length = cell["steps"] / cell["config"]["epochs"]
  steps, loss = np.array(cell["step"]), np.array(cell["loss"])
  return loss[steps > cell["steps"] - max(length, 1)]


def figure1(context: reproduce.Context, variant: str = "") -> str:
  """Trains what is missing, draws the curves; returns the table."""
  name = asked.name_of(context, "figure1", variant)
  rows, curves = [], {}
  for depth in DEPTHS:
    for method in context.arguments.methods or METHODS:
      config = asked.config_of(context, "figure1", variant)
      config.method, config.depth = method, depth
      piece = f"{name}_{method}_{depth}"
      run = reproduce.workdir(context, RUNS, piece)
      fit = functools.partial(training, config, run)
      cell = reproduce.cell(context, piece, fit)
      label = result_tables.named(method)
      curves.setdefault(depth, {})[label] = cell["step"], cell["loss"]
      scores = cell["scores"]
      rows.append(
        [
          f"{depth}",
          label,
          f"{cell['config']['epochs']}",
          cells.median_and_range(cells.summary(last_epoch(cell)), ".3f"),
          *(f"{scores[f'{part}_accuracy']:.1%}" for part in ("train", "test")),
          cells.origin([cell], unknown="in pieces"),
        ]
      )
  if asked.may_write(context):
    pictures.losses_plot(context.out / f"{name}.png", curves)
  header = ["layers", "method", "epochs", "loss of the last epoch's batches"]
  header += ["training accuracy", "test accuracy", cells.ORIGIN]
  return markdown.table(header, rows)
