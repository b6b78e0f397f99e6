"""New rows are read as those trained on, and answered by the run's classes."""

import csv
import io
import json
import shutil

import jax
import numpy as np
import pytest

from common.errors import InputError
from common.workdir import saved_config
from configs.snn import uci
from projects.snn import model, predict, train
from projects.snn.datasets import loading, new_rows

HEADER = "size;colour;kind;same"
COLOURS = ("red", "blue", "")


def rows_of(count):
  """Sizes tell the class, but for the missing ones, which colours tell."""
  for i in range(count):
    late = i % 2
    size = -9 if i % 7 == 0 else 100 + 10 * late + i % 3
    yield f"{size};{COLOURS[late]};{('early', 'late')[late]};7"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A short training on a user's table: (work directory, config, table)."""
  folder = tmp_path_factory.mktemp("run")
  path = folder / "mine.csv"
  path.write_text("\n".join([HEADER, *rows_of(80)]))
  config = uci.get_config("smoke").unlock()
  config.update_from_flattened_dict(
    {
      "data_dir": str(path),
      "data.source": "csv",
      "data.name": "kind",
      "data.separator": ";",
      "data.missing": ("-9",),
      "epochs": 10,
      "total_steps": 10,
    }
  )
  train.train(config, str(folder / "run"))
  return folder / "run", config, path


def answers(run, path, capsys):
  predict.main([str(path), f"--workdir={run[0]}"])
  return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_rows_trained_on_are_answered_as_in_training(run, capsys):
  workdir, config, path = run
  config = saved_config(workdir)
  loaded = loading.load(run[1])
  state = predict.saved_state(workdir, lambda key: train.init(key, config))
  x = np.pad(loaded.x, ((0, 0), (0, 16 - loaded.x.shape[1])))
  net = train.network(config)
  logits = model.apply(net, state.params, state.stats, x)[:, :2]
  want = np.asarray(jax.nn.softmax(logits))
  found = answers(run, path, capsys)
  assert [row["line"] for row in found] == [str(i + 2) for i in range(80)]
  np.testing.assert_allclose(
    [[float(row["p(early)"]), float(row["p(late)"])] for row in found],
    want,
    atol=1e-6,
  )
  labels = [("early", "late")[i % 2] for i in range(80)]
  right = [row["predicted"] == y for row, y in zip(found, labels, strict=True)]
  assert np.mean(right) > 0.9
  assert loaded.x.dtype == np.float32
  known = predict.load_reading(workdir)
  _, again = new_rows.read(path, known, config.data)
  np.testing.assert_array_equal(again, loaded.x)  # To the bit.


def test_more_epochs_go_on_to_the_same_bits(run, tmp_path, capsys):
  shutil.copytree(run[0], tmp_path / "run")
  config = run[1].copy_and_resolve_references()
  config.total_steps, config.epochs = 1000, 15
  whole, _ = train.train(config, str(tmp_path / "whole"))
  again, _ = train.train(config, str(tmp_path / "run"))
  assert "at step 10" in capsys.readouterr().out
  assert int(again.step) == int(whole.step) > 10
  jax.tree.map(np.testing.assert_array_equal, again.params, whole.params)
  train.train(config, str(tmp_path / "run"))
  said = "give a larger --config.epochs or --config.total_steps; to begin anew"
  assert said in capsys.readouterr().out


def test_columns_come_in_any_order_and_gaps_are_the_mean(run, tmp_path, capsys):
  path = tmp_path / "new.csv"
  path.write_text("note;same;colour;size\nhm;9;;\noh;;red;110\n")
  known = predict.load_reading(run[0])
  lines, x = new_rows.read(path, known, run[1].data)
  assert lines == [2, 3]
  sizes = [float(r.split(";")[0]) for r in rows_of(80)]
  loaded = loading.load(run[1])
  seen = np.array([sizes[i] for i in loaded.split[0] if sizes[i] != -9])
  assert [c.levels for c in known.columns] == [None, ("blue", "red"), None]
  size, blue, red, same = range(4)
  assert x[0, size] == 0 and not x[:, same].any()
  assert x[1, size] == pytest.approx((110 - seen.mean()) / seen.std(), rel=1e-5)
  assert x[0, red] == x[0, blue] == 0 and x[1, blue] < 0 < x[1, red]
  said = capsys.readouterr().err
  assert "1 missing in column 'size'" in said and "not looked at: note" in said


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("size;colour\n1;red\n", r"lacks 1 of the 3 columns .* same; it has size"),
    ("a;b\n1;2\n", "lacks 3 of the 3 columns"),
    ("size;colour;same\n1;green\n", "line 2: 2 cells under a header of 3"),
    ("size;colour;same\n1;green;7\n", "'green' is none of .*blue, red"),
    ("size;colour;same\n1;red;7\ninf;red;7\n", "line 3, column 'size': 'inf'"),
    ("size,colour,same\n1,red,7\n", "a comma separates its cells"),
  ],
)
def test_another_table_is_one_sentence(run, tmp_path, text, message):
  path = tmp_path / "new.csv"
  path.write_text(text)
  known = predict.load_reading(run[0])
  with pytest.raises(InputError, match=message) as error:
    new_rows.read(path, known, run[1].data)
  assert "\n" not in str(error.value)


def test_a_value_that_leaves_float32_when_scaled_is_refused(run, tmp_path):
  path = tmp_path / "new.csv"
  path.write_text("size;colour;same\n-9.0;red;7\n5;blue;7\n-3e38;red;7\n")
  known = predict.load_reading(run[0])
  scale = known.moments.scale * 1e-3
  known = known._replace(moments=known.moments._replace(scale=scale))
  with pytest.raises(InputError, match="line 4, column 'size': the value is"):
    new_rows.read(path, known, run[1].data)


def test_the_answer_goes_to_a_file_whole(run, tmp_path, capsys):
  out = tmp_path / "deep" / "answer.csv"
  predict.main([str(run[2]), f"--workdir={run[0]}", f"--out={out}"])
  assert not capsys.readouterr().out
  assert len(out.read_text().splitlines()) == 81
  assert [path.name for path in out.parent.iterdir()] == ["answer.csv"]
  with pytest.raises(SystemExit):  # The answer has no features.
    predict.main([str(out), f"--workdir={run[0]}", f"--out={out}"])
  assert "is the table itself" in capsys.readouterr().err


def test_a_run_that_does_not_say_how_rows_are_read(run, tmp_path, capsys):
  kept = json.loads((run[0] / "table.json").read_text())
  new_rows.reading(kept)
  for broken in (
    {"table": "mine", "notes": {}},  # As runs were kept before.
    {**kept, "mean": kept["mean"][1:]},
    {**kept, "columns": []},
  ):
    (tmp_path / "table.json").write_text(json.dumps(broken))
    with pytest.raises(InputError, match="train it anew in another --workdir"):
      predict.load_reading(tmp_path)
  with pytest.raises(SystemExit):
    predict.main([str(run[2]), f"--workdir={tmp_path / 'none'}"])
  assert "holds no run" in capsys.readouterr().err


def test_rows_go_through_in_parts(run, monkeypatch):
  config = saved_config(run[0])
  state = predict.saved_state(run[0], lambda key: train.init(key, config))
  x = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
  whole = predict.probabilities(config, state, x)
  monkeypatch.setattr(predict, "ROWS_AT_ONCE", 4)
  np.testing.assert_allclose(
    predict.probabilities(config, state, x), whole, atol=1e-6
  )
  np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-6)
  config = config.copy_and_resolve_references().unlock()
  config.data.kind = "tasks"  # Each for itself: no sum.
  assert np.abs(predict.probabilities(config, state, x).sum(1) - 1).max() > 0.01


def test_without_a_header_the_table_is_as_wide(run, tmp_path):
  known = predict.load_reading(run[0])
  columns = [
    c._replace(name=n) for c, n in zip(known.columns, "124", strict=True)
  ]
  known = known._replace(columns=tuple(columns), target="3")
  data = run[1].data.copy_and_resolve_references().unlock()
  data.header = False
  path = tmp_path / "new.csv"
  path.write_text("110;red;?;7\n")
  lines, x = new_rows.read(path, known, data)
  assert lines == [1] and x[0, 0] > 0
  path.write_text("110;red;7\n")
  with pytest.raises(InputError, match=r"has 3 columns, and the table .* 4"):
    new_rows.read(path, known, data)
