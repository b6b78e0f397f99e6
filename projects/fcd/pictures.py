"""Pictures of the studies: scores against the level of a fault, and MOSES."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.tables import figures

COLORS = {
  "FCD": figures.RED,
  "FFD": figures.BLUE,
  "logP": figures.OCHRE,
  "QED": figures.TEAL,
  "SA": figures.VIOLET,
  "diversity": figures.GREEN,
}


def disturbances_plot(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Each score against the level of each fault, all in units of their spread.

  A score is shown less its mean without the fault, in standard deviations over
  all repetitions without it: what rises above a few of them is seen.

  Args:
    path: of the PNG.
    results: of `reproduce.study_disturbances`.
  """
  levels, faults = results["levels"], results["scores"]
  figure = figures.figure(3.1 * len(faults), 3.6)
  panels = figure.subplots(1, len(faults), sharey=True, squeeze=False)[0]
  for axes, (fault, scores) in zip(panels, faults.items(), strict=True):
    for name, color in COLORS.items():
      curves = np.array(scores[name])
      without = np.concatenate(
        [np.array(f[name])[:, 0] for f in faults.values()]
      )
      unit = max(float(without.std()), 1e-12)
      z = (curves - without.mean()) / unit
      low, middle, high = np.quantile(z, [0.25, 0.5, 0.75], axis=0)
      wide = 2.5 if name == "FCD" else 1.2
      axes.plot(levels, middle, "o-", ms=3, lw=wide, color=color, label=name)
      axes.fill_between(levels, low, high, color=color, alpha=0.2, lw=0)
    axes.axhspan(-3, 3, color="black", alpha=0.06, lw=0)
    axes.set_yscale("symlog", linthresh=3)
    axes.set(title=fault, xlabel="share of the set that has it")
  panels[0].set_ylabel("score, in standard deviations\nof it without a fault")
  handles, labels = panels[0].get_legend_handles_labels()
  figure.legend(handles, labels, loc="outside lower center", ncols=len(COLORS))
  figures.save(figure, path)


def moses_plot(path: pathlib.Path, results: Mapping[str, Any]) -> None:
  """Ours against the published FCD of each model, with and without 1/n.

  Args:
    path: of the PNG.
    results: of `reproduce.study_moses`.
  """
  figure = figures.figure(10, 4.4)
  panels = figure.subplots(1, 2)
  for axes, test in zip(panels, ("Test", "TestSF"), strict=True):
    found = {name: m[test] for name, m in results["models"].items()}
    published = np.array([s["published"] for s in found.values()])
    ours = np.array([s["fcd"] for s in found.values()])
    error = np.array([s["standard_error"] or 0.0 for s in found.values()])
    infinite = [
      s["at_infinity"]["value"] if s["at_infinity"] else np.nan
      for s in found.values()
    ]
    ends = [0.7 * published.min(), 1.4 * max(published.max(), ours.max())]
    axes.plot(ends, ends, color="black", lw=0.7)
    axes.errorbar(
      published,
      ours,
      error,
      fmt="o",
      color=COLORS["FCD"],
      capsize=3,
      label="ours",
    )
    axes.plot(
      published, infinite, "x", color=COLORS["FFD"], label="ours, infinite n"
    )
    marks = sorted(zip(published, ours, found, strict=True))
    for i, (x, y, name) in enumerate(marks):
      at = (6, -12) if i % 2 else (-8, 8)  # Neighbours on both sides.
      axes.annotate(name, (x, y), at, textcoords="offset points", size=8)
    axes.set(
      xscale="log",
      yscale="log",
      title=f"FCD/{test}",
      xlabel="published",
      ylabel="here",
    )
    axes.legend(loc="upper left")
  figures.save(figure, path)
