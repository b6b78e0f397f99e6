"""The table of a GAN paper's images: methods trained, drawn, and judged alike.

Its flags are `add_arguments`'; its cells, `<set>_<method>.json` and `.png`; its
picture of the scores while training, `<set>_curves.png`.
"""

import argparse
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from common import keys, logs
from common.metrics import fid

from . import cells, figures, markdown, reproduce


class Paper(NamedTuple):
  """What a project trains, and draws from it."""

  # `train(config, workdir) -> state, scores`.
  train: Callable[[ml_collections.ConfigDict, str], tuple[Any, Any]]
  # `real(config, key) -> images`, `eval_samples` that are held out.
  real: Callable[[ml_collections.ConfigDict, jax.Array], Any]
  # `draw(config, state, key) -> images`, as many; all in [-1, 1].
  draw: Callable[[ml_collections.ConfigDict, Any, jax.Array], Any]


def cell(
  paper: Paper,
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  picture: pathlib.Path,
  network: fid.Network | None,
) -> dict[str, Any]:
  """One training, its samples copied to `picture`, and judged by `network`.

  Its `curve` are the scores at each evaluation, as the log has them.

  The Fréchet distance is between `eval_samples` held-out and generated images.
  """
  state, cell = cells.trained(paper.train, config, workdir)
  logged = (r for r in logs.read(workdir) if cell["scores"].keys() <= r.keys())
  cell["curve"] = [{k: r[k] for k in ("step", *cell["scores"])} for r in logged]
  picture.write_bytes((workdir / "samples.png").read_bytes())
  if network is None:
    return cell
  root = jax.random.key(config.seed)
  real = paper.real(config, keys.named(root, "test"))
  made = paper.draw(config, state, keys.named(root, "fid"))
  sides = (figures.to_pixels(np.asarray(x)) for x in (real, made))
  return {**cell, "frechet": fid.record(*sides, network)}


def table(
  context: reproduce.Context,
  paper: Paper,
  methods: Mapping[str, str],
  scores: Mapping[str, tuple[str, str]],
  *variants: str,
) -> str:
  """A row for each method on the set of `--images`, of one seed each.

  The runs live in `--runs`, and go on where they were cut short.

  Args:
    context: of the command, with the flags of `add_arguments`.
    paper: what is trained.
    methods: name in files -> title; all but the first are variants of the
      set's config.
    scores: column -> name among the scores of the training, and its format.
    *variants: of the config, for all methods.
  """
  asked, rows, judges, curves = context.arguments, [], set(), {}
  network = None
  if asked.features:
    network = fid.network(asked.features, asked.weights)
  first, *_ = methods
  for method, title in methods.items():
    variant = "" if method == first else method
    config = reproduce.config_of(context, asked.images, *variants, variant)
    config.data_dir = asked.data_dir or config.data_dir
    name = f"{asked.images}_{method}"
    picture = context.out / f"{name}.png"
    run = reproduce.workdir(context, asked.runs, name)
    compute = functools.partial(cell, paper, config, run, picture, network)
    found = reproduce.cell(context, name, compute)
    if curve := found.get("curve"):  # Not of a cell from before it was kept.
      curves[title] = curve
    texts = [
      f"{found['scores'][key]:{form}}" if key in found["scores"] else "-"
      for key, form in scores.values()
    ]
    distance = "-"  # Of a cell that was computed without --features.
    if judged := found.get("frechet"):
      judges.add(judged["protocol"]["score"])
      distance = f"{judged['distance']:.4g} ± {judged['standard_error']:.2g}"
    row = [title, f"{found['steps']:,}", *texts, distance]
    rows.append([*row, cells.origin([found])])
  if curves:
    draw_curves(context.out / f"{asked.images}_curves.png", curves, scores)
  judge = ", ".join(sorted(judges)) or "FID"
  return markdown.table(["method", "steps", *scores, judge, cells.ORIGIN], rows)


def draw_curves(
  path: pathlib.Path,
  curves: Mapping[str, Sequence[Mapping[str, float]]],
  scores: Mapping[str, tuple[str, str]],
) -> None:
  """A panel for each score, a line for each method, over the training's steps.

  Args:
    path: of the picture.
    curves: title of a method -> `curve` of its cell.
    scores: as `table` has them; where a score is not positive the line stops.
  """
  made = figures.figure(4.5 * len(scores), 3.4)
  panels = made.subplots(1, len(scores), squeeze=False)[0]
  for axes, (label, (score, _)) in zip(panels, scores.items(), strict=True):
    for title, curve in curves.items():
      rows = [row for row in curve if score in row]
      steps = [row["step"] for row in rows]
      axes.plot(steps, [row[score] for row in rows], label=title)
    axes.set(xlabel="step", ylabel=label)
    axes.set_yscale("log", nonpositive="mask")
    axes.legend()
  figures.save(made, path)


def add_arguments(
  parser: argparse.ArgumentParser, sets: Sequence[str], data_dir: str
) -> None:
  """The flags of the table: sets that have configs, what `--data_dir` says."""
  add = parser.add_argument
  text = "of --table=images: which config; %(default)s by default"
  add("--images", default=sets[0], choices=sets, help=text)
  add("--data_dir", default="", metavar="DIR", help=data_dir)
  text = "judge images by this network, too"
  add("--features", choices=fid.FEATURES, help=text)
  text = "of that network, if they are not in ~/.cache/weights"
  add("--weights", metavar="FILE", help=text)
  text = "where trainings are kept"
  add("--runs", default="runs/reproduce", metavar="DIR", help=text)
