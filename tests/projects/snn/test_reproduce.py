"""The tables, from records made up and from a quick run."""

import argparse
import json
import re
import socket
import subprocess
import sys

import numpy as np
import pytest

from common.stats import ranks
from common.tables.reproduce import Context
from configs.snn import uci
from projects.snn import (
  model,
  published,
  reproduce,
  result_tables,
  sweep,
  sweep_runner,
)
from projects.snn.datasets import loading


def fake_records(accuracy, names):
  return [
    {
      "task": name,
      "method": method,
      "form": "rectangular",
      "width": 64,
      "depth": 4,
      "bottleneck": 1.0,
      "seconds": 36.0,
      "members": [
        {
          "repetition": 0,
          "diverged": bool(np.isnan(score)),
          "learning_rate": 0.1,
          "dropout": 0.0,
          "validation": 0.5,
          "test": float(score),
        }
      ],
    }
    for name, row in zip(names, accuracy, strict=True)
    for method, score in zip(model.METHODS, row, strict=True)
  ]


def test_the_published_accuracies_give_the_published_ranks():
  paper = published.uci()
  records = fake_records(paper.accuracy, paper.sets)
  results = result_tables.uci_results(records, {})
  assert results["tasks"] == 121
  for method, s in results["summary"].items():
    name = result_tables.PAPER_NAMES[method]
    want = published.RANK_DIFFERENCES[name]
    assert s["rank_difference"] == pytest.approx(want, abs=0.03)
  # Of `trains` the paper has nothing for four: it stands beside nobody.
  whole = np.isfinite(paper.accuracy).all(axis=1)
  assert paper.sets[int(np.flatnonzero(~whole).item())] == "trains"
  rank = ranks.average_ranks(paper.accuracy[whole]) - 4
  mean = paper.accuracy[whole].mean(axis=0)
  for i, s in enumerate(results["summary"].values()):
    same = s["rank_difference_paper_same_tasks"]
    assert same == pytest.approx(rank[i])
    assert s["mean_accuracy_paper"] == pytest.approx(mean[i])
    assert s["mean_accuracy"] == pytest.approx(mean[i])
  table = result_tables.uci_table(results)
  assert "| SNN | -0.756 | -0.763 | -0.744 |" in table
  assert "121 tasks, 8.5 core" in table
  assert "all accuracies of networks, are of the 120 that it has" in table


def two_depths():
  """Six tasks; SNN is last at depth 2 and first at 8, and chooses 8."""
  names = [f"task {i}" for i in range(6)]
  shallow = np.tile(np.linspace(0.5, 0.8, 7), (6, 1))
  records = []
  for depth, accuracy in ((2, shallow), (8, shallow[:, ::-1])):
    for record in fake_records(accuracy, names):
      members = [{**m, "validation": m["test"]} for m in record["members"]]
      records.append({**record, "depth": depth, "members": members})
  return names, records


def test_at_a_fixed_depth_the_choice_of_depth_is_gone():
  names, records = two_depths()
  unfinished = [r for r in records if (r["task"], r["depth"]) != (names[0], 8)]
  found = result_tables.uci_by_depth(unfinished)
  for depth, first, tasks in (("2", "layer_norm", 6), ("8", "selu", 5)):
    at = found[depth]
    assert min(at, key=lambda m: at[m]["rank_difference"]) == first
    assert at[first]["rank_difference"] == pytest.approx(-3)
    assert at[first]["mean_accuracy"] == pytest.approx(0.8)
    assert at[first]["tasks"] == tasks
  table = result_tables.uci_depth_table(found)
  assert "| SNN | +3.00 (50.0%) | -3.00 (80.0%) |" in table
  # Of five pairs without a tie, all for SNN: p = 1/32, times six rivals.
  assert found["8"]["msra_init"]["p"] == pytest.approx(6 / 32)
  assert found["2"]["msra_init"]["p"] == 1 and found["8"]["selu"]["p"] is None
  few = {"8": {m: {**s, "p": 0.01} for m, s in found["8"].items()}}
  assert "| LayerNorm | +3.00* (50.0%) |" in result_tables.uci_depth_table(few)
  # One that diverged somewhere says of how many tasks its accuracy is.
  first = unfinished[0]
  lost = [{**m, "diverged": True, "test": np.nan} for m in first["members"]]
  gone = result_tables.uci_by_depth(
    [{**first, "members": lost}, *unfinished[1:]]
  )
  assert "| SNN | +3.00 (50.0% of 5) |" in result_tables.uci_depth_table(gone)
  assert (
    "| 5 or 6 tasks: rank - mean rank (accuracy) at depth | 2 | 8 |" in table
  )


def test_a_depth_that_some_tasks_lack_is_shown_but_not_chosen():
  names, records = two_depths()
  whole = result_tables.uci_results(records, {})
  assert whole["summary"]["selu"]["mean_depth"] == 8
  assert [*whole["by_depth"]] == ["2", "8"] and not whole["by_depth_in_part"]
  # Two tasks without depth 8.
  some = [r for r in records if r["depth"] == 2 or r["task"] not in names[:2]]
  found = result_tables.uci_results(some, {})
  assert found["tasks"] == 6
  assert {s["mean_depth"] for s in found["summary"].values()} == {2}
  assert [*found["by_depth"]] == ["2"]
  part = found["by_depth_in_part"]
  assert [*part] == ["2", "8"] and part["2"]["selu"]["tasks"] == 4
  assert part["8"]["selu"]["rank_difference"] == pytest.approx(-3)
  tables = result_tables.uci_depth_tables(found)
  assert "| 6 tasks: " in tables and "| 4 tasks: " in tables


def test_a_depth_that_a_grid_lacks_is_chosen_by_the_others():
  _, records = two_depths()
  lacking = sweep.lacking(uci.get_config("paper"), model.METHODS)
  assert lacking == {("resnet", 32)}
  lacking = {("resnet", 8)}
  records = [r for r in records if (r["method"], r["depth"]) not in lacking]
  found = result_tables.uci_results(records, {}, model.METHODS, lacking)
  depths = {m: s["mean_depth"] for m, s in found["summary"].items()}
  assert depths["selu"] == 8 and depths["resnet"] == 2 and found["tasks"] == 6
  # SNN is first of six: 2.5 places before the middle.
  deep = found["by_depth"]["8"]
  assert deep["selu"]["rank_difference"] == pytest.approx(-2.5)
  assert "resnet" not in deep and not found["by_depth_in_part"]
  table = result_tables.uci_depth_table(found["by_depth"])
  assert "| SNN | +3.00 (50.0%) | -2.50 (80.0%) |" in table
  (row,) = [r for r in table.splitlines() if r.startswith("| ResNet")]
  assert row.endswith("| - |")


def test_unfinished_tasks_wait_and_broken_ones_are_named():
  paper = published.uci()
  records = fake_records(paper.accuracy[:4], paper.sets[:4])[:-1]
  results = result_tables.uci_results(records, {"bad": "its file is empty"})
  assert results["tasks"] == 3
  assert "broken: bad" in result_tables.uci_table(results)


def test_the_winner_of_the_table_is_the_winner():
  # SNN wins everywhere, by amounts that differ; the last loses everywhere.
  tasks = np.arange(10.0)[:, None]
  scores = 0.9 - 0.1 * np.arange(7.0)[None] - 0.001 * tasks * np.arange(7)
  records = fake_records(scores, published.uci().sets[:10])
  summary = result_tables.uci_results(records, {})["summary"]
  assert summary["selu"]["rank_difference"] == -3
  assert summary["layer_norm"]["rank_difference"] == 3
  for method in model.METHODS[1:]:
    # Of 10 wins: 1 of 2^10 signs.
    assert summary[method]["p_against_snn"] == pytest.approx(1 / 1024)
  folds = result_tables.htru2_results(records)["auc"]
  assert "p_against_best" not in folds["selu"]
  assert folds["highway"]["p_against_best"] == pytest.approx(1 / 1024)
  assert ranks.one_sided_wilcoxon(scores[:, 1], scores[:, 0]) == 1.0


def test_some_tasks_and_methods_alone_have_a_table():
  scores = np.linspace(0.9, 0.7, 7)[None]
  both = ["selu", "batch_norm"]
  records = fake_records(scores, published.uci().sets[:1])
  records = [r for r in records if r["method"] in both]
  results = result_tables.uci_results(records, {}, both)
  assert results["tasks"] == 1
  assert results["summary"]["selu"]["rank_difference"] == -0.5
  table = result_tables.uci_table(results)
  assert "| SNN | - |" in table and "| BatchNorm | - |" in table
  assert "rank - 1.5" in table and "| 90.0 |" in table


def test_htru2_is_summarised_over_folds():
  random = np.random.default_rng(0)
  auc = 0.97 + 0.01 * random.random((10, 7))
  auc[:, 0] += 0.02
  records = fake_records(auc, [f"fold {i}" for i in range(10)])
  not_run = {"task": "fold 0", "method": "svm", "best": {}, "seconds": 0.0}
  results = result_tables.htru2_results([*records, not_run])
  assert list(results["auc"]) == list(model.METHODS)
  snn = results["auc"]["selu"]
  assert snn["mean"] == pytest.approx(auc[:, 0].mean())
  assert "p_against_best" not in snn and snn["paper"] == 0.9803
  ours = f"{snn['mean']:.4f} ± {snn['std']:.4f}"
  table = result_tables.htru2_table(results)
  assert f"| SNN | 0.9803 ± 0.010 | {ours} | - |" in table
  p = results["auc"]["highway"]["p_against_best"]
  assert p == pytest.approx(ranks.one_sided_wilcoxon(auc[:, 0], auc[:, 2]))


def test_a_method_that_diverged_in_a_fold_leads_nothing_on_htru2():
  auc = 0.9 + 0.01 * np.random.default_rng(0).random((10, 7))
  auc[3, 0] = np.nan
  records = fake_records(auc, [f"fold {i}" for i in range(10)])
  results = result_tables.htru2_results(records)
  assert "p_against_best" not in results["auc"]["selu"]
  led = [m for m in model.METHODS if "p_against_best" not in results["auc"][m]]
  assert len(led) == 2  # SNN and the leader.
  table = result_tables.htru2_table(results)
  assert "| SNN | 0.9803 ± 0.010 | diverged in 1 folds | - |" in table


def write_task(top, name, rows=40):
  """Files of a task, of which "bad" is broken; a quarter is the test."""
  random = np.random.default_rng(rows)
  folder = top / name
  folder.mkdir()
  lines = [f"{i}\t{random.normal() + i % 2}\t{i % 2}" for i in range(rows)]
  if name == "bad":
    lines[7] = "7\tmuch\t1"
  text = "\n".join(["\tf1\tclase", *lines]) + "\n"
  (folder / f"{name}_R.dat").write_text(text)
  train = rows * 3 // 4
  parts = [" ".join(map(str, r)) for r in (range(train), range(train, rows))]
  (folder / "conxuntos_kfold.dat").write_text("\n".join(parts * 4))


def test_small_tasks_are_compared_by_their_batches(tmp_path, monkeypatch):
  for name, rows in (("small", 40), ("bad", 40), ("large", 500)):
    write_task(tmp_path, name, rows)
  swept = []

  def sweep_of(config, units, methods, path, last):
    assert last == (config.batch_size < 128)
    swept.append((config.batch_size, config.max_steps, [*units], path.name))
    scores = np.linspace(0.8, 0.5, 7)[:: 1 if config.batch_size < 128 else -1]
    records = fake_records(scores[None], ["small"])
    # Of other tasks and depths in the journal nothing is said.
    others = [{**r, "task": "large"} for r in records]
    deeper = [{**r, "depth": 16} for r in records[:1]]
    return records + others + deeper, {"bad": "its line 9"}

  monkeypatch.setattr(sweep_runner, "complete_sweep", sweep_of)
  flags = {"data_dir": str(tmp_path), "cache_dir": ""}
  flags |= {"methods": [], "only": [], "paper": False, "out": None}
  out = tmp_path / "out"
  context = Context("snn", out, False, False, argparse.Namespace(**flags))
  table = reproduce.uci_small(context)
  assert swept == [
    (128, 2_000, ["bad", "small"], "uci.jsonl"),
    (16, 10_000, ["bad", "small"], "uci_small_batches.jsonl"),
  ]
  assert (
    "| SNN | - | - | +3.00 | 50.0% | - | 4.0 | -3.00 | 80.0% | - |" in table
  )
  assert "| LayerNorm | - | - | -3.00 | 80.0% | 1 | 4.0 | +3.00 |" in table
  note = "1 tasks, 0.1 core hours (broken: bad)"
  assert table.endswith(f"\n{note}; {note}.\n")
  kept = json.loads((out / "uci_small.json").read_text())["batches"]
  assert [one["batch_size"] for one in kept] == [128, 16]


@pytest.mark.slow
def test_a_broken_task_is_reported_and_the_others_are_done(
  tmp_path, monkeypatch
):
  for name in ("one", "bad", "two"):
    write_task(tmp_path, name)
  config = uci.get_config("smoke")
  config.unlock()
  config.data.source, config.data_dir = "uci", str(tmp_path)
  units = {name: {"name": name} for name in ("one", "bad", "two")}
  read, names = loading.read, []
  monkeypatch.setattr(
    loading, "read", lambda c: names.append(c.data.name) or read(c)
  )
  sweep = lambda: sweep_runner.complete_sweep(
    config, units, ["decision_tree"], tmp_path / "sweep.jsonl"
  )
  records, broken = sweep()
  assert names == ["one", "bad", "two"]  # Each once.
  assert sweep() == (records, broken)
  assert names[3:] == ["bad"]  # What is done is not read again.
  assert [record["task"] for record in records] == ["one", "two"]
  assert list(broken) == ["bad"] and "bad_R.dat, line 9" in broken["bad"]


@pytest.mark.processes
@pytest.mark.parametrize(
  ("table", "methods", "names", "journal"),
  [
    ("htru2", "svm,decision_tree", ("SVM", "C4.5"), "htru2"),
    # Networks, and a table of two sweeps, of which the second is looked at.
    (
      "uci_small",
      "selu,layer_norm",
      ("SNN", "LayerNorm"),
      "uci_small_batches",
    ),
  ],
)
def test_two_processes_share_a_sweep(
  table, methods, names, journal, tmp_path, root
):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  command = [
    *(sys.executable, "-m", "projects.snn.reproduce", f"--table={table}"),
    *("--quick", f"--out={tmp_path}", f"--methods={methods}"),
    *(f"--coordinator=localhost:{port}", "--processes=2"),
  ]
  running = [
    subprocess.Popen(
      [*command, f"--process={i}"], cwd=root, stdout=subprocess.PIPE, text=True
    )
    for i in range(2)
  ]
  printed = [process.communicate()[0] for process in running]
  assert [process.returncode for process in running] == [0, 0]
  assert all(name in printed[0] for name in names)
  assert names[1] not in printed[1]
  both = [tmp_path / f"{journal}.jsonl", tmp_path / f"{journal}.1.jsonl"]
  # The settings, then one piece each.
  assert [len(file.read_text().splitlines()) for file in both] == [2, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
  ("table", "method"),
  [("uci", "svm"), ("tox21", "layer_norm")],
)
def test_a_quick_sweep_goes_on_where_it_was(table, method, tmp_path, capsys):
  command = [f"--table={table}", "--quick", f"--out={tmp_path}"]
  for _ in range(2):
    reproduce.main([*command, f"--methods=selu,{method}"])
  lines = (tmp_path / f"{table}.jsonl").read_text().splitlines()
  first, *records = [json.loads(line) for line in lines]
  assert first["settings"]["grid.learning_rate"] == [0.1]
  assert [r["method"] for r in records] == ["selu", method]
  assert all(0.3 < m["test"] <= 1 for m in records[0]["members"])
  if method == "svm":
    assert records[1]["best"]["test"] > 0.5
    # One task that the paper does not have, one network: still a row.
    row = r"(?m)^\| SNN \| - \| - \| \+0.000 \| - \| - \| - \| [5-9]\d"
    assert re.search(row, capsys.readouterr().out)
    reproduce.main([*command, f"--methods={method}"])  # Nothing beside it.
    assert "\n| SVM (1 tasks) |" in capsys.readouterr().out
    reproduce.main([*command, "--methods=selu", "--depths=1"])
    lines = (tmp_path / "uci.jsonl").read_text().splitlines()[3:]
    assert [json.loads(line)["depth"] for line in lines] == [1]
    assert "accuracy) at depth | 1 | 2 |" in capsys.readouterr().out
  else:
    assert (tmp_path / "tox21.png").exists()
  assert json.loads((tmp_path / f"{table}.json").read_text())["provenance"]
