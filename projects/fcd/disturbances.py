"""Sets of molecules with a known fault, and the simpler scores beside the FCD.

A fault is a choice of rows of a pool; at level p a share p of a set is drawn
from these rows, the rest from the whole pool. Faults after Section 3 of
arXiv:1803.09518: low drug-likeness, high logP, poor synthetic accessibility,
mode collapse, and a bias to molecules that are active in one assay.
"""

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rdkit import RDConfig, rdBase
from rdkit.Chem import QED, Crippen, rdFingerprintGenerator
from sklearn.ensemble import RandomForestClassifier

from common.chem import canonical, workers
from common.errors import InputError
from common.stats import frechet

FAULTS = (
  "low drug-likeness",
  "high logP",
  "poor synthetic accessibility",
  "mode collapse",
  "biased activity",
)
SCORES = ("logP", "QED", "SA", "diversity", "FFD")
_CHUNK = 256  # Molecules that a process computes before it answers.


class Molecules(NamedTuple):
  """What is computed once of a pool of molecules.

  Attributes:
    logp: float64 [n], Crippen's.
    qed: float64 [n], drug-likeness between 0 and 1.
    sa: float64 [n], synthetic accessibility from 1 (easy) to 10.
    bits: uint8 [n, bits], folded ECFP4.
  """

  logp: np.ndarray
  qed: np.ndarray
  sa: np.ndarray
  bits: np.ndarray


def molecules(
  smiles: Sequence[str], bits: int, processes: int = 1
) -> Molecules:
  """Computes properties and fingerprints; the order is kept.

  Args:
    smiles: `[n]`, all valid.
    bits: length of the folded fingerprints.
    processes: 1 works in this one.

  Raises:
    InputError: a SMILES that RDKit does not accept.
  """
  chunks = [smiles[i : i + _CHUNK] for i in range(0, len(smiles), _CHUNK)]
  found = workers.mapped(
    functools.partial(_of_chunk, bits=bits), chunks, processes
  )
  return Molecules(*map(np.concatenate, zip(*found, strict=True)))


def _of_chunk(smiles, bits):
  generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=bits)
  values, prints = [], []
  with rdBase.BlockLogs():
    for text in smiles:
      molecule = canonical.molecule(text)
      if molecule is None:
        raise InputError(f"RDKit does not accept the SMILES {text!r}")
      values.append(
        (
          Crippen.MolLogP(molecule),
          QED.qed(molecule),
          _accessibility().calculateScore(molecule),
        )
      )
      prints.append(generator.GetFingerprintAsNumPy(molecule))
  return *np.array(values).T, np.stack(prints)


@functools.cache
def _accessibility():
  """Ertl and Schuffenhauer's score, which RDKit ships among contributions."""
  folder = os.path.join(RDConfig.RDContribDir, "SA_Score")
  sys.path.append(folder)
  try:
    return importlib.import_module("sascorer")
  except ImportError as error:
    raise InputError(
      f"this RDKit has no SA_Score in {RDConfig.RDContribDir}; install the "
      "package `rdkit` of requirements.txt"
    ) from error
  finally:
    with contextlib.suppress(ValueError):
      sys.path.remove(folder)


def predicted_activity(
  bits: np.ndarray, labelled: np.ndarray, active: np.ndarray, seed: int
) -> np.ndarray:
  """Probability [n] of being active, by a random forest on fingerprints.

  Args:
    bits: [n, bits], of the pool.
    labelled: [m, bits], of molecules with a known outcome.
    active: bool [m].
    seed: of the forest.
  """
  forest = RandomForestClassifier(
    200, min_samples_leaf=2, class_weight="balanced", random_state=seed
  )
  return forest.fit(labelled, active).predict_proba(bits)[:, 1]


def similarity(bits: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Tanimoto similarities [n, m] of fingerprints; 0 / 0 is 1."""
  a, b = bits.astype(np.float32), others.astype(np.float32)
  both = a @ b.T
  either = a.sum(1)[:, None] + b.sum(1)[None] - both
  return np.divide(both, either, out=np.ones_like(both), where=either > 0)


def faulty_rows(
  fault: str,
  pool: Molecules,
  activity: np.ndarray,
  share: float,
  random: np.random.Generator,
) -> np.ndarray:
  """The rows of the pool that have a fault most, int [share * n].

  Args:
    fault: of `FAULTS`. Mode collapse takes one random molecule and its nearest
      by Tanimoto similarity; the others the extreme ones of a property.
    pool: `molecules` of it.
    activity: [n], of `predicted_activity`.
    share: of the pool; the paper's is 5%.
    random: draws the molecule that a mode collapses to.
  """
  count = max(1, round(share * len(pool.qed)))
  if fault == "mode collapse":
    centre = random.integers(len(pool.bits))
    badness = similarity(pool.bits, pool.bits[centre][None])[:, 0]
  else:
    badness = {
      "low drug-likeness": -pool.qed,
      "high logP": pool.logp,
      "poor synthetic accessibility": pool.sa,
      "biased activity": activity,
    }[fault]
  return np.sort(np.argsort(-badness, kind="stable")[:count])


def disturbed(
  rows: np.ndarray,
  faulty: np.ndarray,
  level: float,
  n: int,
  random: np.random.Generator,
) -> np.ndarray:
  """Draws a set of n rows, a share `level` of it from the faulty ones, int [n].

  No row comes twice where there are enough; else the rows of a kind come in
  whole rounds, each as often as any other or once more: copies, which cost FCD
  and FFD something by themselves.
  """
  bad = _drawn(faulty, round(level * n), random)
  others = np.setdiff1d(rows, bad)
  return np.concatenate([bad, _drawn(others, n - len(bad), random)])


def _drawn(rows, n, random):
  rounds = [random.permutation(rows) for _ in range(-(-n // len(rows)))]
  return np.concatenate([np.empty(0, np.int64), *rounds])[:n]


def simple_scores(
  pool: Molecules, reference: np.ndarray, judged: np.ndarray
) -> dict[str, float]:
  """What else scores a set of molecules: `SCORES`, larger is worse.

  The absolute difference of the mean logP, QED and SA; how much lower the
  internal diversity is (1 - mean Tanimoto similarity of two molecules); the
  squared Fréchet distance of fingerprints (FFD).

  Args:
    pool: `molecules` of it.
    reference: rows, int [n1].
    judged: rows, int [n2].
  """
  gap = lambda values: abs(
    float(values[judged].mean() - values[reference].mean())
  )
  moments = [
    frechet.moments(pool.bits[rows].astype(np.float32))
    for rows in (reference, judged)
  ]
  lost = _diversity(pool.bits[reference]) - _diversity(pool.bits[judged])
  return {
    "logP": gap(pool.logp),
    "QED": gap(pool.qed),
    "SA": gap(pool.sa),
    "diversity": lost,
    "FFD": float(frechet.distance(*moments)),
  }


def _diversity(bits):
  n = len(bits)
  total = sum(
    float(similarity(bits[i : i + 1024], bits).sum(dtype=np.float64))
    for i in range(0, n, 1024)
  )
  return 1 - (total - n) / (n * (n - 1))
