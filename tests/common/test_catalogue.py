"""The lists of `python -m projects` and `python -m projects.<paper>`."""

import runpy

import pytest

from common import catalogue

PROJECTS = catalogue.projects()


def test_every_paper_is_listed(capsys):
  runpy.run_module("projects", run_name="__main__")
  said = capsys.readouterr().out
  for name in PROJECTS:
    assert f"\n{name}: " in f"\n{said}"
  assert "python -m tools.fork OLD NEW" in said


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
