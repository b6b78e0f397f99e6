"""Packed graphs against a direct transcription of the padded layout."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from rdkit import Chem

from configs.interpretable_drugs import ames
from projects.interpretable_drugs import graphs, model

SMILES = ("CCO", "C", "c1ccccc1[N+](=O)[O-]", "CC(C)(C)S(=O)(=O)N", "Cl.CCN")
FIVE = "CS(F)(F)(F)F"  # A sulfur of five neighbours.


def config_of(variant="smoke", **changes):
  config = ames.get_config(variant).unlock()
  config.update(changes)
  return config


def begun(config):
  """A network's `apply`, compiled whole: op by op takes longer; variables."""
  net = model.network(config)
  variables = jax.jit(net.init)(jax.random.key(1), model.example(config))
  return jax.jit(net.apply, static_argnames="method"), variables


def molecules(smiles=SMILES):
  return [Chem.MolFromSmiles(text) for text in smiles]


def padded(params, found, slots, most=4):
  """The authors' layer, as they lay it out: slots of atoms and neighbours."""
  params, sums = jax.device_get(params), []
  for molecule in found:
    config = config_of().graph
    config.atom_slots = slots
    one = graphs.of_molecule(molecule, config)
    x = np.zeros((slots, graphs.FEATURES))
    x[: len(one.atoms)] = one.atoms
    table = np.zeros((slots, most, 2, slots + 1))
    for a in range(min(molecule.GetNumAtoms(), slots)):
      atom = molecule.GetAtomWithIdx(a)
      near = [other.GetIdx() for other in atom.GetNeighbors()][:most]
      for i, other in enumerate(near):
        if other < slots:
          table[a, i, 0, other + 1] = table[a, i, 1, a + 1] = 1
    for name in ("convolution_0", "convolution_1"):
      with_zero = np.concatenate([np.zeros((1, x.shape[1])), x])
      pairs = np.einsum("anps,sf->anpf", table, with_zero)
      pairs = pairs.reshape(slots, most, -1)
      x = np.maximum(pairs @ np.asarray(params[name]), 0).mean(axis=1)
    sums.append(x.mean(axis=0))
  hidden = np.stack(sums) @ params["dense"]["kernel"] + params["dense"]["bias"]
  out = params["out"]
  return np.maximum(hidden, 0) @ out["kernel"] + out["bias"]


@pytest.fixture(scope="module")
def network():
  config = config_of(width=6, depth=2)
  apply, variables = begun(config)
  # Large, so that a molecule's share of 1 / 150 is seen; biases, too.
  params = jax.tree.map(lambda leaf: 5 * leaf + 0.3, variables["params"])
  return config, apply, params


def test_packed_is_the_padded_layout(network):
  config, apply, params = network
  found = molecules((*SMILES, FIVE))
  batch = graphs.pack([graphs.of_molecule(m, config.graph) for m in found])
  logits, _ = apply({"params": params}, batch)
  np.testing.assert_allclose(
    logits, padded(params, found, 150), rtol=1e-5, atol=1e-5
  )


def test_both_are_cut_at_the_same_place(network):
  config, _, params = network
  few = config.copy_and_resolve_references()
  few.graph.atom_slots = 4
  found = molecules(("CCCCCO", "CCO"))
  batch = graphs.pack([graphs.of_molecule(m, few.graph) for m in found])
  logits, _ = jax.jit(model.network(few).apply)({"params": params}, batch)
  np.testing.assert_allclose(
    logits, padded(params, found, 4), rtol=1e-5, atol=1e-5
  )
  assert graphs.cut([*found, *molecules((FIVE, "[U]"))], few.graph) == {
    "more atoms than slots": 2,
    "more neighbours than slots": 1,
    "elements outside the vocabulary": 1,
  }


def test_a_molecule_does_not_depend_on_its_batch(network):
  config, apply, params = network
  packed = lambda found: graphs.pack(
    [graphs.of_molecule(m, config.graph) for m in found]
  )
  all_, _ = apply({"params": params}, packed(molecules()))
  alone, _ = apply({"params": params}, packed(molecules()[2:3]))
  np.testing.assert_allclose(all_[2:3], alone, rtol=1e-5)


def test_a_batch_that_fills_its_length_to_the_last_atom(network):
  config, apply, params = network
  whole = graphs.of_molecule(molecules(("C" * 128,))[0], config.graph)
  batch = graphs.pack([whole])
  assert len(batch.atoms) > 128 and batch.molecule[-1] == 1
  other = graphs.pack([whole, whole])
  np.testing.assert_allclose(
    apply({"params": params}, batch)[0],
    apply({"params": params}, other)[0][:1],
    rtol=1e-5,
  )


def test_mended_means_are_over_what_is_there():
  config = config_of("mended,smoke", width=3, depth=1)
  one = graphs.of_molecule(molecules(("OC=O",))[0], config.graph)
  apply, variables = begun(config)
  params = variables["params"]
  batch = graphs.pack([one])
  atoms = apply({"params": params}, batch, method="atoms")[0]
  kernel = np.asarray(params["convolution_0"])
  pair = lambda w, v: np.maximum(
    np.concatenate([one.atoms[w], one.atoms[v]]) @ kernel, 0
  )
  expected = [pair(1, 0), (pair(0, 1) + pair(2, 1)) / 2, pair(1, 2)]
  np.testing.assert_allclose(atoms[:3], expected, rtol=1e-5)
  logits, _ = apply({"params": params}, batch)
  head = lambda x: apply({"params": params}, x, method="head")
  whole = head(jnp.asarray(np.mean(expected, axis=0))[None])
  np.testing.assert_allclose(logits, whole, rtol=1e-5)


def test_an_atoms_score_is_that_of_a_molecule_with_one_such_atom(network):
  config, apply, params = network
  batch = graphs.pack(
    [graphs.of_molecule(m, config.graph) for m in molecules()]
  )
  scores = apply({"params": params}, batch, method="atom_scores")
  last = apply({"params": params}, batch, method="atoms")[-1]
  expected = apply({"params": params}, last / 150, method="head")
  np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_atom_vectors():
  graph = config_of().graph
  nitro = molecules()[2]
  names = [graphs.atom_type(atom) for atom in nitro.GetAtoms()]
  assert names == ["c"] * 6 + ["N0", "O0", "O0"]
  one = graphs.of_molecule(nitro, graph).atoms * 44
  assert one.sum(axis=1)[6] == 2  # Its type; two single bonds; one double.
  assert one[6, -4:].tolist() == [1, 0, 0, 0]
  assert one[0, -4:].tolist() == [0, 0, 0, 1]
  graph.bond_code = "present"
  one = graphs.of_molecule(nitro, graph).atoms * 44
  assert one[6, -4:].tolist() == [1, 1, 0, 0]
  # Digits are cut where they say nothing: methane's C4, [NH4+], bromine.
  for smiles, name in (("C", "X"), ("Br", "Br"), ("[Na+]", "Na"), ("[U]", "X")):
    assert graphs.atom_type(molecules((smiles,))[0].GetAtomWithIdx(0)) == name


def test_a_single_atom_and_a_large_molecule():
  config = config_of(width=4, depth=2)
  apply, params = begun(config)
  found = molecules(("C", "C" * 400))
  batch = graphs.pack([graphs.of_molecule(m, config.graph) for m in found])
  assert batch.sizes.tolist() == [1, 150]
  logits, atoms = apply(params, batch)
  assert np.isfinite(logits).all()
  np.testing.assert_array_equal(atoms[-1][0], 0)  # It has no neighbour.


def test_the_gradient_is_that_of_plain_sums(network):
  config, apply, params = network
  found = molecules((*SMILES, FIVE))
  batch = graphs.pack([graphs.of_molecule(m, config.graph) for m in found])
  loss = lambda params: jnp.sum(apply({"params": params}, batch)[0] ** 2)

  def plainly(params):
    x = batch.atoms
    for name in ("convolution_0", "convolution_1"):
      pairs = jnp.concatenate([x[batch.source], x[batch.target]], axis=1)
      bonds = jnp.maximum(pairs @ params[name], 0)
      x = jax.ops.segment_sum(bonds, batch.target, len(x)) / 4
    x = jax.ops.segment_sum(x, batch.molecule, len(found)) / 150
    return jnp.sum(apply({"params": params}, x, method="head") ** 2)

  for one, other in zip(
    jax.tree.leaves(jax.jit(jax.grad(loss))(params)),
    jax.tree.leaves(jax.jit(jax.grad(plainly))(params)),
    strict=True,
  ):
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
