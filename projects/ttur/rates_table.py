"""`--table=rates`: what two rates win over one, where both may be chosen.

`--grid=NAME` says which grid is trained: of points as one population, of images
run by run, since a convolutional network fills the cores alone. Grids that were
trained before are in the table, too.
"""

import itertools
import pathlib
import sys
from typing import Any

import ml_collections
import numpy as np

from common import experiment, logs
from common.errors import InputError, check_names
from common.tables import cells, figures, markdown, reproduce

from . import rates, train

# Config -> its name in the table, and the variant that is trained.
GRIDS = {
  "gaussian_grid": ("25 Gaussians", ""),
  "dcgan_fashion_mnist": ("Fashion-MNIST", ""),
  "dcgan_cifar10": ("CIFAR-10", "narrow"),
}


def image_grid(
  config: ml_collections.ConfigDict, folder: pathlib.Path
) -> dict[str, Any]:
  """Trains every pair and seed, one run after the other; as `rates.sweep`.

  Runs that ended are not trained again, and one that was cut short goes on. Of
  one that diverges the evaluations from there on are None; if it is asked for
  again, it goes on from its last checkpoint, to the same end.

  Raises:
    InputError: all runs diverge.
  """
  members = rates.members_of(config)
  workdirs, name, minutes = [], "", 0.0
  for i, seed in enumerate(members["seed"]):
    one = config.copy_and_resolve_references().unlock()
    one.discriminator_rate = float(members["discriminator_rate"][i])
    one.generator_rate = float(members["generator_rate"][i])
    one.seed = int(seed)
    workdirs.append(folder / f"{i:04d}")
    if cell := trained(one, workdirs[-1]):
      minutes += cell["minutes"] or 0.0
      name = next(iter(cell["scores"]))
  if not name:
    raise InputError(
      f"all {len(workdirs)} runs in {folder} diverged: give lower "
      "config.sweep_discriminator_rates and config.sweep_generator_rates"
    )
  curves = [curve(workdir, name) for workdir in workdirs]
  most = max(map(len, curves))
  found = [c + [float("nan")] * (most - len(c)) for c in curves]
  return rates.cell_of(config, name, found, minutes)


def trained(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, Any] | None:
  """The cell of a run, trained unless it is there; None if it diverges."""
  try:
    return cells.trained(train.train, config, workdir)[1]
  except experiment.NonFinite as error:
    print(f"diverged: {error}", file=sys.stderr)
    return None


def curve(workdir: pathlib.Path, name: str) -> list[float]:
  """All evaluations of a run, in the order of their steps."""
  return [r[name] for r in logs.read(workdir) if name in r]


def measure(context: reproduce.Context, name: str) -> dict[str, Any]:
  """Trains the grid of a config."""
  config = reproduce.config_of(context, name, GRIDS[name][1])
  folder = reproduce.workdir(context, context.arguments.runs, f"rates_{name}")
  if config.network == "mlp":
    return rates.sweep(config, folder)
  config.data_dir = context.arguments.data_dir or config.data_dir
  return image_grid(config, folder)


def table(context: reproduce.Context) -> str:
  """The table, a row for each grid and way to choose; `-` where none is."""
  asked = context.arguments.grid
  check_names("--grid", [asked], list(GRIDS))
  rows, lost = [], []
  for name, (title, _) in GRIDS.items():
    path = context.out / f"rates_{name}.json"
    if name == asked:
      cell = reproduce.cell(
        context, f"rates_{name}", lambda name=name: measure(context, name)
      )
    elif path.exists():
      cell = cells.load(path)
    else:
      rows.append([title, *["-"] * 8])
      continue
    score = next(iter(cell["scores"]))
    found = rates.statistics(cell, score)
    picture = context.out / f"rates_{name}.png"
    draw(picture, cell, score, found)
    rows += rows_of(f"{title}, {score}", cell, found)
    ends = rates.values_of(cell, score)[..., -1]
    if bad := int(np.sum(~np.isfinite(ends))):
      lost.append(f"{bad} of {ends.size} runs on {title}")
  header = ["grid, score", "rates", "pairs", "best of all runs and evaluations"]
  header += ["at (D, G)", "best: median of seeds", "at (D, G)"]
  header += ["best: a seed at the pair that the others chose"]
  header += ["last: median of seeds"]
  text = markdown.table(header, rows)
  return text + f"\nDiverged: {', '.join(lost)}.\n" if lost else text


def number(value: float, digits: int = 3) -> str:
  """A score of a table: "diverged" if infinite, "-" if there is none."""
  if np.isnan(value):
    return "-"
  return f"{value:.{digits}g}" if np.isfinite(value) else "diverged"


def rows_of(
  title: str, cell: dict[str, Any], found: dict[str, Any]
) -> list[list[str]]:
  """Three rows: one rate, all pairs, and as many pairs as single rates."""
  pair = lambda p: f"({p[0]:.2g}, {p[1]:.2g})" if p else "-"
  all_pairs = len(cell["discriminator_rates"]) * len(cell["generator_rates"])
  fair = found.get("fair")
  rows = []
  for name, count in (
    ("one rate", fair and fair["tried"]),
    ("two rates", all_pairs),
  ):
    if name in found:
      this = found[name]
      rows.append(
        [
          title,
          name,
          f"{count}",
          number(this["minimum"]),
          pair(this["pair"]),
          number(this["median"]),
          pair(this["median_pair"]),
          number(this["held_out"]),
          number(this["final"]),
        ]
      )
  if fair:
    few = [title, "two rates, as few tried", f"{fair['tried']} at random"]
    few += ["-", "-", number(fair["median"]), "-", "-", number(fair["final"])]
    rows.append(few)
  return rows


def draw(
  path: pathlib.Path, cell: dict[str, Any], score: str, found: dict[str, Any]
) -> None:
  """Heat maps over both rates: best and last, medians over seeds.

  Where the median has diverged is a cross on grey.
  """
  values = rates.values_of(cell, score)
  maps = {
    "best evaluation": np.median(values.min(-1), -1),
    "last evaluation": np.median(values[..., -1], -1),
  }
  of_d, of_g = cell["discriminator_rates"], cell["generator_rates"]
  figure = figures.figure(13, 5.6)
  for axes, (title, shown) in zip(
    figure.subplots(1, 2), maps.items(), strict=True
  ):
    lost = ~np.isfinite(shown)
    mesh = axes.imshow(shown, origin="lower", cmap="viridis_r", aspect="auto")
    axes.set_facecolor("lightgrey")
    axes.plot(*np.argwhere(lost).T[::-1], "x", color="black", ms=8)
    figure.colorbar(mesh, ax=axes, label=score)
    axes.set(xlabel="generator's rate", ylabel="discriminator's rate")
    axes.set_xticks(range(len(of_g)), [f"{r:.2g}" for r in of_g], rotation=60)
    axes.set_yticks(range(len(of_d)), [f"{r:.2g}" for r in of_d])
    same = [
      (j, i)
      for i, j in itertools.product(range(len(of_d)), range(len(of_g)))
      if of_d[i] == of_g[j]
    ]
    if same and not lost.all():
      axes.plot(*zip(*same, strict=True), "o", color="white", ms=4, mec="black")
      i, j = np.unravel_index(np.argmin(shown), shown.shape)
      one = min(same, key=lambda p, shown=shown: shown[p[1], p[0]])
      if not lost[one[::-1]]:
        axes.plot(*one, "s", mfc="none", mec=figures.RED, ms=14, mew=2)
      axes.plot(j, i, "*", color=figures.RED, ms=14, mec="white")
    axes.set_title(
      f"{title}, median of {values.shape[2]} seeds\n"
      "circles: one rate; square: its best; star: best pair"
      + "; crosses: diverged"
      * bool(lost.any()),
      fontsize=10,
    )
  figures.save(figure, path)
