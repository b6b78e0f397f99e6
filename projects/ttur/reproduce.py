"""The paper's tables, and what came out of them here.

    python -m projects.ttur.reproduce --table=saddle
    python -m projects.ttur.reproduce --table=rates [--grid=dcgan_cifar10]
    python -m projects.ttur.reproduce --table=training --name=CONFIG
    python -m projects.ttur.reproduce --table=disturbances --name=cifar10
      --images=SOURCE --others=SOURCE [--features=squeezenet] [--weights=FILE]

Six disturbances at four levels of the images of SOURCE (a folder, an array, a
data set's name: what `projects.ttur.fid` takes); `--others` is what they are
contaminated with. Numbers go to `results/ttur/` and into this project's README,
under `--name`; a study that is there is kept, unless `--fresh`. `--quick` takes
few images, and changes neither; `--paper` takes the paper's settings, of which
`configs/ttur/studies.py` has more.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np
import scipy.stats
from tqdm import tqdm

from common.errors import InputError
from common.metrics import feature_distance, fid, image_sources, resize
from common.tables import cells, markdown, reproduce

from . import (
  disturbances,
  pictures,
  published,
  rates_table,
  saddle_table,
  training_table,
)


def load(
  source: str,
  count: int,
  seed: int,
  data_dir: str | None = None,
  size: tuple[int, int] | None = None,
) -> np.ndarray:
  """Images of a source in 0..255, [count, h, w, 3]; of 0 all, uint8 if it can.

  With a size, h and w, they come in any, and are brought to it.

  Raises:
    InputError: a source that cannot be read or has fewer images; without
      a size, images of several.
  """
  found = image_sources.find(
    source, count=count or None, seed=seed, data_dir=data_dir
  )
  images = list(
    found.images
    if size is None
    else (resize.tf1_bilinear_on_host(a, *size) for a in found.images)
  )
  shapes = {image.shape for image in images}
  if len(shapes) > 1:
    raise InputError(
      f"{source} has images of {len(shapes)} sizes; the study takes one size"
    )
  return np.stack(images)


def unit(images: np.ndarray) -> np.ndarray:
  """0..255 to float32 between -1 and 1."""
  return np.asarray(images, np.float32) / 127.5 - 1


def study(
  config: ml_collections.ConfigDict,
  network: fid.Network,
  images: np.ndarray,
  others: np.ndarray,
) -> dict[str, Any]:
  """Distances of each disturbance at each level; plain data.

  Args:
    config: of `configs/ttur/studies.py`.
    network: of `fid.network`.
    images: [>= config.n, h, w, 3] in 0..255; the first `config.n` are
      disturbed, and compared with all.
    others: of the same height and width.

  Raises:
    InputError: fewer images than are to be disturbed.
  """
  if len(images) < config.n:
    raise InputError(
      f"{config.n:,} images are to be disturbed, and --images has "
      f"{len(images):,}: give more"
    )

  def side(name, chunks):
    # As the paper's code has it: neither rounded nor cut.
    chunks = (127.5 * (x + 1) for x in chunks)
    found = fid.features(network, chunks, config.batch_size)
    return feature_distance.collect(
      name, found, network.protocol, {}, config.seed
    )

  def in_chunks(x):
    return (
      x[i : i + config.batch_size] for i in range(0, len(x), config.batch_size)
    )

  # All of a set as floats may be more than the memory: chunk by chunk.
  reference = side("reference", map(unit, in_chunks(images)))
  clean, others = unit(images[: config.n]), unit(others)
  first = feature_distance.compare(reference, side("none", in_chunks(clean)))
  rows = [
    (name, level)
    for name in disturbances.AMOUNTS
    for level in range(1, len(disturbances.AMOUNTS[name]))
  ]
  keep = lambda found: {
    "distance": found["distance"],
    "standard_error": found["standard_error"],
    "kernel_distance": found["kernel_distance"],
  }
  out = {name: [keep(first)] for name in disturbances.AMOUNTS}
  for name, level in tqdm(rows, desc="disturbances", dynamic_ncols=True):
    random = np.random.default_rng([config.seed, level])
    amount = disturbances.AMOUNTS[name][level]
    x = disturbances.disturb(
      name, clean, amount, random, config.swirl_radius, others
    )
    judged = side(name, in_chunks(x))
    out[name].append(keep(feature_distance.compare(reference, judged)))
  return {
    "disturbances": out,
    "rank_correlation": {
      name: float(
        scipy.stats.spearmanr(
          range(len(found)), [f["distance"] for f in found]
        ).statistic
      )
      for name, found in out.items()
    },
    "protocol": network.protocol,
    "n": [config.n, len(images)],
    "config": cells.recorded(config),
  }


def table(results: dict[str, Any]) -> str:
  """The table of the README."""
  rows = []
  for name in disturbances.AMOUNTS:
    found = results["disturbances"][name]
    ours = [f"{f['distance']:.4g} ± {f['standard_error']:.2g}" for f in found]
    paper = [f"{value:g}" for value in published.DISTURBANCES[name]]
    correlation = results["rank_correlation"][name]
    rows.append([name, *ours, f"{correlation:.2f}", ", ".join(paper)])
  header = ["disturbance", "none", "weak", "medium", "strong", "rank corr."]
  n, reference = results["n"]
  score = results["protocol"]["score"]
  note = f"\n{score}, {n:,} images against {reference:,}.\n"
  return markdown.table([*header, "paper's FID (CelebA)"], rows) + note


def measure(
  context: reproduce.Context, config: ml_collections.ConfigDict
) -> dict[str, Any]:
  """The study that the arguments ask for; draws its picture."""
  asked = context.arguments
  _need(asked)
  network = fid.network(asked.features, asked.weights)
  where = config.seed, asked.data_dir
  images = load(asked.images, config.reference, *where)
  others = load(asked.others, config.others, *where, images.shape[1:3])
  results = study(config, network, images, others)
  picture = context.out / f"disturbances_{asked.name}.png"
  shown = unit(images[0]), unit(others[0])
  pictures.disturbances_plot(picture, results, *shown, config.swirl_radius)
  return results


_NEEDED = {
  "name": "--name=NAME, what the set is called in files and tables",
  "images": "--images=SOURCE, what is disturbed",
  "others": "--others=SOURCE, what it is contaminated with",
}


def _need(asked: argparse.Namespace) -> None:
  """Raises InputError, which names all that is missing, where a flag is."""
  missing = [text for flag, text in _NEEDED.items() if not getattr(asked, flag)]
  if missing:
    raise InputError(f"--table=disturbances takes {'; '.join(missing)}")


def disturbances_of_a_set(context: reproduce.Context) -> dict[str, str]:
  """The study of the images of `--name`, by its place in the README."""
  if not context.arguments.name:  # Of a set that is there it is enough.
    _need(context.arguments)
  variant = "paper" if context.arguments.paper and not context.quick else ""
  config = reproduce.config_of(context, "studies", variant)
  name = f"disturbances_{context.arguments.name}"
  results = reproduce.cell(context, name, lambda: measure(context, config))
  return {name: table(results)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of the study."""
  add = parser.add_argument
  text = "of --table=disturbances: the images that are disturbed"
  add("--images", default="", metavar="SOURCE", help=text)
  text = "of --table=disturbances: images that contaminate them"
  add("--others", default="", metavar="SOURCE", help=text)
  text = "of --table=disturbances: of the set, in files and tables; of "
  text += "--table=training: of the config that is trained"
  add("--name", default="", metavar="NAME", help=text)
  text = "where TensorFlow Datasets has prepared data sets"
  add("--data_dir", metavar="DIR", help=text)
  text = "of --table=disturbances: inception is the FID's network"
  add("--features", choices=fid.FEATURES, default="inception", help=text)
  text = "of that network, if they are not in ~/.cache/weights"
  add("--weights", metavar="FILE", help=text)
  text = f"of --table=rates: what is trained, {', '.join(rates_table.GRIDS)}"
  add("--grid", default="gaussian_grid", metavar="NAME", help=text)
  text = "where trainings are kept"
  add("--runs", default="runs/reproduce", metavar="DIR", help=text)
  text = "of --table=disturbances: the paper's settings; needs a GPU"
  add("--paper", action="store_true", help=text)


def main(argv: Sequence[str] | None = None) -> None:
  """The command; `argv` instead of the command line's arguments."""
  tables = {
    "saddle": saddle_table.table,  # First: it needs neither data nor weights.
    "rates": rates_table.table,
    "training": training_table.table,
    "disturbances": disturbances_of_a_set,
  }
  reproduce.main(__doc__, __file__, tables, add_arguments, 3, argv, fewest=1)


if __name__ == "__main__":
  main()
