"""Pictures of the studies: what disturbances a score sees, its bias in n."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from common.tables import figures

from . import disturbances

_CLIPS, _FRAMES = figures.OURS, figures.OTHERS


def disturbances_plot(
  path: pathlib.Path, results: Mapping[str, Any], clip: np.ndarray
) -> None:
  """Both distances, over their value at level 0, against the level.

  Args:
    path: of the PNG.
    results: of `reproduce.study_disturbances`.
    clip: uint8 [t, h, w, 3], to show the static ones on its middle frame.
  """
  found = results["disturbances"]
  figure = figures.figure(13, 6.4)
  panels = figure.subplots(2, 4, sharey=True).ravel()
  for axes, kind in zip(panels, disturbances.KINDS, strict=True):
    by = found[kind]
    for name, color, label in (
      ("clips", _CLIPS, results["protocol"]["score"]),
      ("frames", _FRAMES, "single frames"),
    ):
      value = np.array([f["distance"] for f in by[name]])
      error = np.array([f["standard_error"] or 0.0 for f in by[name]])
      axes.errorbar(
        range(6),
        value / value[0],
        error / value[0],
        fmt="o-",
        ms=4,
        capsize=2,
        color=color,
        label=label,
      )
    axes.axhline(1, color="black", lw=0.6, ls="--")
    axes.set_yscale("log")
    axes.set(title=kind.replace("_", " "), xticks=range(6), xlabel="level")
    if kind in disturbances.STATIC:
      shown = disturbances.disturb(kind, clip[None], 4, 0)[0, len(clip) // 2]
      box = OffsetImage(shown, zoom=48 / shown.shape[0])
      axes.add_artist(
        AnnotationBbox(box, (0.17, 0.8), xycoords="axes fraction")
      )
  handles, labels = panels[0].get_legend_handles_labels()
  figure.legend(handles, labels, loc="outside lower center", ncols=2)
  figure.supylabel("distance, over that of undisturbed clips")
  figures.save(figure, path)


def samples_plot(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """The distance of equal distributions against n, with its extrapolation.

  Args:
    path: of the PNG.
    results: of `reproduce.study_samples`.
  """
  figure = figures.figure(7, 4.4)
  axes = figure.subplots()
  sizes = [row["n"] for row in results["sizes"]]
  for key, color, label in (
    ("distance", _CLIPS, "distance"),
    ("extrapolated", _FRAMES, "extrapolated to infinite n"),
  ):
    middle = np.array([row[key]["median"] for row in results["sizes"]])
    low, high = np.array([row[key]["range"] for row in results["sizes"]]).T
    axes.plot(sizes, middle, "o-", color=color, label=label)
    axes.fill_between(sizes, low, high, color=color, alpha=0.2, lw=0)
  axes.axhline(0, color="black", lw=0.6)
  axes.set_xscale("log", base=2)
  axes.set_xticks(sizes, [str(n) for n in sizes])
  axes.set(xlabel="clips a side", ylabel=results["protocol"]["score"])
  axes.set_title("two sets of one distribution: the truth is 0")
  axes.legend()
  figures.save(figure, path)
