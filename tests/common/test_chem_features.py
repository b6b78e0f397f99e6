"""Features of molecules against RDKit's own, and what is refused."""

import numpy as np
import pytest
import scipy.sparse
from rdkit import Chem
from rdkit.Chem import Descriptors, MACCSkeys, rdFingerprintGenerator

from common.chem import canonical, features
from common.errors import InputError

SMILES = ("CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]", "CCCCCCCC")
BROKEN = "c1cccc1("


def test_features_are_rdkits():
  found = features.features(SMILES, radius=3)
  assert found.valid.all() and found.counts.shape[0] == len(SMILES)
  generator = rdFingerprintGenerator.GetMorganGenerator(radius=3)
  for i, smiles in enumerate(SMILES):
    molecule = Chem.MolFromSmiles(smiles)
    theirs = generator.GetSparseCountFingerprint(molecule).GetNonzeroElements()
    row = found.counts[[i]].toarray()[0]
    mine = {int(found.substructures[j]): int(row[j]) for j in row.nonzero()[0]}
    assert mine == theirs
    weight = found.descriptors[i, found.names.index("MolWt")]
    assert weight == Descriptors.MolWt(molecule)
  # Eight carbons in a row: counts, not bits.
  assert found.counts.max() >= 6
  assert features.features(SMILES, radius=1).counts.shape[1] < len(
    found.substructures
  )


def test_fingerprints_are_rdkits_and_stay_apart():
  every = features.FINGERPRINTS
  found = features.features(SMILES, radius=3, fingerprints=every[::-1])
  named = [features.substructure_name(s) for s in found.substructures]
  assert len(set(named)) == len(named)
  make = rdFingerprintGenerator
  generators = {
    "ecfp": make.GetMorganGenerator(radius=3),
    "fcfp": make.GetMorganGenerator(
      radius=3, atomInvariantsGenerator=make.GetMorganFeatureAtomInvGen()
    ),
    "pairs": make.GetAtomPairGenerator(),
    "torsions": make.GetTopologicalTorsionGenerator(),
    "paths": make.GetRDKitFPGenerator(maxPath=5, numBitsPerFeature=1),
  }
  for i, smiles in enumerate(SMILES):
    molecule = Chem.MolFromSmiles(smiles)
    theirs = {
      f"{name} {number}": count
      for name, one in generators.items()
      for number, count in one.GetSparseCountFingerprint(molecule)
      .GetNonzeroElements()
      .items()
    }
    keys = MACCSkeys.GenMACCSKeys(molecule).GetOnBits()
    theirs |= {f"maccs {number}": 1 for number in keys}
    row = found.counts[[i]].toarray()[0]
    assert {named[j]: row[j] for j in row.nonzero()[0]} == theirs
  # Ethanol's paths are C-C, C-O and C-C-O.
  paths = found.counts[[0]].toarray()[0].nonzero()[0]
  assert sum(named[j].startswith("paths") for j in paths) == 3
  # One alone has the same columns as among the others.
  alone = features.features(SMILES, fingerprints=["torsions"])
  mine = [j for j, name in enumerate(named) if name.startswith("torsions")]
  assert [features.substructure_name(s) for s in alone.substructures] == [
    named[j] for j in mine
  ]
  np.testing.assert_array_equal(
    alone.counts.toarray(), found.counts[:, mine].toarray()
  )


def test_features_mark_what_is_no_molecule(capfd):
  found = features.features(text for text in ("CCO", BROKEN, None, "c1ccccc1"))
  np.testing.assert_array_equal(found.valid, [True, False, False, True])
  assert not found.counts[[1, 2]].toarray().any()
  assert np.isnan(found.descriptors[1:3]).all()
  alone = features.features(["CCO", "c1ccccc1"])
  np.testing.assert_array_equal(
    found.counts[[0, 3]].toarray(), alone.counts.toarray()
  )
  np.testing.assert_array_equal(found.descriptors[[0, 3]], alone.descriptors)
  assert not np.isinf(found.descriptors).any()
  assert capfd.readouterr().err == ""


def test_features_do_not_depend_on_processes():
  smiles = ["C" * (1 + i % 40) + "O" * (i % 2) for i in range(140)]
  smiles[130] = BROKEN
  one, two = (features.features(smiles, processes=p) for p in (1, 2))
  np.testing.assert_array_equal(one.counts.toarray(), two.counts.toarray())
  np.testing.assert_array_equal(one.substructures, two.substructures)
  np.testing.assert_array_equal(one.descriptors, two.descriptors)
  np.testing.assert_array_equal(one.valid, two.valid)
  assert one.valid.sum() == 139


def test_features_of_nothing_and_bad_arguments():
  assert features.features([]).counts.shape == (0, 0)
  for wrong in ({"radius": -1}, {"processes": 0}):
    with pytest.raises(InputError, match="radius = "):
      features.features(SMILES, **wrong)
  with pytest.raises(InputError, match="did you mean 'torsions'"):
    features.features(SMILES, fingerprints=["ecfp", "torsion"])


def test_a_descriptor_that_overflows_is_undefined(monkeypatch):
  whole = Descriptors.CalcMolDescriptors

  def overflowing(*arguments, **options):
    return {**whole(*arguments, **options), "Ipc": np.inf, "MolWt": -np.inf}

  monkeypatch.setattr(Descriptors, "CalcMolDescriptors", overflowing)
  found = features.features(["CCO"])
  for name in ("Ipc", "MolWt"):
    assert np.isnan(found.descriptors[0, found.names.index(name)])


def test_what_is_no_text_is_a_sentence():
  for function in (features.features, canonical.canonicalise):
    with pytest.raises(InputError, match=r"line 2: '5' is of type int"):
      function(["CCO", 5])
  assert canonical.canonicalise(np.array(["OCC", None, "x"], object)) == [
    "CCO",
    "",
    None,
  ]


def test_select_counts_training_rows_only():
  dense = np.zeros((50, 4), np.int32)
  dense[0, 0] = 9  # In 1 of 40 training rows: exactly 2.5 %, not more.
  dense[[0, 1], 1] = 1
  dense[40:, 2] = 1  # In test rows only.
  dense[:, 3] = 5
  chosen = features.select(scipy.sparse.csr_array(dense), np.arange(40))
  np.testing.assert_array_equal(chosen, [1, 3])
  everything = features.select(
    scipy.sparse.csr_array(dense), np.arange(50), share=0.0
  )
  np.testing.assert_array_equal(everything, [0, 1, 2, 3])
