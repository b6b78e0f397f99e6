"""The studies of the FCD, and what came out of them written down.

    python -m projects.fcd.reproduce --table=disturbances --data_dir=DIR
    python -m projects.fcd.reproduce --table=moses --data_dir=DIR

`disturbances`: five faults at growing levels, and which score sees them.
`moses`: the FCD of the models of the MOSES benchmark, beside the published
values. DIR holds the lists that `configs/fcd/studies.py` names, as .smi, .csv
or .txt, plain or .gz, .xz; `moses_samples/` in it those of the models, with
`metrics.csv`; --assays=FILE is the training part of the Tox21 challenge.
Numbers go to `results/fcd/` and into this project's README; a study that is
there is kept, unless `--fresh`. `--quick` takes seconds, on few molecules, and
changes neither.
"""

import argparse
import csv
import pathlib
from typing import Any

import ml_collections
import numpy as np
import scipy.stats
from tqdm import tqdm

from common import population
from common.chem import canonical, smiles_files
from common.errors import InputError
from common.metrics import feature_distance
from common.stats import frechet
from common.tables import markdown, reproduce

from . import disturbances, model, pictures, score
from .activations import activations


def find(folder: str | pathlib.Path, name: str) -> pathlib.Path:
  """The file `name.*` of a folder; InputError if there is none, or more."""
  found = sorted(pathlib.Path(folder).expanduser().glob(f"{name}.*"))
  if not found:
    raise InputError(
      f"{folder} has no list {name}.smi (or .csv, .txt; .gz, .xz)"
    )
  if len(found) > 1:
    names = " and ".join(path.name for path in found)
    raise InputError(f"{folder} has {names}: leave one list {name} there")
  return found[0]


def assay(path: str, name: str) -> tuple[list[str], np.ndarray]:
  """Valid SMILES and whether they are active in an assay, where it was done."""
  source = pathlib.Path(path).expanduser()
  if not path or not source.exists():
    raise InputError(
      f"--assays={path}: give the training part of the Tox21 challenge, "
      "tox21_challenge_train.csv or .csv.gz"
    )
  smiles = dict(zip(*smiles_files.read(source), strict=True))
  outcomes = dict(zip(*smiles_files.read(source, name), strict=True))
  done = [line for line in smiles if outcomes.get(line)]
  found = canonical.canonicalise([smiles[line] for line in done])
  valid = [text for text in found if text]
  active = [
    outcomes[line] for line, text in zip(done, found, strict=True) if text
  ]
  return valid, np.array([float(outcome) > 0 for outcome in active])


def study_disturbances(
  config: ml_collections.ConfigDict,
  pool: list[str],
  labelled: list[str],
  active: np.ndarray,
  weights: str | None = None,
) -> dict[str, Any]:
  """Scores of each fault at each level, over repetitions; plain data.

  Args:
    config: of `configs/fcd/studies.py`.
    pool: canonical SMILES, all different.
    labelled: SMILES of the assay.
    active: bool, whether they are.
    weights: of ChemNet; see `model.released`.
  """
  params, digest = model.released(weights)
  with tqdm(total=len(pool), desc="ChemNet", dynamic_ncols=True) as bar:
    features = np.concatenate(
      list(activations(pool, params, "1.2", config.batch_size, bar.update))
    )
  known = disturbances.molecules(pool, config.bits, config.processes)
  prints = disturbances.molecules(labelled, config.bits, config.processes).bits
  activity = disturbances.predicted_activity(
    known.bits, prints, active, config.seed
  )
  moments = lambda rows: frechet.moments(features[rows])
  scores: dict[str, dict[str, list[list[float]]]] = {}
  every = [
    (fault, repetition)
    for fault in disturbances.FAULTS
    for repetition in range(config.repetitions)
  ]
  for fault, repetition in tqdm(every, desc="faults", dynamic_ncols=True):
    # Faults share the reference of a repetition and, but for mode collapse,
    # which draws its centre before, the set without a fault.
    random = np.random.default_rng([config.seed, repetition])
    order = random.permutation(len(pool))
    reference, rest = order[: config.n], order[config.n :]
    faulty = disturbances.faulty_rows(
      fault, known, activity, config.share, random
    )
    faulty = np.intersect1d(faulty, rest)
    against = moments(reference)
    for level, share in enumerate(config.levels):
      judged = disturbances.disturbed(rest, faulty, share, config.n, random)
      found = disturbances.simple_scores(known, reference, judged)
      found["FCD"] = float(frechet.distance(against, moments(judged)))
      for name, value in found.items():
        curves = scores.setdefault(fault, {}).setdefault(name, [])
        if level == 0:
          curves.append([])
        curves[-1].append(value)
  return {
    "scores": scores,
    "levels": list(config.levels),
    "rank_correlation": {
      fault: {
        name: _rank_correlation(config.levels, curves)
        for name, curves in by.items()
      }
      for fault, by in scores.items()
    },
    "n": config.n,
    "pool": len(pool),
    "weights": digest,
  }


def _rank_correlation(levels, curves) -> float:
  """Spearman's, of level and score over all repetitions."""
  x = np.tile(levels, len(curves))
  result = scipy.stats.spearmanr(x, np.ravel(curves))
  return float(result.statistic)


def disturbances_table(results: dict[str, Any]) -> str:
  """Median without a fault and at its highest level, rank correlation."""
  names = ("FCD", *disturbances.SCORES)
  rows = []
  for fault in disturbances.FAULTS:
    by = results["scores"][fault]
    row = [fault]
    for name in names:
      middle = np.median(by[name], axis=0)
      correlation = results["rank_correlation"][fault][name]
      row.append(f"{middle[0]:.2g} to {middle[-1]:.2g} ({correlation:+.2f})")
    rows.append(row)
  return markdown.table(["fault", *names], rows)


def study_moses(
  config: ml_collections.ConfigDict,
  folder: pathlib.Path,
  weights: str | None = None,
) -> dict[str, Any]:
  """The FCD of each model's samples to the two test sets; plain data."""
  published = {
    row["model"]: row
    for row in csv.DictReader(
      (folder / "moses_samples" / "metrics.csv").read_text().splitlines()
    )
  }

  def samples(path):
    lines, texts = smiles_files.read(path)
    found = canonical.canonicalise(texts, config.processes)
    valid = [text for text in found if text][: config.moses_n]
    if len(valid) < config.moses_n:
      print(f"{path.name}: only {len(valid)} of {config.moses_n} are valid")
    got = score.samples(
      valid,
      # MOSES scores by fcd_torch, whose tokens are those of fcd 1.1.
      rule="1.1",
      weights=weights,
      batch_size=config.batch_size,
    )
    invalid = len(lines) - sum(text is not None for text in found)
    return got, {"n": len(valid), "sampled": len(lines), "invalid": invalid}

  tests = {
    "Test": samples(find(folder, config.moses_test))[0],
    "TestSF": samples(find(folder, config.moses_scaffolds))[0],
  }
  out = {}
  for name in tqdm(config.moses_models, desc="models", dynamic_ncols=True):
    judged, counts = samples(find(folder / "moses_samples", f"{name}_1"))
    out[name] = counts
    for test, reference in tests.items():
      found = feature_distance.compare(reference, judged)
      out[name][test] = {
        "published": float(published[name][f"FCD/{test}"]),
        "fcd": found["distance"],
        "standard_error": found["standard_error"],
        "at_infinity": found["at_infinity"],
      }
  correlation = {
    test: float(
      scipy.stats.spearmanr(
        [found[test]["published"] for found in out.values()],
        [found[test]["fcd"] for found in out.values()],
      ).statistic
    )
    for test in tests
  }
  return {"models": out, "rank_correlation": correlation}


def moses_table(results: dict[str, Any]) -> str:
  """The table of the README."""
  rows = []
  for name, found in results["models"].items():
    row = [name, f"{found['n']:,}"]
    for test in ("Test", "TestSF"):
      s = found[test]
      error, line = s["standard_error"], s["at_infinity"]
      row += [
        f"{s['published']:.3f}",
        f"{s['fcd']:.3f}" + (f" ± {error:.3f}" if error is not None else ""),
        f"{line['value']:.3f}" if line else "-",
      ]
    rows.append(row)
  header = ["model", "n"]
  for test in ("Test", "TestSF"):
    header += [f"FCD/{test}, published", "ours", "ours, infinite n"]
  correlation = results["rank_correlation"]
  note = (
    f"\nRank correlation with the published values: {correlation['Test']:.2f}"
    f" and {correlation['TestSF']:.2f}.\n"
  )
  return markdown.table(header, rows) + note


def data_dir(context: reproduce.Context) -> pathlib.Path:
  """The folder of the lists of SMILES."""
  if not context.arguments.data_dir:
    raise InputError("say where the lists of SMILES are with --data_dir=DIR")
  return pathlib.Path(context.arguments.data_dir).expanduser()


def faults(context: reproduce.Context) -> str:
  """The study of faults; returns the table and draws it."""
  population.use_all_cores()
  config = reproduce.config_of(context, "studies")
  asked = context.arguments

  def compute():
    folder = data_dir(context)
    texts = [
      t for p in config.pool for t in smiles_files.read(find(folder, p))[1]
    ]
    labelled, active = assay(asked.assays, config.assay)
    if context.quick:
      texts, labelled, active = texts[:400], labelled[:400], active[:400]
    valid = filter(None, canonical.canonicalise(texts, config.processes))
    pool = list(dict.fromkeys(valid))
    return study_disturbances(config, pool, labelled, active, asked.weights)

  results = reproduce.cell(context, "disturbances", compute)
  pictures.disturbances_plot(context.out / "disturbances.png", results)
  return disturbances_table(results)


def moses(context: reproduce.Context) -> str:
  """The FCD of the models of MOSES; returns the table and draws it."""
  population.use_all_cores()
  config = reproduce.config_of(context, "studies")
  weights = context.arguments.weights
  compute = lambda: study_moses(config, data_dir(context), weights)
  results = reproduce.cell(context, "moses", compute)
  pictures.moses_plot(context.out / "moses.png", results)
  return moses_table(results)


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """The flags of the studies."""
  add = parser.add_argument
  add("--data_dir", default="", metavar="DIR", help="of the lists, see above")
  add("--assays", default="", metavar="FILE", help="Tox21's training part")
  where = "of ChemNet, if they are not in ~/.cache/weights: its .pt, or the "
  add("--weights", metavar="FILE", help=f"{where}wheel of the package fcd")


if __name__ == "__main__":
  tables = {"disturbances": faults, "moses": moses}
  reproduce.main(__doc__, __file__, tables, add_arguments)
