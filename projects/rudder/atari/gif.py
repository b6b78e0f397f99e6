"""An episode as a GIF: the frames, and under them where the reward has gone."""

import pathlib
from typing import Any

import ml_collections
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from common.tables import figures, gif

from .actors import CONTEXT, Lesson

ZOOM = 4
ORIGINAL, REDISTRIBUTED = "#1f77b4", "#d1495b"


def save(
  path: pathlib.Path,
  lesson: Lesson,
  explained: dict[str, Any] | None,
  config: ml_collections.ConfigDict,
) -> None:
  """Writes an episode, at most `config.film_frames` of its frames.

  Args:
    path: of the GIF.
    lesson: the episode.
    explained: `redistributed` and `quality` `[length]`, of
      `train.explain_episode`; None where nothing was redistributed.
    config: for the scale of the rewards, and the number of frames.
  """
  length = int(lesson.length)
  scale = 1 / config.reward_scale
  reward = np.asarray(lesson.reward[:length]) * scale
  curve = plot(reward, explained, scale)
  every = -(-length // config.film_frames)
  frames = []
  for t in range(0, length, every):
    game = Image.fromarray(np.asarray(lesson.frames[CONTEXT + t]))
    game = game.resize((84 * ZOOM, 84 * ZOOM), Image.Resampling.NEAREST)
    picture = Image.new("RGB", (84 * ZOOM, 84 * ZOOM + curve.height), "white")
    picture.paste(game, (0, 0))
    picture.paste(curve, (0, 84 * ZOOM))
    # Where we are, drawn by hand: a figure for each frame would take minutes.
    x = round(_LEFT + (t / max(length - 1, 1)) * (_RIGHT - _LEFT))
    picture.paste((0, 0, 0), (x, 84 * ZOOM + _TOP, x + 1, 84 * ZOOM + _BOTTOM))
    frames.append(picture.quantize(48))
  gif.save(path, frames, milliseconds=66, last=1500)


_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 150, 52, 326, 24, 126


def plot(
  reward: np.ndarray, explained: dict[str, Any] | None, scale: float
) -> Image.Image:
  """Rewards and redistributed rewards over the episode."""
  width = 84 * ZOOM
  figure = Figure(figsize=(width / 100, _HEIGHT / 100), dpi=100)
  place = (
    _LEFT / width,
    1 - _BOTTOM / _HEIGHT,
    (_RIGHT - _LEFT) / width,
    (_BOTTOM - _TOP) / _HEIGHT,
  )
  axes = figure.add_axes(place)
  title = "reward"
  steps = np.arange(len(reward))
  if explained is not None:
    redistributed = explained["redistributed"] * scale
    axes.plot(steps, redistributed, color=REDISTRIBUTED, lw=1)
    quality = float(np.mean(explained["quality"]))
    title = f"redistributed reward (red), quality {quality:.2f}"
  paid = np.flatnonzero(reward)
  if len(paid):
    axes.vlines(paid, 0, reward[paid], color=ORIGINAL, lw=1.5)
    axes.plot(paid, reward[paid], "o", color=ORIGINAL, ms=3)
    title += ", reward (blue)" if explained is not None else ""
  elif explained is None:
    title = "no reward"
  axes.axhline(0, color="black", lw=0.4)
  axes.set_xlim(0, max(len(reward) - 1, 1))
  axes.set_title(title, fontsize=7)
  axes.tick_params(labelsize=6)
  axes.yaxis.get_offset_text().set_fontsize(5)
  return Image.fromarray(figures.pixels(figure))
