"""What all figures share, and the curve that every run leaves behind."""

import pathlib

import matplotlib
import numpy as np

from common import experiment, logs

matplotlib.use("Agg")  # No screen is needed, or looked for.
from matplotlib import pyplot as plt


def save(figure, path: pathlib.Path) -> None:
  """Writes a figure and forgets it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  figure.savefig(path, dpi=120)
  plt.close(figure)


def panels(count: int, width: float, height: float):
  """A figure of `count` panels of these inches in a row, and its axes."""
  figure, axes = plt.subplots(
    1,
    count,
    figsize=(width * count, height),
    layout="constrained",
    squeeze=False,
  )
  return figure, axes[0]


def learning_curve(run: experiment.Run) -> None:
  """Writes learning_curve.png: returns of training and of evaluation."""
  records = logs.read(run.workdir)
  config = run.config
  per_step = getattr(config, "check_every", 1)
  unit = "episodes" if "check_every" in config else "updates"
  figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
  for name, label in (("return", "training"), ("eval_return", "evaluation")):
    points = [(r["step"], r[name]) for r in records if name in r]
    if points:
      x, y = np.array(points).T
      axes.plot(x * per_step, y, label=label)
  axes.set(xlabel=unit, ylabel="return")
  axes.legend()
  save(figure, run.workdir / "learning_curve.png")
