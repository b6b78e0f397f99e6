"""What figures have in common: colours, no screen, pixels."""

import pathlib

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# What a figure is about is red, what it is compared with is not.
RED, BLUE, GREY, SLATE = "#d1495b", "#30638e", "#9aa5b1", "#6b7480"
OCHRE, TEAL, VIOLET, GREEN = "#c98a1b", "#3a9188", "#8f6bb3", "#7a9e3b"
OURS, OTHERS, REAL, PAPER = RED, BLUE, GREY, SLATE


def figure(width: float, height: float, dpi: int = 100) -> Figure:
  """An empty figure of `width` x `height` inches.

  It is not pyplot's: no screen is looked for, and none needs to be closed.
  """
  made = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
  FigureCanvasAgg(made)
  return made


def save(made: Figure, path: pathlib.Path, dpi: int = 110) -> None:
  """Writes a figure, and the folder that it lies in."""
  path.parent.mkdir(parents=True, exist_ok=True)
  made.savefig(path, dpi=dpi)


def pixels(made: Figure) -> np.ndarray:
  """A figure as a picture, uint8 `[height, width, 3]`."""
  canvas = FigureCanvasAgg(made)
  canvas.draw()
  return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def to_pixels(x) -> np.ndarray:
  """[-1, 1] to uint8; what lies outside is clipped, for display only."""
  rounded = np.round(np.clip(np.asarray(x) * 127.5 + 127.5, 0, 255))
  return rounded.astype(np.uint8)
