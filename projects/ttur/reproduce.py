"""The study of the FID, and what came out of it written down.

    python -m projects.ttur.reproduce --table=disturbances --name=cifar10
      --images=SOURCE --others=SOURCE [--features=squeezenet] [--weights=FILE]

Six disturbances at four levels of the images of SOURCE (a folder, an array, a
data set's name: what `projects.ttur.fid` takes); `--others` is what they are
contaminated with. Numbers go to `results/ttur/` and into this project's README,
under `--name`. `--quick` takes few images, and changes neither.
"""

import argparse
import importlib
import pathlib
from typing import Any

import ml_collections
import numpy as np
import scipy.stats
from tqdm import tqdm

from common import cli, report
from common.errors import InputError
from common.metrics import feature_distance, fid, image_sources, resize

from . import disturbances, pictures, published

_HERE = pathlib.Path(__file__).parent
_PROJECT = _HERE.name


def load(
  source: str, count: int, seed: int, data_dir: str | None = None
) -> np.ndarray:
  """Images of a source between -1 and 1, float32 [count, h, w, 3]."""
  found = image_sources.find(source, count=count, seed=seed, data_dir=data_dir)
  images = [np.asarray(image, np.float32) for image in found.images]
  shapes = {image.shape for image in images}
  if len(shapes) > 1:
    raise InputError(
      f"{source} has images of {len(shapes)} sizes; the study takes one size"
    )
  return np.stack(images) / 127.5 - 1


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
    images: [config.reference, h, w, 3] between -1 and 1; the first `config.n`
      are disturbed, and compared with all.
    others: of the same height and width.
  """

  def side(name, x):
    # As the paper's code has it: neither rounded nor cut.
    chunks = (
      127.5 * (x[i : i + config.batch_size] + 1)
      for i in range(0, len(x), config.batch_size)
    )
    found = fid.features(network, chunks, config.batch_size)
    return feature_distance.collect(
      name, found, network.protocol, {}, config.seed
    )

  reference = side("reference", images)
  plain = side("none", images[: config.n])
  first = feature_distance.compare(reference, plain)
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
    x = images[: config.n]
    judged = side(name, disturbances.disturb(name, x, amount, random, others))
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
    "n": [config.n, config.reference],
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
  header = [
    "disturbance", "none", "weak", "medium", "strong", "rank corr.",
    "paper's FID (CelebA)",
  ]  # fmt: skip
  n, reference = results["n"]
  score = results["protocol"]["score"]
  note = f"\n{score}, {n:,} images against {reference:,}.\n"
  return report.markdown_table(header, rows) + note


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  add = parser.add_argument
  tables = ("disturbances",)
  add("--table", choices=tables, default="disturbances", help="which study")
  add("--images", default="", metavar="SOURCE", help="what to disturb")
  add("--others", default="", metavar="SOURCE", help="what contaminates it")
  add("--name", default="", help="of the set, in files and tables")
  add("--data_dir", metavar="DIR", help="of prepared data sets")
  add("--features", choices=fid.FEATURES, default="inception", help="network")
  add("--weights", metavar="FILE", help="of the network")
  add("--paper", action="store_true", help="the paper's number; needs a GPU")
  add("--quick", action="store_true", help="few images")
  add("--out", metavar="DIR", help="instead of results/ttur")
  arguments = parser.parse_args()
  with cli.sentences():
    run(arguments)


def run(arguments: argparse.Namespace) -> None:
  """Studies what the arguments say, writes the results, prints the table."""
  if not (arguments.images and arguments.others and arguments.name):
    raise InputError(
      "say what to disturb with --images=SOURCE, what to contaminate it with "
      "by --others=SOURCE, and what to call it with --name=NAME"
    )
  quick = arguments.quick
  studies = importlib.import_module(f"configs.{_PROJECT}.studies")
  config = studies.get_config("smoke" if quick else "paper" * arguments.paper)
  default = "runs/quick" if quick else f"results/{_PROJECT}"
  out = pathlib.Path(arguments.out or default)
  out.mkdir(parents=True, exist_ok=True)
  network = fid.network(arguments.features, arguments.weights)
  where = config.seed, arguments.data_dir
  images = load(arguments.images, config.reference, *where)
  others = load(arguments.others, config.n, *where)
  others = np.asarray(resize.tf1_bilinear(others, *images.shape[1:3]))
  results = study(config, network, images, others)
  name = f"disturbances_{arguments.name}"
  report.save_results(out / f"{name}.json", results)
  pictures.disturbances_plot(out / f"{name}.png", results, images[0], others[0])
  text = table(results)
  print(text)
  if not quick and not arguments.out:
    report.insert_table(_HERE / "README.md", name, text)


if __name__ == "__main__":
  main()
