"""The benchmarks run and return what the tables are made of; no times here."""

import importlib
import math
import os
import sys

import jax
import numpy as np
import pytest
from jax import numpy as jnp

from benchmarks import __main__ as command
from benchmarks import coulomb_gan, operations, timing
from common.metrics import weights
from common.tables import cells
from projects.coulomb_gan import losses
from projects.fcd import model as chemnet

EVERY = command.MODULES + command.BY_NAME
# What a row says about a program of ours.
WITHOUT_PROGRAM = {"frechet", "streaming", "cnn_zoo_trees"}  # NumPy's work.
OF_PROGRAM = {"compile_s", "cached_compile_s", "temporaries_mb", "program_mb"}


# TTUR's three games take longer to compile than the suite has time for.
@pytest.mark.parametrize("name", [n for n in EVERY if n != "ttur"])
def test_rows_are_well_formed(name):
  if name == "fcd" and weights.cached(chemnet.RELEASED) is None:
    pytest.skip("needs ChemNet's weights in the cache")
  rows = importlib.import_module(f"benchmarks.{name}").run(quick=True)
  assert len({row["what"] for row in rows}) == len(rows) >= 1
  for row in rows:
    assert row.keys() >= {"what", "ours_s", "peer", "peer_s", "ratio"}
    number = row["temporaries_mb"] if row["ours_s"] is None else row["ours_s"]
    assert math.isfinite(number) and number > 0
    if OF_PROGRAM & row.keys():
      assert min(row[key] for key in OF_PROGRAM) >= 0
    assert (row["peer_s"] is None) == (row["peer"] is None)
    if row["peer"]:
      assert math.isclose(row["ratio"], row["peer_s"] / row["ours_s"])
    if row.get("peer_parameters"):
      assert row["parameters"] == row["peer_parameters"]
  programs = [row for row in rows if OF_PROGRAM & row.keys()]
  assert bool(programs) == (name not in WITHOUT_PROGRAM)
  lines = command.table(rows).splitlines()
  assert len(lines) == len(rows) + 2
  assert len({line.count("|") for line in lines}) == 1


def test_all_are_dealt_to_two_processes_by_the_devices_that_they_want():
  halves = command.in_halves(command.MODULES)
  assert sorted(halves[0] + halves[1]) == sorted(command.MODULES)
  wants = [
    [
      hasattr(importlib.import_module(f"benchmarks.{n}"), "prepare")
      for n in half
    ]
    for half in halves
  ]
  # Before the others, which let JAX count its devices.
  assert wants[0] == sorted(wants[0], reverse=True) and wants[0][0]
  assert not any(wants[1])
  assert command.in_halves(["ttur", "snn"]) == (["snn"], ["ttur"])


def test_a_time_is_a_median_that_keeps_its_rounds():
  ours, peer = timing.Seconds([3.0, 1.0, 2.0]), timing.Seconds([3.0, 4.0, 1.0])
  assert (ours, peer) == (2.0, 3.0)
  found = timing.ratio_range(ours, peer)
  assert found == [0.5, 4.0]
  assert command.cell("ratio_range", found) == "0.50 to 4.00"
  assert command.cell("ours_s", 0.99961) == "1 s"
  assert command.cell("ours_s", 0.0015) == "1.5 ms"
  assert timing.ratio_range(ours, None) is None


def test_the_second_compiling_reads_what_the_first_kept():
  hits, before = [], jax.config.jax_compilation_cache_dir
  listen = lambda event, **_: hits.append(event)
  jax.monitoring.register_event_listener(listen)
  lower = lambda: jax.jit(lambda x: jnp.sin(x) @ x).lower(np.eye(3))
  try:
    with timing.conditions(quick=False):
      program, cells = timing.compiled(lower)
  finally:
    jax.monitoring.unregister_event_listener(listen)
  name = "/jax/compilation_cache/cache_"
  assert [e for e in hits if e.startswith(name)] == [
    f"{name}misses",
    f"{name}hits",
  ]
  assert cells["compile_s"] > 0 and cells["cached_compile_s"] > 0
  assert cells["operations"] == 2 * 3**3
  np.testing.assert_allclose(program(np.eye(3)), np.sin(np.eye(3)), rtol=1e-6)
  assert jax.config.jax_compilation_cache_dir == before


def compiled(function, *args):
  return jax.jit(function).lower(*args).compile()


def test_operations_of_products_and_loops():
  a, b = np.ones((5, 7), np.float32), np.ones((7, 7), np.float32)
  product = compiled(lambda a, b: a @ b, a, b)
  each = 2 * 5 * 7 * 7
  assert operations.of_program(product) == each
  many = lambda a, b: jax.lax.fori_loop(0, 6, lambda _, a: a @ b, a)
  assert operations.of_program(compiled(many, a, b)) == 6 * each
  some = lambda a, b, n: jax.lax.fori_loop(0, n, lambda _, a: a @ b, a)
  unknown = compiled(some, a, b, 6)
  assert operations.of_program(unknown) is None
  assert operations.of_program(unknown, unknown=1) == each
  branches = lambda x, y: lambda a, b, n: jax.lax.cond(n > 0, x, y, a, b)
  once, twice = (lambda a, b: a @ b), (lambda a, b: a @ b @ b)
  same = compiled(branches(once, lambda a, b: -a @ b), a, b, 6)
  assert operations.of_program(same) == each
  other = compiled(branches(once, twice), a, b, 6)
  assert operations.of_program(other) is None
  assert operations.of_program(compiled(jnp.sin, a)) is None


def test_operations_of_all_devices():
  mesh = jax.make_mesh((2,), ("x",), (jax.sharding.AxisType.Auto,))
  rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
  a = jax.device_put(np.ones((6, 7), np.float32), rows)
  b = np.ones((7, 7), np.float32)
  program = compiled(lambda a, b: a @ b, a, b)
  assert operations.of_program(program) == 2 * 6 * 7 * 7


@pytest.mark.parametrize("transposed", [False, True])
def test_operations_of_convolutions_are_those_of_xla(transposed):
  x = np.ones((2, 9, 8, 3), np.float32)
  kernel = np.ones((5, 3, 3, 4), np.float32)
  numbers = ("NHWC", "HWIO", "NHWC")

  def convolve(x, kernel):
    if transposed:
      return jax.lax.conv_transpose(
        x, kernel, (2, 2), "SAME", dimension_numbers=numbers
      )
    return jax.lax.conv_general_dilated(
      x, kernel, (2, 1), [(1, 2), (0, 1)], dimension_numbers=numbers
    )

  program = compiled(convolve, x, kernel)
  found = operations.of_program(program)
  assert found == program.cost_analysis()["flops"]


def test_alone_only_ours_run(monkeypatch):
  monkeypatch.setenv("BENCHMARK_ALONE", "1")
  ran = []
  contenders = {n: (lambda _, n=n: ran.append(n), 1, 1) for n in ("ours", "p")}
  seconds = timing.interleaved(contenders, 7)
  assert ran == ["ours"] * 4 and seconds["ours"] > 0
  assert math.isnan(seconds["p"])
  calls = []
  lower = lambda: calls.append(0) or jax.jit(jnp.sin).lower(1.0)
  assert timing.compiled(lower)[1] == {} and len(calls) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for one core")
def test_one_core_is_measured_by_a_process_of_its_own(monkeypatch, capfd):
  found = command.on_one_core("streaming", quick=True)
  assert list(found) == ["n=2,000, d=32"] and found["n=2,000, d=32"] > 0
  assert "BENCHMARK_ALONE" not in os.environ
  monkeypatch.setattr(sys, "executable", "false")
  assert command.on_one_core("streaming", quick=True) == {}
  assert "not measured on one core" in capfd.readouterr().err


def test_seconds_on_one_core_find_their_rows(monkeypatch):
  monkeypatch.setattr(timing, "peak", lambda: 1e9)
  rows = [
    {"what": what, "ours_s": seconds, "peer_s": None, "operations": count}
    for what, seconds, count in (
      ("a", 2.0, 1e9),
      ("b", 2.0, None),
      ("c", None, 1),
    )
  ]
  done = command.completed(rows, {"a": 3.0, "c": None, "other": 1.0})
  assert [row["cores"] for row in done] == [1.5, None, None]
  assert [row.get("peak") for row in done] == [0.5, None, None]
  header, _, first, second, _ = command.table(done).splitlines()
  assert "All cores to one" in header and "Of the peak" in header
  assert first == "| a | 2 s | - | - | 50.0% | 1.50 |"
  assert second == "| b | 2 s | - | - | - | - |"


def test_the_peak_is_a_number_of_large_products():
  assert 1e6 < timing.peak(64) < 1e16


def test_what_is_short_of_its_goal_is_marked():
  row = {"ratio": 1.4, "goal": 1.5, "peak": 0.5, "peak_goal": 0.45}
  row |= {"growth": 5.5, "most_growth": 5, "share": 0.05, "most_share": 0.1}
  shown = {key: command.shown(key, row) for key in command.GOALS}
  assert shown == {
    "ratio": "1.40 †",
    "peak": "50.0%",
    "growth": "5.50 †",
    "share": "5.0%",
  }
  assert command.shown("goal", row) == (
    "1.5; 45% of the peak; at most 5 times the row above; at most 10% of a step"
  )
  assert command.shown("goal", {}) == command.shown("ratio", {"goal": 1}) == "-"


def test_the_tables_can_be_written_from_the_results(tmp_path, monkeypatch):
  readme = (command.HERE / "README.md").read_text()
  here = tmp_path / "benchmarks"
  here.mkdir()
  (here / "README.md").write_text(readme)
  front = (command.HERE.parent / "README.md").read_text()
  (tmp_path / "README.md").write_text(front)
  monkeypatch.setattr(command, "HERE", here)
  there = [n for n in EVERY if (command.RESULTS / f"{n}.json").exists()]
  command.write_tables(there)
  assert (here / "README.md").read_text() == readme
  assert (tmp_path / "README.md").read_text() == front


def test_ratios_stand_beside_those_of_another_machine(tmp_path, monkeypatch):
  monkeypatch.setattr(command, "RESULTS", tmp_path)
  (tmp_path / command.ANOTHER).mkdir()
  row = {"what": "a", "ratio": 1.5, "ratio_range": [1.25, 2.0], "goal": 2}
  only_here = {**row, "what": "b"}
  no_goal = {**row, "what": "c", "goal": None}
  # As where the peer is not installed.
  no_peer = {**no_goal, "what": "d", "ratio": None, "ratio_range": None}
  there = {**row, "ratio": 0.5, "ratio_range": None}
  rows = [row, only_here, no_goal, no_peer]
  cells.save(tmp_path / "snn.json", {"rows": rows})
  path = tmp_path / command.ANOTHER / "snn.json"
  theirs = [{**there, "what": what} for what in "ade"]
  cells.save(path, {"rows": [*theirs, no_goal]})
  lines = command.beside_another().splitlines()
  assert lines[2:] == [
    "| a | 2 | 1.50 [1.25, 2.00] | 0.50 |",
    "| b | 2 | 1.50 [1.25, 2.00] | - |",
    "| d | 2 | - | 0.50 |",
    "| e | 2 | - | 0.50 |",
  ]


def test_without_pytorch_the_peer_is_empty(monkeypatch):
  monkeypatch.setattr(coulomb_gan, "torch", None)
  row = timing.row("a step", 0.5, "PyTorch, eager")
  assert command.table([row]).splitlines()[-1] == "| a step | 500 ms | - | - |"
  assert row["peer"] is None
  beside = timing.row("a step", 0.5, "a peer", 2.0, error=1e-3)
  assert beside["peer"] == "a peer" and beside["ratio"] == 4.0
  assert beside["error"] == 1e-3
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
