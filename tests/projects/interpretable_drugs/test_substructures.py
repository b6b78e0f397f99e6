"""Neighbourhoods, their scores, and what they are worth."""

import jax
import numpy as np
import pytest
from rdkit import Chem

from configs.interpretable_drugs import ames
from projects.interpretable_drugs import alerts, inputs, model, substructures

NITRO = "Cc1ccc([N+](=O)[O-])cc1"


def molecules(*smiles):
  return [Chem.MolFromSmiles(text) for text in smiles]


def test_a_neighbourhood_is_what_lies_within_the_radius():
  (nitro,) = molecules(NITRO)
  atoms, bonds = substructures.neighbourhood(nitro, 5, 1)
  assert atoms == [4, 5, 6, 7] and len(bonds) == 3
  assert substructures.neighbourhood(nitro, 6, 2)[0] == [4, 5, 6, 7]
  # A radius that is not there, and an atom without bonds.
  (ethane, methane) = molecules("CC", "C")
  assert substructures.neighbourhood(ethane, 0, 2)[0] == [0, 1]
  assert substructures.neighbourhood(methane, 0, 2) == ([0], [])


def test_scores_are_each_molecules_own():
  config = ames.get_config("smoke").unlock()
  config.eval_batch = 2
  params = model.network(config).init(jax.random.key(0), model.example(config))
  params = jax.tree.map(lambda leaf: 9 * leaf, params["params"])
  found = inputs.of_molecules(molecules("CCO", "C", NITRO), config)
  logits, vectors = substructures.scores(config, params, found)
  assert [len(one) for one in logits] == [3, 1, 10]
  assert vectors[2].shape == (10, 2 * config.width)
  alone, of_alone = substructures.scores(config, params, found[2:])
  np.testing.assert_allclose(logits[2], alone[0], rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(vectors[2], of_alone[0], rtol=1e-5, atol=1e-6)
  # The ring's twins have one vector, the nitro group's nitrogen its own.
  np.testing.assert_allclose(logits[2][2], logits[2][9], rtol=1e-5)
  assert abs(logits[2][6] - logits[2][0]) > 1e-6


def test_the_best_are_distinct_and_in_order():
  found = molecules("CC[N+](=O)[O-]", "CCC[N+](=O)[O-]", "CCO")
  logits = [np.zeros(m.GetNumAtoms()) for m in found]
  logits[0][2], logits[1][3], logits[2][1] = 5, 4, 3
  vectors = [
    np.arange(10.0 * len(one)).reshape(-1, 10) + 1000 * i
    for i, one in enumerate(logits)
  ]
  vectors[1][3] = vectors[0][2] + 1e-9  # Alike to six digits.
  best = substructures.best(found, logits, vectors, 2, 1)
  assert [(one.row, one.atom) for one in best] == [(0, 2), (2, 1)]
  assert [one.score for one in best] == [5, 3]
  assert Chem.CanonSmiles(best[0].smiles) == Chem.CanonSmiles("C[N+](=O)[O-]")
  # So it is where their drawings, of a larger radius, are not alike.
  wider = substructures.best(found, logits, vectors, 2, 3)
  assert [(one.row, one.atom) for one in wider] == [(0, 2), (2, 1)]
  # Another vector of the same drawing is no second one.
  vectors[1][3] += 1
  again = substructures.best(found, logits, vectors, 2, 1)
  assert again == best


def test_the_worth_of_a_substructure():
  given = ames.get_config("smoke").substructures
  sources = molecules(NITRO)
  one = substructures.Scored(2.0, 0, 6, "nitro", "[#6]-[#7+](=[#8])-[#8-]")
  others = molecules(
    "C[N+](=O)[O-]", "CC[N+](=O)[O-]", "CCO", "c1ccccc1[N+](=O)[O-]"
  )
  toxic = np.array([1, 0, 1, 1])
  (row,) = substructures.judge([one], sources, others, toxic, given)
  assert row["count"] == 3 and row["ppv"] == pytest.approx(2 / 3)
  # Wilson, by hand: n = 3, p = 2 / 3, z = 1.96.
  z, n, p = 1.959964, 3, 2 / 3
  middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
  half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
  np.testing.assert_allclose(
    row["interval"], [middle - half, middle + half], rtol=1e-4
  )
  assert row["classes"] == ["aromatic nitro"]
  # The atoms are those of the SMILES beside them.
  written = Chem.MolFromSmiles(row["source"])
  symbols = [written.GetAtomWithIdx(i).GetSymbol() for i in row["atoms"]]
  assert sorted(symbols) == ["C", "N", "O", "O"]
  absent = one._replace(smarts="[U]")
  (row,) = substructures.judge([absent], sources, others, toxic, given)
  assert row["count"] == 0 and row["ppv"] is None
  assert row["interval"] == (0, 1)


@pytest.mark.parametrize(
  "smiles, name",
  [
    ("c1ccccc1N=[N+]=[N-]", "azide"),
    ("c1ccccc1[N+](=O)[O-]", "aromatic nitro"),
    ("CCOS(=O)(=O)C", "sulfonic ester"),
    ("CN(C)N=O", "nitrosamine"),
    ("CC1CO1", "epoxide"),
    ("CC=CCl", "monohaloalkene"),
    ("CC(C)ON=O", "alkyl nitrite"),
    ("CCO[N+](=O)[O-]", None),  # A nitrate.
    ("CN(C)[N+](=O)[O-]", None),  # A nitramine.
  ],
)
def test_the_classes_of_figure_7(smiles, name):
  (molecule,) = molecules(smiles)
  everywhere = range(molecule.GetNumAtoms())
  found = alerts.inside(substructures.CLASSES, molecule, everywhere)
  assert found == [name] * (name is not None)


def test_an_alert_lies_inside_if_all_of_it_does_and_nothing_rejects_it():
  known = [
    alerts.Alert("nitro", ("[N+](=O)[O-]",), ()),
    alerts.Alert("two", ("[N+](=O)[O-]", "Cl"), ()),
    alerts.Alert("no ester", ("[N+](=O)[O-]",), ("C(=O)OC",)),
    alerts.Alert("nitro", ("C[N+]",), ()),  # Another of that name.
    alerts.Alert("no amine", (), ("[NH2]",)),
  ]
  for smiles, atoms, names in (
    ("C[N+](=O)[O-]", range(4), ["nitro", "no ester"]),
    ("C[N+](=O)[O-]", (0, 1), ["nitro"]),  # The second of that name alone.
    ("C[N+](=O)[O-]", (0,), []),
    ("[O-][N+](=O)CCl", range(5), ["nitro", "two", "no ester"]),
    ("[O-][N+](=O)CCl", range(4), ["nitro", "no ester"]),
    ("[O-][N+](=O)CC(=O)OC", range(4), ["nitro"]),
  ):
    (molecule,) = molecules(smiles)
    assert alerts.inside(known, molecule, atoms) == names
