"""Faulty sets of molecules: what is chosen, drawn and scored."""

import itertools

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from common.errors import InputError
from common.stats import frechet
from projects.fcd import disturbances

SMILES = [
  "C" * n + tail
  for n, tail in itertools.product(
    range(1, 9), ("", "O", "N", "c1ccccc1", "C(=O)O", "C1CCCCC1")
  )
]


@pytest.fixture(scope="module")
def pool():
  return disturbances.molecules(SMILES, bits=128)


def test_properties_are_in_their_ranges(pool):
  assert pool.bits.shape == (48, 128) and pool.bits.dtype == np.uint8
  # Longer chains are more lipophilic.
  assert np.all(np.diff(pool.logp[::6]) > 0)
  assert np.all((pool.qed > 0) & (pool.qed < 1))
  assert np.all((pool.sa >= 1) & (pool.sa <= 10))
  with pytest.raises(InputError, match="does not accept the SMILES 'C1CC'"):
    disturbances.molecules(["C", "C1CC"], 64)


def test_similarity_is_rdkits(pool):
  generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=128)
  prints = [generator.GetFingerprint(Chem.MolFromSmiles(s)) for s in SMILES[:9]]
  want = [DataStructs.BulkTanimotoSimilarity(p, prints) for p in prints]
  got = disturbances.similarity(pool.bits[:9], pool.bits[:9])
  np.testing.assert_allclose(got, want, atol=1e-6)


def test_a_fault_takes_the_worst_molecules(pool):
  random = np.random.default_rng(0)
  activity = np.linspace(0, 1, 48)
  rows = {
    fault: disturbances.faulty_rows(fault, pool, activity, 0.125, random)
    for fault in disturbances.FAULTS
  }
  assert all(len(r) == 6 for r in rows.values())
  others = lambda r: np.setdiff1d(np.arange(48), r)
  r = rows["low drug-likeness"]
  assert pool.qed[r].max() <= pool.qed[others(r)].min()
  r = rows["high logP"]
  assert pool.logp[r].min() >= pool.logp[others(r)].max()
  r = rows["poor synthetic accessibility"]
  assert pool.sa[r].min() >= pool.sa[others(r)].max()
  r = rows["biased activity"]
  assert list(r) == list(range(42, 48))
  # Collapsed molecules are nearer to each other than any six are on average.
  near = disturbances.similarity(*[pool.bits[rows["mode collapse"]]] * 2)
  assert near.mean() > disturbances.similarity(pool.bits, pool.bits).mean()


def test_levels_are_shares_of_the_set():
  random = np.random.default_rng(0)
  rows, faulty = np.arange(100), np.arange(100, 110)
  for level in (0.0, 0.25, 1.0):
    drawn = disturbances.disturbed(rows, faulty, level, 40, random)
    assert len(drawn) == 40 and np.sum(drawn >= 100) == 40 * level
  # Four rounds of ten faulty rows.
  assert set(np.bincount(drawn)[100:]) == {4}
  drawn = disturbances.disturbed(rows, faulty, 1.0, 43, random)
  assert sorted(np.bincount(drawn)[100:]) == [4] * 7 + [5] * 3
  # None comes twice where there are enough, though both kinds may have it.
  for level in (0.0, 0.5, 1.0):
    drawn = disturbances.disturbed(rows, rows[:50], level, 50, random)
    assert len(set(drawn)) == 50 and np.sum(drawn < 50) >= 50 * level


def test_simple_scores_are_zero_on_the_same_set_and_see_their_fault(pool):
  every = np.arange(48)
  same = disturbances.simple_scores(pool, every, every)
  assert set(same) == set(disturbances.SCORES)
  assert all(abs(v) < 1e-9 for v in same.values())
  one = np.full(48, 3)
  collapsed = disturbances.simple_scores(pool, every, one)
  similar = disturbances.similarity(pool.bits, pool.bits)
  diversity = 1 - (similar.sum() - 48) / (48 * 47)
  assert collapsed["diversity"] == pytest.approx(diversity, rel=1e-5)
  heavy = np.argsort(pool.logp)[-10:]
  scores = disturbances.simple_scores(pool, every, heavy)
  assert scores["logP"] > 0.5
  prints = [pool.bits[rows].astype(float) for rows in (every, heavy)]
  distance = float(frechet.distance_from_features(*prints))
  assert scores["FFD"] == pytest.approx(distance, rel=1e-5) and distance > 1


def test_activity_is_predicted_from_fingerprints(pool):
  acid = np.array(["C(=O)O" in s for s in SMILES])
  got = disturbances.predicted_activity(pool.bits, pool.bits, acid, seed=0)
  assert got[acid].min() > got[~acid].max()
