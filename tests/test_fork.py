"""A fork of any project works and passes its own tests, at once."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tools import fork

ROOT = pathlib.Path(__file__).parent.parent
PROJECTS = sorted(p.parent.name for p in ROOT.glob("projects/*/README.md"))
RUN = ("coulomb_gan", "snn")
# A room, and the config whose smoke variant is trained; None: imported alone.
ROOMS = {
  "ppo": "cartpole",
  "tabular": "trace_back",
  "comparison": None,
  "atari": None,
}
TRAINED = sorted(p.parent.name for p in ROOT.glob("projects/*/train.py"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
  """A copy of the checkout, so that forks do not litter this one."""
  root = tmp_path_factory.mktemp("checkout")
  for name in ("common", "projects", "configs", "tests", "tools"):
    shutil.copytree(
      ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__")
    )
  shutil.copy(ROOT / "pyproject.toml", root)
  # The original is gone: a fork must not lean on it.
  for project in PROJECTS:
    fork.fork(project, f"my_{project}", root)
  for room in ROOMS:
    fork.fork("rudder", f"my_{room}", root, room)
  for project in PROJECTS:
    for folder in fork.FOLDERS:
      shutil.rmtree(root / folder / project)
  return root


def run(copy, *arguments):
  environment = {
    **os.environ,
    "PYTHONPATH": "",
    "RESEARCH_SHARED": "",  # The original has read the data.
  }
  done = subprocess.run(
    [sys.executable, *arguments],
    cwd=copy,
    capture_output=True,
    text=True,
    env=environment,
  )
  assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_forks_train_and_pass_their_tests(copy):
  # One process: importing takes seconds. All are imported and their tests
  # collected; two are run, and the others' originals have been.
  lines = ["import importlib"]
  for project in (*TRAINED, *ROOMS):
    name = f"my_{project}"
    config = ROOMS.get(project)
    config = config or max((copy / "configs" / name).glob("*.py")).stem
    lines += [
      f"{name} = importlib.import_module('projects.{name}.train').train",
      f"config = importlib.import_module('configs.{name}.{config}')",
      f"{name}_smoke = config.get_config('smoke')",
    ]
  rooms = [room for room, config in ROOMS.items() if config]
  for project in (*RUN, *rooms):
    lines += [
      f"def test_a_run_of_my_{project}(tmp_path):",
      f"  my_{project}(my_{project}_smoke, str(tmp_path))",
      "  assert (tmp_path / 'metrics.jsonl').exists()",
    ]
  tests = "tests/projects"
  (copy / tests / "test_runs.py").write_text("\n".join(lines) + "\n")
  some = " or ".join(f"my_{project}" for project in (*RUN, *rooms))
  quick = ("-m", "not processes and not slow")
  run(copy, "-m", "pytest", "-q", "-x", tests, "-k", some, *quick)


def test_the_pictures_of_a_forks_readme_are_the_originals(copy):
  shown = 0
  for project in PROJECTS:
    readme = copy / "projects" / f"my_{project}" / "README.md"
    for link in re.findall(r"\]\((\S*/results/\S+)\)", readme.read_text()):
      assert (ROOT / "projects" / project / link).exists()
      shown += 1
  assert shown > 20


def test_a_wrong_name_is_one_sentence(tmp_path):
  with pytest.raises(ValueError, match="no project 'colomb_gan'; there is"):
    fork.fork("colomb_gan", "x")
  with pytest.raises(ValueError, match="cannot name a module"):
    fork.fork(PROJECTS[0], "My-GAN")
  with pytest.raises(ValueError, match="'class' cannot name a module"):
    fork.fork(PROJECTS[0], "class")
  with pytest.raises(ValueError, match="is there already"):
    fork.fork(PROJECTS[0], PROJECTS[0])


def test_a_fork_of_one_room_owns_it_alone(copy):
  lines = {}
  for room in ROOMS:
    project = copy / "projects" / f"my_{room}"
    own = list(project.rglob("*.py"))
    lines[room] = sum(path.read_text().count("\n") for path in own)
    folders = {path.parent.name for path in own} - {project.name}
    needed = {room, "tabular"} if room == "comparison" else {room}
    assert folders == needed
    tests = (copy / "tests" / "projects" / f"my_{room}").glob("*/")
    assert {path.name for path in tests} - {"__pycache__"} == needed
    has_tables = room in ("ppo", "comparison", "atari")
    assert (project / "reproduce.py").exists() == has_tables
    readme = (project / "README.md").read_text()
    assert f"python -m projects.my_{room}.train" in readme
    assert "projects.rudder" not in readme
    assert ("<!-- ppo -->" in readme) == (room == "ppo")
  assert lines["ppo"] <= 2550 and lines["atari"] <= 2550
  assert lines["tabular"] <= 2750  # Of them 472 are its five tasks.
  configs = {
    room: {path.stem for path in (copy / "configs" / f"my_{room}").glob("*.py")}
    for room in ROOMS
  }
  own = {"acrobot", "breakout", "cartpole", "space_invaders"}
  assert configs["ppo"] == own
  # That of a table alone goes with the table.
  assert configs["comparison"] - configs["tabular"] == {"bias_variance"}


def test_a_misspelt_project_or_room_names_the_nearest(capsys):
  for given, says in (
    (["ruder", "x"], "there is no project 'ruder'; there is cnn_zoo, "),
    (["rudder", "x", "--only=pp"], "has no room 'pp'; it has atari, "),
  ):
    with pytest.raises(SystemExit) as end:
      fork.main(given)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and says in said
    near = "rudder" if given[0] == "ruder" else "ppo"
    assert f"; did you mean {near!r}?" in said


def test_a_room_that_is_not_there_is_one_sentence():
  have = "no room 'deep'; it has atari, comparison, ppo, tabular"
  with pytest.raises(ValueError, match=have):
    fork.fork("rudder", "x", only="deep")
  with pytest.raises(ValueError, match=r"snn has no rooms .* without --only"):
    fork.fork("snn", "x", only="theory")
