"""Film strips: the truth and what models make of it, frame beside frame."""

import pathlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from common.tables import figures, gif

STRIP_CLIPS = 2  # Of a strip.
_CELL = 0.9  # Inches a frame.
_SIDE = 128  # Pixels a side of a film in a GIF, at least.
_MILLISECONDS = 200  # A frame.


def strip(
  path: pathlib.Path,
  rows: Mapping[str, np.ndarray],
  context: np.ndarray,
  titles: tuple[str, ...] = (),
) -> None:
  """Draws a block for each clip: a row for the truth and one for each model.

  Args:
    path: of the PNG.
    rows: uint8 [n, t, h, w, 3] by name; the first is the truth, before which
      the context is shown.
    context: uint8 [n, c, h, w, 3].
    titles: of the n blocks; none by default.
  """
  rows = {name: np.asarray(video) for name, video in rows.items()}
  context = np.asarray(context)
  n, c = context.shape[:2]
  steps = next(iter(rows.values())).shape[1]
  wide, tall = c + steps, n * len(rows)
  figure = figures.figure(_CELL * wide + 1.6, _CELL * tall + 0.35 * n + 0.3)
  panels = figure.subplots(tall, wide, squeeze=False)
  for i in range(n):
    for r, (name, video) in enumerate(rows.items()):
      line = panels[i * len(rows) + r]
      for t, axes in enumerate(line):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if t >= c:
          axes.imshow(video[i, t - c], interpolation="nearest")
        elif r == 0:
          axes.imshow(context[i, t], interpolation="nearest")
        if r == 0:
          said = "given" if t < c else f"{t - c + 1}"
          axes.set_title(said, fontsize=8, pad=2)
      said = f"{titles[i]}\n\n{name}" if titles and r == 0 else name
      line[0].set_ylabel(said, rotation=0, ha="right", va="center", fontsize=9)
  figures.save(figure, path)


def animation(
  path: pathlib.Path, rows: Mapping[str, np.ndarray], context: np.ndarray
) -> None:
  """Draws the same as a GIF: clips below each other, the rows side by side.

  Args:
    path: of the GIF.
    rows: as for `strip`.
    context: as for `strip`; all films begin with it.
  """
  films = [np.concatenate([context, video], axis=1) for video in rows.values()]
  # [t, n h, rows w, 3], a white pixel between films.
  joined = np.stack(films, axis=2)  # [n, t, rows, h, w, 3].
  room = [(0, 0)] * 3 + [(0, 1), (0, 1), (0, 0)]
  joined = np.pad(joined, room, constant_values=255)
  n, t, count, h, w, _ = joined.shape
  joined = joined.transpose(1, 0, 3, 2, 4, 5).reshape(t, n * h, count * w, 3)
  times = -(-_SIDE // h)
  large = joined.repeat(times, axis=1).repeat(times, axis=2)
  images = [Image.fromarray(frame) for frame in large]
  gif.save(path, images, _MILLISECONDS, 4 * _MILLISECONDS)
