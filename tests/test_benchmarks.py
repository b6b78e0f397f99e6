"""The benchmarks run and return what the tables are made of; no times here."""

import importlib
import math

import jax
import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import coulomb_gan, timing
from common.metrics import weights
from projects.coulomb_gan import losses
from projects.fcd import model as chemnet


# TTUR's three games take longer to compile than the suite has time for.
@pytest.mark.parametrize("name", [n for n in command.MODULES if n != "ttur"])
def test_rows_are_well_formed(name):
  if name == "fcd" and weights.cached(chemnet.RELEASED) is None:
    pytest.skip("needs ChemNet's weights in the cache")
  rows = importlib.import_module(f"benchmarks.{name}").run(quick=True)
  assert len({row["what"] for row in rows}) == len(rows) >= 1
  for row in rows:
    assert row.keys() >= {"what", "ours_s", "peer", "peer_s", "ratio"}
    number = row["memory_mb"] if row["ours_s"] is None else row["ours_s"]
    assert math.isfinite(number) and number > 0
    assert (row["peer_s"] is None) == (row["peer"] is None)
    if row["peer"]:
      assert math.isclose(row["ratio"], row["peer_s"] / row["ours_s"])
    if row.get("peer_parameters"):
      assert row["parameters"] == row["peer_parameters"]
  lines = command.table(rows).splitlines()
  assert len(lines) == len(rows) + 2
  assert len({line.count("|") for line in lines}) == 1


def test_a_time_is_a_median_that_keeps_its_rounds():
  ours, peer = timing.Seconds([3.0, 1.0, 2.0]), timing.Seconds([3.0, 4.0, 1.0])
  assert (ours, peer) == (2.0, 3.0)
  found = timing.ratio_range(ours, peer)
  assert found == [0.5, 4.0]
  assert command.cell("ratio_range", found) == "0.50 to 4.00"
  assert timing.ratio_range(ours, None) is None


def test_without_pytorch_the_peer_is_empty(monkeypatch):
  monkeypatch.setattr(coulomb_gan, "torch", None)
  row = coulomb_gan._row("a step", 0.5, None)
  assert command.table([row]).splitlines()[-1] == "| a step | 500 ms | - | - |"
  assert coulomb_gan.settings()["torch"] is None


@pytest.mark.parametrize("self_interaction", ["keep", "drop"])
@pytest.mark.parametrize(("dim", "epsilon"), [(2, 0.1), (256, 1.0)])
def test_the_peer_has_our_potentials(dim, epsilon, self_interaction):
  torch = pytest.importorskip("torch")
  from benchmarks import coulomb_gan_torch

  rng = np.random.default_rng(0)
  x, y = rng.normal(size=(2, 64, dim)).astype(np.float32)
  noise = 0.1 * rng.normal(size=(2, 64, dim)).astype(np.float32)
  for a_x, a_y in ((x, y), (x + noise[0], y + noise[1])):
    ours = jax.jit(losses.batch_potentials, static_argnums=(2, 3, 4))(
      x, y, 1.0, epsilon, self_interaction, a_x, a_y
    )
    tensors = [torch.tensor(a) for a in (x, y, a_x, a_y)]
    theirs = coulomb_gan_torch.potentials(
      *tensors[:2], 1.0, epsilon, self_interaction, *tensors[2:]
    )
    for a, b in zip(ours, theirs, strict=True):
      np.testing.assert_allclose(a, b.numpy(), rtol=1e-5, atol=1e-5)
