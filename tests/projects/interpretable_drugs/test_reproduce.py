"""Tables from cells, and all of it at smoke size."""

import runpy
import sys
import types

import numpy as np
import pytest
from rdkit import Chem

from common import cli
from common.tables import cells
from common.tables import reproduce as frame
from projects.interpretable_drugs import __file__ as package
from projects.interpretable_drugs import (
  alerts,
  datasets,
  explain,
  inputs,
  model,
  reproduce,
  result_tables,
  studies,
  train,
)

TABLES = reproduce.TABLES


def call(out, table, *arguments):
  reproduce.reproduce.main(
    "x",
    package,
    TABLES,
    reproduce.add_arguments,
    seeds=1,
    argv=[f"--table={table}", "--quick", f"--out={out}", *arguments],
  )


@pytest.mark.parametrize(
  ("module", "command"), [("train", cli), ("reproduce", frame)]
)
def test_its_commands_keep_asynchronous_calls(module, command, monkeypatch):
  """A step of its small programs takes 1.4 times as long without."""
  given = []
  main = lambda *_, **options: given.append(options["waits"])
  monkeypatch.setattr(command, "main", main)
  name = f"projects.interpretable_drugs.{module}"
  monkeypatch.delitem(sys.modules, name)
  runpy.run_module(name, run_name="__main__")
  assert given == [False]


@pytest.mark.slow
def test_neurons_at_smoke_size(tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  call(tmp_path / "out", "neurons", "--only=main,untrained,bits")
  cell = cells.load(tmp_path / "out/neurons_main_0.json")
  assert cell["alerts"] == len(cell["names"]) and cell["tests"] > 0
  bits = cells.load(tmp_path / "out/neurons_bits_0.json")
  assert bits["tests"] == 64 * bits["alerts"]
  said = capsys.readouterr().out
  assert "| input bits | - |" in said and "| 4 layers, untrained |" in said
  for name in ("units", "layers"):
    assert (tmp_path / f"out/{name}.png").stat().st_size > 1_000


@pytest.mark.slow
def test_ames_at_smoke_size(tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  call(tmp_path / "out", "ames", "--only=main")
  cell = cells.load(tmp_path / "out/ames_main_0.json")
  assert cell["skeleton"]["auc"] == pytest.approx(cell["scores"]["test_auc"])
  assert len(cell["best"]) == 6 and len(cell["labels"]) == 19
  assert "| nitrosamine | 0 of 1 |" in capsys.readouterr().out
  for name in ("roc", "substructures_main"):
    assert (tmp_path / f"out/{name}.png").stat().st_size > 1_000


def test_a_row_that_is_not_there(tmp_path, capsys):
  with pytest.raises(SystemExit):
    call(tmp_path / "out", "ames", "--only=mend")
  assert "--only=mend is none of main, mended" in capsys.readouterr().err


@pytest.mark.parametrize("table", ["neurons", "ames"])
def test_bad_alerts_are_named_before_a_training(
  tmp_path, monkeypatch, capsys, table
):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(train, "train", lambda *_: pytest.fail("it trained"))
  (tmp_path / "bad.csv").write_text("rule,smarts\na,C\n")
  with pytest.raises(SystemExit):
    call(tmp_path / "out", table, "--only=main", "--alerts=bad.csv")
  assert "bad.csv has no column 'name'" in capsys.readouterr().err


def test_the_worth_of_a_list_counts_molecules():
  listed = [
    {"ppv": 1.0, "count": 1},
    {"ppv": 0.5, "count": 3},
    {"ppv": None, "count": 0},
  ]
  assert result_tables.worth(listed) == pytest.approx(2.5 / 4)
  assert result_tables.worth(listed[2:]) is None


def test_means_over_seeds():
  assert result_tables.spread([1.0, 2.0, None]) == "1.500 ± 0.707"
  assert result_tables.spread([2.0], ".1f") == "2.0"
  assert result_tables.spread([None]) == "-"


def test_classes_are_counted_by_run():
  cell = lambda *names: {"best": [{"classes": [name]} for name in names]}
  table = result_tables.class_table(
    {"main": [cell("azide", "epoxide"), cell("azide")]}
  )
  assert "| azide | 2 of 2 |" in table and "| epoxide | 1 of 2 |" in table
  assert "| nitrosamine | 0 of 2 |" in table


def test_few_matches_get_an_asterisk():
  one = {
    "smiles": "CN=O",
    "ppv": 0.75,
    "count": 4,
    "interval": [0.3, 0.95],
    "classes": [],
    "source": "CCN=O",
    "atoms": [1, 2, 3],
  }
  absent = {**one, "ppv": None, "count": 0, "atoms": [0, 1]}
  known = [alerts.Alert("nitroso", ("N=O",), ())]
  table = result_tables.substructure_table([one, absent], 5, known)
  assert "| `CN=O` | 0.75* | 0.30 to 0.95 | 4 | nitroso |" in table
  assert "| -* | 0.30 to 0.95 | 0 | - |" in table


def test_molecules_that_come_twice_count_once():
  smiles = ("CCO", "OCC", "CCN", "CC")
  molecules = [Chem.MolFromSmiles(text) for text in smiles]
  groups = np.array([[1, 1], [1, 0], [1, 1], [0, 1]], bool)
  found = studies.Tested(
    molecules,
    np.eye(4, dtype=np.uint8),
    [alerts.Alert(name, ("C",), ()) for name in "ab"],
    groups,
    [3, 5],
    np.array([0, 2, 3]),
  )
  other = studies.only_distinct(found, 2)
  assert [alert.name for alert in other.alerts] == ["a"]  # b is in all three.
  np.testing.assert_array_equal(other.groups, [[1], [1], [0]])
  np.testing.assert_array_equal(other.bits, np.eye(4)[[0, 2, 3]])
  assert other.sizes == [3]


def test_gaps_are_shares_of_the_change(runs):
  config, params = explain.load_run(runs["selu"])
  config = config.copy_and_resolve_references().unlock()
  config.attribution.molecules = 5
  data = datasets.load(config)
  found = studies.of_attribution(config, params, data, (1, 40))
  rows = data.parts["test"][:5]
  bits = inputs.of_molecules([data.molecules[i] for i in rows], config)
  predict = train.make_predict(config)
  zero = predict(params, np.zeros_like(bits))[:, 0]
  change = np.abs(predict(params, bits)[:, 0] - zero).mean()
  assert found["change"] == pytest.approx(change, rel=1e-5)
  gaps, agreement = found["gaps"], found["agreement"]
  one, many = (f"integrated_gradients, {n} steps" for n in (1, 40))
  # By hand: a step of the gradient at the end of the path.
  network = model.network(config)
  f = lambda x: network.apply({"params": params}, x)[0][:, 0]
  x = bits.astype(np.float32)
  layers = model.layers(config, params)
  np.testing.assert_allclose(
    studies.attribution.composed(layers)(x),
    network.apply({"params": params}, x)[0],
    atol=1e-5,
  )
  sums = (x * studies.attribution.gradient(f)(x)).sum(1)
  want = np.abs(sums - (predict(params, bits)[:, 0] - zero)).mean() / change
  assert gaps["gradient_times_input"] == pytest.approx(want, 1e-3)
  assert gaps[one] == pytest.approx(gaps["gradient_times_input"], 1e-5)
  assert gaps[many] < gaps[one] / 10
  assert agreement[many] == pytest.approx(1) and agreement[one] < 1
  assert gaps["integrated_secants"] < 1e-4 < gaps[many]
  others = set(studies.attribution.METHODS) - {"integrated_gradients"}
  assert set(gaps) == {one, many, *others}


def test_the_attribution_table_names_methods_and_steps(monkeypatch):
  names = [f"integrated_gradients, {n} steps" for n in reproduce.STEPS]
  names += ["gradient_times_input", "occlusion", "smooth_grad"]
  cell = {
    "gaps": {name: 0.1 * i for i, name in enumerate(names)},
    "agreement": {name: 0.01 * i for i, name in enumerate(names)},
    "scores": {"test_auc": 0.75},
    "config": {"width": 2048},
    "molecules": 64,
  }
  monkeypatch.setattr(frame, "cell", lambda *_: cell)
  arguments = types.SimpleNamespace(variant="wide")
  context = types.SimpleNamespace(arguments=arguments)
  lines = reproduce.attribution_table(context).splitlines()
  assert lines[2] == "| integrated gradients, 1 step | 0.0000 | 0.000 |"
  assert lines[5] == "| integrated gradients, 1,000 steps | 0.3000 | 0.030 |"
  assert lines[8] == "| SmoothGrad | 0.6000 | 0.060 |"
  assert "Test AUC 0.750" in lines[-1] and len(lines) == 11


def test_as_many_seeds_as_are_asked_for_but_where_one_is_enough():
  given = types.SimpleNamespace(only="bits,deep")
  context = types.SimpleNamespace(arguments=given, seeds=7, quick=False)
  found = reproduce.wanted(context, list(reproduce.NEURONS))
  assert found == [("deep", 0), ("bits", 0)] + [
    ("deep", i) for i in range(1, 7)
  ]
  given.only = "paper,main"
  found = reproduce.wanted(context, list(result_tables.AMES))
  assert found[:2] == [("main", 0), ("paper", 0)] and len(found) == 8
