"""The lists of `python -m projects` and `python -m projects.<paper>`."""

import runpy
import sys

import pytest

from common import catalogue

PROJECTS = catalogue.projects()


@pytest.fixture(autouse=True)
def no_flags(monkeypatch):
  monkeypatch.setattr(sys, "argv", ["command"])


def test_every_paper_is_listed(capsys):
  runpy.run_module("projects", run_name="__main__")
  said = capsys.readouterr().out
  for name in PROJECTS:
    assert f"\n{name}: " in f"\n{said}"
  assert "python -m tools.fork OLD NEW" in said


def test_one_paper_is_listed_by_its_name(monkeypatch, capsys):
  monkeypatch.setattr(sys, "argv", ["command", "ttur"])
  runpy.run_module("projects", run_name="__main__")
  said = capsys.readouterr().out
  assert said.startswith(catalogue.project("ttur")) and "\nsnn: " not in said


@pytest.mark.parametrize(
  ("module", "word", "says"),
  [
    ("projects", "coulomb_gna", "ttur; did you mean 'coulomb_gan'?"),
    ("projects.coulomb_gan", "extra", "'extra' is one word too many"),
    ("projects.coulomb_gan", "--hlp", "did you mean --help?"),
  ],
)
def test_a_word_that_is_no_name_is_refused(
  monkeypatch, capsys, module, word, says
):
  monkeypatch.setattr(sys, "argv", ["command", word])
  with pytest.raises(SystemExit) as end:
    runpy.run_module(module, run_name="__main__")
  said = capsys.readouterr()
  assert end.value.code == 2 and not said.out
  assert says in said.err and said.err.count("\n") == 1


def is_command(path):
  return '__name__ == "__main__"' in path.read_text()


@pytest.mark.parametrize("name", PROJECTS)
def test_a_paper_lists_its_configs_and_commands(name, capsys):
  runpy.run_module(f"projects.{name}", run_name="__main__")
  said = capsys.readouterr().out
  assert said.strip() == catalogue.project(name)
  folder = catalogue.ROOT / "projects" / name
  commands = [path.stem for path in folder.glob("*.py") if is_command(path)]
  commands.remove("__main__")
  assert commands
  # A folder that is a command.
  inner = filter(is_command, folder.glob("*/__main__.py"))
  commands += [path.parent.name for path in inner]
  for command in commands:
    assert f"python -m projects.{name}.{command}: " in said
  for path in (catalogue.ROOT / "configs" / name).glob("*.py"):
    assert f"configs/{name}/{path.name}: {catalogue.first_line(path)}" in said
