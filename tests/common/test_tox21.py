"""The Tox21 challenge: what is read, scaled, kept and refused."""

import gzip
import itertools
import logging

import numpy as np
import pytest
import rdkit
from rdkit import Chem
from rdkit.Chem import Descriptors

from common.chem import features, tox21
from common.errors import InputError

SMILES = ("CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]", "CCCCCCCC")
BROKEN = "c1cccc1("
HEADER = "Sample ID,SMILES,A,B\n"


def write(folder, parts):
  """Writes the challenge's three files: {part: [(smiles, a, b), ...]}."""
  folder.mkdir(parents=True, exist_ok=True)
  for part, rows in parts.items():
    lines = [f"{part}-{i},{','.join(row)}\n" for i, row in enumerate(rows)]
    path = folder / f"tox21_challenge_{part}.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "".join(lines)).encode()))
  return folder


def challenge(folder, **replaced):
  labels = itertools.cycle([("0", "1"), ("1", ""), ("", "0")])
  rows = [(s, *next(labels)) for s in SMILES]
  parts = {"train": rows * 2, "leaderboard": rows[:2], "test": rows[2:]}
  return write(folder, {**parts, **replaced})


def test_tox21_without_a_cache_is_the_same(tmp_path):
  folder = challenge(tmp_path)
  kept, not_kept = (tox21.load(folder, c) for c in (tmp_path / "c", None))
  np.testing.assert_array_equal(kept.x, not_kept.x)


def test_tox21_shapes_and_scale(tmp_path):
  found = tox21.load(challenge(tmp_path), tmp_path / "cache", clip=None)
  assert found.x.shape == (15, len(found.features))
  assert found.x.dtype == np.float32 and found.y.dtype == np.float32
  assert found.tasks == ("A", "B")
  np.testing.assert_array_equal(found.split.train, np.arange(10))
  np.testing.assert_array_equal(found.split.validation, [10, 11])
  np.testing.assert_array_equal(found.split.test, [12, 13, 14])
  nan = np.nan
  np.testing.assert_array_equal(found.y[:3], [[0, 1], [1, nan], [nan, 0]])
  assert np.isfinite(found.x).all()
  seen = found.x[:10].astype(np.float64)
  np.testing.assert_allclose(seen.mean(0), 0, atol=1e-5)
  std = seen.std(0)
  # What is undefined for some is filled with the mean, so their std is less.
  assert (std < 1 + 1e-5).all() and (np.abs(std - 1) < 1e-5).mean() > 0.4
  assert (std == 0).sum() == found.notes["constant_descriptors"]
  assert found.notes["kept_substructures"] == sum(
    name.startswith("ecfp ") for name in found.features
  )
  assert found.notes["unparsed_train"] == found.notes["clipped"] == 0
  rows = [*SMILES * 2, *SMILES]  # Of training; the others are as many.
  undefined = np.isnan(features.features(rows).descriptors)
  assert found.notes["undefined_descriptors"] == undefined.sum() > 0


def test_tox21_scale_comes_from_training_alone(tmp_path):
  rows = [(s, "1", "0") for s in SMILES]
  one = tox21.load(challenge(tmp_path / "a"), tmp_path / "cache")
  bare = tox21.load(challenge(tmp_path / "a"), None)
  np.testing.assert_array_equal(bare.x, one.x)
  other = tox21.load(
    challenge(tmp_path / "b", test=[("Br" * 2, "1", "0"), *rows]),
    tmp_path / "cache",
  )
  # Bromine is in no training row: no column, and no other number, is new.
  assert one.features == other.features
  np.testing.assert_array_equal(one.x[:12], other.x[:12])


def test_tox21_options(tmp_path):
  folder, cache = challenge(tmp_path), tmp_path / "cache"
  clipped = tox21.load(folder, cache, clip=1.0)
  free = tox21.load(folder, cache, clip=None)
  assert np.abs(clipped.x).max() == 1
  np.testing.assert_array_equal(clipped.x, np.clip(free.x, -1, 1))
  assert clipped.notes["clipped"] == (np.abs(free.x) > 1).sum() > 0
  plain = tox21.load(folder, cache, clip=None, squash=False)
  assert np.abs(plain.x - free.x).max() > 0.1
  weights = [
    Descriptors.MolWt(Chem.MolFromSmiles(s)) for s in (SMILES * 2)[:10]
  ]
  for found, raw in ((plain, weights), (free, np.log1p(weights))):
    column = found.x[:10, found.features.index("MolWt")]
    np.testing.assert_allclose(
      column, (raw - np.mean(raw)) / np.std(raw), atol=1e-5
    )
  # Squashed, what is below 0 stays there: the order of values is as it was.
  logp = [Descriptors.MolLogP(Chem.MolFromSmiles(s)) for s in SMILES]
  assert min(logp) < 0 < max(logp)
  column = free.x[:5, free.features.index("MolLogP")]
  np.testing.assert_array_equal(np.argsort(column), np.argsort(logp))
  few = tox21.load(folder, cache, share=0.5)
  assert 0 < few.x.shape[1] < free.x.shape[1]
  more = tox21.load(folder, cache, fingerprints=("maccs", "ecfp"))
  kinds = {name.split()[0] for name in more.features if " " in name}
  assert kinds == {"ecfp", "maccs"}
  assert set(tox21.load(folder, cache).features) < set(more.features)
  with pytest.raises(InputError, match="clip = 0"):
    tox21.load(folder, cache, clip=0)


def test_tox21_malformed_smiles_are_reported_and_counted(tmp_path, caplog):
  rows = [(s, "1", "0") for s in SMILES]
  folder = challenge(tmp_path, train=[*rows, (BROKEN, "1", "1"), *rows])
  with caplog.at_level(logging.WARNING):
    found = tox21.load(folder, tmp_path / "cache")
  (message,) = [r.getMessage() for r in caplog.records]
  assert "challenge_train.csv.gz: 1 SMILES" in message
  assert f"line 7: {BROKEN!r}" in message
  assert found.notes["unparsed_train"] == 1
  assert len(found.x) == len(found.y) == len(found.valid) == 16
  np.testing.assert_array_equal(np.flatnonzero(~found.valid), [5])
  assert 5 not in found.split.train and len(found.split.train) == 10
  assert not found.x[5].any()
  # The broken row changes nothing for the others.
  other = tox21.load(
    challenge(tmp_path / "b", train=rows * 2), tmp_path / "cache"
  )
  np.testing.assert_array_equal(found.x[found.valid], other.x)


def test_tox21_cache_depends_on_smiles_radius_and_version(
  tmp_path, monkeypatch
):
  folder, cache = challenge(tmp_path), tmp_path / "cache"
  calls = []
  compute = tox21.features
  monkeypatch.setattr(
    tox21, "features", lambda *args: calls.append(args) or compute(*args)
  )
  first = tox21.load(folder, cache)
  again = tox21.load(folder, cache)
  assert len(calls) == 1
  np.testing.assert_array_equal(first.x, again.x)
  assert first.features == again.features and first.notes == again.notes
  tox21.load(folder, cache, radius=1)
  tox21.load(folder, cache, fingerprints=("fcfp", "ecfp"))
  tox21.load(folder, cache, fingerprints=("ecfp", "fcfp"))
  assert len(calls) == 3
  with monkeypatch.context() as patch:
    patch.setattr(rdkit, "__version__", "another")
    tox21.load(folder, cache)
  assert len(calls) == 4
  rows = [(s, "1", "0") for s in SMILES[::-1]]
  tox21.load(challenge(folder, leaderboard=rows), cache)
  assert len(calls) == 5
  kept = list(cache.rglob("*.npz"))
  assert len(kept) == 5
  for path in kept:  # A damaged one is computed again.
    path.write_bytes(path.read_bytes()[:1000])
  tox21.load(challenge(folder), cache)
  assert len(calls) == 6
  assert sorted(cache.rglob("*.npz")) == sorted(kept)


@pytest.mark.parametrize(
  ("rows", "message"),
  [
    ([("CCO", "1", "2")], "line 2, column 'B': '2' is not 0, 1 or empty"),
    ([("CCO", "1", "0"), ("CCO", "x", "0")], "line 3, column 'A': 'x'"),
    ([("CCO", "1")], "line 2: 3 cells under a header of 4"),
    ([], "a header but no rows"),
    ([(BROKEN, "1", "0")], "RDKit accepts no SMILES .*line 2"),
  ],
)
def test_tox21_refuses(tmp_path, rows, message):
  folder = challenge(tmp_path, leaderboard=rows)
  with pytest.raises(InputError, match=message) as error:
    tox21.load(folder, tmp_path / "cache")
  assert "tox21_challenge_leaderboard.csv.gz" in str(error.value)
  assert "\n" not in str(error.value)


def test_tox21_other_columns_and_missing_files(tmp_path):
  folder = challenge(tmp_path)
  path = folder / "tox21_challenge_test.csv.gz"
  path.write_bytes(gzip.compress(b"Sample ID,SMILES,A,C\nx,CCO,1,0\n"))
  with pytest.raises(InputError, match=r"test.csv.gz has the header .*'C'"):
    tox21.load(folder, tmp_path / "cache")
  path.write_bytes(b"")
  with pytest.raises(InputError, match=r"test.csv.gz is empty"):
    tox21.load(folder, tmp_path / "cache")
  path.unlink()
  with pytest.raises(InputError, match=r"test.csv.gz cannot be read"):
    tox21.load(folder, tmp_path / "cache")


def test_real_tox21(shared, tmp_path):
  """The first rows of each file; all of them would take a minute."""
  folder = shared / "data" / "tox21"
  for part, rows in {"train": 250, "leaderboard": 40, "test": 400}.items():
    text = gzip.decompress(
      (folder / f"tox21_challenge_{part}.csv.gz").read_bytes()
    ).decode()
    lines = text.splitlines(keepends=True)
    assert len(lines) - 1 == {"train": 11764, "leaderboard": 296}.get(part, 647)
    short = tmp_path / f"tox21_challenge_{part}.csv"
    short.write_text("".join(lines[: rows + 1]))
  found = tox21.load(tmp_path, tmp_path / "cache")
  assert len(found.tasks) == 12
  assert [len(rows) for rows in found.split] == [250, 40, 398]
  assert found.notes["unparsed_test"] == 2
  assert np.isfinite(found.x).all() and np.abs(found.x).max() <= 5
  assert set(np.unique(found.y[~np.isnan(found.y)])) == {0.0, 1.0}
  # Even so few say something: linear least squares on one assay.
  task = found.tasks.index("SR-MMP")
  known = ~np.isnan(found.y[:, task])
  train = found.split.train[known[found.split.train]]
  test = found.split.test[known[found.split.test]]
  gram = found.x[train] @ found.x[train].T + 300 * np.eye(len(train))
  target = found.y[train, task] - found.y[train, task].mean()
  score = found.x[test] @ (found.x[train].T @ np.linalg.solve(gram, target))
  y = found.y[test, task]
  above = score[y == 1][:, None] > score[y == 0]
  assert above.mean() > 0.75
