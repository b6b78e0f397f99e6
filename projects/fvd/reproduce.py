"""The studies of the FVD, and what came out of them written down.

    python -m projects.fvd.reproduce --table=disturbances [--clips=SOURCE]
    python -m projects.fvd.reproduce --table=samples [--clips=SOURCE]
      [--features=motion] [--weights=PATH]
    python -m projects.fvd.reproduce --table=models --features=motion
    python -m projects.fvd.reproduce --table=seeds --features=motion
    python -m projects.fvd.reproduce --table=agreement

`disturbances`: eight of them at six levels, scored by the network, which sees a
clip as a whole, and by single frames. `samples`: the distance of two halves of
one set, which should be zero, against their size. Clips are generated motion
where SOURCE (what `projects.fvd.score` takes) is not given. `models`, how their
scores rank them, `agreement`, and models of other `seeds`: see the files of
these names. Numbers go to `results/fvd/` and into this project's README; a
study that is there is kept, unless `--fresh`. `--quick` takes few clips, and
changes neither.
"""

import argparse
import collections
import functools
from collections.abc import Callable, Sequence
from typing import Any

import ml_collections
import numpy as np
import scipy.stats
from tqdm import tqdm

from common.errors import InputError
from common.stats import frechet, jackknife, kid
from common.tables import cells, markdown, reproduce

from . import (
  agreement_table,
  clips,
  disturbances,
  frames,
  model_tables,
  motion,
  pictures,
  published,
  score,
  seed_tables,
)

# What each score says of the harm done; similarities say the opposite.
SCORES: dict[str, Callable[[Any], float]] = {
  "clips": lambda found: found["distance"],
  "frames": lambda found: found["distance"],
  "kernel": lambda found: found["value"],
  "ssim": lambda found: -found,
  "psnr": lambda found: -np.inf if found is None else -found,
}
# By the paper's names of them.
_PAPERS = {
  "FVD": "clips",
  "SSIM": "ssim",
  "PSNR": "psnr",
  "KVD": "kernel",
  "average FID": "frames",
}


def load(source: str, count: int, frames: int, seed: int) -> np.ndarray:
  """Clips, uint8 [count, frames, h, w, 3]: of a source, or generated."""
  if not source:
    # Not the clips that the motion network has learned from.
    return motion.generate(seed + 1_000_000, count, frames)[0]
  options = clips.Options(frames=frames, count=count)
  found = list(clips.read(source, options, collections.Counter()))
  if len(found) < count or len({clip.shape for clip in found}) > 1:
    raise InputError(
      f"{source}: {len(found)} clips; the study takes {count} of one size"
    )
  return np.rint(np.stack(found)).astype(np.uint8)


def study_disturbances(
  config: ml_collections.ConfigDict,
  network: score.Network,
  x: np.ndarray,
) -> dict[str, Any]:
  """Each score of each kind at each level; plain data.

  Args:
    config: of `configs/fvd/studies.py`.
    network: of `score.network`.
    x: uint8 [2 * config.clips, t, h, w, 3]; the second half is disturbed.
  """
  whole = functools.partial(_features, config, network)
  single = lambda c: frames.features(c, config.frame_size)
  reference, judged = x[: config.clips], x[config.clips :]
  seen = {"clips": whole(reference), "frames": single(reference)}
  against = {name: _parts(found) for name, found in seen.items()}
  out: dict[str, dict[str, list[Any]]] = {}
  rows = [(kind, level) for kind in disturbances.KINDS for level in range(6)]
  for kind, level in tqdm(rows, desc="disturbances", dynamic_ncols=True):
    disturbed = disturbances.disturb(kind, judged, level, config.seed)
    features = {"clips": whole(disturbed), "frames": single(disturbed)}
    by = out.setdefault(kind, {name: [] for name in SCORES})
    for name in ("clips", "frames"):
      sides = (against[name], _parts(features[name]))
      found = frechet.distance(*map(jackknife.merged, sides))
      error = jackknife.standard_error(*sides)
      by[name].append({"distance": float(found), "standard_error": error})
    kernel = kid.polynomial_mmd(seen["clips"], features["clips"], score.GAMMA)
    by["kernel"].append(kernel._asdict())
    pair = judged[: config.paired], disturbed[: config.paired]
    by["ssim"].append(frames.ssim(*pair))
    by["psnr"].append(frames.psnr(*pair))
  return {
    "disturbances": out,
    "rank_correlation": {
      kind: {
        name: _rank_correlation([value(entry) for entry in by[name]])
        for name, value in SCORES.items()
      }
      for kind, by in out.items()
    },
    "protocol": network.protocol,
    "clips": config.clips,
  }


def _rank_correlation(distances: list[float]) -> float:
  """Spearman's, of level and distance; 0 where it does not change at all."""
  rounded = [float(f"{value:.6g}") for value in distances]
  if len(set(rounded)) == 1:
    return 0.0
  return float(scipy.stats.spearmanr(range(len(rounded)), rounded).statistic)


def _features(config, network, x):
  batch = config.batch_size
  return np.concatenate(list(score.features(network, x, batch)))


def _parts(features: np.ndarray) -> list[frechet.Moments]:
  # Frames of a clip stay together: they are no independent samples.
  return [frechet.moments(part) for part in np.array_split(features, 10)]


def study_samples(
  config: ml_collections.ConfigDict,
  network: score.Network,
  x: np.ndarray,
) -> dict[str, Any]:
  """The distance of two sets of equal distribution against their size.

  Args:
    config: of `configs/fvd/studies.py`.
    network: of `score.network`.
    x: uint8 [2 * the largest size, t, h, w, 3].
  """
  features = _features(config, network, x)
  random = np.random.default_rng(config.seed)
  rows = []
  for n in tqdm(config.sizes, desc="sizes", dynamic_ncols=True):
    raw, infinite = [], []
    for _ in range(config.repetitions):
      order = random.permutation(len(features))
      sides = [_parts(features[order[i * n : (i + 1) * n]]) for i in range(2)]
      raw.append(float(frechet.distance(*map(jackknife.merged, sides))))
      line = jackknife.at_infinity(*sides)
      infinite.append(line.value if line else float("nan"))
    rows.append(
      {
        "n": n,
        "distance": cells.summary(raw),
        "extrapolated": cells.summary(infinite),
      }
    )
  return {
    "sizes": rows,
    "features": features.shape[1],
    "protocol": network.protocol,
    "repetitions": config.repetitions,
  }


def disturbances_table(results: dict[str, Any]) -> str:
  """The table of the README."""
  rows = []
  for kind in disturbances.KINDS:
    by = results["disturbances"][kind]
    row = [kind.replace("_", " ")]
    for name in ("clips", "frames"):
      row += [f"{found['distance']:.3g}" for found in by[name]]
      row.append(f"{results['rank_correlation'][kind][name]:+.2f}")
    rows.append(row)
  levels = [str(level) for level in range(6)]
  header = ["disturbance"]
  for name in ("clips", "frames"):
    header += [*(f"{name}, {level}" for level in levels), "rank corr."]
  note = (
    f"\nClips: {results['protocol']['score']}; frames: pixels of single ones. "
    f"{results['clips']} clips against as many others.\n"
  )
  return markdown.table(header, rows) + note


def people_table(results: dict[str, Any]) -> str:
  """The paper's agreement with people, beside what is measured here."""
  rows = []
  for metric, shares in published.AGREEMENT.items():
    row = [metric, *("-" if share is None else str(share) for share in shares)]
    for kinds in (disturbances.STATIC, disturbances.TEMPORAL):
      name = _PAPERS.get(metric)
      by = results["rank_correlation"]
      row.append(
        f"{np.mean([by[kind][name] for kind in kinds]):+.2f}" if name else "-"
      )
    rows.append(row)
  header = ["metric", *published.DESIGNS, "here: static", "here: temporal"]
  note = (
    "\nPaper: agreement with people, %. Here: rank correlation with the level "
    "of a disturbance, the mean of four; FVD and KVD are those of the "
    f"{results['protocol']['score']}, average FID is the distance of single "
    "frames' pixels, SSIM and PSNR are given the undisturbed clip.\n"
  )
  return markdown.table(header, rows) + note


def samples_table(results: dict[str, Any]) -> str:
  """The table of the README."""
  rows = [
    [
      str(row["n"]),
      cells.median_and_range(row["distance"], ".3g"),
      cells.median_and_range(row["extrapolated"], ".3g"),
    ]
    for row in results["sizes"]
  ]
  header = ["clips a side", "distance, median [range]", "extrapolated in n"]
  note = (
    f"\n{results['protocol']['score']}, {results['features']} features, "
    f"{results['repetitions']} repetitions; the true distance is 0.\n"
  )
  return markdown.table(header, rows) + note


def given(
  context: reproduce.Context, config: ml_collections.ConfigDict, clips: int
) -> tuple[score.Network, np.ndarray]:
  """The network and the clips that the arguments name."""
  asked = context.arguments
  network = score.network(asked.features, asked.weights)
  return network, load(asked.clips, clips, config.frames, config.seed)


def noise(context: reproduce.Context) -> dict[str, str]:
  """The study of disturbances: two tables, and a picture when measured."""
  config = reproduce.config_of(context, "studies")

  def compute():
    network, x = given(context, config, 2 * config.clips)
    results = study_disturbances(config, network, x)
    picture = context.out / "disturbances.png"
    pictures.disturbances_plot(picture, results, x[0])
    return results

  results = reproduce.cell(context, "disturbances", compute)
  return {
    "disturbances": disturbances_table(results),
    "people": people_table(results),
  }


def samples(context: reproduce.Context) -> str:
  """The study of the size of sets; returns the table and draws it."""
  config = reproduce.config_of(context, "studies")
  compute = lambda: study_samples(
    config, *given(context, config, 2 * max(config.sizes))
  )
  results = reproduce.cell(context, "samples", compute)
  pictures.samples_plot(context.out / "samples.png", results)
  return samples_table(results)


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of the studies."""
  add = parser.add_argument
  source = "what projects.fvd.score takes; else generated motion"
  add("--clips", default="", metavar="SOURCE", help=source)
  net = "network that judges: i3d needs weights, motion none"
  add("--features", choices=score.FEATURES, default="i3d", help=net)
  where = "of i3d, if they are not in ~/.cache/weights"
  add("--weights", metavar="PATH", help=where)
  few = "of --table=models: compute these alone, with commas between"
  add("--scenarios", default="", metavar="NAMES", help=few)
  add("--models", default="", metavar="NAMES", help=few)
  mnist = "where MNIST was prepared, for moving_mnist"
  add("--data_dir", default="", metavar="DIR", help=mnist)
  size = "variant of the models' configs that is trained"
  add("--size", default=model_tables.SIZE, metavar="VARIANT", help=size)
  runs = "where trainings are kept"
  add("--runs", default="runs/models", metavar="DIR", help=runs)


def main(argv: Sequence[str] | None = None) -> None:
  """The command; `argv` instead of the command line's arguments."""
  tables = {
    "disturbances": noise,
    "samples": samples,
    "models": model_tables.models,
    "seeds": seed_tables.seeds,
    "agreement": agreement_table.agreement,
  }
  reproduce.main(__doc__, __file__, tables, add_arguments, None, argv)


if __name__ == "__main__":
  main()
