"""Molecules with coloured atoms, and the figures of the tables."""

import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from rdkit import Chem
from rdkit.Chem import rdDepictor
from sklearn import metrics

from common.errors import InputError
from common.tables import figures

# Red speaks for the class, blue against it, as in the paper.
FOR, AGAINST = (0.90, 0.28, 0.26), (0.27, 0.47, 0.85)


def _colour(value: float) -> tuple[float, float, float]:
  """White for 0, red for 1, blue for -1."""
  end = np.array(FOR if value > 0 else AGAINST)
  red, green, blue = 1 - min(abs(value), 1.0) * (1 - end)
  return float(red), float(green), float(blue)


def molecule(
  drawn: Chem.Mol,
  scores: np.ndarray,
  scale: float | None = None,
  legend: str = "",
  size: tuple[int, int] = (320, 260),
  svg: bool = False,
) -> str | bytes:
  """A molecule whose atoms are coloured by their scores.

  Args:
    drawn: as RDKit has read it.
    scores: `[atoms]`; one whose size is below a twentieth of the scale stays
      white.
    scale: the score of full colour; None: the largest here.
    legend: below the molecule.
    size: width and height in pixels.
    svg: an SVG's text, else a PNG's bytes.

  Raises:
    InputError: RDKit's drawing lacks a library of the system.
  """
  try:  # Here, since predictions need no picture.
    from rdkit.Chem.Draw import rdMolDraw2D
  except ImportError as error:
    raise InputError(
      f"RDKit cannot draw here ({error}): install the system's libraries that "
      "the Dockerfile names"
    ) from error
  full = scale or float(np.abs(scores).max(initial=0)) or 1.0
  shades = np.asarray(scores) / full
  atoms = [int(i) for i in np.flatnonzero(np.abs(shades) >= 0.05)]
  colours = {i: _colour(shades[i]) for i in atoms}
  bonds = {
    bond.GetIdx(): _colour(float(shades[[i, j]].mean()))
    for bond in drawn.GetBonds()
    for i, j in [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())]
    if i in colours and j in colours and shades[i] * shades[j] > 0
  }
  kind = rdMolDraw2D.MolDraw2DSVG if svg else rdMolDraw2D.MolDraw2DCairo
  canvas = kind(*size)
  options = canvas.drawOptions()
  options.useBWAtomPalette()
  options.legendFontSize = 15
  options.padding = 0.08
  options.highlightBondWidthMultiplier = 12
  copy = Chem.Mol(drawn)
  rdDepictor.Compute2DCoords(copy)
  rdMolDraw2D.PrepareAndDrawMolecule(
    canvas,
    copy,
    legend=legend,
    highlightAtoms=atoms,
    highlightAtomColors=colours,
    highlightBonds=list(bonds),
    highlightBondColors=bonds,
    kekulize=False,
  )
  canvas.FinishDrawing()
  return canvas.GetDrawingText()


def sheet(path: pathlib.Path, panels: Sequence[bytes], columns: int) -> None:
  """Writes PNG panels of one size side by side, row by row."""
  opened = [Image.open(io.BytesIO(panel)).convert("RGB") for panel in panels]
  width, height = opened[0].size
  rows = -(-len(opened) // columns)
  whole = Image.new("RGB", (columns * width, rows * height), "white")
  for i, panel in enumerate(opened):
    whole.paste(panel, (i % columns * width, i // columns * height))
  path.parent.mkdir(parents=True, exist_ok=True)
  whole.quantize(128).save(path)


def roc(
  path: pathlib.Path, curves: Mapping[str, Sequence[tuple[Any, Any]]], paper
) -> None:
  """ROC curves, several of each name: (scores, labels) of each."""
  made = figures.figure(4.6, 4.4)
  axes = made.subplots()
  colours = figures.OURS, figures.OTHERS, figures.TEAL, figures.VIOLET
  for (name, runs), colour in zip(curves.items(), colours, strict=False):
    areas = [metrics.roc_auc_score(y, score) for score, y in runs]
    for i, (score, y) in enumerate(runs):
      false, true, _ = metrics.roc_curve(y, score)
      label = f"{name}: {np.mean(areas):.3f}" if i == 0 else None
      axes.plot(false, true, color=colour, alpha=0.6, lw=1.2, label=label)
  axes.plot([0, 1], [0, 1], color=figures.GREY, lw=0.8)
  axes.set_xlabel("false positives")
  axes.set_ylabel("true positives")
  axes.set_title(f"Ames, test set; the paper's AUC is {paper}", fontsize=10)
  axes.set_aspect("equal")
  axes.legend(frameon=False, title="AUC, mean over seeds", loc="lower right")
  figures.save(made, path)


def layers(
  path: pathlib.Path, studies: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
  """The paper's Figure 2: where alerts are found first, and their sizes."""
  made = figures.figure(8.0, 3.4)
  left, right = made.subplots(1, 2)
  colours = (figures.OURS, figures.OTHERS, figures.GREY, figures.OCHRE)
  width = 0.8 / len(studies)
  for i, ((name, found), colour) in enumerate(
    zip(studies.items(), colours, strict=False)
  ):
    places = np.arange(1, len(found) + 1)
    left.bar(
      places + (i - (len(studies) - 1) / 2) * width,
      [layer["first"] for layer in found],
      width,
      color=colour,
      label=name,
    )
    sized = [
      (place, layer)
      for place, layer in zip(places, found, strict=True)
      if layer["first"]
    ]
    right.errorbar(
      [place for place, _ in sized],
      [layer["size"] for _, layer in sized],
      [layer["error"] or 0 for _, layer in sized],
      color=colour,
      marker="o",
      ls="none",
      capsize=3,
    )
  left.set_yscale("symlog", linthresh=1)
  left.set_ylabel("alerts found here first")
  right.set_ylabel("their mean size, atoms")
  for axes in (left, right):
    axes.set_xlabel("layer")
    axes.set_xticks(range(1, 1 + max(map(len, studies.values()))))
  left.legend(frameon=False)
  figures.save(made, path)
