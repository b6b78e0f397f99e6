"""What a run leaves behind to look at: lines or images, and curves."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common import experiment, logs
from common.data import text
from common.gan import pictures
from common.tables import figures

from . import data

ORDERS = (4, 6)  # The n whose JSDs are shown, as in the paper.
COLOURS = {
  "first_order": figures.OURS,
  "wgan_gp": figures.OTHERS,
  "penalized": figures.OCHRE,
  "gan": figures.TEAL,
  "ttur": figures.OURS,
  "one_rate": figures.OTHERS,
}
NAMES = {
  "first_order": "First Order GAN",
  "wgan_gp": "WGAN-GP",
  "penalized": "penalised, no slope term",
  "gan": "GAN",
  "ttur": "WGAN-GP, two rates",
  "one_rate": "WGAN-GP, one rate",
}


def snapshot(run: experiment.Run, x: np.ndarray, step: int) -> None:
  """Keeps samples of step `step`, of the same latents at every step."""
  config = run.config
  folder = run.workdir / "film"
  folder.mkdir(exist_ok=True)
  save(folder / f"{step:08d}", x, config)
  if config.network == "dcgan":
    run.image(step, "samples", pictures.tile(figures.to_pixels(x)))


def last(run: experiment.Run, x: np.ndarray) -> None:
  """Writes the last samples, and the curve of the score."""
  config, workdir = run.config, run.workdir
  save(workdir / "samples", x, config)
  records = logs.read(workdir)
  if config.network == "characters":
    counts = (config.few_samples, config.eval_samples)
    curves = {config.method: [divergence_curve(records, counts)]}
    floors = {count: data.floor(config, count) for count in counts}
    divergences(workdir / "jsd.png", curves, floors)
  else:
    scored = [r for r in records if "frechet_8x8" in r]
    figure = figures.figure(6, 3.6)
    axes = figure.subplots()
    axes.plot(
      [r["step"] for r in scored],
      [r["frechet_8x8"] for r in scored],
      color="C0",
    )
    label = "Frechet distance of 8x8 pixels"
    axes.set(xlabel="step", ylabel=label, yscale="log")
    figures.save(figure, workdir / "frechet.png")


def save(path: pathlib.Path, x: np.ndarray, config: Any) -> pathlib.Path:
  """Writes samples as `path.txt`, a line each, or `path.png`; returns which."""
  if config.network == "characters":
    path = path.with_suffix(".txt")
    lines = text.decode(x, data.text_of(config).characters)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
  path = path.with_suffix(".png")
  pictures.save_tiles(path, figures.to_pixels(x))
  return path


def divergence_curve(
  records: Sequence[Mapping[str, float]], counts: Sequence[int]
) -> dict[str, Any]:
  """Steps, and the JSDs there: `{"step": [...], count: {n: [...]}}`."""
  scored = [r for r in records if f"jsd1_{counts[0]}" in r]
  return {
    "step": [r["step"] for r in scored],
    **{
      str(count): {
        str(n): [r[f"jsd{n}_{count}"] for r in scored] for n in range(1, 7)
      }
      for count in counts
    },
  }


def divergences(
  path: pathlib.Path,
  curves: Mapping[str, Sequence[Mapping[str, Any]]],
  floors: Mapping[int, np.ndarray],
  updates: Mapping[str, int] | None = None,
) -> None:
  """JSD over steps, a panel for each n and number of samples.

  Args:
    path: of the PNG.
    curves: of each method, those of its seeds (`divergence_curve`): their mean
      as a line, and two standard deviations as a band.
    floors: of each number of samples, JSD of held-out text for n = 1 .. 6.
    updates: of both players in a step of each method, which are then counted.
  """
  figure = figures.figure(5 * len(floors), 3.2 * len(ORDERS))
  panels = figure.subplots(len(ORDERS), len(floors), squeeze=False, sharex=True)
  for row, n in zip(panels, ORDERS, strict=True):
    for axes, (count, floor) in zip(row, floors.items(), strict=True):
      for method, seeds in curves.items():
        values = np.array([c[str(count)][str(n)] for c in seeds])
        steps, mean = np.array(seeds[0]["step"]), values.mean(axis=0)
        steps *= (updates or {}).get(method, 1)
        axes.plot(steps, mean, color=COLOURS[method], label=NAMES[method])
        if len(values) > 1:
          band = 2 * values.std(axis=0, ddof=1)
          axes.fill_between(
            steps, mean - band, mean + band, color=COLOURS[method], alpha=0.2
          )
      axes.axhline(floor[n - 1], color="black", ls="--", label="held-out text")
      axes.set_title(f"JSD-{n}, {count:,} lines")
  for axes in panels[-1]:
    axes.set_xlabel("updates of both players" if updates else "step")
  panels[0][0].legend()
  figures.save(figure, path)


def directions(path: pathlib.Path, cell: Mapping[str, Any]) -> None:
  """Updates of the first seed, and angles and lengths over training.

  Args:
    path: of the PNG.
    cell: of `directions.cell`.
  """
  figure = figures.figure(14, 5)
  plane, angles, lengths = figure.subplots(1, 3)
  arrows = {name: np.array(v) for name, v in cell["arrows"].items()}
  x, x_prime, best = (arrows[n] for n in ("x", "x_prime", "descent"))
  methods = [method for method in NAMES if method in arrows]
  plane.scatter(*x.T, color=figures.REAL, label="real points")
  plane.scatter(*x_prime.T, color="black", s=12, label="generated points")
  drawn = {"steepest descent of tau_P": (best, "black")}
  drawn |= {NAMES[m]: (arrows[m], COLOURS[m]) for m in methods}
  tips = [x, x_prime]
  longest = np.linalg.norm(best, axis=1).max()
  for name, (update, colour) in drawn.items():
    # As long as the descent, all points together: directions are compared.
    scaled = update * np.linalg.norm(best) / np.linalg.norm(update)
    scaled = 0.8 / longest * scaled
    tips.append(x_prime + scaled)
    plane.quiver(
      *x_prime.T,
      *scaled.T,
      color=colour,
      label=name,
      angles="xy",
      scale_units="xy",
      scale=1,
      width=0.005,
    )
  every = np.concatenate(tips)
  low, high = every.min(axis=0) - 0.3, every.max(axis=0) + 0.3
  plane.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
  plane.set_title("seed 0: updates at the end, lengths made equal")
  for axes, name, title in (
    (angles, "angle", "degrees off the steepest descent of tau_P"),
    (lengths, "length", "length of the update, of the descent's"),
  ):
    for method in methods:
      values = np.array(cell[method][name])
      middle, colour = np.median(values, axis=0), COLOURS[method]
      axes.plot(cell["step"], middle, color=colour, label=NAMES[method])
      band = values.min(axis=0), values.max(axis=0)
      axes.fill_between(cell["step"], *band, color=colour, alpha=0.15)
    axes.set(xlabel="critic's step", title=title)
  lengths.set_yscale("log")
  lengths.axhline(2, color="black", ls="--", lw=0.8, label="2, the theory's")
  angles.set_ylim(bottom=0)
  for axes in (plane, angles, lengths):
    axes.legend(
      fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=2
    )
  figures.save(figure, path)
