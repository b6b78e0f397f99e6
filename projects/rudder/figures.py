"""What all figures share, and the curve that every run leaves behind."""

import pathlib

import numpy as np
from matplotlib.figure import Figure

from common import experiment, logs
from common.tables import figures


def save(made: Figure, path: pathlib.Path) -> None:
  """Writes a figure."""
  figures.save(made, path, dpi=120)


def panels(count: int, width: float, height: float):
  """A figure of `count` panels of these inches in a row, and its axes."""
  made = figures.figure(width * count, height)
  return made, made.subplots(1, count, squeeze=False)[0]


def learning_curve(run: experiment.Run) -> None:
  """Writes learning_curve.png: returns of training and of evaluation."""
  records = logs.read(run.workdir)
  config = run.config
  per_step = getattr(config, "check_every", 1)
  unit = "episodes" if "check_every" in config else "updates"
  made, (axes,) = panels(1, 6, 3.6)
  for name, label in (("return", "training"), ("eval_return", "evaluation")):
    points = [(r["step"], r[name]) for r in records if name in r]
    if points:
      x, y = np.array(points).T
      axes.plot(x * per_step, y, label=label)
  axes.set(xlabel=unit, ylabel="return")
  axes.legend()
  save(made, run.workdir / "learning_curve.png")
