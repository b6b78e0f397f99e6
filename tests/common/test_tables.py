"""The frame of reproduce commands: folders, cells, READMEs, figures, GIFs."""

import json
import pathlib
import subprocess
import sys

import ml_collections
import numpy as np
import pytest
from PIL import Image

from common.errors import InputError
from common.tables import cells, figures, gif, markdown, reproduce

PLACE = "above\n<!-- toy -->\nold\n<!-- /toy -->\nbelow\n"


@pytest.fixture
def paper(tmp_path, monkeypatch):
  """A project's folder; calls of `main` with it, and what they computed."""
  monkeypatch.chdir(tmp_path)
  folder = tmp_path / "projects" / "my_paper"
  folder.mkdir(parents=True)
  (folder / "README.md").write_text(PLACE)
  seen = []

  def toy(context):
    seen.append(context)
    found = reproduce.cell(context, "toy", lambda: {"calls": len(seen)})
    return f"{found['calls']} calls\n"

  def call(*argv, **tables):
    tables = tables or {"toy": toy}
    file = str(folder / "reproduce.py")
    reproduce.main("Tables.", file, tables, seeds=3, argv=argv)
    return (folder / "README.md").read_text()

  return call, seen


def test_a_cell_is_kept_unless_fresh(paper, tmp_path):
  call, seen = paper
  assert call() == PLACE.replace("old", "1 calls")
  assert call() == PLACE.replace("old", "1 calls")
  assert call("--fresh", "--seeds=7") == PLACE.replace("old", "3 calls")
  assert [context.seeds for context in seen] == [3, 3, 7]
  kept = json.loads((tmp_path / "results/my_paper/toy.json").read_text())
  assert kept["calls"] == 3 and 0 <= kept["minutes"] < 1
  assert {"commit", "jax", "device"} <= kept["provenance"].keys()


def test_a_flag_that_a_table_has_not_used_is_named(tmp_path, capsys):
  def add_arguments(parser):
    parser.add_argument("--only", default="")
    parser.add_argument("--data_dir", default="here")

  def call(*argv):
    table = lambda context: f"{context.arguments.only}, {context.seeds}\n"
    tables = {"toy": table, "other": lambda _: "all\n"}
    argv = (*argv, f"--out={tmp_path}")
    reproduce.main("Tables.", __file__, tables, add_arguments, 3, argv)
    return capsys.readouterr().err

  assert call("--only=a", "--data_dir=here", "--seeds=2") == ""
  said = call("--table=other", "--only=a", "--data_dir=there").splitlines()
  assert said == [
    "warning: --only was not used for --table=other",
    "warning: --data_dir was not used for --table=other",
  ]
  said = "warning: --seeds was not used for --table=other\n"
  assert call("--table=other", "--seeds=2") == said


def test_quick_and_out_leave_results_and_readme(paper, tmp_path, capsys):
  call, seen = paper
  assert call("--quick") == call("--quick") == PLACE
  assert call(f"--out={tmp_path}/else") == PLACE
  assert "3 calls" in capsys.readouterr().out  # Quick cells are never old.
  assert [str(context.out) for context in seen] == [
    "runs/quick",
    "runs/quick",
    f"{tmp_path}/else",
  ]
  assert not (tmp_path / "results").exists()


def test_a_quick_training_begins_anew(paper):
  call, _ = paper
  found = []

  def table(context):
    path = reproduce.workdir(context, "kept", "gan")
    found.append((path, path.exists()))
    path.mkdir(parents=True, exist_ok=True)
    # The second training of a table may go on with the first.
    assert reproduce.workdir(context, "kept", "gan").exists()
    return {}

  for flags in ((), (), ("--quick",), ("--quick",)):
    call(*flags, data=table)
  kept = pathlib.Path("kept/gan")
  quick = pathlib.Path("runs/quick/quick_trainings/my_paper_data/gan")
  assert found == [(kept, False), (kept, True), (quick, False), (quick, False)]


def test_a_table_may_have_several_places_or_none(paper):
  call, _ = paper
  assert call(data=lambda _: {}) == PLACE
  assert "new\n" in call(data=lambda _: {"toy": "new\n"})


@pytest.mark.parametrize(
  ("tables", "message"),
  [
    ({"toy": lambda _: {"other": ""}}, "has no place for a table"),
    ({"toys": lambda _: ""}, "did you mean 'toys'"),
  ],
)
def test_bad_input_is_one_sentence(paper, capsys, tables, message):
  call, _ = paper
  with pytest.raises(SystemExit) as stop:
    call("--table=toy", **tables)
  assert stop.value.code == (2 if "did you mean" in message else 1)
  assert message in capsys.readouterr().err


def test_configs_are_found_by_name_variant_and_size():
  context = reproduce.Context("coulomb_gan", None, True, True, None)
  config = reproduce.config_of(context, "gaussian_grid", "", "gan")
  assert config.method == "gan" and not config.is_locked
  whole = reproduce.config_of(context._replace(quick=False), "gaussian_grid")
  assert whole.method == "coulomb" and whole.total_steps > config.total_steps


def test_a_config_is_recorded_without_places():
  config = ml_collections.ConfigDict({"data_dir": "/here", "rate": 0.1})
  assert cells.recorded(config) == {"rate": 0.1}


def test_a_training_in_pieces_has_no_minutes(tmp_path):
  class State:
    step = np.int32(5)

  train = lambda config, workdir: (State, {"energy": 1.0})
  config = ml_collections.ConfigDict({"rate": 0.1})
  state, cell = cells.trained(train, config, tmp_path)
  assert state is State and cell["minutes"] < 1
  assert cell["scores"] == {"energy": 1.0} and cell["steps"] == 5
  (tmp_path / "checkpoints").mkdir()
  assert cells.trained(train, config, tmp_path)[1]["minutes"] is None


def test_summaries_and_origins():
  summary = cells.summary([3.0, 1.0, 2.0, 10.0, 4.0])
  assert summary["median"] == 3 and summary["quartiles"] == [2, 4]
  assert cells.median_and_range(summary, ".1f") == "3.0 [1.0, 10.0]"
  stamp = {"device": "a machine", "commit": "abc"}
  found = [{"minutes": m, "provenance": stamp} for m in (1.0, None, 2.0)]
  assert cells.origin(found) == "1.5, a machine, abc"
  other = {"minutes": 6.0, "provenance": {**stamp, "commit": "def"}}
  assert cells.origin([*found, other]) == "3.0, a machine, abc; a machine, def"
  assert cells.origin(found[1:2], unknown="-") == "-, a machine, abc"


def test_markdown():
  text = markdown.table(["a", "b"], [["1", "2"]])
  assert text == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_a_readme_without_a_place_is_left_alone(tmp_path):
  readme = tmp_path / "README.md"
  readme.write_text("<!-- toy -->")
  with pytest.raises(InputError, match="add <!-- toy --> <!-- /toy -->"):
    markdown.insert(readme, "toy", "text")
  assert readme.read_text() == "<!-- toy -->"


def test_figures_are_saved_and_seen(tmp_path):
  figure = figures.figure(2, 1, dpi=50)
  figure.set_facecolor(figures.OURS)
  seen = figures.pixels(figure)
  assert seen.shape == (50, 100, 3) and seen.dtype == np.uint8
  assert seen[0, 0].tolist() == [209, 73, 91]
  figures.save(figure, tmp_path / "new" / "figure.png", dpi=100)
  with Image.open(tmp_path / "new" / "figure.png") as picture:
    assert picture.size == (200, 100)
  values = figures.to_pixels([-2.0, -1.0, 0.0, 1.0])
  assert values.tolist() == [0, 0, 128, 255]


def test_figures_need_no_screen():
  code = (
    "import sys, common.tables.figures; print('pyplot' in str(sys.modules))"
  )
  done = subprocess.run([sys.executable, "-c", code], capture_output=True)
  assert done.stdout.strip() == b"False", done.stderr


def test_a_gif_shows_its_last_frame_longer(tmp_path):
  frames = [Image.new("L", (4, 4), shade) for shade in (0, 100, 200)]
  gif.save(tmp_path / "x.gif", frames, milliseconds=120, last=2000)
  with Image.open(tmp_path / "x.gif") as film:
    assert film.n_frames == 3
    times = []
    for i in range(3):
      film.seek(i)
      times.append(film.info["duration"])
  assert times == [120, 120, 2000]


def test_what_is_kept_is_said(tmp_path, capsys):
  path = tmp_path / "cell.json"
  cells.cached(path, lambda: {"value": 1})
  assert capsys.readouterr().err == ""
  kept = cells.cached(path, lambda: {"value": 2})
  assert kept["value"] == 1
  assert f"kept: {path} (--fresh" in capsys.readouterr().err
  assert cells.cached(path, lambda: {"value": 2}, fresh=True)["value"] == 2


def test_a_training_that_is_read_again_keeps_where_it_was_trained(
  tmp_path, monkeypatch
):
  path, stamp = tmp_path / "cell.json", {"device": "a machine"}
  read = lambda: {"minutes": None, "scores": {"ari": 0.5}, "value": 3}
  rounded = lambda: {**read(), "scores": {"ari": 0.5 + 1e-6}}

  def cached(commit, compute):
    monkeypatch.setattr(
      cells, "provenance", lambda: {**stamp, "commit": commit}
    )
    return cells.cached(path, compute, fresh=True)

  assert cached("a", read)["minutes"] is None
  cached("b", lambda: {**read(), "minutes": 7.0, "value": 2})
  for commit, once_more in (("c", read), ("d", rounded)):
    again = cached(commit, once_more)
    assert (again["minutes"], again["value"]) == (7.0, 3)
    assert again["provenance"]["commit"] == commit
    assert cells.origin([again]) == "7.0, a machine, b"
  # In pieces, and another training than the one before.
  for scores in ({"ari": 0.51}, {"other": 0.5}, {}):
    cached("b", lambda: {**read(), "minutes": 7.0})
    again = cached("e", lambda: {**read(), "scores": scores})
    assert again["minutes"] is None
    assert cells.origin([again]) == "?, a machine, e"


def test_cells_are_collected_by_row_and_seed(tmp_path):
  with pytest.raises(InputError, match="no cell of --table=t yet: ask for"):
    cells.collected(tmp_path, "t", ["a", "b"])
  for name, value in (("t_a_0", 1), ("t_a_1", 2), ("t_a_x_0", 3), ("u_a_0", 4)):
    cells.save(tmp_path / f"{name}.json", {"value": value})
  found = cells.collected(tmp_path, "t", ["a", "b", "a_x"])
  values = {row: [cell["value"] for cell in of] for row, of in found.items()}
  assert values == {"a": [1, 2], "a_x": [3]}
