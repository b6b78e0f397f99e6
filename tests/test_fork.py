"""A fork of any project works and passes its own tests, at once."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tools import fork

ROOT = pathlib.Path(__file__).parent.parent
PROJECTS = sorted(p.parent.name for p in ROOT.glob("projects/*/README.md"))
RUN = ("coulomb_gan", "snn")
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
  for project in TRAINED:
    name = f"my_{project}"
    config = max((copy / "configs" / name).glob("*.py")).stem
    lines += [
      f"{name} = importlib.import_module('projects.{name}.train').train",
      f"config = importlib.import_module('configs.{name}.{config}')",
      f"{name}_smoke = config.get_config('smoke')",
    ]
  for project in RUN:
    lines += [
      f"def test_a_run_of_my_{project}(tmp_path):",
      f"  my_{project}(my_{project}_smoke, str(tmp_path))",
      "  assert (tmp_path / 'metrics.jsonl').exists()",
    ]
  tests = "tests/projects"
  (copy / tests / "test_runs.py").write_text("\n".join(lines) + "\n")
  some = " or ".join(f"my_{project}" for project in RUN)
  quick = ("-m", "not processes and not slow")
  run(copy, "-m", "pytest", "-q", "-x", tests, "-k", some, *quick)


def test_a_wrong_name_is_one_sentence(tmp_path):
  with pytest.raises(ValueError, match="no project 'colomb_gan'; there is"):
    fork.fork("colomb_gan", "x")
  with pytest.raises(ValueError, match="cannot name a module"):
    fork.fork(PROJECTS[0], "My-GAN")
  with pytest.raises(ValueError, match="is there already"):
    fork.fork(PROJECTS[0], PROJECTS[0])
