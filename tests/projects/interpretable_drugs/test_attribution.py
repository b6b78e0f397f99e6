"""Attributions on functions whose answers are known, and from bits to atoms."""

import jax
import numpy as np
import pytest
from jax import numpy as jnp
from rdkit import Chem

from common.errors import InputError
from configs.interpretable_drugs import tox21
from projects.interpretable_drugs import attribution, fingerprints

X = np.array([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]], np.float32)
BASE = np.array([[0.0, 1.0, 0.0]], np.float32)


def f(x):
  return x[:, 0] * x[:, 1] + x[:, 2] ** 2


def test_integrated_gradients_of_a_polynomial():
  # Along the line, x0 x1: int (b1 + t d1) dt = (b1 + x1) / 2, and b0 is 0.
  found = attribution.integrated_gradients(f, X, BASE, 4_000)
  expected = np.stack(
    [
      X[:, 0] * (BASE[:, 1] + X[:, 1]) / 2,
      (X[:, 1] - BASE[:, 1]) * X[:, 0] / 2,
      X[:, 2] ** 2,
    ],
    axis=1,
  )
  np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3)
  gap = attribution.gap(f, X, BASE, found)
  np.testing.assert_allclose(gap, 0, atol=5e-3)


def test_the_sum_ends_at_the_input_not_at_the_baseline():
  # Of two steps: gradients at the middle and at x.
  found = attribution.integrated_gradients(f, X, BASE, 2)
  at = lambda z: np.stack([z[:, 1], z[:, 0], 2 * z[:, 2]], axis=1)
  expected = (X - BASE) * (at((X + BASE) / 2) + at(X)) / 2
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  one = attribution.integrated_gradients(f, X, BASE, 1)
  other = attribution.gradient_times_input(f, X, BASE)
  np.testing.assert_allclose(one, other)
  np.testing.assert_allclose(other, (X - BASE) * at(X), rtol=1e-6)


def network(*widths):
  """SELU layers with biases on three inputs, and an output `[n]`."""
  random = np.random.default_rng(0)
  sizes = list(zip((3, *widths), (*widths, 1), strict=True))
  weights = [random.normal(size=s).astype(np.float32) for s in sizes]
  biases = [random.normal(size=(1, s[1])).astype(np.float32) for s in sizes]
  affine = lambda w, b: lambda x: x @ w + b
  layers = [
    (affine(w, b), jax.nn.selu) for w, b in zip(weights, biases, strict=True)
  ]
  last = layers.pop()[0]
  return [*layers, (lambda x: last(x)[:, 0], same)]


def same(z):
  return z


def test_layers_give_the_same_sum():
  layers = network(8, 6)
  plain = attribution.integrated_gradients(
    attribution.composed(layers), X, BASE, 7
  )
  found = attribution.along_path(layers, X, BASE, 7, attribution.mean_of(1))
  np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)
  # Of one hidden layer, whose inputs are linear, blocks of steps do as well.
  layers = network(8)
  plain = attribution.integrated_gradients(
    attribution.composed(layers), X, BASE, 6
  )
  found = attribution.along_path(layers, X, BASE, 2, attribution.mean_of(3))
  np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)


def test_secants_are_complete_and_tend_to_the_integral():
  layers = network(8, 6)
  f = attribution.composed(layers)
  path = lambda pieces: attribution.along_path(
    layers, X, BASE, pieces, attribution.secant
  )
  one, many, exact = map(path, (1, 20, 1_000))
  for found in (one, many):
    np.testing.assert_allclose(attribution.gap(f, X, BASE, found), 0, atol=1e-5)
  error = lambda found: np.abs(found - exact).max()
  right = attribution.integrated_gradients(f, X, BASE, 1_000)
  assert error(right) < 0.02
  assert error(many) < error(right) < error(one)


def test_a_secant():
  # It jumps from 0 to 1 at 0: three fifths of the way are behind it.
  a, b = (
    jnp.asarray([-2.0, 1, -1, 2, 2]),
    jnp.asarray([3.0, 4, -3, 2, 2 + 1e-5]),
  )
  np.testing.assert_allclose(
    attribution.secant(jax.nn.relu, a, b), [0.6, 1, 0, 1, 1], rtol=1e-6
  )
  square = attribution.secant(jnp.square, a, b)
  np.testing.assert_allclose(square, a + b, rtol=1e-5)
  # A quadratic form needs one piece.
  weights = np.array([[1.0, 2], [0, -1], [3, 0]], np.float32)
  layers = [
    (lambda x: x @ weights, jnp.square),
    (lambda h: h.sum(axis=1), same),
  ]
  found = attribution.along_path(layers, X, 0 * BASE, 1, attribution.secant)
  np.testing.assert_allclose(found, X * (X @ weights @ weights.T), rtol=1e-5)


def test_occlusion_and_its_bound():
  whole = attribution.occlusion(f, X, BASE, 3)
  expected = [
    [
      float(f(X[i : i + 1])[0] - f(replaced(i, j))[0])
      for j in range(X.shape[1])
    ]
    for i in range(len(X))
  ]
  np.testing.assert_allclose(whole, expected, rtol=1e-6)
  sparse = np.array([[0.0, 1.0, 3.0]], np.float32)  # One input differs.
  np.testing.assert_allclose(
    attribution.occlusion(f, sparse, BASE, 1), [[0, 0, 9]]
  )


def replaced(i, j):
  x = X[i : i + 1].copy()
  x[0, j] = BASE[0, j]
  return x


def test_smooth_grad_is_the_mean_over_points_near():
  key = jax.random.key(0)
  found = attribution.smooth_grad(f, X, BASE, key, 3, 0.5)
  noise = [
    jax.random.normal(jax.random.fold_in(key, i), X.shape) for i in (0, 1, 2)
  ]
  slopes = [attribution.gradient(f)(X + 0.5 * n) for n in noise]
  np.testing.assert_allclose(
    found, (X - BASE) * np.mean(slopes, axis=0), rtol=1e-5
  )


@pytest.mark.parametrize("method", attribution.METHODS)
@pytest.mark.parametrize("target", ["logit", "probability"])
def test_methods_by_name(method, target):
  config = tox21.get_config("smoke").unlock()
  config.attribution.target = target
  config.attribution.steps = 200
  config.eval_batch = 2
  weights = jnp.asarray([[0.0, 1.0], [0.0, -2.0], [0.0, 0.5]])
  layers = lambda params: [(lambda x: x @ params, same)]
  bits = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0]], np.uint8)
  found, gaps = attribution.of_bits(
    layers, config, method, weights, bits, task=1
  )
  assert found.shape == (3, 3) and gaps.shape == (3,)
  assert found[1, 2] > 0 > found[0, 1] and not found[2].any()
  if target == "logit":  # A linear function: all methods agree.
    np.testing.assert_allclose(found[:2], [[1, -2, 0], [0, 0, 0.5]], rtol=1e-5)
  if method.startswith("integrated"):
    close = 2e-3 if method == "integrated_gradients" else 1e-6
    np.testing.assert_allclose(gaps, 0, atol=close)


def test_steps_blocks_and_pieces_are_the_configs():
  config = tox21.get_config("smoke").unlock()
  given = config.attribution
  given.target, given.steps, given.block, given.pieces = "probability", 6, 3, 4
  *hidden, (out, _) = network(8)
  layers = lambda scale: [*hidden, (lambda h: scale * out(h)[:, None], same)]
  chain = [*hidden, (out, jax.nn.sigmoid)]
  for method, pieces, slope in (
    ("integrated_gradients", 2, attribution.mean_of(3)),
    ("integrated_secants", 4, attribution.secant),
  ):
    attribute = attribution.make_attribution(layers, config, method, 1)
    found, _ = attribute(1.0, jnp.asarray(X), 0)
    expected = attribution.along_path(chain, X, 0 * BASE, pieces, slope)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
  given.block = 4
  with pytest.raises(InputError, match="block is 4; it must divide"):
    attribution.make_attribution(layers, config, "integrated_gradients", 1)
  attribution.make_attribution(layers, config, "occlusion", 1)  # Has no steps.


def test_an_unknown_method():
  config = tox21.get_config("smoke")
  with pytest.raises(InputError, match="no method 'lime'"):
    attribution.make_attribution(lambda p: [], config, "lime", 1)


def test_from_bits_to_atoms():
  molecule = Chem.MolFromSmiles("CCO")
  found = fingerprints.environments(molecule, 2048, 1)
  # Three single atoms, and three pairs or triples of bonded ones.
  assert sorted(atoms for _, atoms in found) == sorted(
    [[0], [1], [2], [0, 1], [0, 1, 2], [1, 2]]
  )
  bits = fingerprints.fingerprints([molecule], 2048, 1)[0]
  assert {bit for bit, _ in found} == set(np.flatnonzero(bits))
  by_bit = {tuple(atoms): bit for bit, atoms in found}
  scores = np.zeros(2048)
  scores[by_bit[1, 2]] = 1  # The whole score to both atoms.
  scores[by_bit[0,]] = -3
  np.testing.assert_array_equal(
    fingerprints.to_atoms(molecule, scores, 1), [-3, 1, 1]
  )


def test_repeats_and_collisions_get_the_score_at_every_place():
  molecule = Chem.MolFromSmiles("OCCO")
  ends = [
    a for a in fingerprints.environments(molecule, 2048, 0) if a[1] == [0]
  ]
  scores = np.zeros(2048)
  scores[ends[0][0]] = 2  # Both oxygens are this bit.
  np.testing.assert_array_equal(
    fingerprints.to_atoms(molecule, scores, 0), [2, 0, 0, 2]
  )
  # Folded to one bit, all environments collide: an atom counts its own.
  everything = fingerprints.to_atoms(molecule, np.ones(1), 1)
  counts = np.zeros(4)
  for _, atoms in fingerprints.environments(molecule, 1, 1):
    counts[atoms] += 1
  np.testing.assert_array_equal(everything, counts)
  assert counts.min() >= 2
