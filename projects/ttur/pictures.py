"""The pictures: of the disturbance study (Figure 3), and of a training."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from common import experiment
from common.gan.pictures import save_tiles, tile
from common.tables import figures

from . import disturbances, published


def disturbances_plot(
  path: pathlib.Path,
  results: Mapping[str, Any],
  image: np.ndarray,
  other: np.ndarray,
  swirl_radius: float,
) -> None:
  """Distance against level of each disturbance, with an image at each level.

  Both curves are shares of their largest value, since they are of other
  networks and images.

  Args:
    path: of the PNG.
    results: of `reproduce.study`.
    image: float [h, w, 3] between -1 and 1, to show what is done.
    other: what contaminates, likewise.
    swirl_radius: of the swirl that is shown.
  """
  found, score = results["disturbances"], results["protocol"]["score"]
  figure = figures.figure(12, 7.6)
  panels = figure.subplots(2, 3, sharey=True).ravel()
  for axes, name in zip(panels, disturbances.AMOUNTS, strict=True):
    levels = found[name]
    ours = np.array([level["distance"] for level in levels])
    error = np.array([level["standard_error"] or 0.0 for level in levels])
    theirs = np.array(published.DISTURBANCES[name])
    at = np.arange(len(ours))
    axes.errorbar(
      at,
      ours / ours.max(),
      error / ours.max(),
      fmt="o-",
      color=figures.OURS,
      capsize=3,
      label=f"here: {score}",
    )
    axes.plot(
      at,
      theirs / theirs.max(),
      "s--",
      ms=4,
      color=figures.PAPER,
      alpha=0.8,
      label="paper: FID, CelebA",
    )
    for x, amount in zip(at, disturbances.AMOUNTS[name], strict=True):
      axes.add_artist(_example(name, amount, image, other, swirl_radius, x))
    axes.set(
      title=f"{name}: up to {ours.max():.4g}",
      xlim=(-0.5, len(at) - 0.5),
      xticks=at,
      ylim=(-0.05, 1.15),
    )
    axes.set_xticklabels(["none", "weak", "medium", "strong"])
    axes.tick_params(axis="x", pad=58)
  panels[0].legend(loc="upper left", fontsize="x-small")
  figure.supylabel("share of the largest distance")
  figures.save(figure, path)


def _example(name, amount, image, other, swirl_radius, x):
  random = np.random.default_rng(0)
  if name == "contamination":
    # A set's share, shown as a row of four.
    row = [other if i < round(4 * amount) else image for i in range(4)]
    half = [np.concatenate(row[:2], axis=1), np.concatenate(row[2:], axis=1)]
    shown = np.concatenate(half)
  else:
    shown = disturbances.disturb(
      name, image[None], amount, random, swirl_radius
    )[0]
  pixels = np.clip((shown + 1) / 2, 0, 1)
  box = OffsetImage(pixels, zoom=52 / pixels.shape[0], cmap="gray")
  return AnnotationBbox(
    box,
    (x, 0),
    xybox=(0, -32),
    xycoords=("data", "axes fraction"),
    boxcoords="offset points",
    frameon=False,
    annotation_clip=False,
  )


def snapshot(run: experiment.Run, x: np.ndarray, step: int) -> None:
  """Writes samples.png anew, and shows images in TensorBoard.

  Args:
    run: of the training.
    x: generated, of the same latents at every step: `[n, h, w, c]` in [-1, 1],
      or points `[n, 2]`.
    step: done.
  """
  path = run.workdir / "samples.png"
  if x.ndim == 2:
    points_plot(path, x, step)
    return
  pixels = figures.to_pixels(x)
  run.image(step, "samples", tile(pixels))
  save_tiles(path, pixels)


def points_plot(path: pathlib.Path, x: np.ndarray, step: int) -> None:
  """Generated points `[n, 2]`."""
  figure = figures.figure(5, 5)
  axes = figure.subplots()
  axes.scatter(*x.T, s=2, color=figures.OURS)
  axes.set(aspect="equal", title=f"step {step:,}")
  figures.save(figure, path)
