"""Alerts, and which units are found to detect them."""

import jax
import numpy as np
import pytest
from rdkit import Chem

from common.errors import InputError
from configs.interpretable_drugs import tox21
from projects.interpretable_drugs import alerts, fingerprints, model, neurons

SMILES = ("CCO", "c1ccccc1[N+](=O)[O-]", "CN(C)N=O", "C[N+](=O)[O-]", "C")


def write(path, *rows):
  path.write_text("\n".join(rows) + "\n")
  return path


def molecules():
  return [Chem.MolFromSmiles(text) for text in SMILES]


def test_rules_accept_and_reject(tmp_path):
  path = write(
    tmp_path / "rules.csv",
    "set,name,accept,reject",
    'Genotoxic,nitro,"[""[N+](=O)[O-]""]",[]',
    'Genotoxic,aliphatic nitro,"[""[N+](=O)[O-]""]","[""c""]"',
    'Toxicophores,the same again,"[""[N+](=O)[O-]""]",[]',
    'Function_Group,any carbon,"[""C""]",[]',
    'Genotoxic,no carbon chain,[],"[""CC""]"',
  )
  found = alerts.load(path)
  assert [one.name for one in found] == [
    "nitro",
    "aliphatic nitro",
    "no carbon chain",
  ]
  assert [one.size() for one in found] == [3, 3, 2]
  expected = [[0, 0, 0], [1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 1]]
  for _ in range(2):  # Computed, then kept.
    hits = alerts.match(found, molecules(), tmp_path / "cache")
    np.testing.assert_array_equal(hits, np.array(expected, bool))
  assert len(list((tmp_path / "cache/alerts").iterdir())) == 1
  assert alerts.atoms(found[0], molecules()[3]) == {1, 2, 3}


def test_bad_alerts_name_their_line(tmp_path):
  plain = write(tmp_path / "a.csv", "name,smarts", "ok,CC", "bad,C(C")
  with pytest.raises(InputError, match=r"a\.csv, line 3: RDKit reads no pat"):
    alerts.load(plain)
  lists = write(tmp_path / "b.csv", "name,accept,reject", "bad,CC,[]")
  with pytest.raises(InputError, match=r"line 2: 'CC' is no list in JSON"):
    alerts.load(lists)
  left = write(tmp_path / "c.csv", "set,name,smarts", "Function_Group,a,CC")
  with pytest.raises(InputError, match="no alerts that are toxicophores"):
    alerts.load(left)


def test_a_planted_detector_is_found_where_it_is():
  config = tox21.get_config("smoke")
  generator = np.random.default_rng(0)
  groups = generator.random((300, 3)) < 0.3
  layers = [generator.normal(size=(300, 4)).astype(np.float32) for _ in "ab"]
  layers[0][:, 2] += 3 * groups[:, 0]
  layers[1][:, 1] += 9 * groups[:, 0]  # Clearer, but later.
  layers[1][:, 3] -= 3 * groups[:, 1]
  found = neurons.study(layers, groups, [2, 6, 9], config.neurons)
  assert found["tests"] == 8 * 3 and found["molecules"] == 300
  assert found["found"] == 2
  assert found["found_greater"] == 1  # The other is lower where the alert is.
  assert found["found_bh"] >= 2
  assert [layer["first"] for layer in found["layers"]] == [1, 1]
  assert [layer["size"] for layer in found["layers"]] == [2, 6]
  best = found["best"]
  assert best["layer"][:2] == [1, 1] and best["unit"][:2] == [1, 3]
  assert best["auc"][0] > 0.99 and best["auc"][1] < 0.1
  assert best["found"] == [True, True, False]
  assert best["log10_p"][0] < -20
  assert neurons.separation(found) > 0.9


def test_which_alerts_are_tested():
  groups = np.zeros((5, 3), bool)
  groups[:2, 0] = groups[:3, 1] = groups[:, 2] = True
  np.testing.assert_array_equal(neurons.tested(groups, 3), [1])


def test_activations_are_the_networks_of_all_molecules():
  config = tox21.get_config("smoke").unlock()
  config.eval_batch = 2
  params = model.network(config).init(jax.random.key(0), model.example(config))
  bits = fingerprints.fingerprints(molecules(), config.bits, config.radius)
  layers = neurons.activations(config, params["params"], bits)
  assert [layer.shape for layer in layers] == [(5, 16), (5, 16)]
  first = params["params"]["dense_0"]
  expected = jax.nn.selu(bits[4].astype(np.float32) @ first["kernel"])
  np.testing.assert_allclose(layers[0][4], expected, rtol=1e-5, atol=1e-6)
