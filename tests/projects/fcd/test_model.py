"""ChemNet: against a plain loop, and against the released network's values."""

import functools
import json
import lzma

import jax
import numpy as np
import pytest

from common.stats import frechet
from projects.fcd import model, tokens
from projects.fcd.activations import _program, activations

pytestmark = pytest.mark.slow


def small():
  net = model.ChemNet(filters=4, first=5, features=6)
  blank = np.full((1, 40), model.PADDING, np.int8)
  params = jax.jit(net.init)(jax.random.key(0), blank)["params"]
  # Biases that are not 0, as the released network's.
  draw = lambda leaf: (
    np.asarray(leaf)
    + 0.3
    * np.random.default_rng(leaf.size)
    .normal(size=leaf.shape)
    .astype(np.float32)
  )
  return net, jax.tree.map(draw, params)


def plain(params, one):
  """The network as its authors describe it, in float64, for one string."""
  sigmoid = lambda v: 1 / (1 + np.exp(-v))
  x = np.eye(model.TOKENS + 1)[one][:, : model.TOKENS] / model.TOKENS
  for name in ("conv_1", "conv_2"):
    kernel = np.asarray(params[name]["kernel"], np.float64)
    size = -(-len(x) // 2)
    x = np.pad(x, ((1, 2 * size + 1 - len(x)), (0, 0)))
    x = np.stack(
      [
        np.einsum("ki,kio->o", x[2 * i : 2 * i + 4], kernel)
        for i in range(size)
      ]
    )
    x = 1.0507009873554805 * np.where(
      x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))
    )
  for name, order in (("lstm_1", -1), ("lstm_2", 1)):
    w = {k: np.asarray(v, np.float64) for k, v in params[name].items()}
    h = c = np.zeros(w["recurrent"].shape[0])
    states = []
    for step in x[::order]:
      gates = step @ w["input"] + h @ w["recurrent"] + w["bias"][0]
      i, f, new, out = np.split(gates, 4)
      c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
      h = sigmoid(out) * np.tanh(c)
      states.append(h)
    x = np.stack(states)[::order]
  return x[-1]


def test_it_is_the_plain_network_whatever_the_padding():
  net, params = small()
  smiles = ["C", "CCO", "c1ccccc1C(=O)OCCN", "C" * 38]
  apply = jax.jit(net.apply)
  # Without the longest, the end of each is in the padding.
  for texts, length in (
    (smiles, 40),
    (smiles, 41),
    (smiles, 43),
    (smiles[:3], 43),
  ):
    inputs = tokens.encode(texts, "1.2", length)
    got = apply({"params": params}, inputs)
    want = [plain(params, one) for one in inputs]
    np.testing.assert_allclose(got, want, atol=2e-6)


@pytest.fixture(scope="module")
def released(chemnet):
  params, digest = model.released(chemnet)
  assert digest == model.RELEASED.sha256
  return params


@pytest.fixture(scope="module")
def golden(shared):
  folder = shared / "golden"
  lists = json.loads((folder / "fcd_golden_dev.json").read_text())
  return folder, lists, np.load(folder / "fcd_golden_dev.npz")


def features(smiles, params, **options):
  return np.concatenate(list(activations(smiles, params, **options)))


def test_released_activations(released, golden):
  _, lists, values = golden
  for smiles, name in (
    ("singles", "activations"),
    ("long_list", "long_activations"),
  ):
    got = features(lists[smiles], released)
    np.testing.assert_allclose(got, values[f"{name}_float64"], atol=3e-5)


@pytest.fixture
def real_program(optimised):
  """The real program: 10,000 molecules repay what it takes to compile."""
  _program.cache_clear()
  with optimised():
    yield
  _program.cache_clear()


def test_released_distances(released, golden, real_program):
  folder, lists, values = golden

  @functools.cache
  def of(name):
    smiles = lzma.open(folder / f"fcd_{name}.smi.xz", "rt").read().split()
    found = features(smiles, released)
    mean = values[f"mean_activation_{name}"]
    np.testing.assert_allclose(found.mean(0, float), mean, atol=3e-5)
    return found

  assert len(lists["pairs"]) == 10  # Salts and long strings among them.
  for pair in lists["pairs"]:
    sides = [of(pair[f"list{i}"])[: pair[f"n{i}"]] for i in (1, 2)]
    got = float(frechet.distance_from_features(*sides))
    wanted = pair["fcd_true_float64_activations"]
    assert got == pytest.approx(wanted, abs=1e-4), pair
  for case in lists["upstream_test_values"]:
    sides = [features(case[f"list{i}"], released) for i in (1, 2)]
    got = float(frechet.distance_from_features(*sides))
    assert got == pytest.approx(case["fcd_true_float64_activations"], abs=3e-4)


def test_activations_keep_order_and_count_repeats_once():
  params = small_released()
  smiles = ["CCO", "C", "CCO", "CCCCCCCC", "N"]
  seen = []
  got = features(smiles, params, batch_size=2, progress=seen.append)
  assert got.shape == (5, model.FEATURES) and sum(seen) == 5
  np.testing.assert_array_equal(got[0], got[2])
  alone = features(["CCCCCCCC"], params, batch_size=64)
  np.testing.assert_allclose(got[3], alone[0], atol=1e-6)


def small_released():
  """Weights of the released shapes, drawn."""
  blank = np.full((1, tokens.LENGTH), model.PADDING, np.int8)
  init = model.ChemNet().init
  shapes = jax.eval_shape(init, jax.random.key(0), blank)["params"]
  draw = np.random.default_rng(0)
  return jax.tree.map(
    lambda leaf: draw.normal(0, 0.05, leaf.shape).astype(np.float32), shapes
  )
