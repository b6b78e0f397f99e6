"""What the tables compute on trained networks: plain data out."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from rdkit import Chem
from scipy import stats

from common import keys

from . import (
  alcohols,
  alerts,
  attribution,
  datasets,
  explain,
  fingerprints,
  inputs,
  localisation,
  losses,
  neurons,
  substructures,
  train,
)


def initial(config: ml_collections.ConfigDict) -> Any:
  """The parameters that a training of `config` starts from."""
  key = keys.named(jax.random.key(config.seed), "init")
  return jax.jit(lambda key: train.init(key, config).params)(key)


class Tested(NamedTuple):
  """The training molecules of a data set and the alerts tested on them.

  Attributes:
    molecules: `[n]`.
    bits: uint8 `[n, bits]`.
    alerts: those in enough of them.
    groups: bool `[n, alerts]`.
    sizes: atoms of each alert.
    distinct: int64, the first of each molecule that comes several times.
  """

  molecules: list[Chem.Mol]
  bits: np.ndarray
  alerts: list[alerts.Alert]
  groups: np.ndarray
  sizes: list[int]
  distinct: np.ndarray


def tested(
  config: ml_collections.ConfigDict,
  data: datasets.Dataset,
  known: Sequence[alerts.Alert],
) -> Tested:
  """Matches the alerts known, and keeps those of `config.neurons.least`."""
  molecules = [data.molecules[i] for i in data.parts["train"]]
  hits = alerts.match(known, molecules, config.cache_dir)
  chosen = neurons.tested(hits, config.neurons.least)
  smiles = [Chem.MolToSmiles(molecule) for molecule in molecules]
  _, distinct = np.unique(smiles, return_index=True)
  kept = [known[i] for i in chosen]
  return Tested(
    molecules,
    fingerprints.fingerprints(molecules, config.bits, config.radius),
    kept,
    hits[:, chosen],
    [alert.size() for alert in kept],
    distinct,
  )


def only_distinct(found: Tested, least: int) -> Tested:
  """The same without molecules that come twice, and alerts too rare then."""
  rows = found.distinct
  columns = neurons.tested(found.groups[rows], least)
  return Tested(
    [found.molecules[i] for i in rows],
    found.bits[rows],
    [found.alerts[i] for i in columns],
    found.groups[rows][:, columns],
    [found.sizes[i] for i in columns],
    np.arange(len(rows)),
  )


def of_neurons(
  config: ml_collections.ConfigDict, params: Any, tested: Tested
) -> dict[str, Any]:
  """`neurons.study` of a network's units; of the input bits for params None."""
  layers = [tested.bits.astype(np.float32)]
  if params is not None:
    layers = neurons.activations(config, params, tested.bits)
  found = neurons.study(layers, tested.groups, tested.sizes, config.neurons)
  found["separation"] = neurons.separation(found)
  found["names"] = [alert.name for alert in tested.alerts]
  found["sizes"] = tested.sizes
  found["present"] = tested.groups.sum(axis=0).tolist()
  return found


def exciting(
  config: ml_collections.ConfigDict,
  params: Any,
  tested: Tested,
  layer: int,
  unit: int,
  low: bool,
  count: int,
) -> list[int]:
  """The distinct training molecules that excite a unit most (least if low)."""
  values = neurons.activations(config, params, tested.bits)[layer][:, unit]
  rows = tested.distinct
  order = np.argsort(values[rows] if low else -values[rows], kind="stable")
  return rows[order[:count]].tolist()


def of_each_kind(data: datasets.Dataset, count: int) -> list[int]:
  """Up to `count` test molecules of each kind of the alcohol task."""
  kinds = {int(i): alcohols.kind(data.molecules[i]) for i in data.parts["test"]}
  return [
    row
    for name in alcohols.KINDS
    for row in [row for row, kind in kinds.items() if kind == name][:count]
  ]


def of_alcohols(
  config: ml_collections.ConfigDict, params: Any, data: datasets.Dataset
) -> dict[str, Any]:
  """Localisation of each method, and of integrated gradients untrained."""
  rows = of_each_kind(data, config.attribution.molecules)
  molecules = [data.molecules[i] for i in rows]
  kinds = [alcohols.kind(molecule) or "" for molecule in molecules]
  bits = inputs.of_molecules(molecules, config)
  cases = {name: (name, params) for name in attribution.METHODS}
  cases["untrained"] = ("integrated_gradients", initial(config))
  methods = {}
  for name, (method, weights) in cases.items():
    scores, gaps = explain.of_atoms(config, weights, molecules, bits, method)
    methods[name] = localisation.of_alcohols(molecules, kinds, scores)
    methods[name]["gap"] = float(np.abs(gaps).max())
  counts = {kind: kinds.count(kind) for kind in alcohols.KINDS}
  return {"methods": methods, "counts": counts}


def correct_positives(
  config: ml_collections.ConfigDict,
  params: Any,
  data: datasets.Dataset,
  count: int,
  seed: int,
) -> list[tuple[int, int]]:
  """Test molecules, at random, and an assay that rightly calls each active."""
  rows = data.parts["test"]
  found = inputs.of_molecules([data.molecules[i] for i in rows], config)
  logits = train.make_predict(config)(params, found)
  right = np.argwhere((logits > 0) & (data.y[rows] == 1))
  order = np.random.default_rng(seed).permutation(len(right))
  chosen: dict[int, int] = {}
  for i in order:
    chosen.setdefault(int(rows[right[i, 0]]), int(right[i, 1]))
  return list(chosen.items())[:count]


def of_attribution(
  config: ml_collections.ConfigDict,
  params: Any,
  data: datasets.Dataset,
  steps: Sequence[int],
) -> dict[str, Any]:
  """Completeness by number of steps, and how far methods agree on atoms.

  On test molecules and the first assay. A gap is that of the sum, as a share of
  the mean |F(x) - F(0)|; agreement is the mean rank correlation of atoms'
  scores with integrated gradients of the most steps, within a molecule.
  """
  rows = data.parts["test"][: config.attribution.molecules]
  molecules = [data.molecules[i] for i in rows]
  bits = inputs.of_molecules(molecules, config)
  logit = train.make_predict(config)
  zero = logit(params, np.zeros((1, config.bits), np.uint8))[0, 0]
  change = logit(params, bits)[:, 0] - zero
  scale = float(np.abs(change).mean())
  config = config.copy_and_resolve_references()
  atoms, gaps = {}, {}
  cases = [("integrated_gradients", n) for n in steps]
  cases += [(name, 0) for name in attribution.METHODS if name != cases[0][0]]
  for method, n in cases:
    name = f"{method}, {n} steps" if n else method
    with config.unlocked():
      config.attribution.steps = n or 1
      config.attribution.block = 1
    atoms[name], missing = explain.of_atoms(
      config, params, molecules, bits, method
    )
    gaps[name] = float(np.abs(missing).mean()) / scale
  reference = atoms[f"integrated_gradients, {max(steps)} steps"]
  return {
    "molecules": len(molecules),
    "change": scale,
    "gaps": gaps,
    "agreement": {
      name: _agreement(scores, reference) for name, scores in atoms.items()
    },
  }


def _agreement(scores, reference) -> float:
  found = [
    stats.spearmanr(a, b).statistic
    for a, b in zip(scores, reference, strict=True)
    if len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0
  ]
  return float(np.mean(found)) if found else float("nan")


def of_ames(
  config: ml_collections.ConfigDict,
  params: Any,
  data: datasets.Dataset,
  larger: datasets.Dataset,
) -> dict[str, Any]:
  """AUCs on both test sets, and the scores behind the ROC curve."""
  predict = train.make_predict(config)
  found = {}
  for name, which in (("skeleton", data), ("key", larger)):
    rows = which.parts["test"]
    x = inputs.of_molecules([which.molecules[i] for i in rows], config)
    scores, y = predict(params, x), which.y[rows]
    found[name] = {
      "auc": losses.mean_auc(scores, y),
      "molecules": len(rows),
      "toxic": int(y.sum()),
    }
    if name == "skeleton":
      found["test_scores"] = [round(float(score), 3) for score in scores[:, 0]]
      found["labels"] = y[:, 0].astype(int).tolist()
  return found


def of_substructures(
  config: ml_collections.ConfigDict,
  params: Any,
  data: datasets.Dataset,
) -> list[dict[str, Any]]:
  """The best neighbourhoods of the validation molecules, judged on the test."""
  sources = [data.molecules[i] for i in data.parts["validation"]]
  found = inputs.of_molecules(sources, config)
  logits, vectors = substructures.scores(config, params, found)
  given = config.substructures
  best = substructures.best(sources, logits, vectors, given.count, given.radius)
  rows = data.parts["test"]
  others = [data.molecules[i] for i in rows]
  return substructures.judge(best, sources, others, data.y[rows, 0], given)


def read_alerts(path: str) -> list[alerts.Alert]:
  """The alerts of a file, or the paper's seven classes without one."""
  if path:
    return alerts.load(pathlib.Path(path).expanduser())
  return substructures.CLASSES
